//! What networks tell besides boxes and classes: class maps, masks, raw tensors.

use std::sync::Arc;

use crate::{Rect, Size};

/// A class for each pixel of a picture or of a part of it, as a segmentation network gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentationMeta {
    /// `gie-unique-id` of the network.
    pub component_id: u32,
    /// Classes that the network tells apart.
    pub classes: u32,
    /// Columns and rows of the map.
    pub size: Size,
    /// The part of the picture that the whole map covers, in the picture's pixels. Where the network was given a padded
    /// picture it reaches past the picture's edges, as the map does.
    pub rect: Rect,
    /// Class of each cell, row by row; −1 where none is probable enough.
    pub class_map: Arc<[i32]>,
}

impl SegmentationMeta {
    /// Moves the map along when the region `from` of its picture is drawn onto the region `to` of another one.
    pub fn map(&mut self, from: &Rect, to: &Rect) {
        self.rect = self.rect.mapped(from, to);
    }

    /// Class at (`column`, `row`) of the map; `None` outside of it, or where there is none.
    pub fn class_at(&self, column: u32, row: u32) -> Option<u32> {
        if column >= self.size.width {
            return None;
        }
        let cell = row as usize * self.size.width as usize + column as usize;
        self.class_map.get(cell).and_then(|&class| u32::try_from(class).ok())
    }
}

/// Which pixels of an object's box belong to it, as an instance segmentation network gives it.
///
/// The mask covers the object's `rect`, wherever that is moved or scaled to.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    /// Columns and rows of the mask.
    pub size: Size,
    /// Probability in 0…1 of each cell, row by row.
    pub data: Arc<[f32]>,
    /// A cell belongs to the object if its probability is greater.
    pub threshold: f32,
}

/// The raw outputs of a network for a picture or for a part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorMeta {
    /// `gie-unique-id` of the network.
    pub component_id: u32,
    /// Size of the network's input in pixels.
    pub network: Size,
    /// The part of the network's input that shows the picture, in the input's pixels; the rest is padding.
    pub target: Rect,
    /// The part of the picture that lies there, in the picture's pixels.
    pub source: Rect,
    /// The outputs, in the model's order.
    pub tensors: Arc<[Tensor]>,
}

impl TensorMeta {
    /// Moves `source` along when the region `from` of its picture is drawn onto the region `to` of another one.
    pub fn map(&mut self, from: &Rect, to: &Rect) {
        self.source = self.source.mapped(from, to);
    }

    /// The output `name`.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|tensor| &*tensor.name == name)
    }
}

/// An output tensor of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its name.
    pub name: Arc<str>,
    /// Its dimensions without the batch.
    pub dims: Vec<usize>,
    /// Its elements, the last dimension running fastest.
    pub data: Arc<[f32]>,
}
