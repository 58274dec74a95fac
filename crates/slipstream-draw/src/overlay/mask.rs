//! Masks of objects and class maps: translucent colours over the pixels that belong to an object or a class.

use slipstream_meta::{FrameMeta, Mask, Rect, SegmentationMeta};

use crate::plane::{Area, Painter};
use crate::style::class_color;

/// How class maps are drawn, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapStyle {
    /// Opacity of the colours: 255 hides what is below.
    pub opacity: u8,
    /// The class that is not drawn: that of the background, where what is below is to be seen.
    pub left_out: Option<u32>,
    /// `component_id` of the maps to draw; `None` draws all.
    pub component_id: Option<u32>,
}

impl Default for MapStyle {
    /// All classes of all maps, translucent: they cover everything, so what is below must stay visible.
    fn default() -> Self {
        const OPACITY: u8 = 96;
        Self { opacity: OPACITY, left_out: None, component_id: None }
    }
}

impl MapStyle {
    fn shows(&self, class: i32) -> bool {
        u32::try_from(class).is_ok_and(|class| self.left_out != Some(class))
    }
}

/// Opacity of masks: they are to stand out from what is around them.
const MASK_OPACITY: u8 = 120;

/// Buffers that are kept from frame to frame.
#[derive(Debug, Default)]
pub(super) struct Masks {
    /// Where the cells of a row lie: for each column of pixels the cell left of its middle, and how far it is to the next.
    columns: Vec<(usize, f32)>,
    /// One row of cells, mixed from the two that a row of pixels lies between.
    line: Vec<f32>,
    /// The classes of a map, each with the rows and columns of its outermost cells.
    classes: Vec<(i32, Bounds)>,
}

/// Cells from the first to the last, in columns and rows.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    columns: [usize; 2],
    rows: [usize; 2],
}

impl Bounds {
    fn of(column: usize, row: usize) -> Self {
        Self { columns: [column; 2], rows: [row; 2] }
    }

    fn include(&mut self, column: usize, row: usize) {
        for (bounds, at) in [(&mut self.columns, column), (&mut self.rows, row)] {
            *bounds = [bounds[0].min(at), bounds[1].max(at)];
        }
    }

    /// The part of `rect`, which the whole map of `cells` covers.
    fn rect(&self, rect: &Rect, cells: [usize; 2]) -> Rect {
        let (width, height) = (rect.width / cells[0] as f32, rect.height / cells[1] as f32);
        Rect::from_corners(
            rect.left + self.columns[0] as f32 * width,
            rect.top + self.rows[0] as f32 * height,
            rect.left + (self.columns[1] + 1) as f32 * width,
            rect.top + (self.rows[1] + 1) as f32 * height,
        )
    }
}

/// The cell that a pixel's middle lies in, or the nearest.
fn cell(pixel: i32, start: f32, length: f32, cells: usize) -> usize {
    // casts from f32 saturate
    (((pixel as f32 + 0.5 - start) * cells as f32 / length) as usize).min(cells.saturating_sub(1))
}

/// The cell whose middle is left of (above) a pixel's middle, and how far it is from there to the next one, in 0…1.
fn between(pixel: i32, start: f32, length: f32, cells: usize) -> (usize, f32) {
    let position = (pixel as f32 + 0.5 - start) * cells as f32 / length - 0.5;
    let position = position.clamp(0.0, cells.saturating_sub(1) as f32);
    (position as usize, position.fract())
}

impl Masks {
    /// Draws the class maps of a frame and its objects.
    pub(super) fn draw_maps(&mut self, painter: &mut Painter, frame: &FrameMeta, style: MapStyle) {
        let is_shown = |map: &&SegmentationMeta| style.component_id.is_none_or(|id| id == map.component_id);
        for map in frame.segmentations.iter().filter(is_shown) {
            self.map(painter, map, &frame.viewport, style);
        }
        for object in &frame.objects {
            for map in object.segmentations.iter().filter(is_shown) {
                self.map(painter, map, &object.rect, style);
            }
        }
    }

    /// Draws the masks of a frame's objects in their colours.
    pub(super) fn draw_masks(&mut self, painter: &mut Painter, frame: &FrameMeta) {
        for object in &frame.objects {
            if let Some(mask) = &object.mask {
                let color = object.border_color.unwrap_or_else(|| class_color(object.class_id));
                let ink = painter.ink(color.with_alpha(MASK_OPACITY));
                self.mask(painter, mask, &object.rect, &ink);
            }
        }
    }

    /// Colours the part of a class map that lies within a rectangle, each cell in its class's colour.
    fn map(&mut self, painter: &mut Painter, map: &SegmentationMeta, within: &Rect, style: MapStyle) {
        let cells @ [width, height] = [map.size.width as usize, map.size.height as usize];
        let Some(seen) = map.rect.intersection(within) else { return };
        if map.class_map.len() != width * height || width == 0 || height == 0 {
            return;
        }
        let Self { columns, classes, .. } = self;
        classes.clear();
        for (row, line) in map.class_map.chunks_exact(width).enumerate() {
            for (column, &class) in line.iter().enumerate().filter(|(_, class)| style.shows(**class)) {
                // neighbours are mostly of one class
                match classes.iter().rposition(|(known, _)| *known == class) {
                    Some(at) => {
                        let last = classes.len() - 1;
                        classes.swap(at, last);
                        if let Some((_, bounds)) = classes.last_mut() {
                            bounds.include(column, row);
                        }
                    }
                    None => classes.push((class, Bounds::of(column, row))),
                }
            }
        }
        classes.sort_unstable_by_key(|(class, _)| *class);
        for &(class, bounds) in &*classes {
            let covered = bounds.rect(&map.rect, cells).intersection(&seen);
            let Some(area) = covered.and_then(Area::of_rect).map(|area| area.intersection(painter.clip()))
            else {
                continue;
            };
            columns.clear();
            columns.extend((area.x0..area.x1).map(|x| (cell(x, map.rect.left, map.rect.width, width), 0.0)));
            let ink = painter.ink(class_color(class).with_alpha(style.opacity));
            painter.cover(area, &ink, |x, y, row| {
                let start = cell(y, map.rect.top, map.rect.height, height) * width;
                let Some(line) = map.class_map.get(start..start + width) else { return 0..0 };
                let Some(columns) = columns.get((x - area.x0) as usize..) else { return 0..0 };
                for (part, (column, _)) in row.iter_mut().zip(columns) {
                    *part = if line.get(*column) == Some(&class) { u8::MAX } else { 0 };
                }
                0..row.len()
            });
        }
    }

    /// Colours the pixels of a box that its mask says belong to the object.
    fn mask(&mut self, painter: &mut Painter, mask: &Mask, rect: &Rect, ink: &crate::plane::Ink) {
        let [width, height] = [mask.size.width as usize, mask.size.height as usize];
        let Some(area) = Area::of_rect(*rect).map(|area| area.intersection(painter.clip())) else { return };
        if mask.data.len() != width * height || width == 0 || height == 0 {
            return;
        }
        let Self { columns, line, .. } = self;
        columns.clear();
        columns.extend((area.x0..area.x1).map(|x| between(x, rect.left, rect.width, width)));
        painter.cover(area, ink, |x, y, row| {
            let (upper, down) = between(y, rect.top, rect.height, height);
            let cells = |row: usize| mask.data.get(row * width..(row + 1) * width).unwrap_or_default();
            let (above, below) = (cells(upper), cells((upper + 1).min(height - 1)));
            line.clear();
            line.extend(above.iter().zip(below).map(|(a, b)| a + (b - a) * down));
            let Some(columns) = columns.get((x - area.x0) as usize..) else { return 0..0 };
            for (part, &(left, along)) in row.iter_mut().zip(columns) {
                let Some(&a) = line.get(left) else { continue };
                let b = line.get(left + 1).copied().unwrap_or(a);
                *part = if a + (b - a) * along > mask.threshold { u8::MAX } else { 0 };
            }
            0..row.len()
        });
    }
}
