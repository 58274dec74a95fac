//! What is asked of the table of parsers, and what it answers.

use slipstream_meta::Size;

use super::{Parser, TensorInfo};

/// A model whose outputs are to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query<'a> {
    /// The outputs that may be read.
    pub outputs: &'a [TensorInfo],
    /// Size of the network's input.
    pub network: Size,
    /// `parse-bbox-func-name`, where it is one that a parser has.
    pub function: Option<&'a str>,
    /// `num-detected-classes`, where it is set.
    pub classes: Option<usize>,
    /// `anchors` of the group `[parser]`: width and height in the network's pixels.
    pub anchors: &'a [[f32; 2]],
}

/// What a parser says to a [`Query`].
pub(super) enum Answer {
    /// These are not its outputs.
    No,
    /// These may be its outputs; what it needs to know.
    Needs(String),
    /// It reads them. `assumed` tells what else they might be, and how to say so.
    Yes { parser: Box<dyn Parser>, assumed: Option<String> },
}

impl Answer {
    /// Outputs that nothing else has.
    pub(super) fn yes(parser: impl Parser + 'static) -> Self {
        Self::Yes { parser: Box::new(parser), assumed: None }
    }

    /// Outputs that something else might have.
    pub(super) fn yes_but(parser: impl Parser + 'static, assumed: Option<String>) -> Self {
        Self::Yes { parser: Box::new(parser), assumed }
    }
}

impl Query<'_> {
    /// Whether the config names one of `functions`.
    pub(super) fn is_named(&self, functions: &[&str]) -> bool {
        self.function.is_some_and(|function| functions.contains(&function))
    }

    /// The outputs with two dimensions, other than of 1 in the middle: rows of candidates.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&TensorInfo, [Option<usize>; 2])> {
        self.outputs.iter().filter_map(|output| Some((output, table_dims(output)?)))
    }

    /// The only output with two dimensions, if all others are maps.
    pub(super) fn only_table(&self) -> Option<(&TensorInfo, [Option<usize>; 2])> {
        let mut tables = self.tables();
        let first = tables.next()?;
        let rest_are_maps =
            self.outputs.iter().all(|output| std::ptr::eq(output, first.0) || output.dims.len() >= 3);
        (tables.next().is_none() && rest_are_maps).then_some(first)
    }

    /// Channels of a map of mask prototypes: an output [M, rows, columns] of a quarter of the network's size, which is what
    /// instance segmentation has beside its boxes.
    pub(super) fn mask_channels(&self) -> Option<usize> {
        let quarter = (self.network.height as usize / MASK_STRIDE, self.network.width as usize / MASK_STRIDE);
        self.outputs.iter().find_map(|output| match *output.dims.as_slice() {
            [Some(channels), Some(rows), Some(columns)] if (rows, columns) == quarter => Some(channels),
            _ => None,
        })
    }

    /// The first output whose name, in lower case, holds one of `parts`.
    pub(super) fn with_name(&self, parts: &[&str]) -> Option<&TensorInfo> {
        self.outputs.iter().find(|output| has_part(&output.name, parts))
    }
}

/// Pixels of the network's input for a pixel of a mask prototype (YOLACT and what follows it).
const MASK_STRIDE: usize = 4;

/// Whether a name holds one of `parts`, whatever its case.
pub(super) fn has_part(name: &str, parts: &[&str]) -> bool {
    let name = name.to_lowercase();
    parts.iter().any(|part| name.contains(part))
}

/// Rows and columns of a table; a dimension of 1 in the middle counts for nothing.
fn table_dims(output: &TensorInfo) -> Option<[Option<usize>; 2]> {
    match *output.dims.as_slice() {
        [rows, columns] | [rows, Some(1), columns] => Some([rows, columns]),
        _ => None,
    }
}

/// Rows and columns of a table after a run, likewise.
pub(super) fn rows_and_columns(dims: &[usize]) -> Option<[usize; 2]> {
    match *dims {
        [rows, columns] | [rows, 1, columns] => Some([rows, columns]),
        _ => None,
    }
}

/// Columns and rows of the grid of a stride; cells that the network's edge cuts count.
pub(super) fn grid(network: Size, stride: u32) -> [usize; 2] {
    [network.width.div_ceil(stride.max(1)) as usize, network.height.div_ceil(stride.max(1)) as usize]
}

/// Cells of the grids of all `strides` together.
pub(super) fn cells(network: Size, strides: &[u32]) -> usize {
    strides.iter().map(|&stride| grid(network, stride)).map(|[columns, rows]| columns * rows).sum()
}
