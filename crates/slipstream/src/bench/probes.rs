//! What can be seen of the running job from outside its elements.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gst::prelude::*;
use gstslipstream::meta::Batch;
use parking_lot::Mutex;

use super::clock::thread_time;

/// Decoded frames that are remembered by their memory: more than are ever on their way.
const REMEMBERED_FRAMES: usize = 4096;
/// Pictures on their way from the tiler to the output at most.
const PICTURES_UNDER_WAY: usize = 256;

/// Processor time between two pads of one thread.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    pub(super) time: Duration,
    pub(super) count: u64,
    entered: Option<Duration>,
}

/// What was measured since the last look.
#[derive(Default)]
pub(super) struct Window {
    pub(super) decoding: Span,
    pub(super) tracking: Span,
    pub(super) tiling: Span,
    pub(super) drawing: Span,
    pub(super) encoding: Span,
    /// Frames that reached the tiler in other memory than the decoder wrote.
    pub(super) copied_frames: u64,
    pub(super) frames: u64,
    pub(super) pictures: u64,
    /// Seconds from the camera's time stamp to the encoded picture.
    pub(super) latencies: Vec<f64>,
}

/// What is known of the running job.
#[derive(Default)]
pub(super) struct Measured {
    pub(super) window: Window,
    /// Pictures as they came from the drawing element, for the encoder alone.
    pub(super) samples: Vec<gst::Sample>,
    pub(super) wants_samples: usize,
    decoded: HashSet<usize>,
    decoded_order: VecDeque<usize>,
    /// By running time: when the newest frames in a picture were taken.
    under_way: HashMap<u64, u64>,
}

pub(super) type Shared = Arc<Mutex<Measured>>;

fn wall_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
}

fn memory_of(buffer: &gst::BufferRef) -> usize {
    if buffer.n_memory() == 0 { 0 } else { buffer.peek_memory(0).as_ptr() as usize }
}

/// Encoders move time stamps together with their segment; the running time stays.
fn running_time(pad: &gst::Pad, buffer: &gst::BufferRef) -> Option<u64> {
    let event = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = event.segment().downcast_ref::<gst::ClockTime>()?;
    segment.to_running_time(buffer.pts()?).map(gst::ClockTime::nseconds)
}

fn on_buffer(
    element: &gst::Element,
    pad: &str,
    shared: &Shared,
    look: impl Fn(&mut Measured, &gst::Pad, &gst::BufferRef) + Send + Sync + 'static,
) {
    let Some(pad) = element.static_pad(pad) else { return };
    let shared = shared.clone();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        if let Some(buffer) = info.buffer() {
            look(&mut shared.lock(), pad, buffer);
        }
        gst::PadProbeReturn::Ok
    });
}

fn enter(span: &mut Span) {
    span.entered = Some(thread_time());
}

fn leave(span: &mut Span) {
    if let Some(entered) = span.entered.take() {
        span.time += thread_time() - entered;
        span.count += 1;
    }
}

/// Watches the memory that decoders write. To be called before cameras are connected.
pub(super) fn watch_decoders(pipeline: &gst::Pipeline, shared: &Shared) {
    let shared = shared.clone();
    pipeline.connect_deep_element_added(move |_, _, element| {
        let decodes =
            element.factory().is_some_and(|factory| factory.has_type(gst::ElementFactoryType::DECODER));
        if decodes && element.static_pad("src").is_some() {
            // Many decoders work at a time, each on a thread of its own.
            let entered = Arc::new(Mutex::new(None));
            on_buffer(element, "sink", &shared, {
                let entered = entered.clone();
                move |_, _, _| *entered.lock() = Some(thread_time())
            });
            on_buffer(element, "src", &shared, move |measured, _, _| {
                measured.window.decoding.entered = entered.lock().take();
                leave(&mut measured.window.decoding);
            });
            on_buffer(element, "src", &shared, |measured, _, buffer| {
                let memory = memory_of(buffer);
                if measured.decoded.insert(memory) {
                    measured.decoded_order.push_back(memory);
                    if measured.decoded_order.len() > REMEMBERED_FRAMES
                        && let Some(oldest) = measured.decoded_order.pop_front()
                    {
                        measured.decoded.remove(&oldest);
                    }
                }
            });
        }
    });
}

/// Watches the elements behind the multiplexer.
pub(super) fn watch_stages(pipeline: &gst::Pipeline, shared: &Shared) {
    if let Some(tracker) = pipeline.by_name("sliptrack") {
        on_buffer(&tracker, "sink", shared, |measured, _, _| enter(&mut measured.window.tracking));
        on_buffer(&tracker, "src", shared, |measured, _, _| leave(&mut measured.window.tracking));
    }
    let [Some(tiler), Some(osd), Some(encoder_queue), Some(output)] =
        ["sliptiler", "sliposd", "pictures", "output"].map(|name| pipeline.by_name(name))
    else {
        return;
    };
    on_buffer(&tiler, "sink", shared, |measured, pad, buffer| {
        if let (Some(batch), Some(time)) = (buffer.meta::<Batch>(), running_time(pad, buffer)) {
            let content = batch.content();
            measured.window.frames += content.pictures.len() as u64;
            let copied = content
                .pictures
                .iter()
                .filter(|picture| !measured.decoded.contains(&memory_of(&picture.buffer)));
            measured.window.copied_frames += copied.count() as u64;
            if let Some(newest) = content.meta.frames.iter().filter_map(|frame| frame.wall_clock).max() {
                if measured.under_way.len() >= PICTURES_UNDER_WAY {
                    measured.under_way.clear();
                }
                measured.under_way.insert(time, newest);
            }
        }
        enter(&mut measured.window.tiling);
    });
    on_buffer(&tiler, "src", shared, |measured, _, _| leave(&mut measured.window.tiling));
    on_buffer(&osd, "sink", shared, |measured, _, _| {
        enter(&mut measured.window.drawing);
    });
    on_buffer(&osd, "src", shared, |measured, pad, buffer| {
        leave(&mut measured.window.drawing);
        if measured.wants_samples > measured.samples.len()
            && let (Some(caps), Ok(picture)) = (pad.current_caps(), buffer.copy_deep())
        {
            measured.samples.push(gst::Sample::builder().buffer(&picture).caps(&caps).build());
        }
    });
    on_buffer(&encoder_queue, "src", shared, |measured, _, _| {
        // Whatever this thread did since the picture before is encoding.
        leave(&mut measured.window.encoding);
        enter(&mut measured.window.encoding);
    });
    on_buffer(&output, "sink", shared, |measured, pad, buffer| {
        measured.window.pictures += 1;
        let taken = running_time(pad, buffer).and_then(|time| measured.under_way.remove(&time));
        if let Some(taken) = taken {
            measured.window.latencies.push(wall_clock().saturating_sub(taken) as f64 / 1e9);
        }
    });
}
