//! `nvurisrcbin` and `nvmultiurisrcbin`, on files.

mod mux_common;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use gst::prelude::*;
use mux_common::{Passed, Pipeline, wait_until, watch};
use serde_json::{Value, json};

/// A file with `frames` H.264 pictures at 25 frames a second, and sound; `None`, loudly, where there is no encoder.
fn clip(folder: &Path, name: &str, frames: u32) -> Option<PathBuf> {
    mux_common::init();
    let needed = ["x264enc", "h264parse", "mp4mux", "avdec_h264", "avenc_aac"];
    let missing: Vec<_> = needed.iter().filter(|name| gst::ElementFactory::find(name).is_none()).collect();
    if !missing.is_empty() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: GStreamer lacks {missing:?}");
        return None;
    }
    let path = folder.join(name);
    let pipeline = Pipeline::new(&format!(
        "videotestsrc num-buffers={frames} ! video/x-raw,format=I420,width=320,height=180,framerate=25/1 ! \
         x264enc speed-preset=ultrafast key-int-max=10 ! h264parse ! mp4mux name=mux ! filesink location={} \
         audiotestsrc num-buffers={frames} ! audioconvert ! avenc_aac ! mux.",
        path.display()
    ));
    pipeline.play();
    pipeline.wait_for_eos();
    Some(path)
}

#[test]
fn files_are_decoded_into_batches() {
    let folder = tempfile::tempdir().unwrap();
    let Some(first) = clip(folder.path(), "first.mp4", 20) else { return };
    let second = clip(folder.path(), "second.mp4", 33).unwrap();
    let pipeline = Pipeline::new(&format!(
        "nvstreammux name=mux batch-size=2 width=640 height=360 batched-push-timeout=-1 ! fakesink sync=false \
         nvurisrcbin uri=file://{} source-id=7 ! queue ! mux.sink_0 nvurisrcbin uri=file://{} ! queue ! mux.sink_1",
        first.display(),
        second.display()
    ));
    let watch = watch(&pipeline.pad("mux", "src"));
    pipeline.play();
    pipeline.wait_for_eos();
    assert_eq!(watch.numbers(0), (0..20).collect::<Vec<_>>());
    assert_eq!(watch.numbers(1), (0..33).collect::<Vec<_>>());
    let metas = watch.metas.lock().unwrap();
    for frame in metas.iter().flat_map(|meta| &meta.frames) {
        assert_eq!(frame.source_id, if frame.pad_index == 0 { 7 } else { 1 });
        assert_eq!((frame.source_size.width, frame.source_size.height), (320, 180));
    }
}

#[test]
fn a_file_that_loops_is_one_stream() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = clip(folder.path(), "clip.mp4", 20) else { return };
    let pipeline = Pipeline::new(&format!(
        "nvstreammux name=mux batch-size=1 width=640 height=360 ! fakesink sync=false \
         nvurisrcbin uri=file://{} file-loop=true ! mux.sink_0",
        path.display()
    ));
    let watch = watch(&pipeline.pad("mux", "src"));
    pipeline.play();
    watch.wait_for_batches(70);
    let metas = watch.metas.lock().unwrap();
    let times: Vec<u64> =
        metas.iter().flat_map(|meta| &meta.frames).filter_map(|frame| frame.pts).take(60).collect();
    let expected: Vec<u64> = (0..60).map(|n| n * 40_000_000).collect();
    assert_eq!(times, expected, "three rounds without a gap");
    assert!(!watch.all().iter().any(|passed| matches!(passed, Passed::Eos | Passed::Message)));
}

#[test]
fn sound_comes_out_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = clip(folder.path(), "clip.mp4", 20) else { return };
    for (properties, expected) in [("", vec!["vsrc_0"]), ("disable-audio=false", vec!["asrc_0", "vsrc_0"])] {
        let pipeline = Pipeline::new(&format!(
            "nvurisrcbin name=src uri=file://{} {properties} videotestsrc num-buffers=1 ! fakesink",
            path.display()
        ));
        let src = pipeline.element("src");
        src.connect_pad_added(|src, pad| {
            let sink = gst::ElementFactory::make("fakesink").property("sync", false).build().unwrap();
            let parent = src.parent().unwrap().downcast::<gst::Bin>().unwrap();
            parent.add(&sink).unwrap();
            sink.sync_state_with_parent().unwrap();
            pad.link(&sink.static_pad("sink").unwrap()).unwrap();
        });
        pipeline.play();
        pipeline.wait_for_eos();
        let mut names: Vec<_> = src.src_pads().iter().map(|pad| pad.name().to_string()).collect();
        names.sort();
        assert_eq!(names, expected);
    }
}

/// A request over HTTP: status code and body.
fn request(port: u16, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    (code, serde_json::from_str(body).unwrap())
}

/// A port that nobody uses just now.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn sources_come_and_go_by_http() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = clip(folder.path(), "clip.mp4", 20) else { return };
    let uri = format!("file://{}", path.display());
    let port = free_port();
    let pipeline = Pipeline::new(&format!(
        "nvmultiurisrcbin name=src uri-list={uri} sensor-id-list=a sensor-name-list=Door max-batch-size=2 width=640 \
         height=360 batched-push-timeout=1000 file-loop=true drop-pipeline-eos=true ip-address=127.0.0.1 port={port} ! fakesink sync=false"
    ));
    let watch = watch(&pipeline.pad("src", "src"));
    pipeline.play();
    watch.wait_for_batches(3);
    let sensor = |id: &str, change: &str| {
        let value = json!({ "camera_id": id, "camera_name": "Yard", "camera_url": uri, "change": change });
        json!({ "key": "sensor", "value": value }).to_string()
    };
    let post = |path: &str, body: &str| {
        let (code, answer) = request(port, "POST", path, body);
        (code, answer["reason"].as_str().unwrap().to_owned())
    };
    let add = |id| post("/api/v1/stream/add", &sensor(id, "camera_add"));
    assert_eq!(add("b"), (200, "STREAM_ADD_SUCCESS".into()));
    watch.wait_for("the new source", |passed| *passed == Passed::Source("nv-pad-added".into(), 1));
    wait_until("its frames", || watch.numbers(1).len() > 25);
    assert_eq!(add("b").0, 500);
    assert_eq!(add("c").1, "STREAM_ADD_FAIL, Active sources exceded max-batch-size of nvstreammux");
    let (_, info) = request(port, "GET", "/api/v1/stream/get-stream-info", "");
    let list = info["stream-info"]["stream-info"].clone();
    assert_eq!(list[0], json!({ "source_id": 0, "camera_id": "a", "camera_name": "Door" }));
    assert_eq!(list[1], json!({ "source_id": 1, "camera_id": "b", "camera_name": "Yard" }));
    assert_eq!(
        post("/api/v1/stream/remove", &sensor("a", "camera_remove")),
        (200, "STREAM_REMOVE_SUCCESS".into())
    );
    watch.wait_for("the source that left", |passed| *passed == Passed::Source("nv-pad-deleted".into(), 0));
    let before = watch.numbers(1).len();
    wait_until("frames of who stayed", || watch.numbers(1).len() > before + 25);
    assert_eq!(
        request(port, "GET", "/api/v1/stream/get-stream-info", "").1["stream-info"]["stream-count"],
        1
    );
}

#[test]
fn what_is_set_by_http_reaches_the_elements_and_the_pipeline_can_be_ended() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = clip(folder.path(), "clip.mp4", 20) else { return };
    let port = free_port();
    let pipeline = Pipeline::new(&format!(
        "nvmultiurisrcbin name=src uri-list=file://{} sensor-id-list=door max-batch-size=1 width=640 height=360 \
         file-loop=true drop-pipeline-eos=true ip-address=127.0.0.1 port={port} ! queue ! nvvideoconvert ! \
         nvv4l2h264enc name=enc ! fakesink sync=false",
        path.display()
    ));
    let watch = watch(&pipeline.pad("src", "src"));
    pipeline.play();
    watch.wait_for_batches(3);
    let inside = |kind: &str| {
        let bin = pipeline.element("src").downcast::<gst::Bin>().unwrap();
        let mut all = bin.iterate_recurse().into_iter().filter_map(Result::ok);
        all.find(|element| element.factory().is_some_and(|factory| factory.name() == kind)).unwrap()
    };
    let post = |path: &str, stream: &str, key: &str, value: Value| {
        let body = json!({ "stream": { "stream_id": stream, key: value } }).to_string();
        let (code, answer) = request(port, "POST", &format!("/api/v1/{path}"), &body);
        (code, answer["reason"].as_str().unwrap().to_owned())
    };
    assert_eq!(post("enc/bitrate", "0", "bitrate", json!(1_000_000)), (200, "BITRATE_UPDATE_SUCCESS".into()));
    assert_eq!(pipeline.element("enc").property::<u32>("bitrate"), 1_000_000);
    assert_eq!(post("conv/flip-method", "door", "flip_method", json!(2)).0, 200, "by the id of the camera");
    let flip = inside("nvvideoconvert").property_value("flip-method");
    assert_eq!(gst::glib::EnumValue::from_value(&flip).unwrap().1.value(), 2);
    assert_eq!(post("conv/srccrop", "0", "src_crop", json!("0:0:160:90")).0, 200);
    assert_eq!(post("dec/drop-frame-interval", "0", "drop_frame_interval", json!(3)).0, 200);
    assert_eq!(inside("nvv4l2decoder").property::<u32>("drop-frame-interval"), 3);
    for (path, stream, key, value, why) in [
        ("conv/flip-method", "0", "flip_method", json!(99), "flip-method cannot be 99"),
        (
            "dec/drop-frame-interval",
            "0",
            "drop_frame_interval",
            json!(31),
            "drop-frame-interval cannot be 31",
        ),
        ("dec/drop-frame-interval", "7", "drop_frame_interval", json!(1), "there is no stream \"7\""),
        ("infer/set-interval", "0", "interval", json!(1), "no element of stream 0 has interval"),
    ] {
        let (code, said) = post(path, stream, key, value);
        assert!(code == 500 && said.contains(&format!("_UPDATE_FAIL, {why}")), "{said}");
    }
    let before = watch.batches().len();
    watch.wait_for_batches(before + 30);
    assert_eq!(request(port, "POST", "/api/v1/app/quit", "{\"app_quit\": 1}").0, 200);
    pipeline.wait_for_eos();
}

#[test]
fn without_a_port_nobody_listens_and_files_end() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = clip(folder.path(), "clip.mp4", 20) else { return };
    let pipeline = Pipeline::new(&format!(
        "nvmultiurisrcbin name=src uri-list=file://{0},file://{0} max-batch-size=2 width=640 height=360 port=0 ! \
         fakesink sync=false",
        path.display()
    ));
    let watch = watch(&pipeline.pad("src", "src"));
    pipeline.play();
    pipeline.wait_for_eos();
    assert_eq!(watch.numbers(0), (0..20).collect::<Vec<_>>());
    assert_eq!(watch.numbers(1), (0..20).collect::<Vec<_>>());
}

/// A camera on this machine, that can lose its viewers.
struct Camera {
    server: gst_rtsp_server::RTSPServer,
    main_loop: gst::glib::MainLoop,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Camera {
    fn start() -> Self {
        use gst_rtsp_server::prelude::*;
        let context = gst::glib::MainContext::new();
        let main_loop = gst::glib::MainLoop::new(Some(&context), false);
        let server = gst_rtsp_server::RTSPServer::new();
        server.set_address("127.0.0.1");
        server.set_service("0");
        let factory = gst_rtsp_server::RTSPMediaFactory::new();
        factory.set_launch(
            "( videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=180,framerate=25/1 ! \
             x264enc tune=zerolatency speed-preset=ultrafast key-int-max=5 ! rtph264pay name=pay0 pt=96 )",
        );
        factory.set_shared(true);
        server.mount_points().unwrap().add_factory("/camera", factory);
        server.attach(Some(&context)).unwrap();
        let running = main_loop.clone();
        let thread = Some(std::thread::spawn(move || running.run()));
        Self { server, main_loop, thread }
    }

    fn hang_up(&self) {
        use gst_rtsp_server::prelude::*;
        self.server.client_filter(Some(&mut |_, _| gst_rtsp_server::RTSPFilterResult::Remove));
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.main_loop.quit();
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

#[test]
fn a_camera_that_hangs_up_is_connected_to_again() {
    use gst_rtsp_server::prelude::*;
    mux_common::init();
    if gst::ElementFactory::find("x264enc").is_none() || gst::ElementFactory::find("avdec_h264").is_none() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: GStreamer lacks x264enc or avdec_h264");
        return;
    }
    let camera = Camera::start();
    let pipeline = Pipeline::new(&format!(
        "nvstreammux name=mux batch-size=1 live-source=true width=640 height=360 ! fakesink sync=false async=false \
         nvurisrcbin uri=rtsp://127.0.0.1:{}/camera rtsp-reconnect-interval=1 select-rtp-protocol=rtp-tcp source-id=3 ! mux.sink_0",
        camera.server.bound_port()
    ));
    let watch = watch(&pipeline.pad("mux", "src"));
    pipeline.play();
    watch.wait_for_batches(10);
    camera.hang_up();
    watch.wait_for("a new beginning", |passed| *passed == Passed::Source("nv-stream-reset".into(), 0));
    let before = watch.batches().len();
    watch.wait_for_batches(before + 10);
    assert!(!watch.all().contains(&Passed::Eos));
    let errors = pipeline.0.bus().unwrap().pop_filtered(&[gst::MessageType::Error]);
    assert!(errors.is_none(), "{errors:?}");
}

/// Access units of a film, each as one byte string of Annex B, and how long the container says that it is.
fn film(path: &Path) -> (Vec<Vec<u8>>, gst::ClockTime) {
    let demux = if path.extension().is_some_and(|e| e == "mkv") { "matroskademux" } else { "qtdemux" };
    let pipeline = Pipeline::new(&format!(
        "filesrc location={} ! {demux} ! h264parse ! video/x-h264,stream-format=byte-stream,alignment=au ! \
         appsink name=sink sync=false",
        path.display()
    ));
    pipeline.play();
    let sink = pipeline.element("sink").downcast::<gst_app::AppSink>().unwrap();
    let units: Vec<_> = std::iter::from_fn(|| sink.pull_sample().ok())
        .map(|sample| sample.buffer().unwrap().map_readable().unwrap().to_vec())
        .collect();
    (units, pipeline.0.query_duration().unwrap())
}

/// The slices of an access unit: parameter sets and delimiters come and go with containers.
fn slices(unit: &[u8]) -> Vec<u8> {
    let starts: Vec<_> = (0..unit.len().saturating_sub(3)).filter(|&n| unit[n..n + 3] == [0, 0, 1]).collect();
    let ends = starts.iter().skip(1).copied().chain([unit.len()]);
    let nals = starts.iter().zip(ends).map(|(start, end)| &unit[start + 3..end]);
    let trimmed =
        nals.map(|nal| nal.iter().rposition(|byte| *byte != 0).map_or(&[][..], |last| &nal[..=last]));
    trimmed
        .filter(|nal| matches!(nal.first().map(|kind| kind & 31), Some(1 | 5)))
        .flatten()
        .copied()
        .collect()
}

/// Access units in front of a decoder: whether each is a key frame, and its slices.
type Units = Vec<(bool, Vec<u8>)>;

/// What `sr-done` points to (`NvDsSRRecordingInfo`).
#[repr(C)]
struct RecordingInfo {
    context: *const u8,
    session: u32,
    file_name: *const std::ffi::c_char,
    folder: *const std::ffi::c_char,
    milliseconds: u64,
    container: i32,
    size: [u32; 2],
    has_video: i32,
    sound: [u32; 3],
}

#[test]
fn recordings_hold_what_the_camera_sent_from_a_key_frame_on() {
    use gst_rtsp_server::prelude::*;
    use std::sync::{Arc, Mutex, mpsc};
    mux_common::init();
    if ["x264enc", "avdec_h264", "mp4mux"].iter().any(|name| gst::ElementFactory::find(name).is_none()) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: GStreamer lacks x264enc, avdec_h264 or mp4mux");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let camera = Camera::start();
    let start = |container: u32| {
        let pipeline = Pipeline::new(&format!(
            "nvurisrcbin name=src uri=rtsp://127.0.0.1:{}/camera select-rtp-protocol=rtp-tcp source-id=3 smart-record=2 \
             smart-rec-dir-path={} smart-rec-file-prefix=door smart-rec-cache=60 smart-rec-container={container} ! \
             fakesink sync=false async=false",
            camera.server.bound_port(),
            folder.path().display()
        ));
        // What goes into the decoder.
        let sent: Arc<Mutex<Units>> = Arc::default();
        let notes = sent.clone();
        let bin = pipeline.element("src").downcast::<gst::Bin>().unwrap();
        bin.connect_deep_element_added(move |_, _, element| {
            if element.factory().is_some_and(|factory| factory.name() == "nvv4l2decoder") {
                let notes = notes.clone();
                let sink = element.static_pad("sink").unwrap();
                sink.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                    let buffer = info.buffer().unwrap();
                    let is_key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
                    notes.lock().unwrap().push((is_key, slices(&buffer.map_readable().unwrap())));
                    gst::PadProbeReturn::Ok
                });
            }
        });
        let (say, done) = mpsc::sync_channel(1);
        bin.connect("sr-done", false, move |args| {
            let info = args[1].get::<gst::glib::Pointer>().unwrap().cast::<RecordingInfo>();
            let user_data = args[2].get::<gst::glib::Pointer>().unwrap() as usize;
            // SAFETY: the signal points to this structure while it is emitted.
            let info = unsafe { &*info };
            // SAFETY: so do its texts.
            let text = |text| unsafe { std::ffi::CStr::from_ptr(text) }.to_str().unwrap().to_owned();
            let path = Path::new(&text(info.folder)).join(text(info.file_name));
            assert_eq!((info.session, info.size, info.has_video, info.sound), (0, [320, 180], 1, [0; 3]));
            assert!(info.context.is_null());
            say.try_send((path, info.milliseconds, info.container, user_data)).unwrap();
            None
        });
        pipeline.play();
        (pipeline, sent, done)
    };
    let record = |pipeline: &Pipeline, before: u32, duration: u32| {
        let mut session = 99u32;
        let place = std::ptr::from_mut(&mut session).cast::<std::ffi::c_void>();
        let data = 7 as *mut std::ffi::c_void;
        pipeline.element("src").emit_by_name::<()>("start-sr", &[&place, &before, &duration, &data]);
        session
    };
    let count = |sent: &Mutex<Units>| sent.lock().unwrap().len();
    for (container, extension) in [(0, "mp4"), (1, "mkv")] {
        let (pipeline, sent, done) = start(container);
        wait_until("frames", || count(&sent) > 30);
        assert_eq!(record(&pipeline, 50, 200), 0, "the number of the recording");
        assert!(pipeline.element("src").property::<bool>("smart-rec-status"));
        assert_eq!(record(&pipeline, 1, 1), 99, "one at a time");
        wait_until("more frames", || count(&sent) > 60);
        pipeline.element("src").emit_by_name::<()>("stop-sr", &[&0u32]);
        let (path, milliseconds, kind, user_data) = done.recv().unwrap();
        assert_eq!((kind, user_data), (container as i32, 7));
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("door_3_0000") && name.ends_with(extension), "{name}");
        assert!(!pipeline.element("src").property::<bool>("smart-rec-status"));

        let (units, length) = film(&path);
        let sent_units: Vec<_> = sent.lock().unwrap().iter().map(|(_, unit)| unit.clone()).collect();
        assert!(units.len() > 60 - 5, "{} frames", units.len());
        let first = sent.lock().unwrap().iter().position(|(is_key, _)| *is_key).unwrap();
        for (n, unit) in units.iter().enumerate() {
            assert!(slices(unit) == sent_units[first + n], "frame {n} is another one");
        }
        let expected = 40 * units.len() as u64;
        let near = |value: u64| value.abs_diff(expected) < 200;
        assert!(
            near(milliseconds) && near(length.mseconds()),
            "{milliseconds} ms, {length} for {expected} ms"
        );

        // Nothing from before: the newest key frame begins it, and the duration ends it.
        let before = count(&sent);
        record(&pipeline, 0, 1);
        let (path, ..) = done.recv().unwrap();
        let first = slices(&film(&path).0[0]);
        let sent = sent.lock().unwrap();
        let at = sent.iter().position(|(_, unit)| *unit == first).unwrap();
        assert!(sent[at].0 && at + 6 > before, "{at} of {before}");
    }
    // Taken down while it records, it leaves a file that plays.
    let (pipeline, sent, _done) = start(0);
    wait_until("frames", || count(&sent) > 10);
    let known = std::fs::read_dir(folder.path()).unwrap().count();
    record(&pipeline, 50, 200);
    wait_until("more frames", || count(&sent) > 20);
    pipeline.0.set_state(gst::State::Null).unwrap();
    let mut files: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), known + 1);
    files.sort_by_key(|path| std::fs::metadata(path).unwrap().modified().unwrap());
    assert!(film(files.last().unwrap()).0.len() > 15);
}

#[test]
fn what_cannot_be_recorded_is_said() {
    mux_common::init();
    let pipeline = |record: &str| {
        Pipeline::new(&format!(
            "nvurisrcbin name=src uri=rtsp://127.0.0.1:1/nobody {record} ! fakesink async=false"
        ))
    };
    for (folder, said) in [("", "it is not set"), ("smart-rec-dir-path=/nowhere", "/nowhere is no folder")] {
        let pipeline = pipeline(&format!("smart-record=1 {folder}"));
        assert!(pipeline.0.set_state(gst::State::Playing).is_err());
        let message = pipeline.message(&[gst::MessageType::Error]);
        let gst::MessageView::Error(error) = message.view() else { unreachable!() };
        assert_eq!(error.error().message(), format!("Invalid path specified for smart-rec-dir-path: {said}"));
    }
    let pipeline = pipeline("");
    let _ = pipeline.0.set_state(gst::State::Paused);
    let nothing = std::ptr::null_mut::<std::ffi::c_void>();
    pipeline.element("src").emit_by_name::<()>("start-sr", &[&nothing, &1u32, &1u32, &nothing]);
    let message = pipeline.message(&[gst::MessageType::Warning]);
    let gst::MessageView::Warning(warning) = message.view() else { unreachable!() };
    let said = warning.error().message().to_owned();
    assert!(said.starts_with("start-sr: smart-record is off"), "{said}");
}
