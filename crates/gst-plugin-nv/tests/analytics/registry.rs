//! Names, ranks, properties and caps as programs written for DeepStream ask for them.

use gst::glib;
use gst::prelude::*;

use crate::common::*;

/// Element, rank, and the properties with their defaults.
const ELEMENTS: [(&str, &[(&str, &str)]); 5] = [
    (
        "nvsegvisual",
        &[
            ("unique-id", "15"),
            ("gpu-id", "0"),
            ("batch-size", "1"),
            ("width", "1280"),
            ("height", "720"),
            ("operate-on-seg-meta-id", "-1"),
            ("original-background", "false"),
            ("class-id", "0"),
            ("alpha", "0.500000"),
            ("gpu-on", "true"),
            ("qos", "false"),
        ],
    ),
    (
        "nvinfer",
        &[
            ("config-file-path", ""),
            ("model-engine-file", ""),
            ("batch-size", "1"),
            ("interval", "0"),
            ("process-mode", "primary"),
            ("unique-id", "15"),
            ("infer-on-gie-id", "-1"),
            ("infer-on-class-ids", ""),
            ("filter-out-class-ids", ""),
            ("gpu-id", "0"),
            ("raw-output-file-write", "false"),
            ("output-tensor-meta", "false"),
            ("output-instance-mask", "false"),
            ("input-tensor-meta", "false"),
            ("clip-object-outside-roi", "true"),
            ("crop-objects-to-roi-boundary", "false"),
        ],
    ),
    (
        "nvtracker",
        &[
            ("tracker-width", "960"),
            ("tracker-height", "544"),
            ("gpu-id", "0"),
            ("display-tracking-id", "true"),
            ("tracking-id-reset-mode", "0"),
            ("input-tensor-meta", "false"),
            ("tensor-meta-gie-id", "0"),
            ("user-meta-pool-size", "32"),
            ("sub-batches", ""),
            ("sub-batch-err-recovery-trial-cnt", "0"),
            ("operate-on-class-ids", ""),
            ("tracking-surface-type", "0"),
            ("compute-hw", "Default"),
        ],
    ),
    (
        "nvmultistreamtiler",
        &[
            ("rows", "1"),
            ("columns", "1"),
            ("width", "1920"),
            ("height", "1080"),
            ("show-source", "-1"),
            ("square-seq-grid", "false"),
            ("buffer-pool-size", "5"),
            ("compute-hw", "Default"),
            ("interpolation-method", "Nearest"),
            ("nvbuf-memory-type", "nvbuf-mem-default"),
            ("gpu-id", "0"),
        ],
    ),
    (
        "nvdsosd",
        &[
            ("process-mode", "GPU_MODE"),
            ("display-text", "true"),
            ("display-bbox", "true"),
            ("display-mask", "false"),
            ("display-clock", "false"),
            ("clock-font", "Serif"),
            ("clock-font-size", "12"),
            ("x-clock-offset", "0"),
            ("y-clock-offset", "0"),
            ("clock-color", "4294967295"),
            ("blur-bbox", "0"),
            ("blur-on-gie-class-ids", ""),
            ("gpu-id", "0"),
        ],
    ),
];

fn shown(value: &glib::Value) -> String {
    if let Some((_, value)) = glib::EnumValue::from_value(value) {
        return value.nick().to_owned();
    }
    if let Ok(text) = value.get::<Option<String>>() {
        return text.unwrap_or_default();
    }
    value.transform::<String>().unwrap().get::<String>().unwrap().to_lowercase()
}

#[test]
fn elements_are_there_with_deepstreams_properties() {
    for (name, properties) in ELEMENTS {
        let element = element(name);
        let factory = element.factory().unwrap();
        assert_eq!(factory.rank(), gst::Rank::PRIMARY, "{name}");
        assert_eq!(element.name(), format!("{name}{}", element.name().trim_start_matches(name)), "{name}");
        for (property, default) in properties {
            assert_eq!(shown(&element.property_value(property)), *default, "{name} {property}");
            // as programs in Python write them
            assert!(element.has_property(&property.replace('-', "_")), "{name} {property}");
        }
        for template in factory.static_pad_templates() {
            // This one gives RGBA alone.
            if (name, template.direction()) == ("nvsegvisual", gst::PadDirection::Src) {
                continue;
            }
            let caps = template.caps();
            for format in ["NV12", "RGBA", "I420"] {
                let given: gst::Caps =
                    format!("video/x-raw(memory:NVMM),format={format},width=1920,height=1080,framerate=30/1,batch-size=4")
                        .parse()
                        .unwrap();
                assert!(caps.can_intersect(&given), "{name} {format}");
            }
        }
    }
}

#[test]
fn sizes_of_tiles_are_limited_as_in_deepstream() {
    let tiler = element("nvmultistreamtiler");
    let spec = tiler.find_property("width").unwrap().downcast::<glib::ParamSpecUInt>().unwrap();
    assert_eq!(spec.minimum(), 16);
    let infer = element("nvinfer");
    let spec = infer.find_property("batch-size").unwrap().downcast::<glib::ParamSpecUInt>().unwrap();
    assert_eq!((spec.minimum(), spec.maximum()), (1, 1024));
}
