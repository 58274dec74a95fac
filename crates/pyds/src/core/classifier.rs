//! Classifiers and their labels.
//!
//! The model keeps an object's attributes in one list; here they are grouped by classifier, as DeepStream has them.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use slipstream_meta::Classification;

use super::base::{NvDsBaseMeta, Owner};
use super::tree::{Id, Item, Kind, Model, Tree, changed};
use crate::address::Strings;
use crate::glist::{self, GList};
use crate::session::Session;
use crate::value::{self, Label, Place, Source, Text, read_field, structure};

/// A classifier that said something about an object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Classifier {
    pub(crate) component_id: i32,
    classifier_type: Option<Arc<str>>,
}

impl Classifier {
    /// Who said what is in `all`: attributes of one classifier follow each other.
    pub(crate) fn group(all: &[Classification]) -> Vec<Self> {
        chunks(all)
            .map(|chunk| {
                let first = chunk.first();
                Self {
                    component_id: first.map_or(0, |label| label.component_id as i32),
                    classifier_type: first.and_then(|label| label.classifier_type.clone()),
                }
            })
            .collect()
    }

    /// What the `group`th classifier said.
    pub(crate) fn labels(all: &[Classification], group: usize) -> Vec<LabelValue> {
        chunks(all).nth(group).unwrap_or_default().iter().map(LabelValue::from).collect()
    }
}

fn chunks(all: &[Classification]) -> impl Iterator<Item = &[Classification]> {
    all.chunk_by(|a, b| a.component_id == b.component_id && a.classifier_type == b.classifier_type)
}

impl From<&Classification> for LabelValue {
    fn from(label: &Classification) -> Self {
        Self {
            num_classes: 0,
            result_label: Label(Arc::clone(&label.label)),
            pResult_label: Text(None),
            result_class_id: label.class_id,
            label_id: label.attribute,
            result_prob: label.probability,
        }
    }
}

/// Writes an object's classifiers to the model.
pub(crate) fn flush(tree: &Tree, model: &mut Model<'_>, object: Id) -> PyResult<()> {
    let mut all = Vec::new();
    for id in tree.known(object, Kind::Classifier) {
        let Item::Classifier(classifier) = &tree.node(*id, Kind::Classifier)?.item else { continue };
        for label in tree.known(*id, Kind::Label) {
            let Item::Label(label) = &tree.node(*label, Kind::Label)?.item else { continue };
            let long = label.pResult_label.0.as_ref().filter(|text| !text.is_empty());
            all.push(Classification {
                component_id: classifier.component_id as u32,
                classifier_type: classifier.classifier_type.clone(),
                attribute: label.label_id,
                class_id: label.result_class_id,
                label: Arc::clone(long.unwrap_or(&label.result_label.0)),
                probability: label.result_prob,
            });
        }
    }
    model.object(tree, object)?.classifications = all;
    Ok(())
}

/// Writes a classifier to the model, if it is on an object.
pub(crate) fn flush_classifier(tree: &Tree, model: &mut Model<'_>, classifier: Id) -> PyResult<()> {
    match tree.owner(classifier, Kind::Classifier)? {
        Some(object) => flush(tree, model, object),
        None => Ok(()),
    }
}

/// Name of a note.
const NUM_LABELS: &str = "num_labels";

/// Where a classifier is looked at: in the tree, with the object that it is on.
#[pyclass(frozen, weakref, module = "pyds")]
pub(crate) struct NvDsClassifierMeta {
    pub(crate) session: Arc<Session>,
    pub(crate) id: Id,
}

impl NvDsClassifierMeta {
    pub(crate) fn at(session: Arc<Session>, id: Id) -> Self {
        Self { session, id }
    }

    /// Forgets a number of labels that Python wrote: the list has changed since.
    pub(crate) fn recount(&self) {
        self.session.set_note(self.id, NUM_LABELS, None);
    }

    fn with<R>(&self, py: Python<'_>, work: impl FnOnce(&mut Classifier) -> R) -> PyResult<R> {
        self.session.with(py, |tree, model| {
            let Item::Classifier(classifier) = &mut tree.node_mut(self.id, Kind::Classifier)?.item else {
                return Err(changed(Kind::Classifier));
            };
            let before = classifier.component_id;
            let result = work(classifier);
            if classifier.component_id != before {
                flush_classifier(tree, model, self.id)?;
            }
            Ok(result)
        })
    }
}

#[pymethods]
impl NvDsClassifierMeta {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Self> {
        let session = Session::scratch(py)?;
        let id = acquire(py, &session)?;
        Ok(Self { session, id })
    }

    /// What `pointer` points at.
    #[staticmethod]
    fn cast(pointer: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
        super::cast(pointer)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| {
            let other = other.get();
            other.id == self.id && Arc::ptr_eq(&other.session, &self.session)
        })
    }

    fn __hash__(&self) -> isize {
        value::hash(self.session.address(self.id))
    }

    fn __int__(&self) -> u64 {
        self.session.address(self.id)
    }

    #[getter]
    fn base_meta(&self) -> NvDsBaseMeta {
        NvDsBaseMeta::new_for(Owner::Item(Arc::clone(&self.session), self.id))
    }

    #[getter]
    fn unique_component_id(&self, py: Python<'_>) -> PyResult<i32> {
        self.with(py, |classifier| classifier.component_id)
    }

    #[setter]
    fn set_unique_component_id(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let id = read_field(value, "NvDsClassifierMeta.unique_component_id")?;
        self.with(value.py(), |classifier| classifier.component_id = id)
    }

    /// How many labels are in the list.
    #[getter]
    fn num_labels(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if let Some(note) = self.session.note(py, self.id, NUM_LABELS) {
            return Ok(note);
        }
        let count = self.session.with(py, |tree, model| Ok(tree.list(self.id, Kind::Label, model)?.len()))?;
        Ok(count.into_pyobject(py)?.into_any().unbind())
    }

    #[setter]
    fn set_num_labels(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        read_field::<u32>(value, "NvDsClassifierMeta.num_labels")?;
        self.session.set_note(self.id, NUM_LABELS, Some(value.clone().unbind()));
        Ok(())
    }

    #[getter]
    fn label_info_list(&self, py: Python<'_>) -> PyResult<Option<GList>> {
        GList::first(py, &self.session, self.id, Kind::Label)
    }

    #[setter]
    fn set_label_info_list(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        glist::assign(value, &self.session, self.id, Kind::Label)
    }
}

/// A new classifier in the pool.
pub(crate) fn acquire(py: Python<'_>, session: &Arc<Session>) -> PyResult<Id> {
    session.with(py, |tree, _| Ok(tree.acquire(Item::Classifier(Classifier::default()))))
}

structure! {
    /// What a classifier said of one attribute.
    NvDsLabelInfo (LabelValue) {
        num_classes: u32, result_label: Label, pResult_label: Text, result_class_id: u32, label_id: u32, result_prob: f32,
    }
    methods {
        #[getter]
        fn base_meta(&self) -> NvDsBaseMeta {
            NvDsBaseMeta::new_for(match self.place.item() {
                Some((session, id)) => Owner::Item(Arc::clone(session), id),
                None => Owner::None,
            })
        }
    }
}

/// Where a label in a buffer is looked at.
pub(crate) fn label_place(session: Arc<Session>, id: Id) -> Place<LabelValue> {
    Place::new(LabelAt { session, id })
}

struct LabelAt {
    session: Arc<Session>,
    id: Id,
}

impl Source<LabelValue> for LabelAt {
    fn read(&self, py: Python<'_>) -> PyResult<LabelValue> {
        self.session.with(py, |tree, _| match &tree.node(self.id, Kind::Label)?.item {
            Item::Label(label) => Ok(label.clone()),
            _ => Err(changed(Kind::Label)),
        })
    }

    fn change(&self, py: Python<'_>, change: &mut dyn FnMut(&mut LabelValue)) -> PyResult<()> {
        self.session.with(py, |tree, model| {
            match &mut tree.node_mut(self.id, Kind::Label)?.item {
                Item::Label(label) => change(label),
                _ => return Err(changed(Kind::Label)),
            }
            match tree.owner(self.id, Kind::Label)? {
                Some(classifier) => flush_classifier(tree, model, classifier),
                None => Ok(()),
            }
        })
    }

    fn address(&self) -> u64 {
        self.session.address(self.id)
    }

    fn strings(&self) -> &Strings {
        self.session.strings()
    }

    fn item(&self) -> Option<(&Arc<Session>, Id)> {
        Some((&self.session, self.id))
    }
}

/// The label that an argument is, in the buffer that it is to be added in; one with memory of its own is put into the pool.
pub(crate) fn label_argument(py: Python<'_>, session: &Arc<Session>, label: &NvDsLabelInfo) -> PyResult<Id> {
    use crate::value::Class;
    match label.place().item() {
        Some((other, id)) if Arc::ptr_eq(other, session) => Ok(id),
        Some(_) => Err(PyValueError::new_err("label_info_meta belongs to another buffer")),
        None => {
            let value = label.place().read(py)?;
            session.with(py, |tree, _| Ok(tree.acquire(Item::Label(value))))
        }
    }
}
