//! Second stages: which objects are worth a look, and what is remembered of those that were looked at.
//!
//! Nothing here reads a clock or runs a network.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use slipstream_meta::{Classification, ObjectMeta, Rect, Size};

use crate::analyzer::Analysis;
use crate::config::{InferConfig, NetworkType};

/// Which objects a second stage looks at: those of a component, of certain classes, of a certain size.
#[derive(Debug, Clone)]
pub struct ObjectFilter {
    own: u32,
    component: Option<u32>,
    classes: Vec<u32>,
    least: Size,
    most: Size,
}

impl ObjectFilter {
    /// What `operate-on-gie-id`, `operate-on-class-ids` and `input-object-{min,max}-{width,height}` say.
    pub fn new(config: &InferConfig) -> Self {
        Self {
            own: config.unique_id,
            component: config.operate_on_gie_id,
            classes: config.operate_on_class_ids.clone(),
            least: config.input_object_min,
            most: config.input_object_max,
        }
    }

    /// Whether `object` is to be looked at. What the stage itself found in others is not.
    pub fn takes(&self, object: &ObjectMeta) -> bool {
        let class = u32::try_from(object.class_id).ok();
        let within = |length: f32, least: u32, most: u32| {
            length >= least as f32 && (most == 0 || length <= most as f32)
        };
        !(object.component_id == self.own && object.parent.is_some())
            && self.component.is_none_or(|component| component == object.component_id)
            && (self.classes.is_empty() || class.is_some_and(|class| self.classes.contains(&class)))
            && within(object.rect.width, self.least.width, self.most.width)
            && within(object.rect.height, self.least.height, self.most.height)
    }
}

/// Class of an object that is a whole frame.
const NO_CLASS: i32 = -1;

/// What a classifier said of a whole frame, as DeepStream presents it: of an object as large as the frame.
pub fn whole_frame(classifications: Vec<Classification>, frame: Rect) -> Option<ObjectMeta> {
    let first = classifications.first()?;
    let mut whole = ObjectMeta::detected(NO_CLASS, Arc::from(""), first.probability, frame);
    whole.component_id = first.component_id;
    whole.classifications = classifications;
    Some(whole)
}

/// Adds what was found to the object at `index` of a frame's `objects`; what was found in it becomes further objects with that
/// one as their parent.
pub fn attach(objects: &mut Vec<ObjectMeta>, index: usize, found: Analysis) {
    let Some(object) = objects.get_mut(index) else { return };
    object.classifications.extend(found.classifications);
    object.segmentations.extend(found.segmentation);
    object.tensors.extend(found.tensors);
    objects.extend(found.objects.into_iter().map(|mut part| {
        part.parent = Some(index);
        part
    }));
}

/// An object that could be looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Number of the source.
    pub source: u32,
    /// The object's number; without one nothing is remembered of it.
    pub tracking_id: Option<u64>,
    /// Its area in square pixels of its frame.
    pub area: f32,
}

/// An object whose area grew by more than this since the last look is looked at again: there is more to see now. DeepStream
/// does so from 20 %.
const GROWTH: f32 = 1.2;
/// Frames of its source after which an object that was not seen is forgotten, as in DeepStream.
const FORGET_AFTER: u64 = 150;
/// Batches from one sweep for forgotten objects to the next.
const SWEEP_EVERY: u64 = 150;
/// Most objects that are remembered, a few hundred for each of a few dozen cameras; those unseen for longest go first.
const MOST_KNOWN: usize = 16_384;

/// Chooses objects, batch by batch, and remembers what was found out about each (`T`).
///
/// An object is due when it is new, when more frames of its source than the interval have passed since the last look, or when
/// it grew. Where not all that are due can be looked at, new ones come first, and who has waited longest before others.
#[derive(Debug)]
pub struct ObjectMemory<T> {
    interval: u32,
    batch: u64,
    /// Frames of each source.
    frames: HashMap<u32, u64>,
    known: HashMap<(u32, u64), Known<T>>,
}

#[derive(Debug)]
struct Known<T> {
    /// Frame of its source in which it was chosen last.
    looked_at: Option<u64>,
    /// Batch in which it was chosen last, or first seen.
    since: u64,
    /// Frame of its source, and batch, in which it was seen last.
    seen: (u64, u64),
    /// Its area when it was chosen last.
    area: f32,
    found: Option<T>,
}

/// The candidates to look at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Positions of the chosen candidates, in their order.
    pub chosen: Vec<usize>,
    /// How many more are due.
    pub skipped: usize,
}

impl<T> ObjectMemory<T> {
    /// A memory for the network that `config` names: `secondary-reinfer-interval`, or, where it is not set, never again for
    /// classifiers and every frame for others.
    pub fn new(config: &InferConfig) -> Self {
        let default = if config.network_type == NetworkType::Classifier { u32::MAX } else { 0 };
        let interval = config.secondary_reinfer_interval.unwrap_or(default);
        Self { interval, batch: 0, frames: HashMap::new(), known: HashMap::new() }
    }

    /// Of the candidates on a batch that holds a frame of each of `sources`, those to look at: `most` at most.
    pub fn select(&mut self, sources: &[u32], candidates: &[Candidate], most: usize) -> Selection {
        self.batch += 1;
        for &source in sources {
            *self.frames.entry(source).or_default() += 1;
        }
        let batch = self.batch;
        let mut due = Vec::new();
        for (position, candidate) in candidates.iter().enumerate() {
            // Those without a number take turns.
            let turn =
                (position as u64).wrapping_add(batch.wrapping_mul(most as u64)) % candidates.len() as u64;
            let Some(key) = key(candidate) else {
                due.push((false, batch, turn, position));
                continue;
            };
            let frame = self.frames.get(&candidate.source).copied().unwrap_or_default();
            let known = self.known.entry(key).or_insert_with(|| Known {
                looked_at: None,
                since: batch,
                seen: (frame, batch),
                area: candidate.area,
                found: None,
            });
            known.seen = (frame, batch);
            let is_due = known.looked_at.is_none_or(|at| {
                frame.saturating_sub(at) > u64::from(self.interval) || candidate.area > GROWTH * known.area
            });
            if is_due {
                due.push((known.looked_at.is_some(), known.since, 0, position));
            }
        }
        due.sort_unstable();
        let skipped = due.len().saturating_sub(most);
        due.truncate(most);
        let mut chosen: Vec<_> = due.into_iter().map(|(.., position)| position).collect();
        chosen.sort_unstable();
        for candidate in chosen.iter().filter_map(|&position| candidates.get(position)) {
            if let Some(known) = key(candidate).and_then(|key| self.known.get_mut(&key)) {
                (known.looked_at, known.since, known.area) = (Some(known.seen.0), batch, candidate.area);
            }
        }
        if batch.is_multiple_of(SWEEP_EVERY) || self.known.len() > MOST_KNOWN {
            self.sweep();
        }
        Selection { chosen, skipped }
    }

    /// Remembers what was found out about an object, if it is still known.
    pub fn store(&mut self, candidate: &Candidate, found: T) {
        if let Some(known) = key(candidate).and_then(|key| self.known.get_mut(&key)) {
            known.found = Some(found);
        }
    }

    /// What was found out about an object.
    pub fn recall(&self, candidate: &Candidate) -> Option<&T> {
        key(candidate).and_then(|key| self.known.get(&key)).and_then(|known| known.found.as_ref())
    }

    /// Forgets sources that are gone, with their objects.
    pub fn retain_sources(&mut self, is_there: impl Fn(u32) -> bool) {
        if self.frames.keys().all(|&source| is_there(source)) {
            return;
        }
        self.frames.retain(|&source, _| is_there(source));
        self.known.retain(|&(source, _), _| is_there(source));
    }

    /// Forgets everything: time starts over.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.known.clear();
    }

    /// How many objects are remembered.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether no object is remembered.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    fn sweep(&mut self) {
        let frames = &self.frames;
        self.known.retain(|(source, _), known| {
            frames.get(source).is_some_and(|now| now.saturating_sub(known.seen.0) <= FORGET_AFTER)
        });
        if self.known.len() > MOST_KNOWN {
            let mut seen: Vec<_> = self.known.values().map(|known| known.seen.1).collect();
            let excess = seen.len() - MOST_KNOWN;
            let (older, &mut oldest, _) = seen.select_nth_unstable(excess);
            // of those seen last in the same batch, as many as have to
            let mut same = excess - older.iter().filter(|&&seen| seen < oldest).count();
            self.known.retain(|_, known| match known.seen.1.cmp(&oldest) {
                Ordering::Less => false,
                Ordering::Equal if same > 0 => {
                    same -= 1;
                    false
                }
                _ => true,
            });
        }
    }
}

fn key(candidate: &Candidate) -> Option<(u32, u64)> {
    candidate.tracking_id.map(|id| (candidate.source, id))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use slipstream_meta::Rect;

    use super::*;

    fn config(keys: &str) -> InferConfig {
        InferConfig::parse(&format!("[property]\n{keys}\n"), "second.txt").unwrap().0
    }

    fn memory(keys: &str) -> ObjectMemory<u32> {
        ObjectMemory::new(&config(keys))
    }

    fn object(source: u32, id: u64) -> Candidate {
        Candidate { source, tracking_id: Some(id), area: 100.0 }
    }

    #[test]
    fn objects_are_chosen_by_component_class_and_size() {
        let filter = ObjectFilter::new(&config(
            "gie-unique-id=2\noperate-on-gie-id=1\noperate-on-class-ids=0;2\ninput-object-min-width=10\n\
             input-object-max-height=50",
        ));
        let object = |component: u32, class: i32, width: f32, height: f32| {
            let mut object = ObjectMeta::detected(class, "".into(), 0.5, Rect::new(0.0, 0.0, width, height));
            object.component_id = component;
            object
        };
        assert!(filter.takes(&object(1, 0, 10.0, 50.0)) && filter.takes(&object(1, 2, 500.0, 1.0)));
        for other in [
            object(3, 0, 20.0, 20.0),
            object(1, 1, 20.0, 20.0),
            object(1, -1, 20.0, 20.0),
            object(1, 0, 9.9, 20.0),
            object(1, 0, 20.0, 50.1),
        ] {
            assert!(!filter.takes(&other), "{other:?}");
        }
        let any = ObjectFilter::new(&config("gie-unique-id=2"));
        assert!(any.takes(&object(9, -1, 1.0, 1.0)) && any.takes(&object(2, 0, 20.0, 20.0)));
        // a part that it found itself, but not another one's of the same number
        let part = |component| ObjectMeta { parent: Some(0), ..object(component, 0, 20.0, 20.0) };
        assert!(any.takes(&part(1)) && !any.takes(&part(2)));
    }

    #[test]
    fn a_known_object_is_looked_at_after_more_frames_than_the_interval_or_when_it_grew() {
        let mut memory = memory("network-type=1\nsecondary-reinfer-interval=3");
        let looks: Vec<_> =
            (0..9).map(|_| memory.select(&[7], &[object(7, 1)], usize::MAX).chosen.len()).collect();
        assert_eq!(looks, [1, 0, 0, 0, 1, 0, 0, 0, 1]);
        let grown = |area| Candidate { area, ..object(7, 1) };
        assert!(memory.select(&[7], &[grown(120.0)], 9).chosen.is_empty());
        assert_eq!(memory.select(&[7], &[grown(121.0)], 9).chosen, [0]);
        assert!(memory.select(&[7], &[grown(145.0)], 9).chosen.is_empty());
        // a source without a frame gets no older
        assert!((0..9).all(|_| memory.select(&[], &[], 9).chosen.is_empty()));
        assert!(memory.select(&[7], &[grown(121.0)], 9).chosen.is_empty());
    }

    #[test]
    fn classifiers_look_once_and_others_every_time_unless_told_otherwise() {
        for (keys, expected) in [("network-type=1", [1, 0, 0]), ("", [1; 3]), ("network-type=100", [1; 3])] {
            let mut memory = memory(keys);
            let looks = [(); 3].map(|()| memory.select(&[0], &[object(0, 5)], 9).chosen.len());
            assert_eq!(looks, expected, "{keys}");
        }
        // nothing is known of objects without a number
        let mut memory = memory("network-type=1");
        let untracked = Candidate { tracking_id: None, ..object(0, 0) };
        assert!((0..3).all(|_| memory.select(&[0], &[untracked], 9).chosen.len() == 1));
        memory.store(&untracked, 3);
        assert_eq!((memory.recall(&untracked), memory.len()), (None, 0));
    }

    #[test]
    fn what_was_found_is_remembered_by_source_and_number() {
        let mut memory = memory("network-type=1");
        memory.select(&[0, 1], &[object(0, 5), object(1, 5)], 9);
        memory.store(&object(0, 5), 10);
        memory.store(&object(1, 5), 20);
        memory.store(&object(1, 6), 30);
        assert_eq!(memory.recall(&object(0, 5)), Some(&10));
        assert_eq!(memory.recall(&object(1, 5)), Some(&20));
        assert_eq!(memory.recall(&object(1, 6)), None, "it was never seen");
        memory.retain_sources(|source| source == 1);
        assert_eq!((memory.recall(&object(0, 5)), memory.len()), (None, 1));
    }

    #[test]
    fn objects_that_are_gone_are_forgotten_and_there_is_an_end_to_memory() {
        let mut memory = memory("network-type=1");
        for number in 0..2000 {
            memory.select(&[0], &[object(0, number)], 9);
        }
        assert!(memory.len() as u64 <= FORGET_AFTER + SWEEP_EVERY, "{}", memory.len());
        let crowd: Vec<_> = (0..20_000).map(|number| object(0, 10_000 + number)).collect();
        memory.select(&[0], &crowd[..10_000], 0);
        memory.select(&[0], &crowd[10_000..], 0);
        assert!(memory.len() <= MOST_KNOWN);
        memory.store(&crowd[19_999], 1);
        assert_eq!(memory.recall(&crowd[19_999]), Some(&1), "the newest stay");
    }

    proptest! {
        /// Of N objects, k of which can be looked at, nobody waits longer than ⌈N / k⌉ batches, with a number or without.
        #[test]
        fn everybody_gets_a_turn(count in 1usize..40, most in 1usize..10, tracked in any::<bool>()) {
            let mut memory = memory("network-type=0");
            let crowd: Vec<_> = (0..count as u64)
                .map(|id| Candidate { tracking_id: tracked.then_some(id), ..object(id as u32 % 3, id) })
                .collect();
            let mut last = vec![0usize; count];
            for batch in 1..=100 {
                let selection = memory.select(&[0, 1, 2], &crowd, most);
                prop_assert_eq!(selection.chosen.len(), most.min(count));
                prop_assert_eq!(selection.skipped, count - most.min(count));
                for position in selection.chosen {
                    last[position] = batch;
                }
                prop_assert!(last.iter().all(|last| batch - last < count.div_ceil(most).max(1)), "{last:?} in {batch}");
            }
        }
    }
}
