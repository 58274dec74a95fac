//! What rules about regions, lines and directions say: user metadata of frames and objects.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::UserData;

/// Name under which DeepStream's programs look for [`AnalyticsFrame`] among the user metadata of a frame.
pub const ANALYTICS_FRAME_META: &str = "NVIDIA.DSANALYTICSFRAME.USER_META";
/// Name under which DeepStream's programs look for [`AnalyticsObject`] among the user metadata of an object.
pub const ANALYTICS_OBJECT_META: &str = "NVIDIA.DSANALYTICSOBJ.USER_META";

/// What the rules say of a frame, by their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnalyticsFrame {
    /// Whether too many objects are in a region.
    pub overcrowded: BTreeMap<String, bool>,
    /// Objects in a region.
    pub in_region: BTreeMap<String, u32>,
    /// Objects that crossed a line on this frame.
    pub crossings: BTreeMap<String, u64>,
    /// Objects that have crossed a line since the start.
    pub total_crossings: BTreeMap<String, u64>,
    /// `unique-id` of the element.
    pub unique_id: u32,
    /// Objects of each class.
    pub objects: BTreeMap<i32, u32>,
}

/// What the rules say of an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnalyticsObject {
    /// Regions that it is in.
    pub regions: Vec<String>,
    /// Overcrowded regions that it is in.
    pub overcrowded: Vec<String>,
    /// Lines that it crossed on this frame.
    pub crossings: Vec<String>,
    /// The direction that it goes in, empty if none of those that are asked for.
    pub direction: String,
    /// Further status, empty if there is none.
    pub status: String,
    /// `unique-id` of the element.
    pub unique_id: u32,
}

impl UserData for AnalyticsFrame {
    fn duplicate(self: Arc<Self>) -> Option<Arc<dyn UserData>> {
        Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl UserData for AnalyticsObject {
    fn duplicate(self: Arc<Self>) -> Option<Arc<dyn UserData>> {
        Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
