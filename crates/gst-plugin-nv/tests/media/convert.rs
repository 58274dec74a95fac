use gst_video::{VideoFormat, VideoInfo};
use slipstream_buffer::meta::{Batch, BatchContent, BatchPicture};
use slipstream_meta::{FrameMeta, Rect, Size};

use crate::common::*;

const SOURCE: &str =
    "videotestsrc num-buffers=1 pattern=smpte ! video/x-raw,width=322,height=182,framerate=30/1";

/// The one picture that a line makes.
fn one(line: &str) -> Got {
    let mut all = all(line);
    assert_eq!(all.len(), 1, "{line}");
    all.remove(0)
}

#[test]
fn other_caps_alone_copy_nothing() {
    init();
    let caps = |feature: &str| format!("video/x-raw{feature},format=NV12,width=64,height=48,framerate=25/1");
    for (from, to) in [("", "(memory:NVMM)"), ("(memory:NVMM)", "")] {
        let mut harness = gst_check::Harness::new("nvvideoconvert");
        harness.set_caps_str(&caps(from), &caps(to));
        let buffer = gst::Buffer::with_size(64 * 48 * 3 / 2).unwrap();
        let address = buffer.as_ptr();
        let got = harness.push_and_pull(buffer).unwrap();
        assert_eq!(got.as_ptr(), address, "{from} to {to}");
        assert!(got.is_writable(), "nobody else holds it");
    }
}

#[test]
fn turns_are_those_of_videoflip() {
    if !installed(&["videoflip"]) {
        return;
    }
    let methods = [
        ("none", "identity"),
        ("counterclockwise", "90l"),
        ("rotate-180", "180"),
        ("clockwise", "90r"),
        ("horizontal-flip", "horiz"),
        ("upper-right-diagonal", "ur-ll"),
        ("vertical-flip", "vert"),
        ("upper-left-diagonal", "ul-lr"),
    ];
    for (number, (ours, theirs)) in methods.into_iter().enumerate() {
        for format in ["I420", "NV12", "RGBA", "GRAY8"] {
            let source = format!("{SOURCE},format={format}");
            let reference = one(&format!("{source} ! videoflip video-direction={theirs}"));
            for flip in [ours.to_owned(), number.to_string()] {
                let turned = one(&format!(
                    "{source} ! nvvideoconvert ! video/x-raw(memory:NVMM) ! nvvideoconvert flip-method={flip} ! \
                     video/x-raw,format={format}"
                ));
                assert_eq!(turned.info().width(), reference.info().width(), "{ours} {format}");
                assert_eq!(turned.pixels(), reference.pixels(), "{ours} {format}");
            }
        }
    }
}

#[test]
fn crops_are_those_of_videocrop_and_land_where_they_should() {
    if !installed(&["videocrop"]) {
        return;
    }
    let source = format!("{SOURCE},format=RGBA");
    let reference = one(&format!("{source} ! videocrop left=20 top=30 right=202 bottom=72"));
    let cropped =
        one(&format!("{source} ! nvvideoconvert src-crop=20:30:100:80 ! video/x-raw,width=100,height=80"));
    assert_eq!(cropped.pixels(), reference.pixels());
    let placed = one(&format!(
        "{source} ! nvvideoconvert src-crop=20:30:100:80 dest-crop=10:5:100:80 ! video/x-raw,width=200,height=100"
    ));
    let old = one(&format!(
        "{source} ! nvvidconv left=20 top=30 right=120 bottom=110 ! video/x-raw,width=100,height=80"
    ));
    assert_eq!(old.pixels(), reference.pixels(), "nvvidconv");
    let (placed, reference) = (&placed.pixels()[0], &reference.pixels()[0]);
    for y in 0..100 {
        for x in 0..200 {
            let pixel = &placed[(y * 200 + x) * 4..][..4];
            let inside = (10..110).contains(&x) && (5..85).contains(&y);
            let expected =
                if inside { &reference[((y - 5) * 100 + x - 10) * 4..][..4] } else { &[0, 0, 0, 255] };
            assert_eq!(pixel, expected, "{x},{y}");
        }
    }
}

#[test]
fn colours_are_those_of_videoconvert() {
    for (from, to) in
        [("I420", "RGBA"), ("NV12", "BGRx"), ("RGBA", "NV12"), ("BGRx", "I420"), ("I420", "GRAY8")]
    {
        let source = format!("{SOURCE},format={from}");
        let reference = one(&format!("{source} ! videoconvert ! video/x-raw,format={to}"));
        let converted = one(&format!(
            "{source} ! nvvideoconvert ! video/x-raw(memory:NVMM) ! nvvideoconvert ! \
             video/x-raw(memory:NVMM),format={to} ! nvvideoconvert ! video/x-raw,format={to}"
        ));
        for (a, b) in converted.pixels().iter().zip(&reference.pixels()) {
            // the unused fourth byte of BGRx is nobody's
            let off = a
                .iter()
                .zip(b)
                .enumerate()
                .filter(|(i, (a, b))| !(to == "BGRx" && i % 4 == 3) && a.abs_diff(**b) > 1);
            assert_eq!(off.count(), 0, "{from} to {to}");
        }
    }
}

#[test]
fn the_nearest_size_and_format_are_taken() {
    init();
    let scaled = one(&format!("{SOURCE},format=I420 ! nvvideoconvert ! video/x-raw(memory:NVMM),width=161"));
    assert_eq!((scaled.info().width(), scaled.info().height()), (161, 91), "not stretched");
    let formats = one(&format!(
        "{SOURCE},format=I420_10LE ! nvvideoconvert ! video/x-raw(memory:NVMM),format=(string){{RGBA,GRAY8,P010_10LE,NV12}}"
    ));
    assert_eq!(formats.info().format(), VideoFormat::P01010le);
    let formats =
        one(&format!("{SOURCE},format=I420 ! nvvideoconvert ! video/x-raw,format=(string){{RGBA,NV12}}"));
    assert_eq!(formats.info().format(), VideoFormat::Nv12);
}

fn gray(width: u32, height: u32, luma: u8) -> BatchPicture {
    init();
    let info = VideoInfo::builder(VideoFormat::I420, width, height).build().unwrap();
    let mut bytes = vec![luma; (width * height) as usize];
    bytes.resize(info.size(), 128);
    BatchPicture { buffer: gst::Buffer::from_mut_slice(bytes), info }
}

/// Two frames of different cameras in the space of 640x360.
fn batch() -> gst::Buffer {
    let mut content = BatchContent::default();
    for (pad, picture) in [gray(320, 180, 60), gray(640, 480, 200)].into_iter().enumerate() {
        let mut frame = FrameMeta::new(pad as u32, format!("camera {pad}").into(), 7, picture.size());
        frame.viewport = Rect::of_size(Size::new(640, 360));
        content.meta.frames.push(frame);
        content.pictures.push(picture);
    }
    let mut buffer = gst::Buffer::new();
    let target = buffer.get_mut().unwrap();
    target.set_pts(gst::ClockTime::from_mseconds(40));
    Batch::attach(target, content);
    buffer
}

const BATCH: &str = "video/x-raw(memory:NVMM),format=NV12,width=640,height=360,framerate=25/1,batch-size=2";

#[test]
fn batches_stay_as_decoded_until_another_format_is_asked_for() {
    init();
    for to in [BATCH, &BATCH.replace("NV12", "I420")] {
        let mut harness = gst_check::Harness::new("nvvideoconvert");
        harness.set_caps_str(BATCH, to);
        let buffer = batch();
        let address = buffer.as_ptr();
        assert_eq!(harness.push_and_pull(buffer).unwrap().as_ptr(), address, "{to}");
    }
    let mut harness = gst_check::Harness::new("nvvideoconvert");
    harness.set_caps_str(BATCH, &BATCH.replace("NV12", "RGBA"));
    let mut got = harness.push_and_pull(batch()).unwrap();
    assert_eq!(got.pts(), Some(gst::ClockTime::from_mseconds(40)));
    assert_eq!(Batch::find(got.as_ptr() as usize).map(|found| found.as_ptr()), Some(got.as_ptr()));
    let mut meta = Batch::from_buffer_mut(&mut got).unwrap();
    let content = meta.content_mut();
    assert_eq!(content.meta.frames.len(), 2);
    for (picture, luma) in content.pictures.iter_mut().zip([60u8, 200]) {
        assert_eq!(
            (picture.info.format(), picture.info.width(), picture.info.height()),
            (VideoFormat::Rgba, 640, 360)
        );
        // full range grey of the limited code
        // GStreamer's scaler works with seven bits, its way from YUV with eight
        let expected = ((f64::from(luma) - 16.0) * 255.0 / 219.0).round() as u8;
        let mut map = picture.buffer.get_mut().expect("nobody else holds it").map_writable().unwrap();
        let pixel = &map[(100 * 640 + 100) * 4..][..4];
        assert!(
            pixel[..3].iter().all(|part| part.abs_diff(expected) <= 3) && pixel[3] == 255,
            "{pixel:?} {expected}"
        );
        map.fill(0);
    }
}

#[test]
fn a_plain_picture_is_the_first_of_a_batch_and_keeps_what_is_known_of_it() {
    init();
    let mut harness = gst_check::Harness::new("nvvideoconvert");
    harness.set_caps_str(BATCH, "video/x-raw,format=I420,width=640,height=360,framerate=25/1");
    let got = harness.push_and_pull(batch()).unwrap();
    let info = VideoInfo::builder(VideoFormat::I420, 640, 360).build().unwrap();
    assert!(pixels(&got, &info)[0].iter().all(|luma| luma.abs_diff(60) <= 1));
    assert_eq!(got.pts(), Some(gst::ClockTime::from_mseconds(40)));
    let meta = Batch::from_buffer(&got).unwrap();
    assert_eq!(
        meta.frames.iter().map(|frame| (frame.pad_index, frame.frame_number)).collect::<Vec<_>>(),
        [(0, 7)]
    );
    assert!(meta.content().pictures.is_empty());
}

#[test]
fn padded_rows_are_packed_for_those_who_do_not_ask_where_rows_lie() {
    init();
    let info = VideoInfo::builder(VideoFormat::Gray8, 30, 2).build().unwrap();
    let mut harness = gst_check::Harness::new("nvvideoconvert");
    let caps = "video/x-raw,format=GRAY8,width=30,height=2,framerate=25/1";
    // the harness answers no allocation query, as elements that know nothing of strides
    harness.set_caps_str(&caps.replace("x-raw", "x-raw(memory:NVMM)"), caps);
    let mut buffer = gst::Buffer::from_mut_slice((0..128u8).collect::<Vec<_>>());
    let target = buffer.get_mut().unwrap();
    gst_video::VideoMeta::add_full(
        target,
        gst_video::VideoFrameFlags::empty(),
        info.format(),
        30,
        2,
        &[0],
        &[64],
    )
    .unwrap();
    let got = harness.push_and_pull(buffer).unwrap();
    let bytes = got.map_readable().unwrap();
    assert_eq!((bytes[0], bytes[29], bytes[info.stride()[0] as usize]), (0, 29, 64));
}
