use std::collections::BTreeMap;
use std::sync::LazyLock;

use gst::{glib, prelude::*, subclass::prelude::*};
use gst_base::UniqueFlowCombiner;
use gst_video::VideoFormat;
use parking_lot::Mutex;
use slipstream_buffer::meta::{Batch, BatchContent, nvmm_caps};
use slipstream_meta::BatchMeta;

use crate::event::StreamEvent;
use crate::query::Number;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "nvstreamdemux",
        gst::DebugColorFlags::empty(),
        Some("DeepStream's demultiplexer"),
    )
});

/// Formats that go in and out.
const FORMATS: [VideoFormat; 3] = [VideoFormat::Nv12, VideoFormat::Rgba, VideoFormat::I420];
/// Field of the message that a source has ended.
const STREAM_ID: &str = "stream-id";

/// One source's way out.
struct Output {
    pad: gst::Pad,
    /// The caps that were sent; `None` before its first frame.
    caps: Option<gst::Caps>,
    ended: bool,
}

#[derive(Default)]
struct State {
    outputs: BTreeMap<u32, Output>,
    flows: UniqueFlowCombiner,
    /// Those of the batches.
    caps: Option<gst::Caps>,
    segment: Option<gst::Event>,
}

/// Instance data of [`super::NvStreamDemux`].
pub struct NvStreamDemux {
    sinkpad: gst::Pad,
    state: Mutex<State>,
}

impl NvStreamDemux {
    fn chain(&self, mut buffer: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        let lone = buffer.meta::<Batch>().and_then(|batch| match &*batch.frames {
            [frame] if batch.content().pictures.is_empty() => Some((frame.pad_index, frame.pts)),
            _ => None,
        });
        if let Some((index, pts)) = lone {
            return self.lead_out(index, pts, buffer);
        }
        let content = match buffer.make_mut().meta_mut::<Batch>() {
            Some(mut batch) => std::mem::take(batch.content_mut()),
            None => {
                gst::element_imp_error!(
                    self,
                    gst::StreamError::Failed,
                    ("NvDsBatchMeta missing in the input buffer: nvstreamdemux belongs behind nvstreammux")
                );
                return Err(gst::FlowError::Error);
            }
        };
        let duration = buffer.duration();
        let batch = buffer;
        let BatchContent { meta, pictures } = content;
        let mut result = Ok(gst::FlowSuccess::Ok);
        for (frame, picture) in meta.frames.into_iter().zip(pictures) {
            let index = frame.pad_index;
            let Some((pad, events)) = self.prepare(index) else {
                gst::trace!(CAT, imp = self, "no pad for source {index}");
                continue;
            };
            for event in events {
                pad.push_event(event);
            }
            let mut single = gst::Buffer::new();
            let buffer = single.make_mut();
            buffer.set_pts(frame.pts.map(gst::ClockTime::from_nseconds));
            buffer.set_duration(duration);
            let sources = meta.sources.iter().filter(|source| source.pad_index == index).cloned().collect();
            let meta = BatchMeta { frames: vec![frame], sources, user: meta.user.clone() };
            Batch::attach(buffer, BatchContent { meta, pictures: vec![picture] });
            // The batch is under way for the multiplexer until its last frame is through: queues behind cannot tell how
            // much memory buffers without any stand for.
            gst::ParentBufferMeta::add(buffer, &batch);
            let flow = pad.push(single);
            result = self.state.lock().flows.update_pad_flow(&pad, flow);
            if !matches!(result, Ok(_) | Err(gst::FlowError::NotLinked | gst::FlowError::Eos)) {
                return result;
            }
        }
        match result {
            // Sources that nobody looks at do not stop the others, whose frames come with other batches.
            Err(gst::FlowError::NotLinked) => Ok(gst::FlowSuccess::Ok),
            result => result,
        }
    }

    /// Lets a plain picture out, which nvdsosd and nvmultistreamtiler make of batches.
    fn lead_out(
        &self,
        index: u32,
        pts: Option<u64>,
        mut buffer: gst::Buffer,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let Some((pad, events)) = self.prepare(index) else {
            gst::trace!(CAT, imp = self, "no pad for source {index}");
            return Ok(gst::FlowSuccess::Ok);
        };
        for event in events {
            pad.push_event(event);
        }
        if let Some(pts) = pts {
            buffer.make_mut().set_pts(gst::ClockTime::from_nseconds(pts));
        }
        let flow = pad.push(buffer);
        match self.state.lock().flows.update_pad_flow(&pad, flow) {
            Err(gst::FlowError::NotLinked) => Ok(gst::FlowSuccess::Ok),
            result => result,
        }
    }

    /// The pad of a source and what must be sent on it before its next frame.
    fn prepare(&self, index: u32) -> Option<(gst::Pad, Vec<gst::Event>)> {
        let mut state = self.state.lock();
        let caps = state.caps.clone()?;
        let segment = state.segment.clone();
        let output = state.outputs.get_mut(&index)?;
        if !output.pad.is_linked() {
            return None;
        }
        let mut events = Vec::new();
        if output.ended {
            // Sinks refuse whatever comes after an end but a flush.
            events.push(gst::event::FlushStart::new());
            events.push(gst::event::FlushStop::new(false));
        }
        let begins = output.caps.is_none() || output.ended;
        if begins {
            events.push(self.stream_start(&output.pad, index));
        }
        if begins || output.caps.as_ref() != Some(&caps) {
            events.push(gst::event::Caps::new(&caps));
            output.caps = Some(caps);
        }
        if begins {
            events.push(segment.unwrap_or_else(|| {
                gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new())
            }));
        }
        output.ended = false;
        Some((output.pad.clone(), events))
    }

    fn stream_start(&self, pad: &gst::Pad, index: u32) -> gst::Event {
        let id = pad.create_stream_id(&*self.obj(), Some(&format!("source-{index}")));
        gst::event::StreamStart::builder(&id).group_id(gst::GroupId::next()).build()
    }

    /// Ends the streams of sources that are `these` and have not ended yet, those without a frame too.
    fn end(&self, these: impl Fn(u32) -> bool) {
        let pads: Vec<(gst::Pad, Option<gst::Event>)> = {
            let mut state = self.state.lock();
            let open = state.outputs.iter_mut().filter(|(index, output)| !output.ended && these(**index));
            open.map(|(index, output)| {
                output.ended = true;
                let start = output.caps.is_none().then(|| self.stream_start(&output.pad, *index));
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

    /// Sends an event on the pad of one source; whether there is one that has begun.
    fn send(&self, index: u32, event: gst::Event) -> bool {
        let pad = {
            let state = self.state.lock();
            state
                .outputs
                .get(&index)
                .filter(|output| output.caps.is_some() && !output.ended)
                .map(|o| o.pad.clone())
        };
        pad.is_some_and(|pad| pad.push_event(event))
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        if let Some((kind, source)) = StreamEvent::parse(&event) {
            match kind {
                StreamEvent::Eos | StreamEvent::PadDeleted => self.end(|index| index == source),
                StreamEvent::Reset => _ = self.send(source, event),
                StreamEvent::PadAdded => {}
            }
            return true;
        }
        match event.view() {
            gst::EventView::Caps(caps) => {
                let mut caps = caps.caps_owned();
                caps.make_mut().set("batch-size", 1);
                self.state.lock().caps = Some(caps);
                true
            }
            gst::EventView::Segment(_) => {
                self.state.lock().segment = Some(event);
                true
            }
            gst::EventView::Eos(_) => {
                self.end(|_| true);
                true
            }
            gst::EventView::FlushStop(_) => {
                let mut state = self.state.lock();
                state.flows.reset();
                // Every stream begins anew.
                state.outputs.values_mut().for_each(|output| (output.caps, output.ended) = (None, false));
                drop(state);
                gst::Pad::event_default(&self.sinkpad, Some(&*self.obj()), event)
            }
            // Behind every source's frames once, not on all ways out.
            gst::EventView::SinkMessage(sink_message) => {
                let message = sink_message.message();
                let source = message.structure().and_then(|s| s.get::<u32>(STREAM_ID).ok());
                match source {
                    Some(source) if self.send(source, event.clone()) => true,
                    _ => self.obj().post_message(message).is_ok(),
                }
            }
            // The sources' streams have their own.
            gst::EventView::StreamStart(_) => true,
            _ => gst::Pad::event_default(&self.sinkpad, Some(&*self.obj()), event),
        }
    }

    fn src_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        if Number::asked(query) == Some(Number::BatchSize) {
            Number::answer(query, 1);
            return true;
        }
        gst::Pad::query_default(pad, Some(&*self.obj()), query)
    }
}

#[glib::object_subclass]
impl ObjectSubclass for NvStreamDemux {
    const NAME: &'static str = "GstNvstreamdemux";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::NvStreamDemux;
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

impl ObjectImpl for NvStreamDemux {
    fn constructed(&self) {
        self.parent_constructed();
        if let Err(err) = self.obj().add_pad(&self.sinkpad) {
            gst::error!(CAT, imp = self, "cannot add the sink pad: {err}");
        }
    }
}

impl GstObjectImpl for NvStreamDemux {}

impl ElementImpl for NvStreamDemux {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Stream demultiplexer",
                "Generic",
                "1-to-N pipe stream demultiplexing",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = nvmm_caps(FORMATS);
            [
                gst::PadTemplate::new("sink", gst::PadDirection::Sink, gst::PadPresence::Always, &caps),
                gst::PadTemplate::new("src_%u", gst::PadDirection::Src, gst::PadPresence::Request, &caps),
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
            let pad = gst::Pad::builder_from_template(template)
                .name(format!("src_{index}"))
                .query_function(|pad, parent, query| {
                    Self::catch_panic_pad_function(parent, || false, |demux| demux.src_query(pad, query))
                })
                .build();
            state.outputs.insert(index, Output { pad: pad.clone(), caps: None, ended: false });
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
            (state.caps, state.segment) = (None, None);
            for output in state.outputs.values_mut() {
                (output.caps, output.ended) = (None, false);
            }
        }
        Ok(success)
    }
}
