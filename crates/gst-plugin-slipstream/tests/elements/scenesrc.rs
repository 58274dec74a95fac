//! `slipscenesrc`: the drawn street, and what it tells of it.

use gst::prelude::*;
use gst_video::VideoFormat;
use slipstream_meta::{Colorimetry, PictureMut, PixelFormat, PlaneMut, Size};
use slipstream_scene::{Scene, SceneConfig};

use crate::common::*;

const SIZE: Size = Size::new(320, 180);

#[test]
fn pictures_and_truth_are_those_of_the_scene() {
    const FRAMES: usize = 8;
    let pipeline = Pipeline::new(&format!(
        "slipscenesrc camera=5 truth=true num-buffers={FRAMES} ! video/x-raw,format=NV12,width=320,height=180,framerate=10/1 \
         ! fakesink name=sink sync=false"
    ));
    let watch = pipeline.watch("sink", "sink");
    let pictures = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    pipeline.pad("sink", "sink").add_probe(gst::PadProbeType::BUFFER, {
        let pictures = pictures.clone();
        move |_, probe| {
            pictures
                .lock()
                .unwrap()
                .push(pixels(probe.buffer().unwrap(), &info(VideoFormat::Nv12, 320, 180)));
            gst::PadProbeReturn::Ok
        }
    });
    pipeline.play();
    pipeline.wait_for_eos();
    let seen = watch.until_eos();
    assert_eq!(seen.len(), FRAMES);

    let mut scene = Scene::new(SceneConfig { frame_rate: 10, ..SceneConfig::camera(5, SIZE) });
    let mut objects = 0;
    for (number, (seen, picture)) in seen.iter().zip(pictures.lock().unwrap().iter()).enumerate() {
        let (mut luma, mut chroma) = (vec![0; 320 * 180], vec![0; 320 * 90]);
        let planes = [
            PlaneMut { data: &mut luma, stride: 320 },
            PlaneMut { data: &mut chroma, stride: 320 },
            PlaneMut::default(),
        ];
        let mut expected = PictureMut::new(PixelFormat::Nv12, SIZE, Colorimetry::default(), planes).unwrap();
        scene.render(&mut expected);
        assert_eq!(*picture, [luma, chroma], "frame {number}");

        let [frame] = &seen.meta.frames[..] else { panic!("{seen:?}") };
        assert_eq!((frame.frame_number, &*frame.name, frame.inferred), (number as u64, "Crossing 2", true));
        assert_eq!(seen.pts.unwrap().mseconds(), 100 * number as u64);
        let told: Vec<_> = frame.objects.iter().map(|object| (object.class_id as u32, object.rect)).collect();
        let truth = scene.truth().iter().filter(|object| object.visible >= 0.25);
        assert_eq!(told, truth.map(|object| (object.class_id, object.rect)).collect::<Vec<_>>());
        objects += told.len();
    }
    assert!(objects > FRAMES, "there is something to see");
}

#[test]
fn without_truth_it_is_a_camera_like_any_other() {
    let pipeline =
        Pipeline::new("slipscenesrc is-live=true num-buffers=3 ! slipmux ! fakesink name=sink sync=false");
    let watch = pipeline.watch("sink", "sink");
    pipeline.play();
    pipeline.wait_for_eos();
    let batches = watch.until_eos();
    assert_eq!(numbers_of(&batches, 0), [0, 1, 2]);
    let frames = batches.iter().flat_map(|batch| &batch.meta.frames);
    assert!(frames.clone().all(|frame| frame.source_size == Size::new(640, 360) && frame.objects.is_empty()));
}
