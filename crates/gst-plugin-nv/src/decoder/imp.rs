use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use parking_lot::Mutex;
use slipstream_buffer::meta::nvmm_caps;

use super::codec::{Codec, sink_caps};
use super::properties;
use crate::basics::bin::{self, Missing, chain, ghost_with, lead, set, templates};
use crate::basics::properties::{Settings, specs};
use crate::convert::{NVMM_FORMATS, NvVideoConvert};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "nvv4l2decoder",
        gst::DebugColorFlags::empty(),
        Some("Video decoder under DeepStream's name"),
    )
});

/// Decoders in this process: they share the processor.
static DECODERS: AtomicUsize = AtomicUsize::new(0);
/// More threads for one stream cost more than they give.
const MAX_THREADS: usize = 4;

/// The decoder at work.
struct Inner {
    codec: Codec,
    element: gst::Element,
}

/// Instance data of [`super::NvV4l2Decoder`].
pub struct NvV4l2Decoder {
    settings: Settings,
    convert: gst::Element,
    sink: Mutex<Option<gst::GhostPad>>,
    inner: Mutex<Option<Inner>>,
    /// Decoded pictures since the last one that went on.
    dropped: AtomicU32,
}

#[derive(Debug, thiserror::Error)]
enum DecoderError {
    #[error("{0}")]
    Missing(#[from] Missing),
    #[error("{0} is not decoded here")]
    Codec(gst::Caps),
    #[error("{0}")]
    Wiring(#[from] glib::BoolError),
}

impl NvV4l2Decoder {
    /// Lets pictures into the decoder, but those to be skipped.
    fn takes(&self, buffer: &gst::BufferRef) -> bool {
        match self.settings.number::<i32>("skip-frames") {
            properties::DECODE_KEY => !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
            properties::DECODE_NON_REF => {
                let codec = self.inner.lock().as_ref().map(|inner| inner.codec);
                let data = buffer.map_readable();
                !codec.zip(data.ok()).is_some_and(|(codec, data)| codec.is_disposable(&data))
            }
            _ => true,
        }
    }

    /// Whether a decoded picture goes on.
    fn lets_go(&self) -> bool {
        let interval = self.settings.number::<u32>("drop-frame-interval");
        if interval < 2 {
            return true;
        }
        let count = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
        if count < interval {
            return false;
        }
        self.dropped.store(0, Ordering::Relaxed);
        true
    }

    /// Makes the decoder for a stream, unless it is there already.
    fn prepare(&self, caps: &gst::CapsRef) -> Result<(), DecoderError> {
        let codec = Codec::of_caps(caps).ok_or_else(|| DecoderError::Codec(caps.to_owned()))?;
        if self.inner.lock().as_ref().is_some_and(|inner| inner.codec == codec) {
            return Ok(());
        }
        self.let_go_of_decoder(true);
        let mut found = codec.decoders().iter().map(|name| bin::make(name));
        let first = found.next().unwrap_or_else(|| bin::make("decodebin"));
        let element = first.or_else(|missing| found.find_map(Result::ok).ok_or(missing))?;
        self.configure(&element);
        let object = self.obj();
        object.add(&element)?;
        element.link(&self.convert)?;
        if let Some(pad) = element.static_pad("src") {
            let this = object.downgrade();
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                let lets_go = this.upgrade().is_none_or(|this| this.imp().lets_go());
                // Not `Drop`: GStreamer 1.22 would free the buffer a second time.
                if lets_go { gst::PadProbeReturn::Ok } else { gst::PadProbeReturn::Handled }
            });
        }
        element.sync_state_with_parent()?;
        if let Some(sink) = &*self.sink.lock() {
            lead(sink, &element, "sink")?;
        }
        gst::debug!(CAT, imp = self, "{} decodes {caps}", element.name());
        *self.inner.lock() = Some(Inner { codec, element });
        Ok(())
    }

    fn configure(&self, decoder: &gst::Element) {
        let is_quick = self.settings.is_on("low-latency-mode");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let share = (cores / DECODERS.load(Ordering::Relaxed).max(1)).clamp(1, MAX_THREADS);
        let threads = if is_quick { 1 } else { share };
        for name in ["max-threads", "threads", "n-threads"] {
            set(decoder, name, &threads.to_string());
        }
        if is_quick {
            // Threads that decode a picture each hold as many back.
            set(decoder, "thread-type", "slice");
            set(decoder, "max-frame-delay", "1");
        }
        // What cannot be decoded is left out; it is no reason to stop.
        set(decoder, "max-errors", "-1");
    }

    /// Takes the decoder out, after it has delivered all it has if `drains`.
    fn let_go_of_decoder(&self, drains: bool) {
        let Some(Inner { element, .. }) = self.inner.lock().take() else { return };
        if drains && let (Some(sink), Some(src)) = (element.static_pad("sink"), element.static_pad("src")) {
            // The end is the decoder's, not the stream's.
            src.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, |_, info| {
                let is_end = info.event().is_some_and(|event| event.type_() == gst::EventType::Eos);
                if is_end { gst::PadProbeReturn::Handled } else { gst::PadProbeReturn::Ok }
            });
            sink.send_event(gst::event::Eos::new());
        }
        if let Some(pad) = &*self.sink.lock() {
            // To no target, which cannot fail.
            let _ = pad.set_target(None::<&gst::Pad>);
        }
        element.unlink(&self.convert);
        let _ = element.set_state(gst::State::Null);
        if let Err(err) = self.obj().remove(&element) {
            gst::warning!(CAT, imp = self, "{err}");
        }
    }

    fn sink_chain(
        &self,
        pad: &gst::GhostPad,
        buffer: gst::Buffer,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        if !self.takes(&buffer) {
            return Ok(gst::FlowSuccess::Ok);
        }
        gst::ProxyPad::chain_default(pad, Some(&*self.obj()), buffer)
    }

    fn sink_event(&self, pad: &gst::GhostPad, event: gst::Event) -> bool {
        match event.view() {
            gst::EventView::Caps(caps) => {
                if let Err(err) = self.prepare(caps.caps()) {
                    match err {
                        DecoderError::Missing(missing) => {
                            gst::element_imp_error!(self, gst::CoreError::MissingPlugin, ["{missing}"]);
                        }
                        err => gst::element_imp_error!(self, gst::StreamError::CodecNotFound, ["{err}"]),
                    }
                    return false;
                }
            }
            gst::EventView::FlushStop(_) => self.dropped.store(0, Ordering::Relaxed),
            _ => {}
        }
        gst::Pad::event_default(pad, Some(&*self.obj()), event)
    }
}

#[glib::object_subclass]
impl ObjectSubclass for NvV4l2Decoder {
    const NAME: &'static str = "GstNvv4l2decoder";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::NvV4l2Decoder;
    type ParentType = gst::Bin;

    fn new() -> Self {
        DECODERS.fetch_add(1, Ordering::Relaxed);
        Self {
            settings: Settings::new(&[properties::DECODER]),
            convert: glib::Object::new::<NvVideoConvert>().upcast(),
            sink: Mutex::default(),
            inner: Mutex::default(),
            dropped: AtomicU32::new(0),
        }
    }
}

impl Drop for NvV4l2Decoder {
    fn drop(&mut self) {
        DECODERS.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ObjectImpl for NvV4l2Decoder {
    fn properties() -> &'static [glib::ParamSpec] {
        static SPECS: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| specs(&[properties::DECODER]));
        &SPECS
    }

    fn set_property(&self, id: usize, value: &glib::Value, _pspec: &glib::ParamSpec) {
        self.settings.set(id, value);
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        self.settings.value(id).unwrap_or_else(|| pspec.default_value().clone())
    }

    fn constructed(&self) {
        self.parent_constructed();
        let object = self.obj();
        let wired = (|| -> Result<(), DecoderError> {
            let filter = bin::filter(&nvmm_caps(NVMM_FORMATS))?;
            chain(&*object, &[&self.convert, &filter])?;
            let sink = ghost_with(&*object, "sink", |pad| {
                pad.chain_function(|pad, parent, buffer| {
                    Self::catch_panic_pad_function(
                        parent,
                        || Err(gst::FlowError::Error),
                        |this| this.sink_chain(pad, buffer),
                    )
                })
                .event_function(|pad, parent, event| {
                    Self::catch_panic_pad_function(parent, || false, |this| this.sink_event(pad, event))
                })
                .query_function(|pad, parent, query| match query.view_mut() {
                    // What the decoder of the moment takes does not matter: there will be another one.
                    gst::QueryViewMut::Caps(caps) => {
                        let all = pad.pad_template_caps();
                        let mode = gst::CapsIntersectMode::First;
                        let result = caps.filter().map(|filter| filter.intersect_with_mode(&all, mode));
                        caps.set_result(&result.unwrap_or(all));
                        true
                    }
                    gst::QueryViewMut::AcceptCaps(accept) => {
                        let is_known = accept.caps().can_intersect(&pad.pad_template_caps());
                        accept.set_result(is_known);
                        true
                    }
                    _ => gst::Pad::query_default(pad, parent, query),
                })
            })?;
            let src = bin::ghost(&*object, "src")?;
            lead(&src, &filter, "src")?;
            *self.sink.lock() = Some(sink);
            Ok(())
        })();
        if let Err(err) = wired {
            gst::error!(CAT, imp = self, "{err}");
        }
    }

    fn dispose(&self) {
        *self.sink.lock() = None;
    }
}

impl GstObjectImpl for NvV4l2Decoder {}

impl ElementImpl for NvV4l2Decoder {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "NVIDIA v4l2 video decoder",
                "Codec/Decoder/Video",
                "Decodes video in software, under DeepStream's name and caps",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
            LazyLock::new(|| templates(Some(&sink_caps()), Some(&nvmm_caps(NVMM_FORMATS))));
        &TEMPLATES
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        let success = self.parent_change_state(transition)?;
        if transition == gst::StateChange::PausedToReady {
            // The next stream may be another one.
            self.let_go_of_decoder(false);
            self.dropped.store(0, Ordering::Relaxed);
        }
        Ok(success)
    }
}

impl BinImpl for NvV4l2Decoder {}
