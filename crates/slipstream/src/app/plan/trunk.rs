//! What all sources have in common: from the multiplexer to where pictures are tiled or go their own ways.

use super::{Builder, MUX, PlanError, Property, Tap, asked, own};
use crate::app::config::{AppConfig, Gie, Streammux, TiledDisplay, Tracker};

const MUX_GROUP: &str = "streammux";
const TILER_GROUP: &str = "tiled-display";
const TRACKER_GROUP: &str = "tracker";
const ANALYTICS_GROUP: &str = "nvds-analytics";
const PREPROCESS_GROUP: &str = "pre-process";

impl Builder<'_> {
    pub(super) fn trunk(&mut self, config: &AppConfig) -> Result<(), PlanError> {
        self.need("nvstreammux", MUX_GROUP)?;
        let sources = self.plan.inputs.len();
        self.then("nvstreammux", MUX, mux(config.streammux.as_ref(), sources));
        let preprocessed = self.preprocess(config);
        if let Some(gie) = &config.primary_gie {
            self.gie(gie, "primary_gie", false, preprocessed)?;
            self.plan.detected = Some(Tap { element: self.last.clone(), pad: "src" });
        }
        if let Some(tracker) = &config.tracker {
            self.need("nvtracker", TRACKER_GROUP)?;
            self.queue("tracking_queue");
            self.then("nvtracker", "tracking_tracker", track(tracker));
            self.plan.tracked = Some(Tap { element: self.last.clone(), pad: "src" });
        }
        if let Some(path) = &config.analytics {
            if self.machine.has("nvdsanalytics") {
                self.queue("analytics_queue");
                let file = asked(ANALYTICS_GROUP, "config-file", path.display());
                self.then("nvdsanalytics", "dsanalytics", vec![file]);
            } else {
                self.say(format!("[{ANALYTICS_GROUP}] is not supported and is left out"));
            }
        }
        for (index, gie) in in_order(&config.secondary_gies).into_iter().enumerate() {
            self.gie(gie, &format!("secondary_gie_{index}"), true, preprocessed)?;
        }
        if let Some((width, height)) = config.segvisual {
            if self.machine.has("nvsegvisual") {
                self.queue("segvisual_queue");
                let mut size = vec![own("batch-size", sources)];
                size.extend(
                    [("width", width), ("height", height)].map(|(name, side)| asked("segvisual", name, side)),
                );
                self.then("nvsegvisual", "segvisual", size);
            } else {
                self.say("[segvisual] is not supported and is left out".into());
            }
        }
        Ok(())
    }

    /// Whether tensors are prepared before the detector.
    fn preprocess(&mut self, config: &AppConfig) -> bool {
        let Some(path) = &config.preprocess else { return false };
        let there = self.machine.has("nvdspreprocess");
        if there {
            self.queue("preprocess_queue");
            let file = asked(PREPROCESS_GROUP, "config-file", path.display());
            self.then("nvdspreprocess", "preprocess", vec![file]);
        } else {
            self.say(format!(
                "[{PREPROCESS_GROUP}] is not supported and is left out: whole frames are looked at as the detector's config says"
            ));
        }
        there
    }

    fn gie(
        &mut self,
        gie: &Gie,
        name: &str,
        is_secondary: bool,
        preprocessed: bool,
    ) -> Result<(), PlanError> {
        let group = gie.group.as_str();
        let factory = match gie.plugin_type {
            0 => "nvinfer",
            _ if self.machine.has("nvinferserver") => "nvinferserver",
            _ => {
                let place = gie.location.as_ref().map(ToString::to_string).unwrap_or_default();
                return Err(PlanError::InferServer { place, group: group.to_owned() });
            }
        };
        self.need(factory, group)?;
        let mut properties = vec![asked(group, "config-file-path", gie.config_file.display())];
        let mut set = |name: &str, value: Option<String>| {
            properties.extend(value.map(|value| asked(group, name, value)));
        };
        if is_secondary {
            set("process-mode", Some("2".into()));
        }
        set("batch-size", gie.batch_size.map(|n| n.to_string()));
        set("interval", gie.interval.map(|n| n.to_string()));
        set("unique-id", gie.unique_id.map(|n| n.to_string()));
        set("model-engine-file", gie.model_engine_file.as_ref().map(|path| path.display().to_string()));
        set("infer-on-gie-id", gie.operate_on_gie_id.map(|n| n.to_string()));
        let classes: Vec<_> = gie.operate_on_class_ids.iter().map(ToString::to_string).collect();
        set("infer-on-class-ids", Some(classes.join(":")).filter(|list| !list.is_empty()));
        if preprocessed {
            set("input-tensor-meta", gie.input_tensor_meta.then(|| "true".into()));
        }
        self.queue(format!("{name}_queue"));
        self.then(factory, name, properties);
        Ok(())
    }

    /// One picture of all.
    pub(super) fn tiler(&mut self, display: &TiledDisplay) -> Result<(), PlanError> {
        self.need("nvmultistreamtiler", TILER_GROUP)?;
        let (rows, columns) = self.grid(display);
        let mut properties = vec![asked(TILER_GROUP, "rows", rows), asked(TILER_GROUP, "columns", columns)];
        properties.extend(display.width.map(|side| asked(TILER_GROUP, "width", side)));
        properties.extend(display.height.map(|side| asked(TILER_GROUP, "height", side)));
        if display.square_seq_grid {
            properties.push(asked(TILER_GROUP, "square-seq-grid", true));
        }
        self.queue("tiled_display_queue");
        self.then("nvmultistreamtiler", "tiled_display_tiler", properties);
        self.plan.tiler = Some((self.last.clone(), rows, columns));
        self.plan.perf = Some(Tap { element: self.last.clone(), pad: "sink" });
        Ok(())
    }

    /// Rows and columns; more where sources have no tile.
    fn grid(&mut self, display: &TiledDisplay) -> (u32, u32) {
        let sources = u32::try_from(self.plan.inputs.len()).unwrap_or(u32::MAX);
        let (rows, columns) = (display.rows, display.columns);
        if rows.saturating_mul(columns) >= sources {
            return (rows, columns);
        }
        let root = (f64::from(sources).sqrt() + 0.5) as u32;
        let columns = if columns == 0 { root.max(1) } else { columns };
        let rows = sources.div_ceil(columns);
        self.say(format!(
            "Num of Tiles less than number of sources, readjusting to {rows} rows, {columns} columns"
        ));
        (rows, columns)
    }
}

fn mux(streammux: Option<&Streammux>, sources: usize) -> Vec<Property> {
    let Some(streammux) = streammux else { return vec![own("batch-size", sources)] };
    let batch_size = streammux.batch_size.map(|size| asked(MUX_GROUP, "batch-size", size));
    let mut properties = vec![batch_size.unwrap_or_else(|| own("batch-size", sources))];
    let mut set = |name: &str, value: Option<String>| {
        properties.extend(value.map(|value| asked(MUX_GROUP, name, value)));
    };
    set("width", streammux.width.map(|side| side.to_string()));
    set("height", streammux.height.map(|side| side.to_string()));
    set("batched-push-timeout", streammux.batched_push_timeout.map(|time| time.to_string()));
    set("config-file-path", streammux.config_file_path.as_ref().map(|path| path.display().to_string()));
    for (name, value) in &streammux.others {
        set(name, Some(value.clone()));
    }
    properties
}

fn track(tracker: &Tracker) -> Vec<Property> {
    let mut properties = vec![asked(TRACKER_GROUP, "display-tracking-id", tracker.display_tracking_id)];
    let mut set = |name: &str, value: Option<String>| {
        properties.extend(value.map(|value| asked(TRACKER_GROUP, name, value)));
    };
    set("tracker-width", tracker.width.map(|side| side.to_string()));
    set("tracker-height", tracker.height.map(|side| side.to_string()));
    set("ll-lib-file", tracker.ll_lib_file.as_ref().map(|path| path.display().to_string()));
    let files: Vec<_> = tracker.ll_config_files.iter().map(|path| path.display().to_string()).collect();
    set("ll-config-file", Some(files.join(";")).filter(|list| !list.is_empty()));
    for (name, value) in &tracker.others {
        set(name, Some(value.clone()));
    }
    properties
}

/// Secondary detectors and classifiers, each behind the one whose objects it looks at.
fn in_order(gies: &[Gie]) -> Vec<&Gie> {
    let mut waiting: Vec<&Gie> = gies.iter().collect();
    let mut ordered = Vec::with_capacity(gies.len());
    while !waiting.is_empty() {
        let waits = |gie: &&Gie| {
            gie.operate_on_gie_id.is_some_and(|id| {
                gie.unique_id != Some(id) && waiting.iter().any(|other| other.unique_id == Some(id))
            })
        };
        // Where they wait for each other in a circle, the file's order is as good as any.
        let next = waiting.iter().position(|gie| !waits(gie)).unwrap_or_default();
        ordered.push(waiting.remove(next));
    }
    ordered
}
