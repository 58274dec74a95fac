use std::collections::BTreeMap;
use std::sync::LazyLock;

use gst::{glib, prelude::*, subclass::prelude::*};
use gst_base::UniqueFlowCombiner;
use parking_lot::Mutex;
use slipstream_meta::BatchMeta;

use crate::frame::{PLANAR_FORMATS, picture_caps};
use crate::meta::{Batch, BatchContent, BatchPicture, batch_caps};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("slipdemux", gst::DebugColorFlags::empty(), Some("Slipstream demultiplexer"))
});

/// One source's way out.
struct Output {
    pad: gst::Pad,
    /// What the pad's caps say; `None` before its first frame.
    info: Option<gst_video::VideoInfo>,
    ended: bool,
}

#[derive(Default)]
struct State {
    outputs: BTreeMap<u32, Output>,
    flows: UniqueFlowCombiner,
    rate: Option<gst::Fraction>,
}

/// Instance data of [`super::SlipDemux`].
pub struct SlipDemux {
    sinkpad: gst::Pad,
    state: Mutex<State>,
}

/// When a frame is to be shown: at its own time where that is the one by which it was put into the batch of the given time,
/// duration and liveness; else with the batch.
fn frame_time(
    own: Option<gst::ClockTime>,
    (batch, duration, live): (Option<gst::ClockTime>, Option<gst::ClockTime>, bool),
) -> Option<gst::ClockTime> {
    let (Some(time), Some(batch), Some(duration)) = (own, batch, duration) else { return batch.or(own) };
    let near = time >= batch && time - batch <= duration;
    Some(if near && !live { time } else { batch })
}

impl SlipDemux {
    fn chain(&self, mut buffer: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        let content = match buffer.make_mut().meta_mut::<Batch>() {
            Some(mut batch) => std::mem::take(batch.content_mut()),
            None => {
                gst::element_imp_error!(self, gst::StreamError::WrongType, ["a buffer carries no batch"]);
                return Err(gst::FlowError::Error);
            }
        };
        let BatchContent { meta, pictures } = content;
        let batch = (buffer.pts(), buffer.duration(), buffer.flags().contains(gst::BufferFlags::LIVE));
        self.end_missing(&meta);
        let mut result = Ok(gst::FlowSuccess::Ok);
        for (frame, BatchPicture { buffer: mut picture, info }) in meta.frames.into_iter().zip(pictures) {
            let index = frame.pad_index;
            let Some((pad, events)) = self.prepare(index, &info) else {
                gst::trace!(CAT, imp = self, "no pad for source {index}");
                continue;
            };
            for event in events {
                pad.push_event(event);
            }
            // A further reference to the pixels, with attachments of its own.
            let buffer = picture.make_mut();
            buffer.set_pts(frame_time(frame.pts.map(gst::ClockTime::from_nseconds), batch));
            let sources = meta.sources.iter().filter(|source| source.pad_index == index).cloned().collect();
            let meta = BatchMeta { frames: vec![frame], sources, user: meta.user.clone() };
            Batch::attach(buffer, BatchContent { meta, pictures: Vec::new() });
            let flow = pad.push(picture);
            result = self.state.lock().flows.update_pad_flow(&pad, flow);
        }
        result
    }

    /// The pad of a source and what must be sent on it before a frame like `info`.
    fn prepare(&self, index: u32, info: &gst_video::VideoInfo) -> Option<(gst::Pad, Vec<gst::Event>)> {
        let mut state = self.state.lock();
        let rate = state.rate;
        let output = state.outputs.get_mut(&index)?;
        let mut events = Vec::new();
        if output.ended {
            // Sinks refuse whatever comes after an end but a flush.
            events.push(gst::event::FlushStart::new());
            events.push(gst::event::FlushStop::new(false));
        }
        if output.info.is_none() || output.ended {
            events.push(self.stream_start(&output.pad, index));
        }
        if output.info.as_ref() != Some(info) || output.ended {
            match info.to_caps() {
                Ok(mut caps) => {
                    if let (Some(rate), 0) = (rate, info.fps().numer()) {
                        caps.make_mut().set("framerate", rate);
                    }
                    events.push(gst::event::Caps::new(&caps));
                }
                Err(err) => gst::error!(CAT, imp = self, "no caps for {info:?}: {err}"),
            }
        }
        if output.info.is_none() || output.ended {
            events.push(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
        }
        output.info = Some(info.clone());
        output.ended = false;
        Some((output.pad.clone(), events))
    }

    /// Ends the streams of sources that have left the multiplexer.
    fn end_missing(&self, meta: &BatchMeta) {
        let ended: Vec<gst::Pad> = {
            let mut state = self.state.lock();
            let gone = |index: &u32| !meta.sources.iter().any(|source| source.pad_index == *index);
            let outputs = state
                .outputs
                .iter_mut()
                .filter(|(index, output)| output.info.is_some() && !output.ended && gone(index));
            outputs
                .map(|(_, output)| {
                    output.ended = true;
                    output.pad.clone()
                })
                .collect()
        };
        for pad in ended {
            pad.push_event(gst::event::Eos::new());
        }
    }

    /// Ends all streams that have not ended yet, those without a frame too.
    fn end_all(&self) {
        let pads: Vec<(gst::Pad, Option<gst::Event>)> = {
            let mut state = self.state.lock();
            let open = state.outputs.iter_mut().filter(|(_, output)| !output.ended);
            open.map(|(index, output)| {
                output.ended = true;
                let start = output.info.is_none().then(|| self.stream_start(&output.pad, *index));
                (output.pad.clone(), start)
            })
            .collect()
        };
        for (pad, start) in pads {
            if let Some(start) = start {
                pad.push_event(start);
            }
            pad.push_event(gst::event::Eos::new());
        }
    }

    fn stream_start(&self, pad: &gst::Pad, index: u32) -> gst::Event {
        let id = pad.create_stream_id(&*self.obj(), Some(&format!("source-{index}")));
        gst::event::StreamStart::builder(&id).group_id(gst::GroupId::next()).build()
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        match event.view() {
            gst::EventView::Caps(caps) => {
                let rate = caps.caps().structure(0).and_then(|s| s.get("framerate").ok());
                self.state.lock().rate = rate;
                true
            }
            gst::EventView::Eos(_) => {
                self.end_all();
                true
            }
            gst::EventView::FlushStop(_) => {
                let mut state = self.state.lock();
                state.flows.reset();
                // Every stream begins anew.
                state.outputs.values_mut().for_each(|output| (output.info, output.ended) = (None, false));
                drop(state);
                gst::Pad::event_default(&self.sinkpad, Some(&*self.obj()), event)
            }
            // The sources' streams have their own.
            gst::EventView::StreamStart(_) | gst::EventView::Segment(_) => true,
            _ => gst::Pad::event_default(&self.sinkpad, Some(&*self.obj()), event),
        }
    }
}

#[glib::object_subclass]
impl ObjectSubclass for SlipDemux {
    const NAME: &'static str = "GstSlipDemux";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::SlipDemux;
    type ParentType = gst::Element;

    fn with_class(class: &Self::Class) -> Self {
        let template = class.pad_template("sink").expect("the class has a sink template");
        let sinkpad = gst::Pad::builder_from_template(&template)
            .chain_function(|_, parent, buffer| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |demux| demux.chain(buffer),
                )
            })
            .event_function(|_, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |demux| demux.sink_event(event))
            })
            .build();
        Self { sinkpad, state: Mutex::default() }
    }
}

impl ObjectImpl for SlipDemux {
    fn constructed(&self) {
        self.parent_constructed();
        if let Err(err) = self.obj().add_pad(&self.sinkpad) {
            gst::error!(CAT, imp = self, "cannot add the sink pad: {err}");
        }
    }
}

impl GstObjectImpl for SlipDemux {}

impl ElementImpl for SlipDemux {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Slipstream demultiplexer",
                "Video/Demuxer",
                "Takes batches apart into the streams of their sources",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            [
                gst::PadTemplate::new(
                    "sink",
                    gst::PadDirection::Sink,
                    gst::PadPresence::Always,
                    &batch_caps(),
                ),
                gst::PadTemplate::new(
                    "src_%u",
                    gst::PadDirection::Src,
                    gst::PadPresence::Request,
                    &picture_caps(PLANAR_FORMATS),
                ),
            ]
            .into_iter()
            .filter_map(Result::ok)
            .collect()
        });
        &TEMPLATES
    }

    fn request_new_pad(
        &self,
        template: &gst::PadTemplate,
        name: Option<&str>,
        _caps: Option<&gst::Caps>,
    ) -> Option<gst::Pad> {
        let pad = {
            let mut state = self.state.lock();
            let index = match name.and_then(|name| name.strip_prefix("src_")) {
                Some(number) => number.parse().ok().filter(|index| !state.outputs.contains_key(index))?,
                None => (0..).find(|index| !state.outputs.contains_key(index))?,
            };
            let pad = gst::Pad::builder_from_template(template).name(format!("src_{index}")).build();
            state.outputs.insert(index, Output { pad: pad.clone(), info: None, ended: false });
            state.flows.add_pad(&pad);
            pad
        };
        if let Err(err) = self.obj().add_pad(&pad) {
            gst::error!(CAT, imp = self, "cannot add pad {}: {err}", pad.name());
            return None;
        }
        Some(pad)
    }

    fn release_pad(&self, pad: &gst::Pad) {
        let _ = pad.set_active(false);
        if let Err(err) = self.obj().remove_pad(pad) {
            gst::error!(CAT, imp = self, "cannot remove pad {}: {err}", pad.name());
        }
        // Last, so that nobody requests a pad of this name while it is still there.
        let mut state = self.state.lock();
        state.outputs.retain(|_, output| output.pad != *pad);
        state.flows.remove_pad(pad);
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        let success = self.parent_change_state(transition)?;
        if transition == gst::StateChange::PausedToReady {
            let mut state = self.state.lock();
            state.flows.reset();
            for output in state.outputs.values_mut() {
                output.info = None;
                output.ended = false;
            }
        }
        Ok(success)
    }
}
