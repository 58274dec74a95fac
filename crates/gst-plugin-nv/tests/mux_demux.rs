//! `nvstreamdemux` and `nvdslogger` behind `nvstreammux`.

mod mux_common;

use gst::prelude::*;
use gst_video::VideoFormat;
use mux_common::{Feed, Passed, Pipeline, feed, info, recorded, watch};
use slipstream_buffer::meta::{Batch, holds_batch};

#[test]
fn every_source_leaves_on_its_own_pad_with_its_own_times() {
    let pipeline = Pipeline::new(&format!(
        "nvstreammux name=mux batch-size=3 width=128 height=64 ! nvdslogger ! nvstreamdemux name=demux \
         demux.src_0 ! queue ! fakesink sync=false demux.src_2 ! queue ! fakesink sync=false {}{}{}",
        recorded(0, 64, 32),
        recorded(1, 64, 32),
        recorded(2, 320, 240)
    ));
    let watches = ["src_0", "src_2"].map(|pad| watch(&pipeline.pad("demux", pad)));
    let feeds = [feed(&pipeline, 0, 4), feed(&pipeline, 1, 9), feed(&pipeline, 2, 7)];
    pipeline.play();
    pipeline.wait_for_eos();
    for (watch, (pad, frames)) in watches.iter().zip([(0, 4), (2, 7)]) {
        let expected: Vec<_> = (0..frames).map(|n| vec![(pad, n)]).collect();
        assert_eq!(watch.batches(), expected);
        let times: Vec<u64> = (0..frames).map(|n| n * 40_000_000).collect();
        assert_eq!(watch.times(), times, "those of the source, not of the batches");
        let all = watch.all();
        let Some(Passed::Caps(caps)) = all.first() else { panic!("{all:?}") };
        let caps: gst::Caps = caps.parse().unwrap();
        assert_eq!(caps.structure(0).unwrap().get::<i32>("width").unwrap(), 128, "the multiplexer's");
        assert_eq!(caps.structure(0).unwrap().get::<i32>("batch-size").unwrap(), 1);
        assert_eq!(all.last(), Some(&Passed::Eos));
    }
    feeds.into_iter().for_each(|feed| feed.join().unwrap());
}

/// nvdsosd makes a plain picture of a batch of one, which is to leave like any other.
#[test]
fn pictures_that_were_drawn_on_leave_too() {
    let pipeline = Pipeline::new(&format!(
        "nvstreammux name=mux batch-size=1 width=128 height=64 ! nvdsosd ! nvstreamdemux name=demux \
         demux.src_0 ! queue ! fakesink sync=false demux.src_1 ! queue ! fakesink sync=false {}{}",
        recorded(0, 64, 32),
        recorded(1, 128, 64)
    ));
    let watches = ["src_0", "src_1"].map(|pad| watch(&pipeline.pad("demux", pad)));
    let feeds = [feed(&pipeline, 0, 4), feed(&pipeline, 1, 9)];
    pipeline.play();
    pipeline.wait_for_eos();
    for (watch, (pad, frames)) in watches.iter().zip([(0, 4), (1, 9)]) {
        assert_eq!(watch.batches(), (0..frames).map(|n| vec![(pad, n)]).collect::<Vec<_>>());
        assert_eq!(watch.times(), (0..frames).map(|n| n * 40_000_000).collect::<Vec<_>>());
    }
    feeds.into_iter().for_each(|feed| feed.join().unwrap());
}

#[test]
fn a_source_ends_by_itself_and_its_picture_is_never_copied() {
    let pipeline = Pipeline::new(
        "nvstreammux name=mux batch-size=1 width=64 height=48 ! nvstreamdemux name=demux \
         demux.src_0 ! fakesink name=a sync=false async=false demux.src_1 ! fakesink sync=false async=false",
    );
    let mux = pipeline.element("mux");
    let (first, second) = (watch(&pipeline.pad("demux", "src_0")), watch(&pipeline.pad("demux", "src_1")));
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    pipeline.pad("a", "sink").add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let buffer = info.buffer().unwrap();
        assert!(holds_batch(&pad.current_caps().unwrap(), buffer));
        let batch = Batch::from_buffer(buffer).unwrap();
        let _ = sender.try_send(batch.content().pictures[0].buffer.as_ptr() as usize);
        gst::PadProbeReturn::Ok
    });
    let a = Feed::new(&mux, "sink_0", info(VideoFormat::I420, 64, 48));
    let mut b = Feed::new(&mux, "sink_1", info(VideoFormat::I420, 64, 48));
    pipeline.play();
    a.start();
    b.start();
    let buffer = gst::Buffer::with_size(a.info.size()).unwrap();
    let address = buffer.as_ptr() as usize;
    a.pad.push(buffer).unwrap();
    assert_eq!(receiver.recv_timeout(mux_common::NEVER).unwrap(), address);
    a.eos();
    first.wait_for("its end", |passed| *passed == Passed::Eos);
    b.push().unwrap();
    second.wait_for_batches(1);
    assert!(!second.all().contains(&Passed::Eos));
}

/// A sink that has its first picture holds its way out up until the others have theirs; an encoder may want many for its first.
#[test]
fn a_way_out_that_needs_many_frames_to_begin_is_not_held_up_by_the_other() {
    let pipeline = Pipeline::new(&format!(
        "nvstreammux name=mux batch-size=2 width=64 height=32 ! nvstreamdemux name=demux \
         demux.src_0 ! queue ! fakesink name=early sync=false demux.src_1 ! queue ! fakesink name=late sync=false {}{}",
        recorded(0, 64, 32),
        recorded(1, 64, 32)
    ));
    // stands for an encoder that looks ahead
    let left = std::sync::atomic::AtomicU32::new(20);
    pipeline.pad("demux", "src_1").add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        use std::sync::atomic::Ordering::Relaxed;
        match left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)) {
            // not `Drop`, with which GStreamer 1.22 frees the buffer twice
            Ok(_) => gst::PadProbeReturn::Handled,
            Err(_) => gst::PadProbeReturn::Ok,
        }
    });
    let feeds = [feed(&pipeline, 0, 30), feed(&pipeline, 1, 30)];
    pipeline.play();
    pipeline.wait_for_eos();
    feeds.into_iter().for_each(|feed| feed.join().unwrap());
}
