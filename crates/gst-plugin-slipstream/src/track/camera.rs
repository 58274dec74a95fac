//! One camera's objects: detections in, tracks out. Knows no GStreamer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use slipstream_meta::{
    Color, FrameMeta, ObjectMeta, Picture, Point, Rect, Size, TrackLists, TrackRecord, TrackSample,
};
use slipstream_track::{Detection, Frame, IdAllocator, Track, TrackPoint, Tracker, TrackerConfig, Tracks};

use super::looks::Embedding;

/// After longer without a frame, objects are not where anybody would look for them.
const LONGEST_GAP: Duration = Duration::from_secs(3);

/// What becomes of the objects of a frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rules {
    /// Classes to track; none means all.
    pub(super) classes: Vec<i32>,
    /// Whether detections that belong to no track stay.
    pub(super) keep_untracked: bool,
    /// Whether labels say the number of the track.
    pub(super) display_tracking_id: bool,
    /// Positions of each track to hand on.
    pub(super) trail_length: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self { classes: Vec::new(), keep_untracked: true, display_tracking_id: true, trail_length: 0 }
    }
}

impl Rules {
    /// Whether an object is a detection to be tracked, rather than a part of one or of no interest.
    pub(super) fn tracks(&self, object: &ObjectMeta) -> bool {
        object.parent.is_none() && (self.classes.is_empty() || self.classes.contains(&object.class_id))
    }

    /// As in DeepStream, nothing is removed where only some classes are tracked.
    fn keeps_untracked(&self) -> bool {
        self.keep_untracked || !self.classes.is_empty()
    }
}

/// How a frame follows on the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is the first, or comes shortly after the last.
    Next,
    /// Objects cannot be followed from there to here: frames are missing, or the picture has another size.
    Jump,
    /// The stream began anew.
    Anew,
}

/// Where a camera's stream has got to.
#[derive(Debug, Clone, Copy)]
struct Moment {
    number: u64,
    pts: Option<Duration>,
    size: Size,
}

impl Moment {
    fn of(frame: &FrameMeta, size: Size) -> Self {
        let pts = frame.pts.map(Duration::from_nanos);
        Self { number: frame.frame_number, pts, size }
    }

    fn step_to(&self, next: &Self) -> Step {
        let times = self.pts.zip(next.pts);
        if next.number <= self.number || times.is_some_and(|(last, next)| next < last) {
            Step::Anew
        } else if next.size != self.size || times.is_some_and(|(last, next)| next - last > LONGEST_GAP) {
            Step::Jump
        } else {
            Step::Next
        }
    }
}

/// What is known of a tracked object from its last detection.
#[derive(Debug, Clone)]
struct Known {
    label: Arc<str>,
    component_id: u32,
    confidence: f32,
    border_color: Option<Color>,
    fill: Option<Color>,
}

impl Known {
    fn of(object: &ObjectMeta) -> Self {
        let ObjectMeta { component_id, confidence, border_color, fill, .. } = *object;
        Self { label: object.label.clone(), component_id, confidence, border_color, fill }
    }
}

/// Follows the objects of one camera.
#[derive(Debug)]
pub(super) struct Camera {
    tracker: Tracker,
    last: Option<Moment>,
    known: HashMap<u64, Known>,
    // What follows is kept for its memory only.
    detections: Vec<Detection>,
    /// The object that each detection is.
    candidates: Vec<usize>,
    /// The track of each object.
    tracks: Vec<Option<Track>>,
    /// Where each object goes to; `None` if it does not stay.
    places: Vec<Option<usize>>,
}

impl Camera {
    pub(super) fn new(config: Arc<TrackerConfig>, ids: IdAllocator) -> Self {
        Self {
            tracker: Tracker::new(config, ids),
            last: None,
            known: HashMap::new(),
            detections: Vec::new(),
            candidates: Vec::new(),
            tracks: Vec::new(),
            places: Vec::new(),
        }
    }

    /// How `frame`, whose picture is of `size`, follows on the one before.
    pub(super) fn step(&self, frame: &FrameMeta, size: Size) -> Step {
        self.last.map_or(Step::Next, |last| last.step_to(&Moment::of(frame, size)))
    }

    /// Forgets all objects; numbers go on.
    pub(super) fn reset(&mut self) {
        if self.last.take().is_some() {
            self.tracker.reset();
            self.known.clear();
        }
    }

    /// Puts tracks in the place of detections on the next frame, whose objects are in pixels of its picture of `size`. Where
    /// the detector did not look at it, detections that it carries all the same are those of another frame, and make way. `embeddings` are those of its objects, as far as there
    /// are any.
    pub(super) fn follow(
        &mut self,
        frame: &mut FrameMeta,
        (size, picture): (Size, Option<Picture<'_>>),
        embeddings: &[Option<Embedding>],
        rules: &Rules,
    ) {
        self.last = Some(Moment::of(frame, size));
        self.detections.clear();
        self.candidates.clear();
        let of_interest = frame.objects.iter().enumerate().filter(|(_, object)| rules.tracks(object));
        for (index, object) in of_interest.filter(|_| frame.inferred) {
            let embedding = embeddings.get(index).cloned().flatten();
            let found = Detection::new(object.rect, object.confidence, object.class_id);
            self.detections.push(Detection { embedding, ..found });
            self.candidates.push(index);
        }
        let tracks = self.tracker.update(&Frame {
            size,
            number: frame.frame_number,
            time: frame.pts.map(Duration::from_nanos),
            picture,
            detections: frame.inferred.then_some(self.detections.as_slice()),
        });

        let area = Rect::of_size(size);
        let object_of = |track: &Track| track.detection.and_then(|index| self.candidates.get(index)).copied();
        self.tracks.clear();
        self.tracks.resize(frame.objects.len(), None);
        for track in tracks.live {
            if let Some(slot) = object_of(track).and_then(|object| self.tracks.get_mut(object)) {
                *slot = Some(*track);
            }
        }
        self.places.clear();
        let mut kept = 0;
        for (object, track) in frame.objects.iter().zip(&self.tracks) {
            let stays = match (track, object.parent) {
                (Some(track), _) => area.intersection(&track.rect).is_some(),
                // Parents come before their parts.
                (None, Some(parent)) => self.places.get(parent).is_none_or(Option::is_some),
                (None, None) if rules.tracks(object) => frame.inferred && rules.keeps_untracked(),
                (None, None) => true,
            };
            self.places.push(stays.then_some(kept));
            kept += usize::from(stays);
        }

        let found = std::mem::take(&mut frame.objects);
        frame.objects.reserve(kept + tracks.live.len());
        let all = found.into_iter().zip(&self.places).zip(&self.tracks);
        for ((mut object, _), track) in all.filter(|((_, place), _)| place.is_some()) {
            object.parent = object.parent.and_then(|parent| self.places.get(parent).copied().flatten());
            if let Some(track) = track {
                self.known.insert(track.id, Known::of(&object));
                settle(&mut object, track, &tracks, area, rules);
            }
            frame.objects.push(object);
        }
        for track in tracks.live.iter().filter(|track| object_of(track).is_none()) {
            if area.intersection(&track.rect).is_some() {
                let mut object = object_from(track, self.known.get(&track.id));
                settle(&mut object, track, &tracks, area, rules);
                frame.objects.push(object);
            }
        }
        frame.tracks = lists(&tracks, &self.known, frame.frame_number);
        if self.known.len() > tracks.live.len() + tracks.shadow.len() {
            let all = || tracks.live.iter().chain(tracks.shadow);
            self.known.retain(|id, _| all().any(|track| track.id == *id));
        }
    }
}

/// An object that the tracker says is there, although the detector did not say so of this frame.
fn object_from(track: &Track, known: Option<&Known>) -> ObjectMeta {
    let label = known.map_or_else(|| Arc::from(""), |known| known.label.clone());
    let confidence = known.map_or(track.confidence, |known| known.confidence);
    let mut object = ObjectMeta::detected(track.class_id, label, confidence, track.rect);
    object.detector_rect = None;
    if let Some(known) = known {
        object.component_id = known.component_id;
        object.border_color = known.border_color;
        object.fill = known.fill;
    }
    object
}

/// Writes what the tracker knows onto an object.
fn settle(object: &mut ObjectMeta, track: &Track, tracks: &Tracks<'_>, area: Rect, rules: &Rules) {
    object.tracking_id = Some(track.id);
    object.tracker_confidence = Some(track.confidence);
    object.tracker_rect = Some(track.rect);
    object.rect = area.intersection(&track.rect).unwrap_or(track.rect);
    object.display_tracking_id = rules.display_tracking_id;
    object.trail = trail(tracks, track, rules.trail_length);
}

fn trail(tracks: &Tracks<'_>, track: &Track, length: usize) -> Vec<Point> {
    let mut points: Vec<_> = tracks.trail(track).rev().take(length).map(|point| point.rect.foot()).collect();
    points.reverse();
    points
}

fn lists(tracks: &Tracks<'_>, known: &HashMap<u64, Known>, frame_number: u64) -> TrackLists {
    let sample = |point: &TrackPoint| TrackSample {
        frame_number: point.frame,
        rect: point.rect,
        confidence: point.confidence,
        age: point.age,
    };
    let record = |tracking_id, class_id, samples| TrackRecord {
        tracking_id,
        class_id,
        label: known.get(&tracking_id).map_or_else(|| Arc::from(""), |known| known.label.clone()),
        samples,
    };
    let all = |points: &[TrackPoint]| points.iter().map(sample).collect();
    let now = |track: &Track| {
        let Track { rect, confidence, age, .. } = *track;
        vec![TrackSample { frame_number, rect, confidence, age }]
    };
    TrackLists {
        past: tracks.past.iter().map(|track| record(track.id, track.class_id, all(&track.points))).collect(),
        shadow: tracks.shadow.iter().map(|track| record(track.id, track.class_id, now(track))).collect(),
        terminated: tracks
            .terminated
            .iter()
            .map(|track| record(track.id, track.class_id, all(&track.points)))
            .collect(),
    }
}
