//! What is really there.

use slipstream_meta::Rect;

/// Class of cars, vans, buses and lorries.
pub const VEHICLE: u32 = 0;
/// Class of bicycles and motorcycles, without their riders.
pub const TWO_WHEELER: u32 = 1;
/// Class of people: on foot and riding.
pub const PERSON: u32 = 2;
/// Class of the plates of road signs.
pub const ROAD_SIGN: u32 = 3;
/// Names of the classes, by class id.
pub const CLASS_NAMES: [&str; 4] = ["Vehicle", "TwoWheeler", "Person", "RoadSign"];

/// One object of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruthObject {
    /// Number of the object; it stays the same for as long as the object exists and is never given twice.
    pub id: u64,
    /// [`VEHICLE`], [`TWO_WHEELER`], [`PERSON`] or [`ROAD_SIGN`].
    pub class_id: u32,
    /// Tight bounds, within the frame, of what the object would cover if nothing stood before it. In pixels, exact to half
    /// a pixel.
    pub rect: Rect,
    /// Share of that which is not hidden by others, 0…1.
    pub visible: f32,
}
