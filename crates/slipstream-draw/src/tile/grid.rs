//! Where tiles lie.

use slipstream_meta::{Rect, Size};

/// Rows and columns of tiles of equal size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Number of rows.
    pub rows: u32,
    /// Number of columns.
    pub columns: u32,
}

/// `value` without its last bit: tiles begin and end at whole chroma samples.
fn even(value: u32) -> u32 {
    value & !1
}

impl Grid {
    /// The grid for `n` sources: the square root rounded down as rows, and as many columns as they need.
    pub fn for_sources(n: u32) -> Self {
        let rows = n.isqrt().max(1);
        Self { rows, columns: n.div_ceil(rows).max(1) }
    }

    /// Place of tile `index` on a canvas: column `index % columns`, row `index / columns`. Tiles have equal, even sizes;
    /// what the division leaves over stays free at the right and at the bottom. `None` if the grid has no such tile or
    /// the canvas is too small for tiles of two pixels.
    pub fn tile(&self, canvas: Size, index: u32) -> Option<Rect> {
        let width = even(canvas.width.checked_div(self.columns)?);
        let height = even(canvas.height.checked_div(self.rows)?);
        let (column, row) = (index % self.columns, index / self.columns);
        if row >= self.rows || width == 0 || height == 0 {
            return None;
        }
        let [left, top, width, height] =
            [column * width, row * height, width, height].map(|length| length as f32);
        Some(Rect::new(left, top, width, height))
    }
}

/// The greatest even-aligned part of `tile` that has the shape of `source`, in its middle; the rest is for black bands.
/// The whole tile if the source has no pixel.
pub fn fit(source: Size, tile: Rect) -> Rect {
    if source.width == 0 || source.height == 0 || tile.is_empty() {
        return tile;
    }
    let even = |length: f32| (length / 2.0).round() * 2.0;
    let (width, height) = (source.width as f32, source.height as f32);
    let scale = (tile.width / width).min(tile.height / height);
    // Even a very flat or tall picture keeps two pixels to be seen by.
    let side = |length: f32, most: f32| even(length * scale).max(2.0).min(most);
    let (width, height) = (side(width, tile.width), side(height, tile.height));
    let middle = |start: f32, free: f32| start + even(free / 2.0).min(free);
    Rect::new(middle(tile.left, tile.width - width), middle(tile.top, tile.height - height), width, height)
}
