//! The thread that sends a camera's pictures in time, and the spoiling of what it sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use gst::prelude::*;
use gst_app::AppSrc;
use gst_video::prelude::*;
use slipstream_meta::{Colorimetry, MAX_PLANES, PictureMut, PixelFormat, PlaneMut};

use super::{Camera, Clip, LiveSource};

/// How often a waiting thread looks whether it is still needed.
const LOOK_UP: Duration = Duration::from_millis(20);
/// Bytes at the start of a coded picture that stay as they are: start code and first header, so that receivers
/// still take it for a picture.
const SPARED_BYTES: usize = 8;
/// One byte in so many is changed in a garbled picture.
const GARBLED_SHARE: usize = 16;

/// Where one camera's pictures go, for as long as the media lives.
pub(super) struct Feed {
    camera: Arc<Camera>,
    appsrc: AppSrc,
    has_ended: Arc<AtomicBool>,
    /// Running time at which picture 0 is due.
    start: gst::ClockTime,
    random: fastrand::Rng,
}

impl Feed {
    pub(super) fn new(camera: Arc<Camera>, appsrc: AppSrc, has_ended: Arc<AtomicBool>) -> Self {
        Self { camera, appsrc, has_ended, start: gst::ClockTime::ZERO, random: random() }
    }

    /// Runs `work` on a thread of its own, once the media plays.
    pub(super) fn spawn(mut self, work: impl FnOnce(&mut Self) + Send + 'static) {
        let run = move || {
            // Before it plays, the media has no base time, and its running time is nonsense.
            while self.appsrc.current_state() != gst::State::Playing {
                if self.has_ended() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            self.start = self.now();
            work(&mut self);
        };
        if let Err(error) = std::thread::Builder::new().name("camera".into()).spawn(run) {
            tracing::error!(%error, "a simulated camera cannot start");
        }
    }

    fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    fn now(&self) -> gst::ClockTime {
        self.appsrc.current_running_time().unwrap_or_default()
    }

    /// Waits until `time` after the start, longer if the camera is frozen. False if nobody wants pictures any more.
    fn wait_for(&mut self, time: gst::ClockTime) -> bool {
        loop {
            if self.has_ended() {
                return false;
            }
            let now = self.now();
            if self.camera.is_frozen.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK_UP);
                self.start += self.now().saturating_sub(now);
                continue;
            }
            let due = self.start + time;
            match due.checked_sub(now).filter(|rest| !rest.is_zero()) {
                Some(rest) => std::thread::sleep(Duration::from(rest).min(LOOK_UP)),
                None => return true,
            }
        }
    }

    /// False if nobody wants pictures any more.
    fn push(&self, buffer: gst::Buffer) -> bool {
        let is_sent = self.appsrc.push_buffer(buffer).is_ok();
        if is_sent {
            self.camera.pictures_sent.fetch_add(1, Ordering::Relaxed);
        }
        is_sent
    }

    /// Plays `clip` over and over, its times running on.
    pub(super) fn play(&mut self, clip: &Clip) {
        self.appsrc.set_caps(Some(&clip.caps));
        for round in 0.. {
            let begin = clip.period * round;
            for unit in &clip.units {
                if !self.wait_for(begin + unit.decode) {
                    return;
                }
                // Copies the list of memories, not their bytes.
                let mut buffer = unit.buffer.copy();
                if happens(&mut self.random, &self.camera.garbled_units) {
                    garble(&mut buffer, &mut self.random);
                }
                {
                    let buffer = buffer.make_mut();
                    buffer.set_dts(self.start + begin + unit.decode);
                    buffer.set_pts(self.start + begin + unit.present);
                }
                if !self.push(buffer) {
                    return;
                }
            }
        }
    }

    /// Draws pictures at the rate of `live`.
    pub(super) fn draw(&mut self, live: &LiveSource) {
        let info =
            gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, live.size.width, live.size.height)
                .fps(gst::Fraction::new(live.frame_rate.cast_signed(), 1))
                .build();
        let info = match info {
            Ok(info) => info,
            Err(error) => return tracing::error!(%error, "a simulated camera cannot draw"),
        };
        let Ok(caps) = info.to_caps() else { return };
        let Some(pool) = buffer_pool(&caps, &info) else {
            return tracing::error!("a simulated camera has no memory to draw in");
        };
        self.appsrc.set_caps(Some(&caps));
        let picture_time = |index: u64| gst::ClockTime::SECOND * index / u64::from(live.frame_rate.max(1));
        for index in 0.. {
            if !self.wait_for(picture_time(index)) {
                break;
            }
            let Ok(mut buffer) = pool.acquire_buffer(None) else { break };
            let number = self.camera.next_picture.fetch_add(1, Ordering::Relaxed);
            {
                let Some(buffer) = buffer.get_mut() else { break };
                buffer.set_pts(self.start + picture_time(index));
                buffer.set_duration(picture_time(1));
                if !paint(live, number, buffer, &info) {
                    break;
                }
            }
            if !self.push(buffer) {
                break;
            }
        }
        // A pool that does not stop is freed with its last buffer.
        let _ = pool.set_active(false);
    }
}

fn buffer_pool(caps: &gst::Caps, info: &gst_video::VideoInfo) -> Option<gst::BufferPool> {
    /// The encoder may hold some while the next is drawn.
    const BUFFERS: u32 = 4;
    let pool = gst::BufferPool::new();
    let mut config = pool.config();
    config.set_params(Some(caps), u32::try_from(info.size()).ok()?, BUFFERS, 0);
    pool.set_config(config).ok()?;
    pool.set_active(true).ok()?;
    Some(pool)
}

fn paint(live: &LiveSource, number: u64, buffer: &mut gst::BufferRef, info: &gst_video::VideoInfo) -> bool {
    let Ok(mut frame) = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, info) else {
        return false;
    };
    let strides: [usize; MAX_PLANES] =
        std::array::from_fn(|plane| frame.plane_stride().get(plane).map_or(0, |s| s.unsigned_abs() as usize));
    let [y, u, v, _] = frame.planes_data_mut();
    let [y_stride, u_stride, v_stride] = strides;
    let planes = [
        PlaneMut { data: y, stride: y_stride },
        PlaneMut { data: u, stride: u_stride },
        PlaneMut { data: v, stride: v_stride },
    ];
    match PictureMut::new(PixelFormat::I420, live.size, Colorimetry::default(), planes) {
        Ok(mut picture) => {
            (live.painter.lock())(number, &mut picture);
            true
        }
        Err(error) => {
            tracing::error!(%error, "a simulated camera cannot draw");
            false
        }
    }
}

/// Loses and cuts packets on their way out of `pad`, as far as the camera is told to.
pub(super) fn spoil_packets(camera: &Arc<Camera>, pad: &gst::Pad) {
    let camera = camera.clone();
    let random = parking_lot::Mutex::new(random());
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
        let is_sound = [&camera.lost_packets, &camera.cut_packets]
            .iter()
            .all(|share| share.load(Ordering::Relaxed) == 0);
        if is_sound {
            return gst::PadProbeReturn::Ok;
        }
        let mut random = random.lock();
        let mut spoil = |mut packet: gst::Buffer| {
            if happens(&mut random, &camera.lost_packets) {
                return None;
            }
            if happens(&mut random, &camera.cut_packets) {
                let size = packet.size();
                packet.make_mut().set_size(size / 2);
            }
            Some(packet)
        };
        match info.data.take() {
            Some(gst::PadProbeData::Buffer(packet)) => match spoil(packet) {
                Some(packet) => info.data = Some(gst::PadProbeData::Buffer(packet)),
                None => return gst::PadProbeReturn::Handled,
            },
            Some(gst::PadProbeData::BufferList(list)) => {
                let kept: gst::BufferList = list.iter_owned().filter_map(&mut spoil).collect();
                if kept.is_empty() {
                    return gst::PadProbeReturn::Handled;
                }
                info.data = Some(gst::PadProbeData::BufferList(kept));
            }
            other => info.data = other,
        }
        gst::PadProbeReturn::Ok
    });
}

/// Changes bytes here and there, in a copy: the clip is shared.
fn garble(buffer: &mut gst::Buffer, random: &mut fastrand::Rng) {
    let Ok(mut copy) = buffer.copy_deep() else { return };
    if let Some(copy) = copy.get_mut()
        && let Ok(mut bytes) = copy.map_writable()
    {
        for byte in bytes.iter_mut().skip(SPARED_BYTES) {
            if random.usize(0..GARBLED_SHARE) == 0 {
                *byte ^= random.u8(..);
            }
        }
    }
    *buffer = copy;
}

/// The same faults in every run.
fn random() -> fastrand::Rng {
    fastrand::Rng::with_seed(1)
}

/// True for `share` thousandths of all calls.
fn happens(random: &mut fastrand::Rng, share: &AtomicU32) -> bool {
    let share = share.load(Ordering::Relaxed);
    share > 0 && random.u32(0..1000) < share
}
