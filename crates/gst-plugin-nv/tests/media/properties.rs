use gst::prelude::*;

use crate::common::init;

/// What DeepStream's programs set: element, property, default as text, another value.
const PROPERTIES: &[(&str, &str, &str, &str)] = &[
    ("nvvideoconvert", "nvbuf-memory-type", "nvbuf-mem-default", "nvbuf-mem-cuda-unified"),
    ("nvvideoconvert", "gpu-id", "0", "1"),
    ("nvvideoconvert", "flip-method", "none", "rotate-180"),
    ("nvvideoconvert", "interpolation-method", "Default", "Bilinear"),
    ("nvvideoconvert", "compute-hw", "Default", "VIC"),
    ("nvvideoconvert", "output-buffers", "4", "8"),
    ("nvvideoconvert", "src-crop", "NULL", "0:0:10:10"),
    ("nvv4l2decoder", "skip-frames", "decode_all", "decode_key"),
    ("nvv4l2decoder", "drop-frame-interval", "0", "5"),
    ("nvv4l2decoder", "num-extra-surfaces", "0", "24"),
    ("nvv4l2decoder", "cudadec-memtype", "memtype_device", "memtype_unified"),
    ("nvv4l2decoder", "bufapi-version", "false", "true"),
    ("nvv4l2decoder", "enable-max-performance", "false", "true"),
    ("nvv4l2decoder", "mjpeg", "false", "true"),
    ("nvv4l2h264enc", "bitrate", "4000000", "1000000"),
    ("nvv4l2h264enc", "preset-level", "UltraFastPreset", "SlowPreset"),
    ("nvv4l2h264enc", "insert-sps-pps", "false", "true"),
    ("nvv4l2h264enc", "bufapi-version", "false", "true"),
    ("nvv4l2h264enc", "control-rate", "constant_bitrate", "variable_bitrate"),
    ("nvv4l2h264enc", "iframeinterval", "30", "60"),
    ("nvv4l2h264enc", "idrinterval", "256", "60"),
    ("nvv4l2h265enc", "bitrate", "4000000", "1000000"),
    ("nvv4l2h265enc", "profile", "Main", "Main10"),
    ("nvjpegenc", "quality", "85", "50"),
    ("nvjpegdec", "idct-method", "ifast", "islow"),
    ("nveglglessink", "sync", "true", "false"),
    ("nveglglessink", "qos", "true", "false"),
    ("nveglglessink", "async", "true", "false"),
    ("nveglglessink", "window-x", "10", "0"),
    ("nveglglessink", "window-width", "0", "640"),
    ("nveglglessink", "create-window", "true", "false"),
    ("nveglglessink", "rows", "1", "2"),
    ("nv3dsink", "sync", "true", "false"),
    ("nv3dsink", "qos", "false", "true"),
    ("nv3dsink", "max-lateness", "-1", "20000000"),
    ("nv3dsink", "enable-last-sample", "true", "false"),
    ("nvdrmvideosink", "conn-id", "-1", "0"),
    ("nvdrmvideosink", "set-mode", "false", "true"),
];

#[test]
fn what_programs_set_is_there_with_its_default() {
    init();
    for (element, name, default, other) in PROPERTIES {
        let made = gst::ElementFactory::make(element).build().unwrap();
        let text = || {
            let value = made.property_value(name);
            match value.get::<Option<String>>() {
                Ok(text) => text.unwrap_or_else(|| "NULL".into()),
                Err(_) => match gst::glib::EnumValue::from_value(&value) {
                    Some((_, value)) => value.nick().to_owned(),
                    None => value.serialize().unwrap().to_string(),
                },
            }
        };
        assert_eq!(text(), *default, "{element} {name}");
        made.set_property_from_str(name, other);
        assert_eq!(text(), *other, "{element} {name}");
    }
}

#[test]
fn default_names_are_deepstreams() {
    init();
    for name in
        ["nvvideoconvert", "nvv4l2decoder", "nvv4l2h264enc", "nvjpegdec", "nveglglessink", "nvegltransform"]
    {
        let element = gst::ElementFactory::make(name).build().unwrap();
        let given = element.name();
        assert!(given.strip_prefix(name).is_some_and(|number| number.parse::<u32>().is_ok()), "{given}");
    }
}

#[test]
fn decoders_are_preferred_as_deepstreams() {
    init();
    let factory = gst::ElementFactory::find("nvv4l2decoder").unwrap();
    assert_eq!(i32::from(factory.rank()), 267);
    assert_eq!(factory.klass(), "Codec/Decoder/Video");
}
