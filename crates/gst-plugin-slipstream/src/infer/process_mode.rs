//! What `slipinfer` looks at.

use gst::glib;

use crate::format_type_name as format;

/// What the element looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstSlipInferProcessMode", allow_name_conflict)]
pub enum ProcessMode {
    /// What the config file says.
    #[default]
    #[enum_value(name = "As in the file", nick = "file")]
    File = 0,
    /// Whole frames.
    #[enum_value(name = "Whole frames", nick = "primary")]
    Primary = 1,
    /// Objects that another element found.
    #[enum_value(name = "Objects that another element found", nick = "secondary")]
    Secondary = 2,
}
