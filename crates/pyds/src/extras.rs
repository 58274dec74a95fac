//! What DeepStream's structures hold and the model does not.
//!
//! It rides along with the frame or object as user metadata of a kind that no program sees, so that a later probe reads what
//! an earlier one wrote.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use slipstream_meta::{UserData, UserMeta, UserMetas};

use crate::osd::{RectParams, TextParams};

/// Kind of the record: no `NvDsMetaType`.
pub(crate) const KIND: i32 = i32::MIN;

/// Numbers of a fixed array, which views of it share.
#[derive(Debug, Default)]
pub(crate) struct Slots(pub(crate) [AtomicI32; 4]);

impl Slots {
    /// A copy, for a copy of what it belongs to.
    pub(crate) fn duplicate(&self) -> Arc<Self> {
        let value = |slot: &AtomicI32| AtomicI32::new(slot.load(Ordering::Relaxed));
        Arc::new(Self(self.0.each_ref().map(value)))
    }
}

/// What Python wrote that the model has no place for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extras {
    pub(crate) misc: Option<Arc<Slots>>,
    pub(crate) reserved: Option<Arc<Slots>>,
    /// The box as Python wrote it last.
    pub(crate) rect: Option<RectParams>,
    /// The text as Python wrote it last.
    pub(crate) text: Option<TextParams>,
    /// `num_surfaces_per_frame`.
    pub(crate) surfaces: Option<i32>,
    /// `surface_type` and `surface_index`.
    pub(crate) surface: (u32, u32),
    /// `max_frames_in_batch`.
    pub(crate) max_frames: Option<u32>,
}

impl UserData for Extras {
    fn duplicate(self: Arc<Self>) -> Option<Arc<dyn UserData>> {
        if self.misc.is_none() && self.reserved.is_none() {
            return Some(self);
        }
        let mut copy = (*self).clone();
        for slots in [&mut copy.misc, &mut copy.reserved].into_iter().flatten() {
            *slots = slots.duplicate();
        }
        Some(Arc::new(copy))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What Python wrote, if anything.
pub(crate) fn get(user: &UserMetas) -> Option<&Extras> {
    user.iter().find(|meta| meta.kind == KIND)?.downcast_ref()
}

/// Changes what Python wrote.
pub(crate) fn change<R>(user: &mut UserMetas, change: impl FnOnce(&mut Extras) -> R) -> R {
    let mut extras = get(user).cloned().unwrap_or_default();
    let result = change(&mut extras);
    let data: Arc<dyn UserData> = Arc::new(extras);
    match user.iter_mut().find(|meta| meta.kind == KIND) {
        Some(meta) => meta.data = data,
        None => user.push(UserMeta { kind: KIND, data }),
    }
    result
}
