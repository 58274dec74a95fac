//! The properties of `nvinfer`, and which of them stand in the place of keys of the config file.

use std::collections::BTreeSet;

use gst::glib::{self, prelude::*};
use slipstream_infer::{InferConfig, config};

use crate::basics::properties::{Choice, Property};

/// Most images per inference, as in DeepStream.
const MAX_BATCH_SIZE: u32 = 1024;
/// `unique-id` of a component that sets none.
const DEFAULT_UNIQUE_ID: u32 = 15;
/// Number of the primary mode.
pub(super) const PRIMARY: i32 = 1;
/// Number of the secondary mode.
pub(super) const SECONDARY: i32 = 2;

static PROCESS_MODE: Choice = Choice::new(
    c"GstNvInferProcessModeType",
    &[(PRIMARY, "Primary (Full Frame)", "primary"), (SECONDARY, "Secondary (Objects)", "secondary")],
);

const NO_GPU: &str = "Taken, and without effect: the network runs where the config file's engine says";
const NO_FILES: &str = "Taken, and without effect: outputs are handed on with output-tensor-meta";
const NO_TENSORRT: &str = "Taken, and without effect: an option of TensorRT";

/// The properties, in DeepStream's order.
pub(super) static PROPERTIES: &[Property] = &[
    Property::uint(
        "unique-id",
        0,
        u32::MAX,
        DEFAULT_UNIQUE_ID,
        "Number of the element in the metadata that it writes",
    ),
    Property::choice("process-mode", &PROCESS_MODE, PRIMARY, "What is looked at: whole frames, or objects"),
    Property::text(
        "config-file-path",
        Some(""),
        "The network's config file; it is read at once, and in mid-stream another network takes over",
    )
    .while_playing(),
    Property::int(
        "infer-on-gie-id",
        -1,
        i32::MAX,
        -1,
        "Secondary: look at objects of this component; -1 for all",
    ),
    Property::text(
        "infer-on-class-ids",
        Some(""),
        "Secondary: look at objects of these classes, as 0:2:3; all if empty",
    ),
    Property::text("filter-out-class-ids", Some(""), "Classes that are not reported, as 0;2;3"),
    Property::text(
        "model-engine-file",
        Some(""),
        "Taken, and without effect: TensorRT's engines run nowhere else",
    )
    .while_playing(),
    Property::uint("batch-size", 1, MAX_BATCH_SIZE, 1, "Most images in one inference"),
    Property::uint("interval", 0, i32::MAX as u32, 0, "Batches to leave out between two that are looked at")
        .while_playing(),
    Property::uint("gpu-id", 0, u32::MAX, 0, NO_GPU),
    Property::bool("raw-output-file-write", false, NO_FILES),
    Property::bool("output-tensor-meta", false, "Hand on the raw outputs too"),
    Property::bool("output-instance-mask", false, "Instance segmentation: masks, not only boxes"),
    Property::bool("input-tensor-meta", false, "Taken, and without effect: frames are prepared here"),
    Property::bool(
        "clip-object-outside-roi",
        true,
        "Taken, and without effect: counts with input-tensor-meta only",
    ),
    Property::bool(
        "crop-objects-to-roi-boundary",
        false,
        "Clip boxes that leave the frame instead of dropping them",
    ),
    Property::bool("strongly-typed", false, NO_TENSORRT),
    Property::text("dynamic-properties", Some(""), NO_TENSORRT),
];

/// Properties that take an address, for C programs only.
const POINTERS: [(&str, &str); 2] =
    [("raw-output-generated-callback", NO_FILES), ("raw-output-generated-userdata", NO_FILES)];

/// All specifications; those of addresses come last.
pub(super) fn specs() -> Vec<glib::ParamSpec> {
    let pointers = POINTERS.iter().map(|&(name, blurb)| {
        glib::ParamSpecPointer::builder(name).nick(name).blurb(blurb).readwrite().build()
    });
    crate::basics::properties::specs(&[PROPERTIES]).into_iter().chain(pointers).collect()
}

/// A list of classes as properties have it.
fn joined(list: &[u32], separator: &str) -> String {
    list.iter().map(u32::to_string).collect::<Vec<_>>().join(separator)
}

/// What a config file says where a property of this name says the same.
pub(super) fn of_file(config: &InferConfig, name: &str) -> Option<glib::Value> {
    Some(match name {
        "unique-id" => config.unique_id.to_value(),
        "infer-on-gie-id" => {
            config.operate_on_gie_id.and_then(|id| i32::try_from(id).ok()).unwrap_or(-1).to_value()
        }
        "infer-on-class-ids" => joined(&config.operate_on_class_ids, ":").to_value(),
        "filter-out-class-ids" => joined(&config.filter_out_class_ids, ";").to_value(),
        "batch-size" => config.batch_size.to_value(),
        "interval" => config.interval.to_value(),
        "output-tensor-meta" => config.output_tensor_meta.to_value(),
        "output-instance-mask" => config.output_instance_mask.to_value(),
        "crop-objects-to-roi-boundary" => config.crop_objects_to_roi_boundary.to_value(),
        "process-mode" => {
            let number = match config.process_mode {
                config::ProcessMode::Primary => PRIMARY,
                config::ProcessMode::Secondary => SECONDARY,
            };
            PROCESS_MODE.to_value(number)
        }
        _ => return None,
    })
}

/// A property with a list of classes that is none.
#[derive(Debug, thiserror::Error)]
#[error("{property}={value}: expected whole numbers separated by : or ;")]
pub(super) struct ClassListError {
    property: &'static str,
    value: String,
}

/// Puts the properties that a program has set, by name, in the place of what the file says.
pub(super) fn apply(
    config: &mut InferConfig,
    given: &BTreeSet<&'static str>,
    settings: &crate::basics::properties::Settings,
) -> Result<(), ClassListError> {
    for &name in given {
        match name {
            "unique-id" => config.unique_id = settings.number(name),
            "process-mode" => {
                config.process_mode = match settings.number::<i32>(name) {
                    SECONDARY => config::ProcessMode::Secondary,
                    _ => config::ProcessMode::Primary,
                }
            }
            "infer-on-gie-id" => config.operate_on_gie_id = u32::try_from(settings.number::<i32>(name)).ok(),
            "infer-on-class-ids" => config.operate_on_class_ids = classes(name, settings.text(name))?,
            "filter-out-class-ids" => config.filter_out_class_ids = classes(name, settings.text(name))?,
            "batch-size" => config.batch_size = settings.number(name),
            "interval" => config.interval = settings.number(name),
            "output-tensor-meta" => config.output_tensor_meta = settings.is_on(name),
            "output-instance-mask" => config.output_instance_mask = settings.is_on(name),
            "crop-objects-to-roi-boundary" => config.crop_objects_to_roi_boundary = settings.is_on(name),
            _ => {}
        }
    }
    Ok(())
}

fn classes(property: &'static str, text: Option<String>) -> Result<Vec<u32>, ClassListError> {
    let value = text.unwrap_or_default();
    let parts = value.split([':', ';']).map(str::trim).filter(|part| !part.is_empty());
    let list: Result<_, _> = parts.map(str::parse).collect();
    list.map_err(|_| ClassListError { property, value: value.clone() })
}
