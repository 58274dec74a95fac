//! What comes in from the sources: frames, events, queries.

use gst::{prelude::*, subclass::prelude::*};
use gst_video::VideoFormat;
use slipstream_buffer::meta::{Batch, BatchContent, BatchPicture, holds_batch, is_nvmm_caps};
use slipstream_meta::{FrameMeta, Rect, Size};

use super::collect::{LaneId, Mark, Offer};
use super::imp::{CAT, NvStreamMux, Output, Waiting};
use super::settings::Generation;
use crate::event::StreamEvent;
use crate::query::Number;

/// Batches of a source's frames that elements behind keep at once: the one under way, and the one that the tiler shows.
const BATCHES_IN_USE: u32 = 2;
/// Frames that a source has in use beside those in batches: one that waits, one that is being written.
const FRAMES_BESIDE: u32 = 2;
/// Name of the caps that carry a frame's wall clock since 1970 (`add-reference-timestamp-meta` of the RTP elements).
const UNIX_TIME: &str = "timestamp/x-unix";
/// The same since 1900.
const NTP_TIME: &str = "timestamp/x-ntp";
/// From 1900 to 1970 in nanoseconds.
const NTP_TO_UNIX: u64 = 2_208_988_800 * 1_000_000_000;
/// Scaled frames have widths and heights that are multiples of these.
const WIDTH_STEP: u32 = 8;
const HEIGHT_STEP: u32 = 4;
/// Rate of batches where the first input tells none.
const DEFAULT_RATE: gst::Fraction = gst::Fraction::from_integer(30);

/// When the camera took the frame, if it said so.
fn camera_time(buffer: &gst::BufferRef) -> Option<u64> {
    buffer.iter_meta::<gst::ReferenceTimestampMeta>().find_map(|meta| {
        let time = meta.timestamp().nseconds();
        match meta.reference().structure(0)?.name().as_str() {
            UNIX_TIME => Some(time),
            NTP_TIME => time.checked_sub(NTP_TO_UNIX),
            _ => None,
        }
    })
}

fn system_time() -> Option<u64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    u64::try_from(now.as_nanos()).ok()
}

/// Where a picture lies in a frame of `width` × `height`: all over it, or with its shape kept in the middle.
fn viewport(info: &gst_video::VideoInfo, width: u32, height: u32, keep_shape: bool) -> Rect {
    let whole = Rect::of_size(Size::new(width, height));
    let par = info.par();
    let shape_width = u64::from(info.width()) * u64::try_from(par.numer()).unwrap_or(1).max(1);
    let shape_height = u64::from(info.height()) * u64::try_from(par.denom()).unwrap_or(1).max(1);
    if !keep_shape || shape_width == 0 || shape_height == 0 {
        return whole;
    }
    // DeepStream's are even
    let even = |size: u64, limit: u32| ((size as u32) & !1).clamp(2.min(limit), limit);
    let by_width = u64::from(width) * shape_height / shape_width;
    let (w, h) = if by_width <= u64::from(height) {
        (width, even(by_width, height))
    } else {
        (even(u64::from(height) * shape_width / shape_height, width), height)
    };
    Rect::new(((width - w) / 2) as f32, ((height - h) / 2) as f32, w as f32, h as f32)
}

/// Whether frames of both formats may be in one batch: behind, those of video are taken as they come.
fn go_together(a: VideoFormat, b: VideoFormat) -> bool {
    let planar = |format| matches!(format, VideoFormat::I420 | VideoFormat::Nv12);
    a == b || (planar(a) && planar(b))
}

impl NvStreamMux {
    pub(super) fn sink_chain(
        &self,
        pad: &gst::Pad,
        lane: LaneId,
        buffer: gst::Buffer,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let asked = self.state.lock().inputs.get(&lane).is_some_and(|input| input.source_id.is_some());
        if !asked {
            let source_id = Number::SourceId.ask(pad).unwrap_or(lane.pad);
            if let Some(input) = self.state.lock().inputs.get_mut(&lane) {
                input.source_id = Some(source_id);
            }
        }
        let attach_sys_ts = self.config.lock().attach_sys_ts;
        let caps = pad.current_caps().ok_or(gst::FlowError::NotNegotiated)?;
        let mut state = self.state.lock();
        let input = state.inputs.get_mut(&lane).ok_or(gst::FlowError::Flushing)?;
        let info = input.info.clone().ok_or(gst::FlowError::NotNegotiated)?;
        let pts = buffer.pts();
        let time = pts.and_then(|pts| input.segment.to_running_time(pts)).or(pts).unwrap_or_default();
        let wall_clock = if attach_sys_ts { system_time() } else { camera_time(&buffer) };
        // A batch of one that was taken out of another batch, or a picture.
        let (described, picture) = take_apart(&caps, buffer, info);
        let size = picture.size();
        let mut meta =
            described.unwrap_or_else(|| FrameMeta::new(lane.pad, input.name.clone(), input.frames, size));
        meta.draw_onto(input.viewport);
        meta.pad_index = lane.pad;
        meta.source_id = input.source_id.unwrap_or(lane.pad);
        meta.name = input.name.clone();
        meta.frame_number = input.frames;
        meta.pts = pts.map(gst::ClockTime::nseconds);
        meta.wall_clock = wall_clock;
        meta.source_size = size;
        input.frames += 1;
        let mut waiting = Waiting { meta, picture };
        loop {
            let flushing = state.inputs.get(&lane).is_none_or(|input| input.flushing);
            if state.stopped || flushing {
                return Err(gst::FlowError::Flushing);
            }
            waiting = match state.frames.offer(lane, time.nseconds(), waiting) {
                Offer::Taken => break,
                Offer::Closed => return Err(gst::FlowError::Eos),
                Offer::Full(waiting) => {
                    self.changed.wait(&mut state);
                    waiting
                }
            };
        }
        drop(state);
        self.changed.notify_all();
        Ok(gst::FlowSuccess::Ok)
    }

    /// What frames of the source look like from now on.
    fn set_caps(&self, pad: &gst::Pad, lane: LaneId, caps: &gst::Caps) -> bool {
        if !is_nvmm_caps(caps) {
            gst::element_imp_error!(
                self,
                gst::StreamError::Format,
                ("Input caps {caps} of pad {} are not supported", pad.name()),
                [
                    "raw buffers are not supported as input; use nvvideoconvert to convert them to memory:NVMM first"
                ]
            );
            return false;
        }
        let Ok(info) = gst_video::VideoInfo::from_caps(caps) else {
            gst::error!(CAT, obj = pad, "cannot use caps {caps}");
            return false;
        };
        let config = self.config.lock().clone();
        let result = self.interrupt(|state| {
            let output = match &state.output {
                Some(output) => output.clone(),
                None => {
                    let output = first_output(&config, &info);
                    state.output = Some(output.clone());
                    output
                }
            };
            if !go_together(output.format, info.format()) {
                return Err(output.format);
            }
            let same_size = (info.width(), info.height()) == (config.width, config.height);
            if let Some(input) = state.inputs.get_mut(&lane) {
                input.viewport = match config.generation {
                    Generation::Old => viewport(&info, output.width, output.height, config.padding),
                    Generation::New => Rect::of_size(Size::new(info.width(), info.height())),
                };
                input.info = Some(info.clone());
            }
            let rounded = (output.width, output.height) != (config.width, config.height);
            Ok((!same_size && rounded && config.generation == Generation::Old).then_some(output))
        });
        match result {
            Ok(Some(output)) => {
                gst::element_imp_warning!(
                    self,
                    gst::StreamError::Format,
                    (
                        "Rounding muxer output size to the next multiples of {WIDTH_STEP} and {HEIGHT_STEP}: {}x{}",
                        output.width,
                        output.height
                    )
                );
                true
            }
            Ok(None) => true,
            Err(format) => {
                gst::element_imp_error!(
                    self,
                    gst::StreamError::Format,
                    ("Input Output Color Format Mismatch"),
                    ["pad {} brings {}, batches are {format}", pad.name(), info.format()]
                );
                false
            }
        }
    }

    pub(super) fn sink_event(&self, pad: &gst::Pad, lane: LaneId, event: gst::Event) -> bool {
        use gst::EventView;
        if let Some((StreamEvent::Reset, _)) = StreamEvent::parse(&event) {
            let reset = self.config.lock().reset_on_reset;
            self.interrupt(|state| {
                state.frames.mark(lane, Mark::Reset);
                if let Some(input) = state.inputs.get_mut(&lane).filter(|_| reset) {
                    input.frames = 0;
                }
            });
            return true;
        }
        match event.view() {
            EventView::Caps(caps) => self.set_caps(pad, lane, &caps.caps_owned()),
            EventView::Segment(segment) => {
                let Some(segment) = segment.segment().downcast_ref::<gst::ClockTime>() else {
                    gst::error!(CAT, obj = pad, "segment is not in time");
                    return false;
                };
                if let Some(input) = self.state.lock().inputs.get_mut(&lane) {
                    input.segment = segment.clone();
                }
                true
            }
            EventView::Eos(_) => {
                gst::debug!(CAT, obj = pad, "end of stream");
                let reset = self.config.lock().reset_on_eos;
                self.interrupt(|state| {
                    state.frames.mark(lane, Mark::Ended);
                    if let Some(input) = state.inputs.get_mut(&lane).filter(|_| reset) {
                        input.frames = 0;
                    }
                });
                true
            }
            EventView::FlushStart(_) => {
                self.interrupt(|state| {
                    if let Some(input) = state.inputs.get_mut(&lane) {
                        input.flushing = true;
                    }
                    state.frames.flush(lane);
                });
                true
            }
            EventView::FlushStop(_) => {
                self.interrupt(|state| {
                    if let Some(input) = state.inputs.get_mut(&lane) {
                        input.flushing = false;
                        input.segment = gst::FormattedSegment::new();
                    }
                    state.frames.flush(lane);
                    state.frames.reopen(lane);
                });
                true
            }
            EventView::StreamStart(_) => {
                // A source that had ended and starts anew is welcome, and may be another one than before.
                self.interrupt(|state| {
                    if let Some(input) = state.inputs.get_mut(&lane) {
                        input.source_id = None;
                    }
                    state.frames.reopen(lane);
                });
                true
            }
            EventView::Gap(_) => true,
            // What describes one source's stream (tags, groups, tables of contents) does not describe the batches.
            _ if event.is_sticky() => true,
            _ => gst::Pad::event_default(pad, Some(&*self.obj()), event),
        }
    }

    pub(super) fn sink_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        use gst::QueryViewMut;
        match query.view_mut() {
            // Without this, decoders copy every frame into memory without padding.
            QueryViewMut::Allocation(q) => {
                q.add_allocation_meta::<gst_video::VideoMeta>(None);
                // Decoders with a fixed number of frames must have some left to work with.
                let size = q.get().0.and_then(|caps| gst_video::VideoInfo::from_caps(caps).ok());
                if let Some(size) = size.and_then(|info| u32::try_from(info.size()).ok()) {
                    let sources = u32::try_from(self.state.lock().inputs.len()).unwrap_or(1).max(1);
                    let in_batch = self.config.lock().batch_size.div_ceil(sources).max(1);
                    let frames = in_batch * BATCHES_IN_USE + FRAMES_BESIDE;
                    q.add_allocation_pool(None::<&gst::BufferPool>, size, frames, 0);
                }
                true
            }
            QueryViewMut::Caps(q) => {
                let caps = pad.pad_template_caps();
                let caps = q.filter_owned().map_or_else(
                    || caps.clone(),
                    |filter| filter.intersect_with_mode(&caps, gst::CapsIntersectMode::First),
                );
                q.set_result(&caps);
                true
            }
            QueryViewMut::AcceptCaps(q) => {
                // Raw video is let in so that the caps event can say what is wrong with it.
                let raw = q.caps().structure(0).is_some_and(|s| s.name() == "video/x-raw")
                    && !is_nvmm_caps(q.caps());
                let accepted = raw || q.caps().can_intersect(&pad.pad_template_caps());
                q.set_result(accepted);
                true
            }
            _ => gst::Pad::query_default(pad, Some(&*self.obj()), query),
        }
    }
}

/// What batches are like, by the first input.
fn first_output(config: &super::settings::Config, info: &gst_video::VideoInfo) -> Output {
    let rate = if info.fps().numer() > 0 { info.fps() } else { DEFAULT_RATE };
    let (width, height) = match config.generation {
        Generation::New => (info.width(), info.height()),
        Generation::Old if (info.width(), info.height()) == (config.width, config.height) => {
            (config.width, config.height)
        }
        Generation::Old => {
            (config.width.next_multiple_of(WIDTH_STEP), config.height.next_multiple_of(HEIGHT_STEP))
        }
    };
    Output { format: info.format(), width, height, rate }
}

/// What a buffer says about its frame, and the picture.
fn take_apart(
    caps: &gst::CapsRef,
    mut buffer: gst::Buffer,
    info: gst_video::VideoInfo,
) -> (Option<FrameMeta>, BatchPicture) {
    if !holds_batch(caps, &buffer) {
        let described = Batch::from_buffer(&buffer).and_then(|batch| batch.frames.first().cloned());
        return (described, BatchPicture { buffer, info });
    }
    let content = buffer.make_mut().meta_mut::<Batch>().map(|mut batch| std::mem::take(batch.content_mut()));
    let BatchContent { meta, pictures } = content.unwrap_or_default();
    let described = meta.frames.into_iter().next();
    let picture = pictures.into_iter().next().unwrap_or(BatchPicture { buffer, info });
    (described, picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(width: u32, height: u32, par: (i32, i32)) -> gst_video::VideoInfo {
        gst::init().unwrap();
        let builder = gst_video::VideoInfo::builder(VideoFormat::Nv12, width, height);
        builder.par(gst::Fraction::new(par.0, par.1)).build().unwrap()
    }

    #[test]
    fn padding_keeps_the_shape_in_the_middle() {
        let square = info(100, 100, (1, 1));
        assert_eq!(viewport(&square, 1920, 1080, false), Rect::new(0.0, 0.0, 1920.0, 1080.0));
        assert_eq!(viewport(&square, 1920, 1080, true), Rect::new(420.0, 0.0, 1080.0, 1080.0));
        assert_eq!(viewport(&info(400, 100, (1, 1)), 1920, 1080, true), Rect::new(0.0, 300.0, 1920.0, 480.0));
        // anamorphic: 720x576 pixels of 16:15 are 4:3
        assert_eq!(
            viewport(&info(720, 576, (16, 15)), 1920, 1080, true),
            Rect::new(240.0, 0.0, 1440.0, 1080.0)
        );
        assert_eq!(viewport(&info(1280, 720, (1, 1)), 1920, 1080, true), Rect::new(0.0, 0.0, 1920.0, 1080.0));
    }
}
