//! Which handle stands for what.
//!
//! Everything that Python got a handle of has a number that stays with it while lists grow and shrink. The tree knows where it
//! lies at the moment: in which list of whom, at which place. Frames and objects themselves lie in the model; what is in no list
//! lies in the pool. Classifiers, labels and display metas, which the model keeps flat, lie here as DeepStream has them, and are
//! written to the model whenever they change.

use std::collections::HashMap;
use std::sync::Arc;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use slipstream_buffer::meta::{BatchContent, BatchPicture};
use slipstream_meta::{FrameMeta, ObjectMeta, UserMetas};

use super::classifier::{Classifier, LabelValue};
use super::display::DisplayValue;
use super::user::{self, UserItem};

/// Number of something in a buffer.
pub(crate) type Id = u32;

/// Number of the batch.
pub(crate) const BATCH: Id = 0;

/// What can be in a list, and the lists that hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Batch,
    Frame,
    Object,
    Classifier,
    Label,
    Display,
    User,
}

impl Kind {
    /// Name of the class of its handles.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Batch => "NvDsBatchMeta",
            Self::Frame => "NvDsFrameMeta",
            Self::Object => "NvDsObjectMeta",
            Self::Classifier => "NvDsClassifierMeta",
            Self::Label => "NvDsLabelInfo",
            Self::Display => "NvDsDisplayMeta",
            Self::User => "NvDsUserMeta",
        }
    }
}

/// Where something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a list of something else.
    In(Id),
    /// In no list yet.
    Pool,
    /// Nowhere any more; what came behind it in the list it was in.
    Gone(Option<Id>),
}

/// What is known of something besides where it is.
pub(crate) enum Item {
    Batch,
    Frame,
    Object,
    Classifier(Classifier),
    Label(LabelValue),
    Display(Box<DisplayValue>),
    User(UserItem),
}

pub(crate) struct Node {
    pub(crate) place: Place,
    /// Its place in the list it is in.
    pub(crate) index: usize,
    pub(crate) item: Item,
}

impl Node {
    pub(crate) fn kind(&self) -> Kind {
        match self.item {
            Item::Batch => Kind::Batch,
            Item::Frame => Kind::Frame,
            Item::Object => Kind::Object,
            Item::Classifier(_) => Kind::Classifier,
            Item::Label(_) => Kind::Label,
            Item::Display(_) => Kind::Display,
            Item::User(_) => Kind::User,
        }
    }
}

/// Frames and objects that are in no list, and what belongs to them.
#[derive(Default)]
pub(crate) struct Pool {
    pub(crate) frames: HashMap<Id, Box<FrameMeta>>,
    pub(crate) objects: HashMap<Id, Box<ObjectMeta>>,
    /// Pictures of frames that were removed from the batch.
    pub(crate) parents: HashMap<Id, Id>,
}

/// What was taken out of the model: dropped when all locks are free again, because that may call Python.
#[allow(dead_code, reason = "held to be dropped")]
pub(crate) enum Trash {
    Frame(FrameMeta),
    Picture(BatchPicture),
    Object(ObjectMeta),
    User(slipstream_meta::UserMeta),
    Item(Item),
}

/// Where frames and objects lie.
pub(crate) struct Model<'a> {
    pub(crate) content: &'a mut BatchContent,
    pub(crate) pool: &'a mut Pool,
    pub(crate) trash: &'a mut Vec<Trash>,
}

pub(crate) struct Tree {
    nodes: Vec<Node>,
    lists: HashMap<(Id, Kind), Vec<Id>>,
}

impl Default for Tree {
    fn default() -> Self {
        let batch = Node { place: Place::Pool, index: 0, item: Item::Batch };
        Self { nodes: vec![batch], lists: HashMap::new() }
    }
}

fn gone(kind: Kind) -> PyErr {
    PyRuntimeError::new_err(format!("this {} was removed and is no longer in the buffer", kind.class()))
}

/// The error of a model that does not fit what is known of it.
pub(crate) fn changed(kind: Kind) -> PyErr {
    PyRuntimeError::new_err(format!("this {} was changed by someone else meanwhile", kind.class()))
}

impl Tree {
    /// Numbers the frames that the batch came with.
    pub(crate) fn set_frames(&mut self, count: usize) {
        let frames = (0..count).map(|index| self.add_node(Place::In(BATCH), index, Item::Frame)).collect();
        self.lists.insert((BATCH, Kind::Frame), frames);
    }

    fn add_node(&mut self, place: Place, index: usize, item: Item) -> Id {
        self.nodes.push(Node { place, index, item });
        (self.nodes.len() - 1) as Id
    }

    /// Something new that is in no list.
    pub(crate) fn acquire(&mut self, item: Item) -> Id {
        self.add_node(Place::Pool, 0, item)
    }

    pub(crate) fn get(&self, id: Id) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    /// What has a number, if it is of a kind and still there.
    pub(crate) fn node(&self, id: Id, kind: Kind) -> PyResult<&Node> {
        match self.nodes.get(id as usize) {
            Some(node) if node.kind() != kind => Err(changed(kind)),
            Some(Node { place: Place::Gone(_), .. }) | None => Err(gone(kind)),
            Some(node) => Ok(node),
        }
    }

    pub(crate) fn node_mut(&mut self, id: Id, kind: Kind) -> PyResult<&mut Node> {
        self.node(id, kind)?;
        self.nodes.get_mut(id as usize).ok_or_else(|| gone(kind))
    }

    /// The items of a kind that are in use: in a list, or taken from the pool.
    pub(crate) fn in_pool(&self, kind: Kind) -> impl Iterator<Item = Id> {
        self.nodes.iter().enumerate().filter_map(move |(id, node)| {
            (node.kind() == kind && node.place == Place::Pool).then_some(id as Id)
        })
    }

    /// What a list holds.
    pub(crate) fn list(&mut self, owner: Id, kind: Kind, model: &mut Model<'_>) -> PyResult<&[Id]> {
        if !self.lists.contains_key(&(owner, kind)) {
            let items = self.items(owner, kind, model)?;
            let place = Place::In(owner);
            let ids = items.into_iter().enumerate().map(|(index, item)| self.add_node(place, index, item));
            let ids = ids.collect();
            self.lists.insert((owner, kind), ids);
            if kind == Kind::Classifier {
                self.adopt_labels(owner, model)?;
            }
        } else if owner != BATCH {
            // A list is only to be had from what is still there.
            let owner_kind = self.get(owner).map_or(Kind::Batch, Node::kind);
            self.node(owner, owner_kind)?;
        }
        Ok(self.lists.get(&(owner, kind)).map_or(&[], Vec::as_slice))
    }

    /// What the model says a list holds.
    fn items(&self, owner: Id, kind: Kind, model: &mut Model<'_>) -> PyResult<Vec<Item>> {
        let owner_kind = self.get(owner).map_or(Kind::Batch, Node::kind);
        Ok(match (owner_kind, kind) {
            (Kind::Frame, Kind::Object) => {
                model.frame(self, owner)?.objects.iter().map(|_| Item::Object).collect()
            }
            (Kind::Frame, Kind::Display) => DisplayValue::group(&model.frame(self, owner)?.display)
                .into_iter()
                .map(|value| Item::Display(Box::new(value)))
                .collect(),
            (Kind::Object, Kind::Classifier) => {
                Classifier::group(&model.object(self, owner)?.classifications)
                    .into_iter()
                    .map(Item::Classifier)
                    .collect()
            }
            (_, Kind::User) => {
                user::items(self, owner, owner_kind, model)?.into_iter().map(Item::User).collect()
            }
            _ => Vec::new(),
        })
    }

    /// Numbers the labels of an object's classifiers, which were just read from the model.
    fn adopt_labels(&mut self, object: Id, model: &mut Model<'_>) -> PyResult<()> {
        let classifiers = self.lists.get(&(object, Kind::Classifier)).cloned().unwrap_or_default();
        for (group, id) in classifiers.into_iter().enumerate() {
            let labels = Classifier::labels(&model.object(self, object)?.classifications, group);
            let place = Place::In(id);
            let labels = labels.into_iter().enumerate();
            let ids = labels.map(|(index, label)| self.add_node(place, index, Item::Label(label))).collect();
            self.lists.insert((id, Kind::Label), ids);
        }
        Ok(())
    }

    /// What comes behind (or before) something in its list; what comes behind it also after it was removed.
    pub(crate) fn neighbour(&self, mut id: Id, forward: bool) -> Option<Id> {
        let node = self.get(id)?;
        if let Place::In(owner) = node.place {
            let index = if forward { node.index.checked_add(1) } else { node.index.checked_sub(1) };
            return self.lists.get(&(owner, node.kind()))?.get(index?).copied();
        }
        while forward && let Place::Gone(Some(next)) = self.get(id)?.place {
            if matches!(self.get(next)?.place, Place::In(_)) {
                return Some(next);
            }
            id = next;
        }
        None
    }

    /// Puts something from the pool at the end of a list. The model is the caller's to change.
    pub(crate) fn append(&mut self, owner: Id, id: Id, kind: Kind) -> PyResult<()> {
        let list = self.lists.entry((owner, kind)).or_default();
        let index = list.len();
        list.push(id);
        let node = self.node_mut(id, kind)?;
        node.place = Place::In(owner);
        node.index = index;
        Ok(())
    }

    /// Takes something out of its list for ever, and says where it was in the list. The model is the caller's to change.
    pub(crate) fn detach(&mut self, id: Id, kind: Kind) -> PyResult<usize> {
        let node = self.node(id, kind)?;
        let (place, index) = (node.place, node.index);
        let mut next = None;
        if let Place::In(owner) = place
            && let Some(list) = self.lists.get_mut(&(owner, kind))
            && index < list.len()
        {
            list.remove(index);
            next = list.get(index).copied();
            for (index, id) in list.iter().enumerate().skip(index) {
                if let Some(node) = self.nodes.get_mut(*id as usize) {
                    node.index = index;
                }
            }
        }
        self.node_mut(id, kind)?.place = Place::Gone(next);
        Ok(index)
    }

    /// Who owns the list that something is in.
    pub(crate) fn owner(&self, id: Id, kind: Kind) -> PyResult<Option<Id>> {
        Ok(match self.node(id, kind)?.place {
            Place::In(owner) => Some(owner),
            _ => None,
        })
    }

    /// The list as known so far.
    pub(crate) fn known(&self, owner: Id, kind: Kind) -> &[Id] {
        self.lists.get(&(owner, kind)).map_or(&[], Vec::as_slice)
    }
}

impl Model<'_> {
    /// A frame, in the batch or in the pool.
    pub(crate) fn frame(&mut self, tree: &Tree, id: Id) -> PyResult<&mut FrameMeta> {
        let node = tree.node(id, Kind::Frame)?;
        let frame = match node.place {
            Place::In(_) => self.content.meta.frames.get_mut(node.index),
            _ => self.pool.frames.get_mut(&id).map(|frame| &mut **frame),
        };
        frame.ok_or_else(|| changed(Kind::Frame))
    }

    /// An object, on a frame or in the pool.
    pub(crate) fn object(&mut self, tree: &Tree, id: Id) -> PyResult<&mut ObjectMeta> {
        let node = tree.node(id, Kind::Object)?;
        let object = match node.place {
            Place::In(frame) => self.frame(tree, frame)?.objects.get_mut(node.index),
            _ => self.pool.objects.get_mut(&id).map(|object| &mut **object),
        };
        object.ok_or_else(|| changed(Kind::Object))
    }

    /// The user metadata of a batch, frame or object.
    pub(crate) fn user(&mut self, tree: &Tree, owner: Id) -> PyResult<&mut UserMetas> {
        match tree.get(owner).map(Node::kind) {
            Some(Kind::Frame) => Ok(&mut self.frame(tree, owner)?.user),
            Some(Kind::Object) => Ok(&mut self.object(tree, owner)?.user),
            _ => Ok(&mut self.content.meta.user),
        }
    }
}

/// The name that frames have which Python made.
pub(crate) fn unnamed() -> Arc<str> {
    static NAME: std::sync::LazyLock<Arc<str>> = std::sync::LazyLock::new(|| "".into());
    Arc::clone(&NAME)
}
