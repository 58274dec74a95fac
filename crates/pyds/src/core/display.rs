//! Display metas: what is to be drawn on a frame besides its objects.
//!
//! The model has one list of items per frame; here they are in groups of at most 16 of each kind, each of which stands for
//! items that follow each other in the model's list.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyList;
use slipstream_meta::DisplayItem;

use super::base::{NvDsBaseMeta, Owner};
use super::tree::{Id, Item, Kind, Model, Tree, changed};
use crate::address::Strings;
use crate::array;
use crate::extras::Slots;
use crate::osd::{
    ArrowParams, CircleParams, LineParams, NvOSD_ArrowParams, NvOSD_CircleParams, NvOSD_LineParams,
    NvOSD_RectParams, NvOSD_TextParams, RectParams, TextParams, convert,
};
use crate::session::Session;
use crate::value::{Class, Place, Source, hash, read_field};

/// Items of each kind in a display meta (`MAX_ELEMENTS_IN_DISPLAY_META`).
const ELEMENTS: usize = 16;

/// What a display meta holds.
#[derive(Default)]
pub(crate) struct DisplayValue {
    pub(crate) num_rects: u32,
    pub(crate) num_labels: u32,
    pub(crate) num_lines: u32,
    pub(crate) num_arrows: u32,
    pub(crate) num_circles: u32,
    rects: [RectParams; ELEMENTS],
    texts: [TextParams; ELEMENTS],
    lines: [LineParams; ELEMENTS],
    arrows: [ArrowParams; ELEMENTS],
    circles: [CircleParams; ELEMENTS],
    pub(crate) misc: Arc<Slots>,
    pub(crate) reserved: Arc<Slots>,
    /// The items that it stands for, in the frame's list.
    start: usize,
    len: usize,
}

/// Puts a value behind the `count` that are there, if there is room.
fn push<T>(values: &mut [T; ELEMENTS], count: &mut u32, value: T) -> bool {
    match values.get_mut(*count as usize) {
        Some(place) => {
            *place = value;
            *count += 1;
            true
        }
        None => false,
    }
}

impl DisplayValue {
    /// Display metas for the items of a frame.
    pub(crate) fn group(items: &[DisplayItem]) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            if groups.last_mut().is_none_or(|group| !group.push(item)) {
                let mut group = Self { start: index, ..Self::default() };
                group.push(item);
                groups.push(group);
            }
            if let Some(group) = groups.last_mut() {
                group.len += 1;
            }
        }
        groups
    }

    fn push(&mut self, item: &DisplayItem) -> bool {
        match item {
            DisplayItem::Rect { rect, width, color, fill } => {
                push(&mut self.rects, &mut self.num_rects, convert::rect_params(rect, *width, *color, *fill))
            }
            DisplayItem::Text(text) => {
                push(&mut self.texts, &mut self.num_labels, convert::text_params(text))
            }
            DisplayItem::Line { from, to, width, color } => {
                push(&mut self.lines, &mut self.num_lines, convert::line_params(from, to, *width, *color))
            }
            DisplayItem::Arrow { from, to, head_at_start, head_at_end, width, color } => {
                let heads = (*head_at_start, *head_at_end);
                let arrow = convert::arrow_params(from, to, heads, *width, *color);
                push(&mut self.arrows, &mut self.num_arrows, arrow)
            }
            DisplayItem::Circle { center, radius, color, fill, .. } => {
                let circle = convert::circle_params(center, *radius, *color, *fill);
                push(&mut self.circles, &mut self.num_circles, circle)
            }
        }
    }

    /// The items that it stands for: of each kind as many as count.
    fn items(&self) -> Vec<DisplayItem> {
        fn counted<T>(values: &[T; ELEMENTS], count: u32) -> impl Iterator<Item = &T> {
            values.iter().take(count as usize)
        }
        let rects = counted(&self.rects, self.num_rects).map(convert::rect_item);
        let texts = counted(&self.texts, self.num_labels);
        // Text that was never set is not drawn.
        let texts = texts.filter(|text| !text.display_text.as_str().is_empty());
        let texts = texts.map(|text| DisplayItem::Text(convert::text_item(text)));
        let lines = counted(&self.lines, self.num_lines).map(convert::line_item);
        let arrows = counted(&self.arrows, self.num_arrows).map(convert::arrow_item);
        let circles = counted(&self.circles, self.num_circles).map(convert::circle_item);
        rects.chain(texts).chain(lines).chain(arrows).chain(circles).collect()
    }

    /// A copy for another frame.
    pub(crate) fn duplicate(&self) -> Self {
        Self {
            rects: self.rects,
            texts: self.texts.clone(),
            lines: self.lines.clone(),
            arrows: self.arrows.clone(),
            circles: self.circles.clone(),
            misc: self.misc.duplicate(),
            reserved: self.reserved.duplicate(),
            start: 0,
            len: 0,
            ..*self
        }
    }
}

/// Writes a display meta to its frame's list, if it is on one.
pub(crate) fn flush(tree: &mut Tree, model: &mut Model<'_>, id: Id) -> PyResult<()> {
    let Some(frame) = tree.owner(id, Kind::Display)? else { return Ok(()) };
    let Item::Display(value) = &tree.node(id, Kind::Display)?.item else {
        return Err(changed(Kind::Display));
    };
    let items = value.items();
    replace(tree, model, frame, id, items)
}

/// Takes the items of a display meta off its frame.
pub(crate) fn clear(tree: &mut Tree, model: &mut Model<'_>, frame: Id, id: Id) -> PyResult<()> {
    replace(tree, model, frame, id, Vec::new())
}

fn replace(
    tree: &mut Tree,
    model: &mut Model<'_>,
    frame: Id,
    id: Id,
    items: Vec<DisplayItem>,
) -> PyResult<()> {
    let all = tree.known(frame, Kind::Display).to_vec();
    let Item::Display(value) = &mut tree.node_mut(id, Kind::Display)?.item else {
        return Err(changed(Kind::Display));
    };
    let (start, old, new) = (value.start, value.len, items.len());
    value.len = new;
    let list = &mut model.frame(tree, frame)?.display;
    if start + old > list.len() {
        return Err(changed(Kind::Display));
    }
    list.splice(start..start + old, items);
    if new != old {
        for later in all.into_iter().filter(|later| *later != id) {
            if let Item::Display(value) = &mut tree.node_mut(later, Kind::Display)?.item
                && value.start >= start + old
                && (value.start > start || value.len > 0)
            {
                value.start = value.start + new - old;
            }
        }
    }
    Ok(())
}

/// Puts a display meta from the pool at the end of a frame's list.
pub(crate) fn add(tree: &mut Tree, model: &mut Model<'_>, frame: Id, id: Id) -> PyResult<()> {
    tree.list(frame, Kind::Display, model)?;
    let end = model.frame(tree, frame)?.display.len();
    if let Item::Display(value) = &mut tree.node_mut(id, Kind::Display)?.item {
        value.start = end;
        value.len = 0;
    }
    tree.append(frame, id, Kind::Display)?;
    flush(tree, model, id)
}

/// What is to be drawn on a frame besides its objects.
#[pyclass(frozen, weakref, module = "pyds")]
pub(crate) struct NvDsDisplayMeta {
    pub(crate) session: Arc<Session>,
    pub(crate) id: Id,
}

impl NvDsDisplayMeta {
    pub(crate) fn at(session: Arc<Session>, id: Id) -> Self {
        Self { session, id }
    }

    fn place(&self) -> At {
        At { session: Arc::clone(&self.session), id: self.id }
    }

    fn count(&self, py: Python<'_>, get: fn(&mut DisplayValue) -> &mut u32) -> PyResult<u32> {
        self.place().read(py, |value| *get(value))
    }

    fn set_count(
        &self,
        value: &Bound<'_, PyAny>,
        name: &'static str,
        get: fn(&mut DisplayValue) -> &mut u32,
    ) -> PyResult<()> {
        let count = read_field::<u32>(value, name)?;
        self.place().change(value.py(), |value| *get(value) = count)
    }

    fn elements<'py, C>(
        &self,
        py: Python<'py>,
        kind: u64,
        get: fn(&mut DisplayValue) -> &mut [C::Value; ELEMENTS],
    ) -> PyResult<Bound<'py, PyList>>
    where
        C: Class + Into<PyClassInitializer<C>>,
    {
        let element = |index| {
            let at = self.place();
            Py::new(py, C::at(Place::new(Element { at, kind, index, get })))
        };
        PyList::new(py, (0..ELEMENTS).map(element).collect::<PyResult<Vec<_>>>()?)
    }
}

/// A display meta in a buffer.
struct At {
    session: Arc<Session>,
    id: Id,
}

impl At {
    fn read<R>(&self, py: Python<'_>, work: impl FnOnce(&mut DisplayValue) -> R) -> PyResult<R> {
        self.session.with(py, |tree, _| match &mut tree.node_mut(self.id, Kind::Display)?.item {
            Item::Display(value) => Ok(work(value)),
            _ => Err(changed(Kind::Display)),
        })
    }

    fn change(&self, py: Python<'_>, work: impl FnOnce(&mut DisplayValue)) -> PyResult<()> {
        self.session.with(py, |tree, model| {
            match &mut tree.node_mut(self.id, Kind::Display)?.item {
                Item::Display(value) => work(value),
                _ => return Err(changed(Kind::Display)),
            }
            flush(tree, model, self.id)
        })
    }
}

/// An element of one of the arrays in a display meta.
struct Element<T> {
    at: At,
    /// Number of the array.
    kind: u64,
    index: usize,
    get: fn(&mut DisplayValue) -> &mut [T; ELEMENTS],
}

/// Bytes between the addresses of elements: more than any of them has.
const ELEMENT_SIZE: u64 = 0x100;
const _: () = assert!(size_of::<TextParams>() <= ELEMENT_SIZE as usize);

impl<T: Clone + Send + 'static> Source<T> for Element<T> {
    fn read(&self, py: Python<'_>) -> PyResult<T> {
        let element = self.at.read(py, |value| (self.get)(value).get(self.index).cloned())?;
        element.ok_or_else(|| changed(Kind::Display))
    }

    fn change(&self, py: Python<'_>, change: &mut dyn FnMut(&mut T)) -> PyResult<()> {
        self.at.change(py, |value| {
            if let Some(element) = (self.get)(value).get_mut(self.index) {
                change(element);
            }
        })
    }

    fn address(&self) -> u64 {
        let before = self.kind * ELEMENTS as u64 + self.index as u64 + 1;
        self.at.session.address(self.at.id) + before * ELEMENT_SIZE
    }

    fn strings(&self) -> &Strings {
        self.at.session.strings()
    }
}

/// A new display meta in the pool.
pub(crate) fn acquire(py: Python<'_>, session: &Arc<Session>) -> PyResult<Id> {
    session.with(py, |tree, _| Ok(tree.acquire(Item::Display(Box::default()))))
}

#[pymethods]
impl NvDsDisplayMeta {
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
        hash(self.session.address(self.id))
    }

    fn __int__(&self) -> u64 {
        self.session.address(self.id)
    }

    #[getter]
    fn base_meta(&self) -> NvDsBaseMeta {
        NvDsBaseMeta::new_for(Owner::Item(Arc::clone(&self.session), self.id))
    }

    #[getter]
    fn num_rects(&self, py: Python<'_>) -> PyResult<u32> {
        self.count(py, |value| &mut value.num_rects)
    }

    #[setter]
    fn set_num_rects(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set_count(value, "NvDsDisplayMeta.num_rects", |value| &mut value.num_rects)
    }

    #[getter]
    fn num_labels(&self, py: Python<'_>) -> PyResult<u32> {
        self.count(py, |value| &mut value.num_labels)
    }

    #[setter]
    fn set_num_labels(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set_count(value, "NvDsDisplayMeta.num_labels", |value| &mut value.num_labels)
    }

    #[getter]
    fn num_lines(&self, py: Python<'_>) -> PyResult<u32> {
        self.count(py, |value| &mut value.num_lines)
    }

    #[setter]
    fn set_num_lines(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set_count(value, "NvDsDisplayMeta.num_lines", |value| &mut value.num_lines)
    }

    #[getter]
    fn num_arrows(&self, py: Python<'_>) -> PyResult<u32> {
        self.count(py, |value| &mut value.num_arrows)
    }

    #[setter]
    fn set_num_arrows(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set_count(value, "NvDsDisplayMeta.num_arrows", |value| &mut value.num_arrows)
    }

    #[getter]
    fn num_circles(&self, py: Python<'_>) -> PyResult<u32> {
        self.count(py, |value| &mut value.num_circles)
    }

    #[setter]
    fn set_num_circles(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set_count(value, "NvDsDisplayMeta.num_circles", |value| &mut value.num_circles)
    }

    #[getter]
    fn rect_params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.elements::<NvOSD_RectParams>(py, 0, |value| &mut value.rects)
    }

    #[getter]
    fn text_params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.elements::<NvOSD_TextParams>(py, 1, |value| &mut value.texts)
    }

    #[getter]
    fn line_params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.elements::<NvOSD_LineParams>(py, 2, |value| &mut value.lines)
    }

    #[getter]
    fn arrow_params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.elements::<NvOSD_ArrowParams>(py, 3, |value| &mut value.arrows)
    }

    #[getter]
    fn circle_params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.elements::<NvOSD_CircleParams>(py, 4, |value| &mut value.circles)
    }

    #[getter]
    fn misc_osd_data(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        array::view(py, self.place().read(py, |value| Arc::clone(&value.misc))?)
    }

    #[setter]
    fn set_misc_osd_data(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        array::write(value, &*self.place().read(value.py(), |value| Arc::clone(&value.misc))?)
    }

    #[getter]
    fn reserved(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        array::view(py, self.place().read(py, |value| Arc::clone(&value.reserved))?)
    }

    #[setter]
    fn set_reserved(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        array::write(value, &*self.place().read(value.py(), |value| Arc::clone(&value.reserved))?)
    }
}
