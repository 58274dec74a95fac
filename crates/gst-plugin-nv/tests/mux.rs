//! `nvstreammux`, the old one.

mod mux_common;

use gst::prelude::*;
use gst_video::VideoFormat;
use mux_common::{Feed, Passed, Pipeline, feed, info, init, recorded, wait_until, watch};
use slipstream_meta::{Rect, Size};

fn source(name: &str, source: u32) -> Passed {
    Passed::Source(name.into(), source)
}

/// `nvstreammux` with recorded sources of these lengths, until the end.
fn batches_of(lengths: &[u64], batch_size: u32, more: &str) -> mux_common::Watch {
    let sources: String =
        (0..).zip(lengths).map(|(pad, _)| recorded(pad, 64 + 16 * pad, 32 + 8 * pad)).collect();
    let pipeline = Pipeline::new(&format!(
        "nvstreammux name=mux batch-size={batch_size} width=128 height=64 {more} ! fakesink sync=false {sources}"
    ));
    let watch = watch(&pipeline.pad("mux", "src"));
    let feeds: Vec<_> = (0..).zip(lengths).map(|(pad, &frames)| feed(&pipeline, pad, frames)).collect();
    pipeline.play();
    pipeline.wait_for_eos();
    feeds.into_iter().for_each(|feed| feed.join().unwrap());
    watch
}

#[test]
fn files_of_different_lengths_lose_no_frame() {
    for batch_size in 1..=5 {
        for lengths in [&[7][..], &[5, 12], &[9, 3, 6], &[4, 4, 4, 11]] {
            let watch = batches_of(lengths, batch_size, "");
            let batches = watch.batches();
            for (pad, &frames) in (0..).zip(lengths) {
                let expected: Vec<u64> = (0..frames).collect();
                assert_eq!(
                    watch.numbers(pad),
                    expected,
                    "{lengths:?} in batches of {batch_size}: source {pad}"
                );
            }
            let (last, full) = batches.split_last().unwrap();
            assert!(full.iter().all(|batch| batch.len() == batch_size as usize), "{lengths:?}: {batches:?}");
            assert!(last.len() <= batch_size as usize);
            // a clock of the first input's rate, that knows nothing of the inputs' times
            let expected: Vec<u64> = (0..batches.len() as u64).map(|n| n * 40_000_000).collect();
            assert_eq!(watch.times(), expected);
            let ends = watch
                .events()
                .into_iter()
                .filter(|e| matches!(e, Passed::Source(name, _) if name == "nv-stream-eos"));
            assert_eq!(ends.count(), lengths.len());
            assert_eq!(watch.all().last(), Some(&Passed::Eos));
        }
    }
}

#[test]
fn the_article_s_configuration_takes_cameras_in_turn() {
    let watch = batches_of(&[6, 6, 6], 1, "batched-push-timeout=4000000");
    let pads: Vec<u32> = watch.batches().into_iter().flatten().map(|(pad, _)| pad).collect();
    assert_eq!(pads.len(), 18);
    // round robin: among the frames of any source lies one of each other source, unless a source was late
    assert_eq!(watch.numbers(0), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn what_is_said_about_a_source_stands_behind_its_frames() {
    let watch = batches_of(&[2, 3], 1, "");
    let all = watch.all();
    let at = |what: &Passed| {
        all.iter().position(|passed| passed == what).unwrap_or_else(|| panic!("no {what:?}: {all:?}"))
    };
    for (pad, last) in [(0, 1), (1, 2)] {
        let frame = all
            .iter()
            .position(|passed| matches!(passed, Passed::Batch(_, frames) if frames.contains(&(pad, last))))
            .unwrap();
        let added = at(&source("nv-pad-added", pad));
        let first = all
            .iter()
            .position(|passed| matches!(passed, Passed::Batch(_, frames) if frames.contains(&(pad, 0))))
            .unwrap();
        let eos = at(&source("nv-stream-eos", pad));
        assert!(added < first && frame < eos, "{all:?}");
        assert_eq!(all[eos + 1], Passed::Message);
    }
}

#[test]
fn messages_on_the_bus_name_the_source_that_ended() {
    let pipeline = Pipeline::new(&format!(
        "nvstreammux name=mux batch-size=2 width=64 height=32 ! fakesink sync=false {}{}",
        recorded(0, 64, 32),
        recorded(1, 64, 32)
    ));
    let feeds = [feed(&pipeline, 0, 2), feed(&pipeline, 1, 4)];
    pipeline.play();
    let ended: Vec<u32> = (0..2)
        .map(|_| {
            let message = pipeline.message(&[gst::MessageType::Element]);
            let structure = message.structure().unwrap();
            assert_eq!(structure.name(), "stream-eos");
            structure.get("stream-id").unwrap()
        })
        .collect();
    assert_eq!(ended, [0, 1]);
    pipeline.wait_for_eos();
    feeds.into_iter().for_each(|feed| feed.join().unwrap());
}

/// `nvstreammux` by itself, for sources fed by hand.
fn mux(properties: &str) -> (Pipeline, gst::Element, mux_common::Watch) {
    let pipeline = Pipeline::new(&format!(
        "nvstreammux name=mux width=1920 height=1080 {properties} ! fakesink name=sink sync=false async=false"
    ));
    let mux = pipeline.element("mux");
    let watch = watch(&mux.static_pad("src").unwrap());
    (pipeline, mux, watch)
}

#[test]
fn frames_tell_their_size_and_the_multiplexer_s() {
    let (pipeline, mux, watch) = mux("batch-size=2 enable-padding=true");
    let mut a = Feed::new(&mux, "sink_3", info(VideoFormat::I420, 640, 480));
    let mut b = Feed::new(&mux, "sink_7", info(VideoFormat::Nv12, 1920, 1080));
    pipeline.play();
    // a stream that begins while the pipeline stands still is not heard
    a.start();
    b.start();
    a.push().unwrap();
    b.push().unwrap();
    watch.wait_for_batches(1);
    let metas = watch.metas.lock().unwrap();
    let [first, second] = &metas[0].frames[..] else { panic!("{metas:?}") };
    assert_eq!((first.pad_index, first.source_id, first.frame_number), (3, 3, 0));
    assert_eq!(first.source_size, Size::new(640, 480));
    assert_eq!(first.viewport, Rect::new(240.0, 0.0, 1440.0, 1080.0));
    assert_eq!(second.viewport, Rect::new(0.0, 0.0, 1920.0, 1080.0));
    assert!(first.wall_clock.is_some());
    let names: Vec<_> = metas[0].sources.iter().map(|s| (s.pad_index, &*s.name)).collect();
    assert_eq!(names, [(3, "source 3"), (7, "source 7")]);
    let caps = watch.all().into_iter().find_map(|passed| match passed {
        Passed::Caps(caps) => Some(caps),
        _ => None,
    });
    let caps: gst::Caps = caps.unwrap().parse().unwrap();
    let s = caps.structure(0).unwrap();
    assert!(caps.features(0).unwrap().contains("memory:NVMM"));
    assert_eq!(s.get::<&str>("format").unwrap(), "I420");
    assert_eq!(s.get::<i32>("width").unwrap(), 1920);
    assert_eq!(s.get::<i32>("height").unwrap(), 1080);
    assert_eq!(s.get::<i32>("batch-size").unwrap(), 2);
    assert_eq!(s.get::<gst::Fraction>("framerate").unwrap(), gst::Fraction::new(25, 1));
}

#[test]
fn a_batch_leaves_when_its_time_is_up() {
    // the other source never sends anything
    let (pipeline, mux, watch) = mux("batch-size=2 batched-push-timeout=1000");
    let mut a = Feed::new(&mux, "sink_0", info(VideoFormat::I420, 64, 48));
    let _silent = Feed::new(&mux, "sink_1", info(VideoFormat::I420, 64, 48));
    pipeline.play();
    a.start();
    a.push().unwrap();
    watch.wait_for_batches(1);
    assert_eq!(watch.batches(), [[(0, 0)]]);
}

#[test]
fn a_source_that_nobody_takes_from_is_held_up() {
    let (pipeline, mux, watch) = mux("batch-size=2");
    let mut a = Feed::new(&mux, "sink_0", info(VideoFormat::I420, 64, 48));
    let mut b = Feed::new(&mux, "sink_1", info(VideoFormat::I420, 64, 48));
    pipeline.play();
    a.start();
    b.start();
    let pushed = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = pushed.clone();
    let thread = std::thread::spawn(move || {
        for _ in 0..30 {
            a.push().unwrap();
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        a
    });
    // one in the batch under way, ten in the queue
    wait_until("a full queue", || pushed.load(std::sync::atomic::Ordering::SeqCst) == 11);
    assert!(watch.batches().is_empty());
    for _ in 0..30 {
        b.push().unwrap();
    }
    let _a = thread.join().unwrap();
    watch.wait_for_batches(30);
    assert!(watch.batches().iter().all(|batch| batch.len() == 2));
}

#[test]
fn live_sources_give_a_frame_each_and_are_stamped_by_the_clock() {
    let (pipeline, mux, watch) = mux("batch-size=2 live-source=true");
    let clock = gst_check::TestClock::new();
    pipeline.0.use_clock(Some(&clock));
    clock.set_time(gst::ClockTime::from_seconds(100));
    let mut a = Feed::new(&mux, "sink_0", info(VideoFormat::I420, 64, 48));
    let mut b = Feed::new(&mux, "sink_1", info(VideoFormat::I420, 64, 48));
    pipeline.play();
    pipeline.0.state(gst::ClockTime::NONE).0.unwrap();
    let base = pipeline.0.base_time().unwrap();
    a.start();
    b.start();
    a.push().unwrap();
    a.push().unwrap();
    clock.set_time(base + gst::ClockTime::from_seconds(5));
    b.push().unwrap();
    watch.wait_for_batches(1);
    assert_eq!(watch.batches(), [[(0, 0), (1, 0)]]);
    assert_eq!(watch.times(), [5_000_000_000]);
    clock.set_time(base + gst::ClockTime::from_seconds(6));
    b.push().unwrap();
    watch.wait_for_batches(2);
    assert_eq!(watch.batches()[1], [(0, 1), (1, 1)]);
    assert_eq!(watch.times()[1], 6_000_000_000);
}

#[test]
fn inputs_are_lined_up_by_their_times() {
    let (pipeline, mux, watch) = mux("batch-size=2 sync-inputs=true batched-push-timeout=2000000000");
    let mut a = Feed::new(&mux, "sink_0", info(VideoFormat::I420, 64, 48));
    let mut b = Feed::new(&mux, "sink_1", info(VideoFormat::I420, 64, 48));
    pipeline.play();
    a.start();
    // 120 ms later than the other
    b.pad.set_offset(120_000_000);
    b.start();
    for _ in 0..6 {
        a.push().unwrap();
        b.push().unwrap();
    }
    a.eos();
    b.eos();
    watch.wait_for("the end", |passed| *passed == Passed::Eos);
    let expected: [&[(u32, u64)]; 9] = [
        &[(0, 0)],
        &[(0, 1)],
        &[(0, 2)],
        &[(0, 3), (1, 0)],
        &[(0, 4), (1, 1)],
        &[(0, 5), (1, 2)],
        &[(1, 3)],
        &[(1, 4)],
        &[(1, 5)],
    ];
    let mut batches = watch.batches();
    batches.iter_mut().for_each(|batch| batch.sort_unstable());
    assert_eq!(batches, expected);
}

#[test]
fn sources_come_and_go_while_it_runs() {
    let (pipeline, mux, watch) = mux("batch-size=1");
    let mut a = Feed::new(&mux, "sink_0", info(VideoFormat::I420, 64, 48));
    pipeline.play();
    a.start();
    a.push().unwrap();
    watch.wait_for_batches(1);
    let mut b = Feed::new(&mux, "sink_1", info(VideoFormat::I420, 320, 240));
    watch.wait_for("the new source", |passed| *passed == source("nv-pad-added", 1));
    b.push().unwrap();
    watch.wait_for_batches(2);
    // as runtime_source_add_delete does it
    a.sink.send_event(gst::event::FlushStart::new());
    a.sink.send_event(gst::event::FlushStop::new(false));
    mux.release_request_pad(&a.sink);
    watch.wait_for("the source that left", |passed| *passed == source("nv-pad-deleted", 0));
    b.push().unwrap();
    watch.wait_for_batches(3);
    assert_eq!(watch.batches(), [[(0, 0)], [(1, 0)], [(1, 1)]]);
    // the same number again
    let mut again = Feed::new(&mux, "sink_0", info(VideoFormat::I420, 64, 48));
    again.push().unwrap();
    watch.wait_for_batches(4);
    assert_eq!(watch.batches()[3], [(0, 0)]);
}

#[test]
fn a_source_that_ended_goes_on_after_a_flush() {
    let (pipeline, mux, watch) = mux("batch-size=1 drop-pipeline-eos=true frame-num-reset-on-eos=true");
    let mut a = Feed::new(&mux, "sink_0", info(VideoFormat::I420, 64, 48));
    pipeline.play();
    a.start();
    a.push().unwrap();
    a.eos();
    watch.wait_for("its end", |passed| *passed == source("nv-stream-eos", 0));
    a.pad.push_event(gst::event::FlushStart::new());
    a.pad.push_event(gst::event::FlushStop::new(true));
    a.start();
    a.push().unwrap();
    watch.wait_for_batches(2);
    assert_eq!(watch.batches(), [[(0, 0)], [(0, 0)]]);
    assert!(!watch.all().contains(&Passed::Eos));
}

#[test]
fn when_the_last_source_leaves_an_empty_batch_says_so() {
    let (pipeline, mux, watch) = mux("batch-size=1");
    let mut a = Feed::new(&mux, "sink_0", info(VideoFormat::I420, 64, 48));
    pipeline.play();
    a.start();
    a.push().unwrap();
    watch.wait_for_batches(1);
    mux.release_request_pad(&a.sink);
    watch.wait_for_batches(2);
    assert_eq!(watch.batches(), [vec![(0, 0)], vec![]]);
    let message = pipeline.message(&[gst::MessageType::Warning]);
    let gst::MessageView::Warning(warning) = message.view() else { unreachable!() };
    assert_eq!(warning.error().to_string(), "No Sources found at the input of muxer. Waiting for sources.");
}

#[test]
fn what_is_not_set_is_said() {
    init();
    for (properties, text) in [
        ("", "Output width not set"),
        ("width=640", "Output height not set"),
        ("width=640 height=480", "Batch size not set"),
        ("width=640 height=480 batch-size=1 sync-inputs=true", "Batch push timeout not set"),
    ] {
        let pipeline = Pipeline::new(&format!("nvstreammux {properties} ! fakesink"));
        assert!(pipeline.0.set_state(gst::State::Playing).is_err());
        let message = pipeline.message(&[gst::MessageType::Error]);
        let gst::MessageView::Error(error) = message.view() else { unreachable!() };
        assert!(error.debug().unwrap().contains(text), "{:?}", error.debug());
    }
}

#[test]
fn inputs_that_do_not_fit_are_refused_in_words() {
    let (pipeline, mux, _) = mux("batch-size=2");
    let _a = Feed::new(&mux, "sink_0", info(VideoFormat::I420, 64, 48));
    let b = Feed::new(&mux, "sink_1", info(VideoFormat::I420, 64, 48));
    pipeline.play();
    _a.start();
    b.pad.push_event(gst::event::StreamStart::new("camera"));
    let rgba = info(VideoFormat::Rgba, 64, 48);
    b.pad.push_event(gst::event::Caps::new(&mux_common::nvmm(&rgba)));
    let error = |pipeline: &Pipeline| {
        let message = pipeline.message(&[gst::MessageType::Error]);
        let gst::MessageView::Error(error) = message.view() else { unreachable!() };
        format!("{} {}", error.error(), error.debug().unwrap_or_default())
    };
    let text = error(&pipeline);
    assert!(text.contains("Input Output Color Format Mismatch"), "{text}");
    b.pad.push_event(gst::event::Caps::new(&b.info.to_caps().unwrap()));
    let text = error(&pipeline);
    assert!(text.contains("use nvvideoconvert"), "{text}");
}

#[test]
fn pads_are_given_by_number_only() {
    init();
    let mux = gst::ElementFactory::make("nvstreammux").build().unwrap();
    assert_eq!(mux.name().as_str().trim_end_matches(char::is_numeric), "nvstreammux");
    assert!(mux.request_pad_simple("sink_5").is_some());
    assert!(mux.request_pad_simple("sink_%u").is_none());
}

#[test]
fn the_decoder_s_frames_are_handed_on_as_they_are() {
    let (pipeline, mux, _) = mux("batch-size=1");
    let a = Feed::new(&mux, "sink_0", info(VideoFormat::I420, 64, 48));
    let sink = pipeline.pad("sink", "sink");
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    sink.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let batch = info.buffer().and_then(slipstream_buffer::meta::Batch::from_buffer).unwrap();
        let _ = sender.try_send(batch.content().pictures[0].buffer.as_ptr() as usize);
        assert_eq!(info.buffer().unwrap().n_memory(), 0);
        gst::PadProbeReturn::Ok
    });
    pipeline.play();
    a.start();
    let buffer = gst::Buffer::with_size(a.info.size()).unwrap();
    let address = buffer.as_ptr() as usize;
    a.pad.push(buffer).unwrap();
    assert_eq!(receiver.recv_timeout(mux_common::NEVER).unwrap(), address);
}

#[test]
fn a_seek_starts_time_and_sources_over() {
    let pipeline = Pipeline::new(&format!(
        "nvstreammux name=mux batch-size=1 width=64 height=32 ! fakesink name=sink sync=false {}",
        recorded(0, 64, 32)
    ));
    let src = pipeline.element("src_0").downcast::<gst_app::AppSrc>().unwrap();
    src.set_stream_type(gst_app::AppStreamType::Seekable);
    src.set_callbacks(gst_app::AppSrcCallbacks::builder().seek_data(|_, _| true).build());
    let watch = watch(&pipeline.pad("mux", "src"));
    pipeline.play();
    let push = |n: u64| {
        let mut buffer = gst::Buffer::with_size(64 * 32 * 3 / 2).unwrap();
        buffer.make_mut().set_pts(gst::ClockTime::from_mseconds(40 * n));
        src.push_buffer(buffer).unwrap();
    };
    (0..3).for_each(push);
    watch.wait_for_batches(3);
    assert!(pipeline.0.seek_simple(gst::SeekFlags::FLUSH, gst::ClockTime::ZERO).is_ok());
    (0..2).for_each(push);
    src.end_of_stream().unwrap();
    pipeline.wait_for_eos();
    assert_eq!(watch.times(), [0, 40_000_000, 80_000_000, 0, 40_000_000]);
}

#[test]
fn it_can_be_stopped_and_started_again() {
    let (pipeline, mux, watch) = mux("batch-size=2");
    let mut a = Feed::new(&mux, "sink_0", info(VideoFormat::I420, 64, 48));
    let mut b = Feed::new(&mux, "sink_1", info(VideoFormat::I420, 64, 48));
    for round in 1..4 {
        pipeline.play();
        a.start();
        b.start();
        a.push().unwrap();
        // stopped with a frame that waits for its batch
        a.push().unwrap();
        b.push().unwrap();
        watch.wait_for_batches(round);
        pipeline.0.set_state(gst::State::Ready).unwrap();
        assert_eq!(a.push(), Err(gst::FlowError::Flushing));
    }
    assert_eq!(watch.batches(), [[(0, 0), (1, 0)]; 3]);
    assert_eq!(watch.times(), [0; 3]);
}

/// A row through the middle of a white square that was padded to twice its width.
fn padded(elements: &str) -> Vec<u8> {
    let pipeline = Pipeline::new(&format!(
        "nvstreammux name=mux batch-size=1 width=64 height=32 enable-padding=true ! {elements} ! \
         appsink name=out sync=false {}",
        recorded(0, 32, 32)
    ));
    let src = pipeline.element("src_0").downcast::<gst_app::AppSrc>().unwrap();
    let mut white = vec![128u8; 32 * 32 * 3 / 2];
    white[..32 * 32].fill(235);
    src.push_buffer(gst::Buffer::from_slice(white)).unwrap();
    src.end_of_stream().unwrap();
    let sink = pipeline.element("out").downcast::<gst_app::AppSink>().unwrap();
    pipeline.play();
    let sample = sink.pull_sample().unwrap();
    let picture = sample.buffer().unwrap().map_readable().unwrap();
    picture[32 * 128..33 * 128].to_vec()
}

#[test]
fn a_padded_picture_keeps_its_shape() {
    for elements in [
        "nvmultistreamtiler rows=1 columns=1 width=128 height=64 ! nvvideoconvert ! video/x-raw,format=I420",
        "nvvideoconvert ! video/x-raw,format=I420,width=128,height=64",
        "nvvideoconvert ! video/x-raw(memory:NVMM),format=RGBA,width=128,height=64 ! nvdsosd ! nvvideoconvert ! \
         video/x-raw,format=I420",
        "nvdsosd ! nvvideoconvert ! video/x-raw,format=I420,width=128,height=64",
    ] {
        let row = padded(elements);
        // the way through RGBA costs two levels
        let is_near = |luma: &u8, wanted: u8| luma.abs_diff(wanted) <= 3;
        assert!(row[..30].iter().chain(&row[98..]).all(|luma| is_near(luma, 16)), "{elements}: {row:?}");
        assert!(row[34..94].iter().all(|luma| is_near(luma, 235)), "{elements}: {row:?}");
    }
}
