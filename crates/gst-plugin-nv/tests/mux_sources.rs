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
