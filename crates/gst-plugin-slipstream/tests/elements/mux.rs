//! `slipmux`, one frame at a time.

use std::sync::{Arc, Mutex};

use gst::prelude::*;
use gst_video::VideoFormat;
use slipstream_meta::Size;

use crate::common::*;

/// Recorded sources of different sizes, rates and lengths.
const SOURCES: [(u32, u32, u32, u64); 3] = [(64, 48, 25, 50), (100, 60, 30, 61), (32, 34, 10, 17)];

fn recorded() -> String {
    let mut description = String::from("slipmux name=mux ! fakesink name=sink sync=false");
    for (index, (width, height, rate, frames)) in SOURCES.into_iter().enumerate() {
        description += &format!(
            " videotestsrc num-buffers={frames} ! \
             video/x-raw,format=NV12,width={width},height={height},framerate={rate}/1 ! mux.sink_{index}"
        );
    }
    description
}

fn check_recorded(batches: &[Seen]) {
    for (index, (width, height, rate, frames)) in (0..).zip(SOURCES) {
        assert_eq!(numbers_of(batches, index), (0..frames).collect::<Vec<_>>(), "source {index}");
        let of_source = batches.iter().flat_map(|b| b.meta.frames.iter().map(move |f| (b, f)));
        for (batch, frame) in of_source.filter(|(_, frame)| frame.pad_index == index) {
            assert_eq!(frame.source_size, Size::new(width, height));
            assert_eq!(&*frame.name, format!("source {index}"));
            let own = gst::ClockTime::SECOND.mul_div_round(frame.frame_number, u64::from(rate)).unwrap();
            assert!(frame.pts.unwrap().abs_diff(own.nseconds()) <= 1, "{frame:?}");
            // together with what is nearest in time
            let late = frame.pts.unwrap() as i64 - batch.pts.unwrap().nseconds() as i64;
            assert!((0..=1_000_000_000 / 30 / 2).contains(&late), "{late} ns late: {frame:?}");
        }
    }
    for pair in batches.windows(2) {
        assert!(pair[0].pts < pair[1].pts, "{:?} then {:?}", pair[0].pts, pair[1].pts);
    }
    for batch in batches {
        let pads: Vec<_> = batch.meta.sources.iter().map(|source| source.pad_index).collect();
        assert_eq!(pads, [0, 1, 2]);
        assert!(!batch.meta.frames.is_empty());
    }
}

#[test]
fn recorded_sources_lose_no_frame_and_end_together() {
    let pipeline = Pipeline::new(&recorded());
    let watch = pipeline.watch("sink", "sink");
    pipeline.play();
    pipeline.wait_for_eos();
    check_recorded(&watch.until_eos());
}

#[test]
fn a_stopped_mux_starts_from_the_beginning() {
    let pipeline = Pipeline::new(&recorded());
    let watch = pipeline.watch("sink", "sink");
    for _ in 0..3 {
        pipeline.play();
        pipeline.wait_for_eos();
        pipeline.set_state(gst::State::Null);
        check_recorded(&watch.until_eos());
    }
}

#[test]
fn a_flushing_seek_starts_time_over_for_all() {
    let source = |size| format!("videotestsrc ! video/x-raw,format=I420,{size},framerate=25/1 ! mux.");
    let pipeline = Pipeline::new(&format!(
        "slipmux name=mux ! fakesink name=sink sync=true {} {}",
        source("width=64,height=48"),
        source("width=32,height=32")
    ));
    let watch = pipeline.watch("sink", "sink");
    pipeline.play();
    for _ in 0..5 {
        watch.next();
    }
    for _ in 0..2 {
        let second = gst::ClockTime::SECOND;
        pipeline
            .0
            .seek(
                1.0,
                gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE,
                gst::SeekType::Set,
                second,
                gst::SeekType::Set,
                2 * second,
            )
            .unwrap();
        pipeline.wait_for_eos();
        let mut passed = watch.all();
        let flushed = passed.iter().rposition(|p| matches!(p, Passed::FlushStop)).expect("a flush");
        let mut after = passed.split_off(flushed + 1);
        assert!(matches!(after.pop(), Some(Passed::Eos)));
        let batches = buffers(after);
        let times: Vec<_> = batches.iter().map(|batch| batch.pts.unwrap().mseconds()).collect();
        assert_eq!(times, (0..25).map(|n| n * 40).collect::<Vec<_>>());
        assert!(batches.iter().all(|batch| batch.meta.frames.len() == 2), "{batches:?}");
    }
}

/// A mux whose batches leave when the test says so.
struct Ticked {
    pipeline: Pipeline,
    clock: gst_check::TestClock,
    watch: Watch,
}

impl Ticked {
    fn new(description: &str) -> Self {
        let pipeline = Pipeline::new(description);
        let clock = gst_check::TestClock::new();
        pipeline.0.use_clock(Some(&clock));
        let watch = pipeline.watch("sink", "sink");
        pipeline.play();
        Self { pipeline, clock, watch }
    }

    fn mux(&self) -> gst::Element {
        self.pipeline.element("mux")
    }

    fn tick(&self) -> Seen {
        assert!(self.clock.crank());
        self.watch.next()
    }
}

const TICKED: &str = "slipmux name=mux framerate=25/1 ! fakesink name=sink sync=false async=false";

#[test]
fn live_sources_never_wait_for_each_other() {
    let ticked = Ticked::new(TICKED);
    let mux = ticked.mux();
    let mut a = Feed::new(&mux, true, info(VideoFormat::I420, 64, 48));
    let mut b = Feed::new(&mux, true, info(VideoFormat::Nv12, 32, 32));
    b.sink.set_property("source-name", "Gate");

    a.push(0).unwrap();
    let first = ticked.tick();
    assert_eq!(first.numbers(), [(0, 0)], "the other source has not even begun");
    assert_eq!(first.meta.sources[0].status, None);
    assert_eq!(first.meta.sources[1].status.as_deref(), Some("no picture yet"));
    assert_eq!(&*first.meta.sources[1].name, "Gate");
    assert_eq!(first.pts.unwrap().mseconds(), 40);
    assert_eq!(first.duration.unwrap().mseconds(), 40);

    let nothing = ticked.tick();
    assert_eq!(nothing.numbers(), []);
    assert_eq!(nothing.pts.unwrap().mseconds(), 80);

    b.push(0).unwrap();
    for _ in 0..5 {
        // five at once: the oldest has to go
        a.push(0).unwrap();
    }
    assert_eq!(ticked.tick().numbers(), [(0, 2), (1, 0)]);
    assert_eq!(ticked.tick().numbers(), [(0, 3)]);
    assert_eq!(ticked.tick().numbers(), [(0, 4)]);
    assert_eq!(ticked.tick().numbers(), [(0, 5)]);
    assert_eq!(a.sink.property::<u64>("frames"), 6);
    assert_eq!(a.sink.property::<u64>("dropped"), 1);
    assert_eq!(b.sink.property::<u64>("dropped"), 0);

    // stalled
    b.sink.set_property("status", "no frame for 5 s");
    for number in 6..50 {
        a.push(0).unwrap();
        let batch = ticked.tick();
        assert_eq!(batch.numbers(), [(0, number)]);
        assert_eq!(batch.meta.sources[1].status.as_deref(), Some("no frame for 5 s"));
    }
    b.sink.set_property("status", None::<String>);
    b.push(0).unwrap();
    let back = ticked.tick();
    assert_eq!(back.numbers(), [(1, 1)]);
    assert_eq!(back.meta.sources[1].status, None);
}

/// A batch that takes downstream three periods costs no frame and no tick.
#[test]
fn ticks_that_pass_while_a_batch_is_under_way_are_made_up_for() {
    let ticked = Ticked::new(TICKED);
    let mux = ticked.mux();
    let mut camera = Feed::new(&mux, true, info(VideoFormat::I420, 64, 48));
    camera.push(0).unwrap();
    let sink = ticked.pipeline.pad("sink", "sink");
    let busy =
        sink.add_probe(gst::PadProbeType::BLOCK | gst::PadProbeType::BUFFER, |_, _| gst::PadProbeReturn::Ok);
    assert!(ticked.clock.crank());
    for _ in 0..3 {
        ticked.clock.advance_time(40_000_000);
        camera.push(0).unwrap();
    }
    sink.remove_probe(busy.unwrap());
    // a clock for tests calls even what is past
    let batches: Vec<_> = std::iter::once(ticked.watch.next()).chain((0..3).map(|_| ticked.tick())).collect();
    let times: Vec<_> = batches.iter().map(|batch| batch.pts.unwrap().mseconds()).collect();
    let numbers: Vec<_> = batches.iter().flat_map(Seen::numbers).collect();
    assert_eq!(times, [40, 80, 120, 160]);
    assert_eq!(numbers, [(0, 0), (0, 1), (0, 2), (0, 3)]);
    assert_eq!(camera.sink.property::<u64>("dropped"), 0);
    camera.push(0).unwrap();
    let next = ticked.tick();
    assert_eq!((next.pts.unwrap().mseconds(), next.numbers()), (200, vec![(0, 4)]));
}

#[test]
fn a_recorded_source_beside_a_live_one_plays_at_its_own_pace() {
    const FRAMES: u64 = 20;
    let ticked = Ticked::new(TICKED);
    let mux = ticked.mux();
    let mut live = Feed::new(&mux, true, info(VideoFormat::I420, 64, 48));
    live.push(0).unwrap();
    ticked.tick();
    for _ in 0..100 {
        ticked.tick();
    }
    // 50 ms from frame to frame, from 0 on, four seconds late
    let info = gst_video::VideoInfo::builder(VideoFormat::I420, 32, 32).fps(gst::Fraction::new(20, 1));
    let mut file = Feed::new(&mux, false, info.build().unwrap());
    let sink = file.sink.clone();
    let reader = std::thread::spawn(move || {
        // those beyond are not looked at, but keep the lane full up to the last that is
        for _ in 0..FRAMES + 5 {
            file.push(0).unwrap();
        }
        file.eos();
        file
    });
    let mut taken = Vec::new();
    let mut began = None;
    while taken.len() < FRAMES as usize {
        // four wait, and one more for room
        let there = taken.len() as u64 + 5;
        wait_until("frames are read", || sink.property::<u64>("frames") == there);
        live.push(0).unwrap();
        let batch = ticked.tick();
        let now = batch.pts.unwrap().mseconds();
        let numbers = batch.numbers();
        assert!(numbers.iter().any(|&(pad, _)| pad == 0), "the live source goes on");
        for (_, number) in numbers.into_iter().filter(|&(pad, _)| pad == 1) {
            let began = *began.get_or_insert(now);
            let due = began + number * 50;
            assert!((due..due + 40).contains(&now), "frame {number} at {now}, due at {due}");
            taken.push(number);
        }
    }
    assert_eq!(taken, (0..FRAMES).collect::<Vec<_>>());
    live.eos();
    let sink = ticked.pipeline.pad("sink", "sink");
    wait_until("the end comes with the next tick", || {
        if ticked.clock.peek_id_count() > 0 {
            ticked.clock.crank();
        }
        sink.pad_flags().contains(gst::PadFlags::EOS)
    });
    reader.join().unwrap();
}

#[test]
fn batches_go_on_without_any_source() {
    let ticked = Ticked::new(&TICKED.replace("mux framerate", "mux live=true framerate"));
    for number in 1..5 {
        let batch = ticked.tick();
        assert_eq!((batch.numbers(), batch.pts.unwrap().mseconds()), (vec![], number * 40));
    }
    let mux = ticked.mux();
    let mut camera = Feed::new(&mux, true, info(VideoFormat::I420, 64, 48));
    camera.push(0).unwrap();
    assert_eq!(ticked.tick().numbers(), [(0, 0)]);
    mux.release_request_pad(&camera.sink);
    assert_eq!(ticked.tick().meta.sources, []);
}

#[test]
fn the_fastest_source_sets_the_rate() {
    let ticked = Ticked::new("slipmux name=mux ! fakesink name=sink sync=false async=false");
    let mux = ticked.mux();
    let at = |numer, denom| {
        gst_video::VideoInfo::builder(VideoFormat::I420, 16, 16)
            .fps(gst::Fraction::new(numer, denom))
            .build()
            .unwrap()
    };
    let rate = || ticked.pipeline.pad("mux", "src").current_caps().unwrap();
    let framerate = |caps: gst::Caps| caps.structure(0).unwrap().get::<gst::Fraction>("framerate").unwrap();
    let mut slow = Feed::new(&mux, true, at(15, 1));
    slow.push(0).unwrap();
    ticked.tick();
    assert_eq!(framerate(rate()), gst::Fraction::new(15, 1));
    let mut fast = Feed::new(&mux, true, at(30000, 1001));
    fast.push(0).unwrap();
    let mut last = ticked.tick().pts;
    for _ in 0..5 {
        let pts = ticked.tick().pts;
        assert!(pts > last);
        last = pts;
    }
    assert_eq!(framerate(rate()), gst::Fraction::new(30000, 1001));
    mux.set_property("framerate", gst::Fraction::new(50, 1));
    ticked.tick();
    ticked.tick();
    assert_eq!(framerate(rate()), gst::Fraction::new(50, 1));
}

#[test]
fn a_source_may_change_its_size_and_start_over() {
    let pipeline = Pipeline::new("slipmux name=mux ! fakesink name=sink sync=false async=false");
    let watch = pipeline.watch("sink", "sink");
    pipeline.play();
    let mux = pipeline.element("mux");
    let mut feed = Feed::new(&mux, false, info(VideoFormat::I420, 64, 48));
    let expect = |feed: &mut Feed, number, size| {
        feed.push(0).unwrap();
        let batch = watch.next();
        assert_eq!(batch.numbers(), [(0, number)]);
        assert_eq!(batch.meta.frames[0].source_size, size);
        batch.pts.unwrap()
    };
    let mut times = vec![expect(&mut feed, 0, Size::new(64, 48))];
    feed.change(info(VideoFormat::Nv12, 128, 96));
    times.push(expect(&mut feed, 1, Size::new(128, 96)));
    // the next file of the list: its times begin at 0 again
    let mut feed = {
        feed.pad.unlink(&feed.sink).unwrap();
        Feed::on(feed.sink.clone(), false, info(VideoFormat::I420, 32, 32))
    };
    times.push(expect(&mut feed, 2, Size::new(32, 32)));
    times.push(expect(&mut feed, 3, Size::new(32, 32)));
    let step: Vec<_> = times.windows(2).map(|pair| (pair[1] - pair[0]).mseconds()).collect();
    assert_eq!(step, [40, 40, 40]);
}

/// Addresses of frames at the pads of sources and those in the batches must be the same.
fn check_no_copy(description: &str, sources: &[&str], frames: usize) {
    let pipeline = Pipeline::new(description);
    let watch = pipeline.watch("tiler", "sink");
    // Frames are held so that no address is used twice.
    let sent: Arc<Mutex<Vec<gst::Buffer>>> = Arc::default();
    for source in sources {
        let sent = sent.clone();
        pipeline.pad(source, "src").add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let buffer = info.buffer().unwrap();
            assert!(buffer.meta::<gst_video::VideoMeta>().is_some(), "strides are the decoder's own");
            sent.lock().unwrap().push(buffer.clone());
            gst::PadProbeReturn::Ok
        });
    }
    pipeline.play();
    pipeline.wait_for_eos();
    let mut taken: Vec<_> = watch.until_eos().iter().flat_map(|batch| batch.memories.clone()).collect();
    let mut sent: Vec<_> = sent.lock().unwrap().iter().map(|buffer| memory(buffer)).collect();
    assert_eq!(taken.len(), frames * sources.len());
    taken.sort_unstable();
    sent.sort_unstable();
    assert_eq!(taken, sent);
}

#[test]
fn frames_reach_the_tiler_without_being_copied() {
    let source =
        |name| format!("videotestsrc num-buffers=30 name={name} ! video/x-raw,width=100,height=60 ! mux.");
    check_no_copy(
        &format!("slipmux name=mux ! sliptiler name=tiler ! fakesink {} {}", source("a"), source("b")),
        &["a", "b"],
        30,
    );
}

#[test]
fn decoded_frames_reach_the_tiler_without_being_copied() {
    if !installed(&["x264enc", "avdec_h264", "h264parse"]) {
        return;
    }
    // A width that no decoder works with internally.
    check_no_copy(
        "slipmux name=mux ! sliptiler name=tiler ! fakesink \
         videotestsrc num-buffers=30 ! video/x-raw,format=I420,width=330,height=186 ! x264enc ! h264parse ! \
         avdec_h264 name=decoder ! mux.",
        &["decoder"],
        30,
    );
}

#[test]
fn what_is_no_picture_is_refused() {
    init();
    let mux = gst::ElementFactory::make("slipmux").build().unwrap();
    let pad = mux.request_pad_simple("sink_3").unwrap();
    assert!(mux.request_pad_simple("sink_x").is_none(), "no number");
    assert_eq!(mux.request_pad_simple("sink_%u").unwrap().name(), "sink_0");
    for caps in
        ["audio/x-raw", "video/x-h264", "video/x-raw,format=RGB", "video/x-raw(memory:GLMemory),format=NV12"]
    {
        assert!(!pad.query_accept_caps(&caps.parse::<gst::Caps>().unwrap()), "{caps}");
    }
    let accepted = "video/x-raw,format=NV12,width=16,height=16,framerate=25/1".parse::<gst::Caps>().unwrap();
    assert!(pad.query_accept_caps(&accepted));
}
