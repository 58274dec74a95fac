//! What can be set over HTTP while the pipeline plays: a table, and the elements that it is about.

use std::collections::HashSet;

use gst::glib;
use gst::prelude::*;

/// Where an element is that something is set on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The multiplexer.
    Mux,
    /// Of this kind, in the source of the stream.
    Source(&'static str),
    /// Of one of these kinds, anywhere that frames of the stream go to.
    Behind(&'static [&'static str]),
}

/// Something that can be set.
#[derive(Debug)]
pub(super) struct Control {
    /// Below the base of the interface.
    pub(super) path: &'static str,
    /// Key of the value in the request.
    pub(super) key: &'static str,
    /// What the reason of an answer begins with.
    pub(super) word: &'static str,
    pub(super) place: Place,
    pub(super) property: &'static str,
}

const DECODER: Place = Place::Source("nvv4l2decoder");
const CONVERTER: Place = Place::Source("nvvideoconvert");
const ENCODERS: Place = Place::Behind(&["nvv4l2h264enc", "nvv4l2h265enc"]);

const fn control(
    path: &'static str,
    key: &'static str,
    word: &'static str,
    place: Place,
    property: &'static str,
) -> Control {
    Control { path, key, word, place, property }
}

/// Paths, keys and words are DeepStream's.
pub(super) const CONTROLS: &[Control] = &[
    control(
        "mux/batched-push-timeout",
        "batched_push_timeout",
        "BATCHED_PUSH_TIMEOUT_UPDATE",
        Place::Mux,
        "batched-push-timeout",
    ),
    control("mux/max-latency", "max_latency", "MAX_LATENCY_UPDATE", Place::Mux, "max-latency"),
    control(
        "dec/drop-frame-interval",
        "drop_frame_interval",
        "DROP_FRAME_INTERVAL_UPDATE",
        DECODER,
        "drop-frame-interval",
    ),
    control("dec/skip-frames", "skip_frames", "SKIP_FRAMES_UPDATE", DECODER, "skip-frames"),
    control("conv/srccrop", "src_crop", "SRC_CROP_UPDATE", CONVERTER, "src-crop"),
    control("conv/destcrop", "dest_crop", "DEST_CROP_UPDATE", CONVERTER, "dest-crop"),
    control("conv/flip-method", "flip_method", "FLIP_METHOD_UPDATE", CONVERTER, "flip-method"),
    control(
        "conv/interpolation-method",
        "interpolation_method",
        "INTERPOLATION_METHOD_UPDATE",
        CONVERTER,
        "interpolation-method",
    ),
    control(
        "infer/set-interval",
        "interval",
        "INFER_INTERVAL_UPDATE",
        Place::Behind(&["nvinfer"]),
        "interval",
    ),
    control(
        "osd/process-mode",
        "process_mode",
        "PROCESS_MODE_UPDATE",
        Place::Behind(&["nvdsosd"]),
        "process-mode",
    ),
    control("enc/bitrate", "bitrate", "BITRATE_UPDATE", ENCODERS, "bitrate"),
    control("enc/force-idr", "force_idr", "FORCE_IDR_UPDATE", ENCODERS, "force-idr"),
    control("enc/force-intra", "force_intra", "FORCE_INTRA_UPDATE", ENCODERS, "force-intra"),
];

fn factory_of(element: &gst::Element) -> String {
    element.factory().map(|factory| factory.name().to_string()).unwrap_or_default()
}

/// The elements of `kinds` inside `bin`.
pub(super) fn inside(bin: &gst::Bin, kinds: &[&str]) -> Vec<gst::Element> {
    let all = bin.iterate_recurse().into_iter().filter_map(Result::ok);
    all.filter(|element| kinds.contains(&factory_of(element).as_str())).collect()
}

/// The elements of `kinds` that frames of the source `stream` come to behind `pad`.
pub(super) fn behind(pad: &gst::Pad, stream: u32, kinds: &[&str]) -> Vec<gst::Element> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut ways: Vec<gst::Pad> = vec![pad.clone()];
    while let Some(way) = ways.pop() {
        let Some(element) = way.peer().and_then(|peer| peer.parent_element()) else { continue };
        if !seen.insert(element.clone()) {
            continue;
        }
        let factory = factory_of(&element);
        if kinds.contains(&factory.as_str()) {
            found.push(element.clone());
        } else if let Some(bin) = element.downcast_ref::<gst::Bin>() {
            found.extend(inside(bin, kinds));
        }
        let own = format!("src_{stream}");
        ways.extend(
            element.src_pads().into_iter().filter(|pad| factory != "nvstreamdemux" || pad.name() == own),
        );
    }
    found
}

/// Sets a property to what `text` says.
///
/// # Errors
/// If there is no such property, it cannot be changed now, or it does not take that.
pub(super) fn set(element: &gst::Element, property: &str, text: &str) -> Result<(), String> {
    let spec =
        element.find_property(property).ok_or_else(|| format!("{} has no {property}", element.name()))?;
    let may_change = spec.flags().contains(gst::PARAM_FLAG_MUTABLE_PLAYING);
    if !may_change && element.current_state() > gst::State::Ready {
        return Err(format!("{property} of {} cannot be changed while it plays", element.name()));
    }
    let value = glib::Value::deserialize_with_pspec(text, &spec).ok().filter(|value| takes(&spec, value));
    let value = value.ok_or_else(|| format!("{property} cannot be {text}"))?;
    element.set_property_from_value(property, &value);
    Ok(())
}

/// Whether a number is in the range of a property, and a choice is one of those that there are.
pub(super) fn takes(spec: &glib::ParamSpec, value: &glib::Value) -> bool {
    if let (Some(spec), Ok(number)) = (spec.downcast_ref::<glib::ParamSpecInt>(), value.get::<i32>()) {
        return (spec.minimum()..=spec.maximum()).contains(&number);
    }
    if let (Some(spec), Ok(number)) = (spec.downcast_ref::<glib::ParamSpecUInt>(), value.get::<u32>()) {
        return (spec.minimum()..=spec.maximum()).contains(&number);
    }
    !spec.value_type().is_a(glib::Type::ENUM) || glib::EnumValue::from_value(value).is_some()
}
