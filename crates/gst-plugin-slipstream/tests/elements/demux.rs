//! `slipdemux`: to each its own.

use gst::prelude::*;
use gst_video::VideoFormat;
use gstslipstream::meta::Batch;

use crate::common::*;

/// Takes frames as they come out of a pad.
fn output(pipeline: &Pipeline, pad: &str) -> gst_app::AppSink {
    let sink = gst_app::AppSink::builder().sync(false).async_(false).build();
    pipeline.0.add(&sink).unwrap();
    let pad = pipeline.element("demux").request_pad_simple(pad).unwrap();
    pad.link(&sink.static_pad("sink").unwrap()).unwrap();
    sink.sync_state_with_parent().unwrap();
    sink
}

fn pull(sink: &gst_app::AppSink) -> Option<gst::Sample> {
    let sample = sink.try_pull_sample(gst::ClockTime::try_from(NEVER).unwrap());
    assert!(sample.is_some() || sink.is_eos(), "waited in vain");
    sample
}

/// Checks the brightness, size and number of the next frame; returns its time in milliseconds.
fn expect(sink: &gst_app::AppSink, pad: u32, number: u64, info: &gst_video::VideoInfo, luma: u8) -> u64 {
    let sample = pull(sink).expect("a frame");
    let got = gst_video::VideoInfo::from_caps(sample.caps().unwrap()).unwrap();
    assert_eq!((got.format(), got.width(), got.height()), (info.format(), info.width(), info.height()));
    let buffer = sample.buffer_owned().unwrap();
    assert_eq!(pixels(&buffer, &got), pixels(&gray(info, luma), info));
    let meta = Batch::from_buffer(&buffer).unwrap();
    assert_eq!(
        meta.frames.iter().map(|f| (f.pad_index, f.frame_number)).collect::<Vec<_>>(),
        [(pad, number)]
    );
    assert_eq!(meta.sources.iter().map(|source| source.pad_index).collect::<Vec<_>>(), [pad]);
    buffer.pts().unwrap().mseconds()
}

#[test]
fn frames_leave_where_they_belong() {
    let pipeline = Pipeline::new("slipmux name=mux ! slipdemux name=demux");
    let (second, first) = (output(&pipeline, "src_1"), output(&pipeline, "src_0"));
    // never fed, and for a source that is not asked for there is no pad
    let unused = output(&pipeline, "src_7");
    pipeline.play();
    let mux = pipeline.element("mux");
    let mut a = Feed::new(&mux, false, info(VideoFormat::I420, 64, 48));
    let mut b = Feed::new(&mux, false, info(VideoFormat::Nv12, 32, 34));
    let mut c = Feed::new(&mux, false, info(VideoFormat::Nv12, 16, 16));
    for number in 0..10 {
        a.push(10 + number as u8).unwrap();
        b.push(100 + number as u8).unwrap();
        c.push(1).unwrap();
        assert_eq!(expect(&first, 0, number, &a.info, 10 + number as u8), number * 40);
        assert_eq!(expect(&second, 1, number, &b.info, 100 + number as u8), number * 40);
    }
    a.change(info(VideoFormat::Nv12, 128, 96));
    a.push(200).unwrap();
    b.push(201).unwrap();
    c.push(1).unwrap();
    expect(&first, 0, 10, &a.info, 200);
    expect(&second, 1, 10, &b.info, 201);

    // a source that leaves ends its stream, and only that
    mux.release_request_pad(&b.sink);
    a.push(202).unwrap();
    c.push(1).unwrap();
    expect(&first, 0, 11, &a.info, 202);
    assert!(pull(&second).is_none() && second.is_eos());
    assert!(!first.is_eos() && !unused.is_eos());

    // one that comes in its place is a stream of its own
    let mut b = Feed::on(mux.request_pad_simple("sink_1").unwrap(), false, info(VideoFormat::I420, 48, 48));
    a.push(203).unwrap();
    b.push(150).unwrap();
    c.push(1).unwrap();
    expect(&first, 0, 12, &a.info, 203);
    wait_until("the stream begins anew", || !second.is_eos());
    expect(&second, 1, 0, &b.info, 150);

    for feed in [&a, &b, &c] {
        feed.eos();
    }
    assert!(pull(&first).is_none() && first.is_eos());
    assert!(pull(&unused).is_none() && unused.is_eos(), "even a stream without a frame ends");
    pipeline.wait_for_eos();
}

#[test]
fn live_frames_are_shown_with_their_batch() {
    let pipeline = Pipeline::new("slipmux name=mux framerate=25/1 ! slipdemux name=demux");
    let clock = gst_check::TestClock::with_start_time(gst::ClockTime::from_seconds(7));
    pipeline.0.use_clock(Some(&clock));
    let sink = output(&pipeline, "src_0");
    pipeline.play();
    let mut feed = Feed::new(&pipeline.element("mux"), true, info(VideoFormat::I420, 64, 48));
    for (number, luma) in [30u8, 60, 90].into_iter().enumerate() {
        feed.push(luma).unwrap();
        assert!(clock.crank());
        let time = expect(&sink, 0, number as u64, &feed.info, luma);
        assert_eq!(
            time,
            (number as u64 + 1) * 40,
            "when it came out of the mux, not when the camera made it"
        );
    }
}

#[test]
fn pads_come_and_go_while_frames_flow() {
    let pipeline = Pipeline::new(
        "slipmux name=mux ! slipdemux name=demux videotestsrc ! video/x-raw,width=32,height=32 ! mux. \
         demux.src_0 ! fakesink name=sink sync=false",
    );
    let watch = pipeline.watch("sink", "sink");
    pipeline.play();
    watch.next();
    let demux = pipeline.element("demux");
    for _ in 0..100 {
        let sink = gst::ElementFactory::make("fakesink")
            .property("sync", false)
            .property("async", false)
            .build()
            .unwrap();
        pipeline.0.add(&sink).unwrap();
        sink.sync_state_with_parent().unwrap();
        let pad = demux.request_pad_simple("src_%u").unwrap();
        pad.link(&sink.static_pad("sink").unwrap()).unwrap();
        watch.next();
        demux.release_request_pad(&pad);
        sink.set_state(gst::State::Null).unwrap();
        pipeline.0.remove(&sink).unwrap();
    }
    assert_eq!(demux.src_pads().len(), 1);
}

#[test]
fn what_is_no_batch_is_an_error() {
    let pipeline = Pipeline::new("slipdemux name=demux demux.src_0 ! fakesink");
    let pad = pipeline.pad("demux", "sink");
    pipeline.set_state(gst::State::Paused);
    pad.send_event(gst::event::StreamStart::new("x"));
    pad.send_event(gst::event::Caps::new(&gstslipstream::meta::batch_caps()));
    pad.send_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    assert_eq!(pad.chain(gst::Buffer::new()), Err(gst::FlowError::Error));
    let message = pipeline.0.bus().unwrap().pop_filtered(&[gst::MessageType::Error]).unwrap();
    let gst::MessageView::Error(error) = message.view() else { panic!() };
    assert!(error.debug().unwrap().contains("carries no batch"), "{error:?}");
}
