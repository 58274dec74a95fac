//! The trackers that have a name.

use super::{
    Association, Byte, Confirmation, Follow, MotionModel, OcSort, Report, Similarity, Slip, Sort,
    TrackerConfig, Weighted,
};

/// Positions kept of each track: two seconds of most cameras.
const TRAIL_LENGTH: usize = 64;
/// More tracks than this at a time are no picture of a camera.
const MAX_TARGETS: usize = 256;

impl TrackerConfig {
    /// Our own.
    pub(super) fn slip() -> Self {
        Self {
            new_confidence: 0.8,
            relative_confidence: true,
            max_overlap_of_new: 0.8,
            confirmation: Confirmation::Streak(1),
            early_termination: 1,
            max_shadow: 30,
            motion: MotionModel::Area,
            least_noise: 0.3,
            replay: true,
            camera_motion: true,
            cut_by_border: true,
            association: Association::Slip(Slip::default()),
            follow: Some(Follow::default()),
            report: Report::Estimate,
            ..Self::iou()
        }
    }

    /// Greedy matching by overlap with the last box.
    pub(super) fn iou() -> Self {
        Self {
            min_confidence: 0.0,
            new_confidence: 0.0,
            relative_confidence: false,
            max_overlap_of_new: 1.0,
            max_targets: MAX_TARGETS,
            confirmation: Confirmation::Age(3),
            early_termination: 1,
            max_shadow: 8,
            motion: MotionModel::None,
            least_noise: 1.0,
            replay: false,
            camera_motion: false,
            cut_by_border: false,
            association: Association::Weighted(Weighted {
                iou: Similarity { min: 0.3, weight: 1.0 },
                ..Weighted::default()
            }),
            check_class: true,
            follow: None,
            reid: None,
            report: Report::Detection,
            trail_length: TRAIL_LENGTH,
        }
    }

    /// SORT as published: `max_age` 1, `min_hits` 3, IoU 0.3.
    pub(super) fn sort() -> Self {
        Self {
            confirmation: Confirmation::EachStreak(3),
            early_termination: 2,
            max_shadow: 1,
            motion: MotionModel::Area,
            association: Association::Sort(Sort::default()),
            report: Report::Estimate,
            ..Self::iou()
        }
    }

    /// ByteTrack as published: thresholds 0.6, 0.1 and 0.7, buffer of 30 frames.
    pub(super) fn bytetrack() -> Self {
        Self {
            new_confidence: 0.7,
            confirmation: Confirmation::Streak(1),
            early_termination: 1,
            max_shadow: 30,
            motion: MotionModel::DEEP_SORT,
            association: Association::Byte(Byte::default()),
            ..Self::sort()
        }
    }

    /// OC-SORT as published: Δt 3, inertia 0.2, `max_age` 30, `min_hits` 3.
    pub(super) fn ocsort() -> Self {
        Self {
            new_confidence: 0.6,
            early_termination: 31,
            max_shadow: 30,
            association: Association::OcSort(OcSort::default()),
            replay: true,
            report: Report::Detection,
            ..Self::sort()
        }
    }
}
