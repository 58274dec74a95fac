//! The properties of `slipinfer`.

use std::num::NonZeroUsize;
use std::sync::LazyLock;
use std::time::Duration;

use gst::{glib, prelude::*};
use slipstream_infer::{InferConfig, Policy, config};

use super::ProcessMode;

/// The lowest priority that Linux knows.
const MAX_NICE: i32 = 19;
/// Most images per inference, as in DeepStream.
const MAX_BATCH_SIZE: u32 = 1024;

/// What the program asks for; `None`, and empty lists, leave it to the config file.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) config_file_path: Option<String>,
    process_mode: ProcessMode,
    batch_size: Option<u32>,
    interval: Option<u32>,
    unique_id: Option<u32>,
    infer_on_gie_id: Option<u32>,
    infer_on_class_ids: Option<String>,
    filter_out_class_ids: Option<String>,
    output_tensor_meta: Option<bool>,
    output_instance_mask: Option<bool>,
    crop_objects_to_roi_boundary: Option<bool>,
    pub(super) workers: Option<NonZeroUsize>,
    pub(super) budget: f64,
    pub(super) hold_objects: bool,
    pub(super) nice: i32,
}

/// A property with a list of classes that is none.
#[derive(Debug, thiserror::Error)]
#[error("{property}={value}: expected whole numbers separated by : or ;")]
pub(super) struct ClassListError {
    property: &'static str,
    value: String,
}

fn class_list(property: &'static str, value: &str) -> Result<Vec<u32>, ClassListError> {
    let parts = value.split([':', ';']).map(str::trim).filter(|part| !part.is_empty());
    let list: Result<_, _> = parts.map(str::parse).collect();
    list.map_err(|_| ClassListError { property, value: value.to_owned() })
}

impl Settings {
    /// Which frames of a primary network get their turn.
    /// `given` is what is asked for otherwise.
    pub(super) fn policy(
        &self,
        given: Option<Policy>,
        config: &InferConfig,
        period: Option<Duration>,
    ) -> Policy {
        match given {
            _ if self.budget > 0.0 => Policy::Budget { share: self.budget, period },
            Some(given) => given,
            None => Policy::Interval(self.interval.unwrap_or(config.interval)),
        }
    }

    /// Puts what the program asks for in the place of what the file says.
    pub(super) fn apply(&self, config: &mut InferConfig) -> Result<(), ClassListError> {
        match self.process_mode {
            ProcessMode::File => {}
            ProcessMode::Primary => config.process_mode = config::ProcessMode::Primary,
            ProcessMode::Secondary => config.process_mode = config::ProcessMode::Secondary,
        }
        let set = |value: &mut u32, given: Option<u32>| *value = given.unwrap_or(*value);
        set(&mut config.batch_size, self.batch_size);
        set(&mut config.unique_id, self.unique_id);
        config.operate_on_gie_id = self.infer_on_gie_id.or(config.operate_on_gie_id);
        let lists = [
            ("infer-on-class-ids", &self.infer_on_class_ids, &mut config.operate_on_class_ids),
            ("filter-out-class-ids", &self.filter_out_class_ids, &mut config.filter_out_class_ids),
        ];
        for (property, given, list) in lists {
            if let Some(given) = given.as_deref().filter(|given| !given.is_empty()) {
                *list = class_list(property, given)?;
            }
        }
        let set = |value: &mut bool, given: Option<bool>| *value = given.unwrap_or(*value);
        set(&mut config.output_tensor_meta, self.output_tensor_meta);
        set(&mut config.output_instance_mask, self.output_instance_mask);
        set(&mut config.crop_objects_to_roi_boundary, self.crop_objects_to_roi_boundary);
        Ok(())
    }

    /// Takes a property over. Returns whether there is one of that name.
    pub(super) fn set(&mut self, name: &str, value: &glib::Value) -> bool {
        fn get<'a, T: glib::value::FromValue<'a>>(value: &'a glib::Value) -> T {
            value.get().unwrap_or_else(|_| unreachable!("type checked by GObject"))
        }
        let from_file = || u32::try_from(get::<i32>(value)).ok();
        match name {
            "config-file-path" => self.config_file_path = get(value),
            "process-mode" => self.process_mode = get(value),
            "batch-size" => self.batch_size = from_file().filter(|&size| size > 0),
            "interval" => self.interval = from_file(),
            "unique-id" => self.unique_id = from_file(),
            "infer-on-gie-id" => self.infer_on_gie_id = from_file(),
            "infer-on-class-ids" => self.infer_on_class_ids = get(value),
            "filter-out-class-ids" => self.filter_out_class_ids = get(value),
            "output-tensor-meta" => self.output_tensor_meta = Some(get(value)),
            "output-instance-mask" => self.output_instance_mask = Some(get(value)),
            "crop-objects-to-roi-boundary" => self.crop_objects_to_roi_boundary = Some(get(value)),
            "budget" => self.budget = get(value),
            "hold-objects" => self.hold_objects = get(value),
            "nice" => self.nice = get(value),
            "workers" => self.workers = NonZeroUsize::new(get::<u32>(value) as usize),
            _ => return false,
        }
        true
    }

    /// The value of a property.
    pub(super) fn get(&self, name: &str) -> glib::Value {
        let from_file =
            |value: Option<u32>| value.and_then(|value| i32::try_from(value).ok()).unwrap_or(-1).to_value();
        match name {
            "config-file-path" => self.config_file_path.to_value(),
            "process-mode" => self.process_mode.to_value(),
            "batch-size" => from_file(self.batch_size),
            "interval" => from_file(self.interval),
            "unique-id" => from_file(self.unique_id),
            "infer-on-gie-id" => from_file(self.infer_on_gie_id),
            "infer-on-class-ids" => self.infer_on_class_ids.to_value(),
            "filter-out-class-ids" => self.filter_out_class_ids.to_value(),
            "output-tensor-meta" => self.output_tensor_meta.unwrap_or_default().to_value(),
            "output-instance-mask" => self.output_instance_mask.unwrap_or_default().to_value(),
            "crop-objects-to-roi-boundary" => {
                self.crop_objects_to_roi_boundary.unwrap_or_default().to_value()
            }
            "budget" => self.budget.to_value(),
            "hold-objects" => self.hold_objects.to_value(),
            "nice" => self.nice.to_value(),
            _ => (self.workers.map_or(0, NonZeroUsize::get) as u32).to_value(),
        }
    }
}

/// The table of properties.
pub(super) fn properties() -> &'static [glib::ParamSpec] {
    static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
        let number = |name, nick, blurb, maximum| {
            let builder = glib::ParamSpecInt::builder(name).nick(nick).blurb(blurb);
            builder.minimum(-1).maximum(maximum).default_value(-1)
        };
        let switch = |name, nick, blurb| {
            glib::ParamSpecBoolean::builder(name).nick(nick).blurb(blurb).mutable_ready().build()
        };
        let list = |name, nick, blurb| {
            glib::ParamSpecString::builder(name).nick(nick).blurb(blurb).mutable_ready().build()
        };
        vec![
            list(
                "config-file-path",
                "Config file",
                "The network's config file in DeepStream's nvinfer format, INI or YAML",
            ),
            glib::ParamSpecEnum::builder::<ProcessMode>("process-mode")
                .nick("Process mode")
                .blurb("What to look at: whole frames, or the objects on them")
                .mutable_ready()
                .build(),
            number("batch-size", "Batch size", "Images per inference; -1 as in the file", MAX_BATCH_SIZE as i32)
                .mutable_ready()
                .build(),
            number(
                "interval",
                "Interval",
                "Frames of each source to leave out between two that are looked at; -1 as in the file",
                i32::MAX,
            )
            .mutable_playing()
            .build(),
            number("unique-id", "Unique ID", "Number of this network in the metadata; -1 as in the file", i32::MAX)
                .mutable_ready()
                .build(),
            number(
                "infer-on-gie-id",
                "Infer on component",
                "Secondary: look at objects that the network of this number found; -1 as in the file",
                i32::MAX,
            )
            .mutable_ready()
            .build(),
            list(
                "infer-on-class-ids",
                "Infer on classes",
                "Secondary: look at objects of these classes, as 0:2:3; nothing as in the file",
            ),
            list(
                "filter-out-class-ids",
                "Filter out classes",
                "Classes that are not reported, as 0;2;3; nothing as in the file",
            ),
            switch("output-tensor-meta", "Output tensors", "Hand on the raw outputs too; as in the file if not set"),
            switch(
                "output-instance-mask",
                "Output masks",
                "Instance segmentation: masks, not only boxes; as in the file if not set",
            ),
            switch(
                "crop-objects-to-roi-boundary",
                "Crop objects",
                "Clip boxes that leave the frame instead of dropping them; as in the file if not set",
            ),
            glib::ParamSpecDouble::builder("budget")
                .nick("Budget")
                .blurb(
                    "Share of the time between batches that may be spent on inference: as many frames, or objects, are \
                     looked at as fit into it, whatever the interval; 0 sets no limit",
                )
                .minimum(0.0)
                .maximum(1.0)
                .mutable_playing()
                .build(),
            glib::ParamSpecBoolean::builder("hold-objects")
                .nick("Hold objects")
                .blurb("Repeat what was found last on frames, or objects, that are not looked at")
                .mutable_playing()
                .build(),
            glib::ParamSpecUInt::builder("workers")
                .nick("Workers")
                .blurb("Images looked at side by side, on one core each; 0 takes all cores")
                .mutable_ready()
                .build(),
            glib::ParamSpecInt::builder("nice")
                .nick("Nice")
                .blurb("How far workers step back for other threads, so that detection slows down before anything else")
                .minimum(0)
                .maximum(MAX_NICE)
                .mutable_ready()
                .build(),
            glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
                .nick("Statistics")
                .blurb("Images looked at, and the time spent on them on all cores together in nanoseconds")
                .read_only()
                .build(),
        ]
    });
    &PROPERTIES
}
