//! Bins around GStreamer's own elements.

use gst::glib;
use gst::prelude::*;

/// Where Debian and Ubuntu have the elements that may be missing.
const PACKAGES: [(&str, &[&str]); 6] = [
    ("gstreamer1.0-libav", &["avdec_", "avenc_"]),
    ("gstreamer1.0-plugins-ugly", &["x264enc", "mpeg2dec"]),
    (
        "gstreamer1.0-plugins-bad",
        &["x265enc", "h264parse", "h265parse", "dav1ddec", "av1dec", "libde265dec", "openh264"],
    ),
    ("gstreamer1.0-plugins-good", &["jpegdec", "jpegenc", "vp8dec", "vp9dec"]),
    ("gstreamer1.0-x", &["ximagesink", "xvimagesink"]),
    ("gstreamer1.0-plugins-base", &["videoconvert"]),
];

/// An element of GStreamer's is not installed.
#[derive(Debug, thiserror::Error)]
#[error("element {name} is not installed{}", .package.map(|package| format!("; on Debian and Ubuntu it is in {package}")).unwrap_or_default())]
pub(crate) struct Missing {
    name: String,
    package: Option<&'static str>,
}

/// Makes an element of GStreamer's.
///
/// # Errors
/// If it is not installed; the error says where it is to be had.
pub(crate) fn make(name: &str) -> Result<gst::Element, Missing> {
    gst::ElementFactory::make(name).build().map_err(|_| {
        let has_it = |(_, starts): &&(&str, &[&str])| starts.iter().any(|start| name.starts_with(start));
        Missing { name: name.into(), package: PACKAGES.iter().find(has_it).map(|(package, _)| *package) }
    })
}

/// A capsfilter.
pub(crate) fn filter(caps: &gst::Caps) -> Result<gst::Element, Missing> {
    let filter = make("capsfilter")?;
    filter.set_property("caps", caps);
    Ok(filter)
}

/// The ghost pad of a bin's class template `name`, without target yet.
pub(crate) fn ghost(bin: &impl IsA<gst::Element>, name: &str) -> Result<gst::GhostPad, glib::BoolError> {
    ghost_with(bin, name, |pad| pad)
}

/// As [`ghost`], with functions of its own.
pub(crate) fn ghost_with(
    bin: &impl IsA<gst::Element>,
    name: &str,
    functions: impl FnOnce(gst::PadBuilder<gst::GhostPad>) -> gst::PadBuilder<gst::GhostPad>,
) -> Result<gst::GhostPad, glib::BoolError> {
    let template =
        bin.as_ref().pad_template(name).ok_or_else(|| glib::bool_error!("no template for pad {name}"))?;
    let pad = functions(gst::GhostPad::builder_from_template(&template).name(name)).build();
    bin.as_ref().add_pad(&pad)?;
    Ok(pad)
}

/// Adds elements to a bin and links them one to the next.
pub(crate) fn chain(bin: &impl IsA<gst::Bin>, elements: &[&gst::Element]) -> Result<(), glib::BoolError> {
    bin.as_ref().add_many(elements.iter().copied())?;
    gst::Element::link_many(elements.iter().copied())
}

/// Lets a ghost pad lead to the pad `name` of an element inside.
pub(crate) fn lead(ghost: &gst::GhostPad, element: &gst::Element, name: &str) -> Result<(), glib::BoolError> {
    let pad =
        element.static_pad(name).ok_or_else(|| glib::bool_error!("{} has no pad {name}", element.name()))?;
    ghost.set_target(Some(&pad))
}

/// Sets what the element has: properties come and go with versions.
pub(crate) fn set(element: &gst::Element, name: &str, value: &str) {
    let Some(spec) = element.find_property(name) else { return };
    if spec.flags().contains(glib::ParamFlags::WRITABLE)
        && glib::Value::deserialize(value, spec.value_type()).is_ok()
    {
        element.set_property_from_str(name, value);
    }
}

/// The templates of an element with one pad on either side at most, each always there.
pub(crate) fn templates(sink: Option<&gst::Caps>, src: Option<&gst::Caps>) -> Vec<gst::PadTemplate> {
    [("sink", gst::PadDirection::Sink, sink), ("src", gst::PadDirection::Src, src)]
        .into_iter()
        .filter_map(|(name, direction, caps)| {
            gst::PadTemplate::new(name, direction, gst::PadPresence::Always, caps?).ok()
        })
        .collect()
}
