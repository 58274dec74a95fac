//! Batches, frames and objects.

use std::sync::Arc;

use crate::{
    Color, DisplayItem, Mask, Point, Rect, SegmentationMeta, Size, TensorMeta, Text, TrackLists, UserMetas,
};

/// What one buffer carries: the frames of one moment from many sources, or the one picture that they were tiled into.
///
/// The list of frames holds those that came with this buffer; `sources` lists every source that is connected to the
/// multiplexer, with or without a frame here.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchMeta {
    /// The frames, in the order in which their pictures lie in the batch.
    pub frames: Vec<FrameMeta>,
    /// Every source known to the multiplexer, ordered by `pad_index`.
    pub sources: Vec<SourceMeta>,
    /// What programs attached to the batch.
    pub user: UserMetas,
}

/// A source as the multiplexer knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceMeta {
    /// Number of the multiplexer's pad.
    pub pad_index: u32,
    /// The name people know the camera by.
    pub name: Arc<str>,
    /// Why there is no picture ("connecting", "no frame for 5 s, next try in 8 s"); `None` while it is delivering.
    pub status: Option<Arc<str>>,
    /// Where the source's frames lie in the picture that carries this meta; set by the tiler.
    pub viewport: Option<Rect>,
}

/// One frame of one source.
///
/// Rectangles and points of its objects and display items are in pixels of the picture that they ride on: the frame's own
/// size before tiling, the tiled picture after it. `viewport` says which part of that picture the frame covers. Before
/// tiling, a multiplexer may have given all frames one size in the metadata, as DeepStream's does; the pictures keep the
/// size of the source, and `viewport` covers what they are to look like.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameMeta {
    /// Number of the multiplexer's pad that the frame came from.
    pub pad_index: u32,
    /// Number of the source: that of the pad, unless the source has one of its own.
    pub source_id: u32,
    /// The name people know the camera by.
    pub name: Arc<str>,
    /// Frames of this source before this one, from 0.
    pub frame_number: u64,
    /// Running time of the frame at the multiplexer's input in nanoseconds, if it had one.
    pub pts: Option<u64>,
    /// Wall clock (Unix epoch, nanoseconds) of the frame: the camera's NTP time where it sends one, else the time of
    /// arrival.
    pub wall_clock: Option<u64>,
    /// Size of the decoded frame.
    pub source_size: Size,
    /// The part of the picture that this frame covers, in the picture's pixels.
    pub viewport: Rect,
    /// Whether a primary detector looked at this very frame (false where its turn is another frame's).
    pub inferred: bool,
    /// What was found.
    pub objects: Vec<ObjectMeta>,
    /// What the tracker tells besides the objects.
    pub tracks: TrackLists,
    /// What else is to be drawn.
    pub display: Vec<DisplayItem>,
    /// Class maps of segmentation networks.
    pub segmentations: Vec<SegmentationMeta>,
    /// Raw outputs of networks, where they were asked for.
    pub tensors: Vec<TensorMeta>,
    /// What programs attached to the frame.
    pub user: UserMetas,
}

impl FrameMeta {
    /// A frame of `size` from pad `pad_index`, with nothing found yet.
    pub fn new(pad_index: u32, name: Arc<str>, frame_number: u64, size: Size) -> Self {
        Self {
            pad_index,
            source_id: pad_index,
            name,
            frame_number,
            pts: None,
            wall_clock: None,
            source_size: size,
            viewport: Rect::of_size(size),
            inferred: false,
            objects: Vec::new(),
            tracks: TrackLists::default(),
            display: Vec::new(),
            segmentations: Vec::new(),
            tensors: Vec::new(),
            user: UserMetas::default(),
        }
    }

    /// The frame as described after its picture was drawn onto the region `viewport` of another one: every position moves
    /// along, stroke widths and font sizes stay.
    #[must_use]
    pub fn drawn_onto(&self, viewport: Rect) -> Self {
        let mut frame = self.clone();
        frame.draw_onto(viewport);
        frame
    }

    /// As [`drawn_onto`](Self::drawn_onto), in place.
    pub fn draw_onto(&mut self, viewport: Rect) {
        let from = std::mem::replace(&mut self.viewport, viewport);
        if from == viewport {
            return;
        }
        self.segmentations.iter_mut().for_each(|map| map.map(&from, &viewport));
        self.tensors.iter_mut().for_each(|tensor| tensor.map(&from, &viewport));
        for object in &mut self.objects {
            object.rect = object.rect.mapped(&from, &viewport);
            for rect in [&mut object.detector_rect, &mut object.tracker_rect].into_iter().flatten() {
                *rect = rect.mapped(&from, &viewport);
            }
            if let Some(text) = &mut object.text {
                text.position = text.position.mapped(&from, &viewport);
            }
            object.segmentations.iter_mut().for_each(|map| map.map(&from, &viewport));
            object.tensors.iter_mut().for_each(|tensor| tensor.map(&from, &viewport));
            for point in &mut object.trail {
                *point = point.mapped(&from, &viewport);
            }
        }
        self.tracks.map(&from, &viewport);
        for item in &mut self.display {
            item.map(&from, &viewport);
        }
    }

    /// Takes an object off the frame; those that are a part of it become objects of their own. `None` if there is none at
    /// `index`.
    pub fn remove_object(&mut self, index: usize) -> Option<ObjectMeta> {
        if index >= self.objects.len() {
            return None;
        }
        let removed = self.objects.remove(index);
        for object in &mut self.objects {
            object.parent = match object.parent {
                Some(parent) if parent == index => None,
                Some(parent) if parent > index => Some(parent - 1),
                parent => parent,
            };
        }
        Some(removed)
    }
}

/// One object found on a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectMeta {
    /// Class index of the component that found it; −1 for none.
    pub class_id: i32,
    /// Name of the class, empty if the model has no labels.
    pub label: Arc<str>,
    /// The detector's confidence in 0…1.
    pub confidence: f32,
    /// `gie-unique-id` of the component that found it.
    pub component_id: u32,
    /// The number that stays with the object from frame to frame; `None` while untracked.
    pub tracking_id: Option<u64>,
    /// The tracker's confidence in 0…1, where it gives one.
    pub tracker_confidence: Option<f32>,
    /// Where the object is: what is drawn and cropped.
    pub rect: Rect,
    /// The box as the detector gave it.
    pub detector_rect: Option<Rect>,
    /// The box as the tracker gave it.
    pub tracker_rect: Option<Rect>,
    /// The way it came: the middle of its lower edge on the frames before and on this one, oldest first; empty unless a
    /// tracker was asked for it.
    pub trail: Vec<Point>,
    /// Index of the object in the same frame that this one is a part of, for second-stage detectors.
    pub parent: Option<usize>,
    /// Border width in pixels of the final picture; `None` leaves it to the drawing element, 0 draws none.
    pub border_width: Option<f32>,
    /// Border colour; `None` leaves it to the drawing element, which colours by class.
    pub border_color: Option<Color>,
    /// Filling of the box.
    pub fill: Option<Color>,
    /// Text to draw instead of the label; empty content draws none.
    pub text: Option<Text>,
    /// Whether the label says the tracking id, if there is one.
    pub display_tracking_id: bool,
    /// What second-stage classifiers said about it.
    pub classifications: Vec<Classification>,
    /// Which pixels of `rect` belong to it.
    pub mask: Option<Mask>,
    /// Class maps of second-stage segmentation networks.
    pub segmentations: Vec<SegmentationMeta>,
    /// Raw outputs of second-stage networks, where they were asked for.
    pub tensors: Vec<TensorMeta>,
    /// What it looks like on this frame: the vector of the tracker's network for re-identification, where it was asked for.
    pub embedding: Option<Arc<[f32]>>,
    /// What programs attached to the object.
    pub user: UserMetas,
}

impl ObjectMeta {
    /// An object of class `class_id` at `rect`, as a detector reports it.
    pub fn detected(class_id: i32, label: Arc<str>, confidence: f32, rect: Rect) -> Self {
        Self {
            class_id,
            label,
            confidence,
            component_id: 0,
            tracking_id: None,
            tracker_confidence: None,
            rect,
            detector_rect: Some(rect),
            tracker_rect: None,
            trail: Vec::new(),
            parent: None,
            border_width: None,
            border_color: None,
            fill: None,
            text: None,
            display_tracking_id: true,
            classifications: Vec::new(),
            mask: None,
            segmentations: Vec::new(),
            tensors: Vec::new(),
            embedding: None,
            user: UserMetas::default(),
        }
    }
}

/// One attribute of an object, as a classifier named it.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// `gie-unique-id` of the classifier.
    pub component_id: u32,
    /// What kind of attributes the classifier names (`classifier-type`), if its config says so.
    pub classifier_type: Option<Arc<str>>,
    /// Which of the classifier's attributes (output layers) this is.
    pub attribute: u32,
    /// Index of the winning class.
    pub class_id: u32,
    /// Its name.
    pub label: Arc<str>,
    /// Its probability in 0…1.
    pub probability: f32,
}
