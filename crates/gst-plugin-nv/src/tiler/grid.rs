//! Which tile is whose.

use slipstream_draw::Grid;
use slipstream_meta::{Rect, Size};

/// Most tiles, as in DeepStream.
pub(super) const MAX_TILES: u32 = 128;

/// Tiles for sources.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tiles {
    grid: Grid,
    /// Sources in the order of their tiles, where the grid is square and grows with them; `None` where a source's number is
    /// that of its tile.
    order: Option<Vec<u32>>,
}

impl Tiles {
    /// A grid of this size, or a square one that grows and shrinks with the number of sources.
    pub(super) fn new(rows: u32, columns: u32, is_square: bool) -> Self {
        let grid = if is_square { square(0) } else { Grid { rows, columns } };
        Self { grid, order: is_square.then(Vec::new) }
    }

    /// Number of tiles.
    pub(super) fn count(&self) -> u32 {
        self.grid.rows.saturating_mul(self.grid.columns)
    }

    /// Makes room for a source. Returns whether tiles have moved.
    pub(super) fn add(&mut self, source: u32) -> bool {
        let tiles = self.count();
        match &mut self.order {
            Some(order) => {
                if order.contains(&source) || order.len() as u32 >= MAX_TILES {
                    return false;
                }
                order.push(source);
                let grid = square(order.len());
                std::mem::replace(&mut self.grid, grid) != grid
            }
            None if source >= tiles && source < MAX_TILES => {
                self.grid = Grid::for_sources(source + 1);
                true
            }
            None => false,
        }
    }

    /// Takes the tile of a source away, where the grid shrinks with them.
    pub(super) fn remove(&mut self, source: u32) {
        if let Some(order) = &mut self.order {
            order.retain(|&other| other != source);
            self.grid = square(order.len());
        }
    }

    /// Where the tile of a source lies on the canvas, if it has one.
    pub(super) fn place(&self, source: u32, canvas: Size) -> Option<Rect> {
        let index = match &self.order {
            Some(order) => order.iter().position(|&other| other == source).map(|index| index as u32)?,
            None => source,
        };
        self.grid.tile(canvas, index)
    }
}

/// The smallest square grid for so many sources.
fn square(sources: usize) -> Grid {
    let side = (sources as f64).sqrt().ceil().max(1.0) as u32;
    Grid { rows: side, columns: side }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANVAS: Size = Size::new(1200, 600);

    #[test]
    fn a_source_past_the_grid_makes_a_new_one() {
        let mut tiles = Tiles::new(1, 1, false);
        assert_eq!(tiles.place(0, CANVAS), Some(Rect::new(0.0, 0.0, 1200.0, 600.0)));
        assert_eq!(tiles.place(1, CANVAS), None);
        assert!(!tiles.add(0));
        // ⌊√5⌋ = 2 rows, ⌈5 / 2⌉ = 3 columns
        assert!(tiles.add(4));
        assert_eq!(tiles.place(4, CANVAS), Some(Rect::new(400.0, 300.0, 400.0, 300.0)));
        assert!(!tiles.add(5), "there is room for a sixth");
        assert!(!tiles.add(MAX_TILES), "and an end to it");
    }

    #[test]
    fn square_grids_follow_the_sources() {
        let mut tiles = Tiles::new(7, 7, true);
        for (source, side) in [(9, 1.0), (3, 2.0), (5, 2.0), (6, 2.0), (1, 3.0)] {
            tiles.add(source);
            let place = tiles.place(9, Size::new(600, 600)).unwrap();
            assert_eq!(place.width, 600.0 / side);
        }
        assert_eq!(tiles.place(3, Size::new(600, 600)).unwrap().left, 200.0);
        tiles.remove(9);
        assert_eq!(tiles.place(3, Size::new(600, 600)), Some(Rect::new(0.0, 0.0, 300.0, 300.0)));
    }
}
