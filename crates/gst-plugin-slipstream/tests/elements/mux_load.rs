//! `slipmux` under load: sources that come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gst::prelude::*;
use gst_video::VideoFormat;

use crate::common::*;

const WORKERS: u32 = 4;
const ROUNDS: u32 = 75;

/// Pixels that are counted while they exist.
struct Counted(Arc<AtomicUsize>, Vec<u8>);

impl Counted {
    fn buffer(alive: &Arc<AtomicUsize>, size: usize) -> gst::Buffer {
        alive.fetch_add(1, Ordering::SeqCst);
        gst::Buffer::from_slice(Self(alive.clone(), vec![128; size]))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.1
    }
}

/// Adds sources that push as fast as they can and removes them while they push, hundreds of times.
fn come_and_go(live: bool) {
    let pipeline = Pipeline::new(&format!(
        "slipmux name=mux live={live} framerate=120/1 ! sliptiler width=64 height=64 ! fakesink name=sink sync=false async=false"
    ));
    let passed = Arc::new(AtomicUsize::new(0));
    let counter = passed.clone();
    pipeline.pad("sink", "sink").add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        counter.fetch_add(1, Ordering::SeqCst);
        gst::PadProbeReturn::Ok
    });
    pipeline.play();
    let mux = pipeline.element("mux");
    let alive = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let (mux, alive) = (mux.clone(), alive.clone());
            std::thread::spawn(move || {
                for round in 0..ROUNDS {
                    let mut feed =
                        Feed::new(&mux, live, info(VideoFormat::I420, 16 + 2 * worker, 16 + 2 * (round % 7)));
                    let sink = feed.sink.clone();
                    let alive = alive.clone();
                    let pusher = std::thread::spawn(move || {
                        let size = feed.info.size();
                        let mut pushed = 0;
                        while feed.push_buffer(Counted::buffer(&alive, size)).is_ok() {
                            pushed += 1;
                            if pushed == 40 && round % 5 == 0 {
                                feed.eos();
                            }
                        }
                    });
                    std::thread::sleep(Duration::from_micros(u64::from(round * 37 % 11) * 300));
                    mux.release_request_pad(&sink);
                    pusher.join().unwrap();
                    assert!(sink.parent().is_none());
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    assert!(mux.sink_pads().is_empty());
    assert!(passed.load(Ordering::SeqCst) > 0);
    let weak = mux.downgrade();
    drop(mux);
    drop(pipeline);
    assert!(weak.upgrade().is_none(), "the mux is gone");
    assert_eq!(alive.load(Ordering::SeqCst), 0, "no frame is left behind");
}

#[test]
fn live_sources_come_and_go_under_load() {
    come_and_go(true);
}

#[test]
fn recorded_sources_come_and_go_under_load() {
    come_and_go(false);
}

/// All frames arrive while sources join a recorded pipeline one after the other.
#[test]
fn recorded_sources_that_join_late_lose_nothing_and_time_goes_on() {
    const FRAMES: u64 = 60;
    let pipeline = Pipeline::new("slipmux name=mux ! fakesink name=sink sync=false async=false");
    let watch = pipeline.watch("sink", "sink");
    pipeline.play();
    let mux = pipeline.element("mux");
    // Stays until all have joined, so that the stream does not end before.
    let mut first = Feed::new(&mux, false, info(VideoFormat::I420, 16, 16));
    let threads: Vec<_> = (0..5)
        .map(|_| {
            for _ in 0..20 {
                first.push(0).unwrap();
            }
            let mut feed = Feed::new(&mux, false, info(VideoFormat::I420, 32, 32));
            std::thread::spawn(move || {
                for _ in 0..FRAMES {
                    feed.push(0).unwrap();
                }
                feed.eos();
                feed
            })
        })
        .collect();
    first.eos();
    let feeds: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    pipeline.wait_for_eos();
    let batches = watch.until_eos();
    assert_eq!(numbers_of(&batches, 0), (0..100).collect::<Vec<_>>());
    for (pad, _) in (1..).zip(&feeds) {
        assert_eq!(numbers_of(&batches, pad), (0..FRAMES).collect::<Vec<_>>(), "source {pad}");
    }
    assert!(batches.windows(2).all(|pair| pair[0].pts < pair[1].pts), "time goes on");
}

#[test]
fn states_change_at_any_time() {
    let camera =
        "videotestsrc is-live=true ! video/x-raw,format=I420,width=32,height=32,framerate=60/1 ! mux.";
    let file = "videotestsrc ! video/x-raw,format=NV12,width=48,height=32,framerate=30/1 ! mux.";
    let pipeline =
        Pipeline::new(&format!("slipmux name=mux ! sliptiler ! fakesink name=sink {camera} {camera} {file}"));
    let watch = pipeline.watch("sink", "sink");
    for round in 0..20 {
        pipeline.play();
        if round % 2 == 0 {
            watch.next();
        }
        if round % 3 == 0 {
            pipeline.set_state(gst::State::Paused);
            pipeline.play();
        }
        pipeline.set_state(if round % 4 == 0 { gst::State::Ready } else { gst::State::Null });
    }
}

/// Every source that a real pipeline has is changed while frames flow: bins are linked, removed and replaced.
#[test]
fn bins_are_replaced_while_playing() {
    let pipeline = Pipeline::new(
        "slipmux name=mux live=true framerate=60/1 ! fakesink name=sink sync=false async=false",
    );
    let watch = pipeline.watch("sink", "sink");
    pipeline.play();
    let mux = pipeline.element("mux");
    for round in 0..30 {
        let bin = gst::parse::bin_from_description(
            "videotestsrc is-live=true ! video/x-raw,format=I420,width=32,height=32,framerate=60/1 ! queue",
            true,
        )
        .unwrap();
        pipeline.0.add(&bin).unwrap();
        let sink = mux.request_pad_simple("sink_%u").unwrap();
        assert_eq!(sink.name(), "sink_0", "numbers are used again");
        bin.static_pad("src").unwrap().link(&sink).unwrap();
        bin.sync_state_with_parent().unwrap();
        while watch.next().meta.frames.is_empty() {}
        if round % 2 == 0 {
            // the pad goes first, under the frames
            mux.release_request_pad(&sink);
            bin.set_state(gst::State::Null).unwrap();
        } else {
            bin.set_state(gst::State::Null).unwrap();
            mux.release_request_pad(&sink);
        }
        pipeline.0.remove(&bin).unwrap();
        // what was on its way
        while !watch.next().meta.sources.is_empty() {}
    }
}
