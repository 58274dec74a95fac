//! Detects objects on raw NV12 frames: `detect_raw CONFIG WIDTH HEIGHT FILE`, prints one line per object.
//!
//! `ffmpeg -i clip.mp4 -pix_fmt nv12 -f rawvideo FILE` makes such a file.

use std::error::Error;

use slipstream_infer::{Detector, InferConfig};
use slipstream_meta::{Colorimetry, Picture, PixelFormat, Plane, Size};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [config, width, height, file] = arguments.as_slice() else {
        return Err("usage: detect_raw CONFIG WIDTH HEIGHT FILE".into());
    };
    let size = Size::new(width.parse()?, height.parse()?);
    let (config, notices) = InferConfig::load(config)?;
    notices.iter().for_each(|notice| eprintln!("{notice}"));
    let mut detector = Detector::new(config, None)?;
    let bytes = std::fs::read(file)?;
    let (stride, luma) = (size.width as usize, size.width as usize * size.height as usize);
    let pictures: Result<Vec<_>, _> = bytes
        .chunks_exact(luma * 3 / 2)
        .map(|frame| {
            let (y, uv) = frame.split_at(luma);
            let planes = [Plane { data: y, stride }, Plane { data: uv, stride }, Plane::default()];
            Picture::new(PixelFormat::Nv12, size, Colorimetry::default(), planes)
        })
        .collect();
    let start = std::time::Instant::now();
    for (frame, objects) in detector.detect(&pictures?)?.into_iter().enumerate() {
        for object in objects {
            let label = detector.labels().class(object.class_id).map_or("?", |label| &**label);
            println!("{frame} {label} {:.3} {:?}", object.confidence, object.rect);
        }
    }
    eprintln!("{:?} in {:?} on {} workers", detector.timings(), start.elapsed(), detector.workers());
    Ok(())
}
