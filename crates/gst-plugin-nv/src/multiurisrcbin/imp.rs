use std::sync::LazyLock;

use gst::{glib, prelude::*, subclass::prelude::*};
use parking_lot::Mutex;
use slipstream_buffer::meta::{Batch, nvmm_caps};

use super::control::{self, Control, Place, takes};
use super::rest::{Camera, Stream, Streams};
use super::server::Server;
use crate::basics::bin::make;
use crate::basics::properties::{Choice, Property, Settings, specs};
use crate::mux;
use crate::urisrcbin::properties::COMMON;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "nvmultiurisrcbin",
        gst::DebugColorFlags::empty(),
        Some("DeepStream's source of URIs"),
    )
});

static MODE: Choice =
    Choice::new(c"GstNvmultiurisrcbinMode", &[(0, "Video only", "video"), (1, "Audio only", "audio")]);

const OWN: &[Property] = &[
    Property::text("uri-list", None, "URIs, separated by commas"),
    Property::text("sensor-id-list", None, "Ids of the sources, in the same order"),
    Property::text("sensor-name-list", None, "Names of the sources, in the same order"),
    Property::choice("mode", &MODE, 0, "Kind of streams: video works"),
    Property::text("ip-address", Some("localhost"), "Where the HTTP server listens"),
    Property::text("port", Some("9000"), "Port of the HTTP server; 0 for none"),
    Property::uint("max-batch-size", 0, 1024, 30, "Sources at most, and frames in a batch"),
    Property::text("sensorID-padID-mapping", None, "Without effect: pads are given in order"),
    Property::bool("enable-error-propagation", false, "Without effect"),
    Property::text("proto-lib", None, "Without effect"),
    Property::text("conn-str", None, "Without effect"),
    Property::text("topic", None, "Without effect"),
];
/// `frame-duration` has another default here than in the multiplexer.
const FRAME_DURATION: Property = Property::uint64("frame-duration", 0, "Passed to the multiplexer");

/// Properties of this element, of the sources, of both multiplexers; what two of them have is set for both.
static PROPERTIES: LazyLock<Vec<Property>> = LazyLock::new(|| {
    let mut all: Vec<Property> = Vec::new();
    for property in OWN
        .iter()
        .chain(COMMON)
        .chain([&FRAME_DURATION])
        .chain(mux::old_properties())
        .chain(mux::properties())
    {
        if property.name() != "batch-size" && all.iter().all(|known| known.name() != property.name()) {
            all.push(*property);
        }
    }
    all
});

/// A source that is there.
struct Source {
    stream: Stream,
    element: gst::Element,
    /// The multiplexer's.
    pad: gst::Pad,
}

/// Instance data of [`super::NvMultiUriSrcBin`].
pub struct NvMultiUriSrcBin {
    settings: Settings,
    mux: Mutex<Option<gst::Element>>,
    src: Mutex<Option<gst::GhostPad>>,
    sources: Mutex<Vec<Source>>,
    server: Mutex<Option<Server>>,
    frames: Mutex<Vec<(u32, u64)>>,
}

impl NvMultiUriSrcBin {
    fn max_sources(&self) -> u32 {
        self.settings.number::<u32>("max-batch-size").max(1)
    }

    fn build(&self) -> Result<(), String> {
        let bin = self.obj();
        let mux = make("nvstreammux").map_err(|err| err.to_string())?;
        bin.add(&mux).map_err(|err| err.to_string())?;
        let template = bin.pad_template("src").ok_or("there is no template for pad src")?;
        let target = mux.static_pad("src").ok_or("the multiplexer has no pad src")?;
        let src = gst::GhostPad::builder_from_template_with_target(&template, &target)
            .map_err(|err| err.to_string())?
            .name("src")
            .build();
        let weak = bin.downgrade();
        target.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let (Some(bin), Some(batch)) = (weak.upgrade(), info.buffer().and_then(Batch::from_buffer)) {
                bin.imp().count(&batch);
            }
            gst::PadProbeReturn::Ok
        });
        bin.add_pad(&src).map_err(|err| err.to_string())?;
        *self.mux.lock() = Some(mux);
        *self.src.lock() = Some(src);
        Ok(())
    }

    fn count(&self, batch: &Batch) {
        let mut frames = self.frames.lock();
        for frame in &batch.frames {
            match frames.iter_mut().find(|(source, _)| *source == frame.pad_index) {
                Some((_, count)) => *count += 1,
                None => frames.push((frame.pad_index, 1)),
            }
        }
    }

    /// Hands the multiplexer's properties on.
    fn set_up_mux(&self) {
        let Some(mux) = self.mux.lock().clone() else { return };
        for property in mux::properties() {
            if property.name() == "batch-size" {
                mux.set_property("batch-size", self.max_sources());
            } else if let Some(value) = self.settings.value_of(property.name())
                && let Some(spec) = mux.find_property(property.name())
                && spec.value_type() == value.type_()
                // Ranges of the old multiplexer, whose defaults these are, are wider than those of the new one.
                && takes(&spec, &value)
            {
                mux.set_property_from_value(property.name(), &value);
            }
        }
    }

    /// The sources that the properties name.
    fn listed(&self) -> Vec<Camera> {
        let list = |name: &str| -> Vec<String> {
            let text = self.settings.text(name).unwrap_or_default();
            text.split(',').map(|item| item.trim().to_owned()).collect()
        };
        let (ids, names) = (list("sensor-id-list"), list("sensor-name-list"));
        let item = |items: &[String], n: usize| items.get(n).filter(|item| !item.is_empty()).cloned();
        let uris = list("uri-list").into_iter().filter(|uri| !uri.is_empty());
        uris.enumerate()
            .map(|(n, url)| {
                // As DeepStream numbers those without an id.
                let id = item(&ids, n).unwrap_or_else(|| format!("{n}"));
                Camera { name: item(&names, n).unwrap_or_else(|| id.clone()), id, url }
            })
            .collect()
    }

    fn add_source(&self, camera: &Camera) -> Result<(), String> {
        let bin = self.obj();
        let element = make("nvurisrcbin").map_err(|err| err.to_string())?;
        let mux = self.mux.lock().clone().ok_or("there is no multiplexer")?;
        let number = {
            let mut sources = self.sources.lock();
            if sources.iter().any(|source| source.stream.id == camera.id) {
                return Err("Duplicate Camera id, unable to add stream".into());
            }
            let free = (0..self.max_sources())
                .find(|number| sources.iter().all(|source| source.stream.source != *number));
            let number = free.ok_or("Active sources exceded max-batch-size of nvstreammux")?;
            let stream = Stream { source: number, id: camera.id.clone(), name: camera.name.clone() };
            // At once: who has nothing to show yet has not ended.
            let pad = mux
                .request_pad_simple(&format!("sink_{number}"))
                .ok_or_else(|| format!("the multiplexer gives no pad sink_{number}"))?;
            sources.push(Source { stream, element: element.clone(), pad });
            number
        };
        self.frames.lock().retain(|(source, _)| *source != number);
        for property in COMMON {
            if let Some(value) = self.settings.value_of(property.name()) {
                element.set_property_from_value(property.name(), &value);
            }
        }
        element.set_property("uri", &camera.url);
        element.set_property("source-id", i32::try_from(number).unwrap_or(-1));
        let weak = bin.downgrade();
        element.connect_pad_added(move |element, pad| {
            if pad.name().starts_with("vsrc")
                && let Some(bin) = weak.upgrade()
            {
                bin.imp().lead(element, pad);
            }
        });
        let name = format!("dsnvurisrcbin{number}");
        element.set_property("name", &name);
        let added = bin.add(&element).map_err(|err| err.to_string());
        let started = added.and_then(|()| {
            let target = bin.current_state().max(bin.pending_state());
            if target < gst::State::Paused {
                return Ok(());
            }
            element.sync_state_with_parent().map_err(|_| "Failed to add source stream".into())
        });
        if let Err(why) = started {
            self.take_out(&camera.id);
            return Err(why);
        }
        Ok(())
    }

    /// Leads the frames of a source into the multiplexer.
    fn lead(&self, element: &gst::Element, pad: &gst::Pad) {
        let sources = self.sources.lock();
        let sink = sources.iter().find(|source| source.element == *element).map(|source| source.pad.clone());
        drop(sources);
        let Some(sink) = sink.filter(|sink| !sink.is_linked()) else { return };
        if let Err(err) = pad.link(&sink) {
            gst::error!(CAT, imp = self, "{} cannot be linked: {err}", element.name());
        }
    }

    /// Takes a source out; whether there was one.
    fn take_out(&self, id: &str) -> bool {
        let source = {
            let mut sources = self.sources.lock();
            let index = sources.iter().position(|source| source.stream.id == id);
            index.map(|index| sources.remove(index))
        };
        let Some(source) = source else { return false };
        self.dismantle(&source);
        true
    }

    fn dismantle(&self, source: &Source) {
        // Its thread may wait for room in the multiplexer.
        source.pad.send_event(gst::event::FlushStart::new());
        source.element.set_locked_state(true);
        let _ = source.element.set_state(gst::State::Null);
        let _ = self.obj().remove(&source.element);
        let mux = self.mux.lock().clone();
        if let Some(mux) = mux {
            mux.release_request_pad(&source.pad);
        }
    }

    fn start(&self) -> Result<(), String> {
        self.set_up_mux();
        for camera in self.listed() {
            self.add_source(&camera).map_err(|why| format!("source {}: {why}", camera.id))?;
        }
        let port = self.settings.text("port").unwrap_or_default();
        if port.is_empty() || port == "0" {
            return Ok(());
        }
        let host = self.settings.text("ip-address").unwrap_or_else(|| "localhost".into());
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
        let weak = self.obj().downgrade();
        let server = Server::start(&format!("{host}:{port}"), move |ask| match weak.upgrade() {
            Some(bin) => ask(bin.imp()),
            None => super::rest::Answer::new(500, "the pipeline is gone"),
        });
        match server {
            Ok(server) => {
                gst::info!(CAT, imp = self, "HTTP server on {host}, port {:?}", server.port());
                *self.server.lock() = Some(server);
            }
            // The pipeline works without, as in DeepStream.
            Err(err) => {
                gst::element_imp_warning!(
                    self,
                    gst::ResourceError::OpenReadWrite,
                    ("REST Server start failed: {err}")
                );
            }
        }
        Ok(())
    }

    fn stop(&self) {
        let server = self.server.lock().take();
        drop(server);
    }

    fn clear(&self) {
        let sources = std::mem::take(&mut *self.sources.lock());
        for source in &sources {
            self.dismantle(source);
        }
        self.frames.lock().clear();
    }
}

impl Streams for NvMultiUriSrcBin {
    fn add(&self, camera: &Camera) -> Result<(), String> {
        gst::info!(CAT, imp = self, "adding source {}", camera.id);
        self.add_source(camera)
    }

    fn remove(&self, camera: &Camera) -> Result<(), String> {
        gst::info!(CAT, imp = self, "removing source {}", camera.id);
        if self.take_out(&camera.id) {
            Ok(())
        } else {
            Err("No record found. Failed to remove source stream".into())
        }
    }

    fn streams(&self) -> Vec<Stream> {
        self.sources.lock().iter().map(|source| source.stream.clone()).collect()
    }

    fn is_playing(&self) -> bool {
        self.obj().current_state() == gst::State::Playing
    }

    fn frames(&self) -> Vec<(u32, u64)> {
        self.frames.lock().clone()
    }

    fn control(&self, control: &Control, stream: &str, value: &str) -> Result<(), String> {
        let Control { place, property, .. } = *control;
        if place == Place::Mux {
            let mux = self.mux.lock().clone().ok_or("there is no multiplexer")?;
            return control::set(&mux, property, value);
        }
        let source = {
            let sources = self.sources.lock();
            let is_it =
                |source: &&Source| source.stream.id == stream || stream.parse() == Ok(source.stream.source);
            let source =
                sources.iter().find(is_it).map(|source| (source.stream.source, source.element.clone()));
            source.ok_or_else(|| format!("there is no stream {stream:?}"))?
        };
        let (number, element) = source;
        let elements = match place {
            Place::Source(kind) => element
                .downcast_ref::<gst::Bin>()
                .map(|bin| control::inside(bin, &[kind]))
                .unwrap_or_default(),
            Place::Behind(kinds) => {
                let src = self.src.lock().clone();
                src.map(|src| control::behind(src.upcast_ref(), number, kinds)).unwrap_or_default()
            }
            Place::Mux => Vec::new(),
        };
        if elements.is_empty() {
            return Err(format!("no element of stream {stream} has {property}"));
        }
        elements.iter().try_for_each(|element| control::set(element, property, value))
    }

    fn quit(&self) -> Result<(), String> {
        gst::info!(CAT, imp = self, "all sources are ended");
        let mux = self.mux.lock().clone().ok_or("there is no multiplexer")?;
        mux.set_property("drop-pipeline-eos", false);
        let pads: Vec<_> = self.sources.lock().iter().map(|source| source.pad.clone()).collect();
        if pads.is_empty() {
            return Err("there is no source that could end".into());
        }
        // Their threads may be in these pads for long; nobody who asks over HTTP waits for that.
        self.obj().call_async(move |_| {
            for pad in pads {
                pad.send_event(gst::event::Eos::new());
            }
        });
        Ok(())
    }
}

#[glib::object_subclass]
impl ObjectSubclass for NvMultiUriSrcBin {
    const NAME: &'static str = "GstNvmultiurisrcbin";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::NvMultiUriSrcBin;
    type ParentType = gst::Bin;

    fn new() -> Self {
        Self {
            settings: Settings::new(&[&PROPERTIES]),
            mux: Mutex::default(),
            src: Mutex::default(),
            sources: Mutex::default(),
            server: Mutex::default(),
            frames: Mutex::default(),
        }
    }
}

impl ObjectImpl for NvMultiUriSrcBin {
    fn properties() -> &'static [glib::ParamSpec] {
        static SPECS: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| specs(&[&PROPERTIES]));
        &SPECS
    }

    fn set_property(&self, id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        if self.settings.set(id, value).is_none() {
            gst::error!(CAT, imp = self, "cannot set property {}", pspec.name());
        }
        self.set_up_mux();
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        self.settings.value(id).unwrap_or_else(|| pspec.default_value().clone())
    }

    fn constructed(&self) {
        self.parent_constructed();
        let bin = self.obj();
        bin.set_suppressed_flags(gst::ElementFlags::SOURCE | gst::ElementFlags::SINK);
        bin.set_element_flags(gst::ElementFlags::SOURCE);
        if let Err(why) = self.build() {
            gst::error!(CAT, imp = self, "{why}");
        }
        self.set_up_mux();
    }

    fn dispose(&self) {
        self.stop();
    }
}

impl GstObjectImpl for NvMultiUriSrcBin {}

impl ElementImpl for NvMultiUriSrcBin {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Source of URIs",
                "Generic/Bin/Source",
                "Batches from many URIs, which come and go by HTTP",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = nvmm_caps(mux::FORMATS);
            gst::PadTemplate::new("src", gst::PadDirection::Src, gst::PadPresence::Always, &caps)
                .into_iter()
                .collect()
        });
        &TEMPLATES
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        match transition {
            gst::StateChange::ReadyToPaused => {
                if let Err(why) = self.start() {
                    gst::element_imp_error!(self, gst::ResourceError::OpenRead, ("{why}"));
                    return Err(gst::StateChangeError);
                }
            }
            // Nobody adds a source while the elements go down.
            gst::StateChange::PausedToReady => self.stop(),
            _ => {}
        }
        let result = self.parent_change_state(transition);
        if transition == gst::StateChange::PausedToReady {
            self.clear();
        }
        result
    }
}

impl BinImpl for NvMultiUriSrcBin {}
