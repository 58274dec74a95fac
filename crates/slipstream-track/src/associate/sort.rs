//! SORT: Bewley, Ge, Ott, Ramos and Upcroft, "Simple Online and Realtime Tracking", ICIP 2016.

use super::Scene;

/// Settings of SORT.
#[derive(Debug, Clone, PartialEq)]
pub struct Sort {
    /// Least overlap (IoU) of a detection and the place where the object is expected.
    pub min_iou: f32,
}

impl Default for Sort {
    fn default() -> Self {
        Self { min_iou: 0.3 }
    }
}

impl Sort {
    pub(crate) fn associate(&self, scene: &mut Scene<'_>) {
        scene.round(
            |_| true,
            |_| true,
            |target, candidate| target.rect.iou(&candidate.rect),
            |target, candidate| target.rect.iou(&candidate.rect) >= self.min_iou,
        );
    }
}
