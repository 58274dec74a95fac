//! DeepStream's events about the streams inside a batch.
//!
//! They travel downstream with the batches, carry types of DeepStream's own (`gst-nvevent.h`) and name the source by its
//! pad of the multiplexer.

use gst::glib::translate::{IntoGlibPtr, from_glib_full};

/// Name of the field that says which source it is about.
const SOURCE: &str = "source-id";
/// DeepStream's flags: downstream, in order with the buffers, kept on pads, one of each name.
const FLAGS: u32 = gst::ffi::GST_EVENT_TYPE_DOWNSTREAM
    | gst::ffi::GST_EVENT_TYPE_SERIALIZED
    | gst::ffi::GST_EVENT_TYPE_STICKY
    | gst::ffi::GST_EVENT_TYPE_STICKY_MULTI;
/// Where the number stands in an event's type (`GST_EVENT_NUM_SHIFT`).
const NUMBER_SHIFT: u32 = 8;

/// What happened to a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamEvent {
    /// It has joined.
    PadAdded,
    /// It has left, and all of its frames are through.
    PadDeleted,
    /// It has ended, and all of its frames are through.
    Eos,
    /// It begins anew: what is known about it holds no longer.
    Reset,
}

impl StreamEvent {
    const ALL: [Self; 4] = [Self::PadAdded, Self::PadDeleted, Self::Eos, Self::Reset];

    /// DeepStream's number of it, and the name of the structure.
    fn number_and_name(self) -> (u32, &'static str) {
        match self {
            Self::PadAdded => (400, "nv-pad-added"),
            Self::PadDeleted => (401, "nv-pad-deleted"),
            Self::Eos => (402, "nv-stream-eos"),
            Self::Reset => (404, "nv-stream-reset"),
        }
    }

    fn event_type(self) -> u32 {
        (self.number_and_name().0 << NUMBER_SHIFT) | FLAGS
    }

    /// The event that says so about `source`.
    pub(crate) fn about(self, source: u32) -> gst::Event {
        let structure = gst::Structure::builder(self.number_and_name().1).field(SOURCE, source).build();
        // SAFETY: the structure is handed over. Types without a name in GStreamer's enumeration are fine: only the flags in
        // them are looked at.
        unsafe {
            from_glib_full(gst::ffi::gst_event_new_custom(
                self.event_type() as gst::ffi::GstEventType,
                structure.into_glib_ptr(),
            ))
        }
    }

    /// What `event` says, and about which source; `None` if it is none of these.
    pub(crate) fn parse(event: &gst::EventRef) -> Option<(Self, u32)> {
        // SAFETY: the event is borrowed.
        let event_type = unsafe { (*event.as_ptr()).type_ } as u32;
        let kind = Self::ALL.into_iter().find(|kind| kind.event_type() == event_type)?;
        // 406 and others are given twice in DeepStream: the name decides.
        let structure = event.structure().filter(|s| s.name() == kind.number_and_name().1)?;
        Some((kind, structure.get(SOURCE).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_they_were_written() {
        gst::init().unwrap();
        for kind in StreamEvent::ALL {
            let event = kind.about(7);
            assert!(event.is_downstream() && event.is_serialized() && event.is_sticky());
            assert_eq!(StreamEvent::parse(&event), Some((kind, 7)));
        }
        assert_eq!(StreamEvent::parse(&gst::event::Eos::new()), None);
    }

    #[test]
    fn numbers_are_deepstreams() {
        // GST_EVENT_MAKE_TYPE (402, DOWNSTREAM | SERIALIZED | STICKY | STICKY_MULTI)
        assert_eq!(StreamEvent::Eos.event_type(), 402 << 8 | 2 | 4 | 8 | 16);
    }
}
