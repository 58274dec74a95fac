use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use gst::{glib, prelude::*};
use gst_base::subclass::prelude::*;
use gst_video::VideoFormat;
use gstslipstream::infer::{Network, SlipInfer, SlipInferImpl};
use parking_lot::Mutex;
use slipstream_infer::InferConfig;
use slipstream_infer::config::{Notice, ProcessMode};
use slipstream_infer::model::{SampleConfig, missing_sample, sample_config};
use slipstream_infer::schedule::Policy;

use super::dialect::DeepStream;
use super::settings::{PROPERTIES, apply, of_file, specs};
use crate::basics::properties::{Property, Settings};
use crate::caps::{batches_and_pictures, templates};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("nvinfer", gst::DebugColorFlags::empty(), Some("nvinfer of Slipstream"))
});

/// Formats of frames.
const FORMATS: [VideoFormat; 6] = [
    VideoFormat::Nv12,
    VideoFormat::I420,
    VideoFormat::Rgba,
    VideoFormat::Rgb,
    VideoFormat::Bgr,
    VideoFormat::Gray8,
];
/// Number of DeepStream's event that changes the interval in mid-stream.
const INTERVAL_UPDATE: u32 = 407;
/// The signal that another network has taken over, or could not.
const MODEL_UPDATED: &str = "model-updated";
/// What it says where all is well, and where the config cannot be used (`NvDsInferStatus`).
const SUCCESS: i32 = 0;
const CONFIG_FAILED: i32 = 1;

/// What the program has asked for so far.
#[derive(Default)]
struct Asked {
    /// What the config file says, or why it cannot be used; `None` before one is named.
    file: Option<Result<InferConfig, String>>,
    /// Properties that the program has set.
    given: BTreeSet<&'static str>,
    is_running: bool,
    /// Whether the network is one of DeepStream's samples that is not here: objects pass as they are.
    is_absent: bool,
}

/// Instance data of [`super::NvInfer`].
pub struct NvInfer {
    settings: Settings,
    asked: Mutex<Asked>,
}

impl Default for NvInfer {
    fn default() -> Self {
        Self { settings: Settings::new(&[PROPERTIES]), asked: Mutex::default() }
    }
}

/// Says on the standard error output, as DeepStream does, what the author of a config should know.
fn tell(notices: &[Notice]) {
    for notice in notices {
        if notice.message.starts_with("Unknown or legacy key") {
            eprintln!("{}", notice.message);
        } else {
            eprintln!("{notice}");
        }
    }
}

impl NvInfer {
    fn read(&self, path: &str) -> Result<InferConfig, String> {
        let own = match sample_config(Path::new(path)) {
            Some(SampleConfig::Own(own)) => {
                eprintln!(
                    "{}: config-file-path={path} is not there, {} is taken",
                    self.obj().name(),
                    own.display()
                );
                Some(own)
            }
            _ => None,
        };
        let place = own.as_deref().unwrap_or(Path::new(path));
        let (config, notices) = InferConfig::load(place).map_err(|err| err.to_string())?;
        tell(&notices);
        Ok(config)
    }

    /// The config with all that properties change about it.
    fn config(&self) -> Result<InferConfig, gst::ErrorMessage> {
        let asked = self.asked.lock();
        let failed = |err: &dyn std::fmt::Display| {
            gst::error_msg!(
                gst::LibraryError::Settings,
                ("Configuration file parsing failed"),
                ["Config file path: {}: {err}", self.settings.text("config-file-path").unwrap_or_default()]
            )
        };
        let mut config = match &asked.file {
            None => {
                return Err(gst::error_msg!(
                    gst::LibraryError::Settings,
                    ("Configuration file not provided"),
                    ["config-file-path is not set: it names the network's config file"]
                ));
            }
            Some(Err(err)) => return Err(failed(err)),
            Some(Ok(config)) => config.clone(),
        };
        apply(&mut config, &asked.given, &self.settings).map_err(|err| failed(&err))?;
        Ok(config)
    }

    /// Lets everything pass, for want of what the samples' second stages need.
    fn be_absent(&self, why: &str) {
        let message = format!("{why}: this stage looks at no object");
        eprintln!("{message}");
        gst::element_imp_warning!(self, gst::ResourceError::NotFound, ["{message}"]);
        self.asked.lock().is_absent = true;
    }

    /// Loads the network that is asked for.
    fn open(&self) -> Result<(), gst::ErrorMessage> {
        let path = self.settings.text("config-file-path").unwrap_or_default();
        if sample_config(Path::new(&path)) == Some(SampleConfig::SecondStage) {
            self.be_absent(&format!("{path} is one of DeepStream's sample configs, and not here"));
            return Ok(());
        }
        let mut config = self.config()?;
        let absent = missing_sample(&config).filter(|_| config.process_mode == ProcessMode::Secondary);
        if let Some(path) = absent {
            self.be_absent(&format!(
                "{}: {} is one of DeepStream's sample models, and not here",
                config.path.display(),
                path.display()
            ));
            return Ok(());
        }
        // Programs for DeepStream often have batches of one frame, whatever the number of cameras.
        config.share_lone_images = true;
        let policy = Some(Policy::Batches(config.interval));
        let network = Network { config, policy, dialect: Arc::new(DeepStream) };
        tell(&self.obj().upcast_ref::<SlipInfer>().open(network)?);
        self.asked.lock().is_absent = false;
        Ok(())
    }

    /// Loads the network that is asked for now, beside the stream.
    fn change_network(&self, path: String) {
        let weak = self.obj().downgrade();
        let load = move || {
            let Some(element) = weak.upgrade() else { return };
            let status = match element.imp().open() {
                Ok(()) => SUCCESS,
                Err(err) => {
                    gst::warning!(CAT, obj = element, "{path} is not taken: {err}");
                    eprintln!("{}: {path} is not taken: {err}", element.name());
                    CONFIG_FAILED
                }
            };
            element.emit_by_name::<()>(MODEL_UPDATED, &[&status, &path]);
        };
        if let Err(err) = std::thread::Builder::new().name("nvinfer-load".into()).spawn(load) {
            gst::error!(CAT, imp = self, "cannot start a thread to load a network: {err}");
        }
    }
}

#[glib::object_subclass]
impl ObjectSubclass for NvInfer {
    const NAME: &'static str = "GstNvinfer";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::NvInfer;
    type ParentType = SlipInfer;
}

impl ObjectImpl for NvInfer {
    fn properties() -> &'static [glib::ParamSpec] {
        static SPECS: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(specs);
        &SPECS
    }

    fn signals() -> &'static [glib::subclass::Signal] {
        static SIGNALS: LazyLock<Vec<glib::subclass::Signal>> = LazyLock::new(|| {
            let types = [i32::static_type(), String::static_type()];
            vec![glib::subclass::Signal::builder(MODEL_UPDATED).run_last().param_types(types).build()]
        });
        &SIGNALS
    }

    fn set_property(&self, id: usize, value: &glib::Value, _pspec: &glib::ParamSpec) {
        // What takes an address is in no table, and without effect.
        let Some(name) = self.settings.set(id, value).map(Property::name) else { return };
        if name == "config-file-path" {
            let Some(path) = self.settings.text(name) else { return };
            let file = self.read(&path);
            if let Err(err) = &file {
                gst::warning!(CAT, imp = self, "{err}");
            }
            let mut asked = self.asked.lock();
            asked.file = Some(file);
            if asked.is_running {
                drop(asked);
                self.change_network(path);
            }
            return;
        }
        let mut asked = self.asked.lock();
        asked.given.insert(name);
        if name == "interval" && asked.is_running {
            self.obj().upcast_ref::<SlipInfer>().set_policy(Policy::Batches(self.settings.number(name)));
        }
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let asked = self.asked.lock();
        let from_file = match &asked.file {
            Some(Ok(config)) if !asked.given.contains(pspec.name()) => of_file(config, pspec.name()),
            _ => None,
        };
        let value = from_file.or_else(|| self.settings.value(id));
        value.unwrap_or_else(|| glib::Value::from_type(pspec.value_type()))
    }
}

impl GstObjectImpl for NvInfer {}

impl ElementImpl for NvInfer {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "NvInfer plugin",
                "NvInfer Plugin",
                "Finds and describes objects with a neural network, as DeepStream's element of this name",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = batches_and_pictures(&FORMATS);
            templates(&caps, &caps)
        });
        &TEMPLATES
    }
}

impl BaseTransformImpl for NvInfer {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        self.open()?;
        self.asked.lock().is_running = true;
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        self.asked.lock().is_running = false;
        self.parent_stop()
    }

    fn transform_ip(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        if self.asked.lock().is_absent {
            return Ok(gst::FlowSuccess::Ok);
        }
        self.parent_transform_ip(buffer)
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        let interval = || event.structure()?.get::<u32>("interval").ok();
        if crate::caps::event_number(&event) == INTERVAL_UPDATE
            && let Some(interval) = interval()
        {
            self.obj().upcast_ref::<SlipInfer>().set_policy(Policy::Batches(interval));
        }
        self.parent_sink_event(event)
    }
}

impl SlipInferImpl for NvInfer {}
