//! Objects as text files in KITTI's format, one file a frame.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use gst::prelude::*;
use gstslipstream::meta::Batch;
use slipstream_meta::{FrameMeta, Rect};

/// What a file says of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Boxes {
    /// The detector's box and confidence.
    Detected,
    /// The tracker's, with the object's number.
    Tracked,
}

/// Number of an object that was not tracked.
const UNTRACKED: u64 = u64::MAX;
/// Confidence of an object that was not tracked, and in DeepStream of one whose tracker gives none.
const NO_CONFIDENCE: f32 = 0.0;

/// Writes a file for each frame that comes to `pad`.
///
/// # Errors
/// If the folder cannot be made.
pub(super) fn write(pad: &gst::Pad, folder: &Path, app: usize, boxes: Boxes) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let folder = folder.to_owned();
    let mut text = String::new();
    let failed = std::sync::atomic::AtomicBool::new(false);
    let text = parking_lot::Mutex::new(std::mem::take(&mut text));
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let Some(batch) = info.buffer().and_then(|buffer| buffer.meta::<Batch>()) else {
            return gst::PadProbeReturn::Ok;
        };
        let mut text = text.lock();
        for frame in &batch.frames {
            text.clear();
            describe(frame, boxes, &mut text);
            let path = file(&folder, app, frame);
            if let Err(error) = std::fs::write(&path, text.as_str())
                && !failed.swap(true, std::sync::atomic::Ordering::Relaxed)
            {
                tracing::warn!("cannot write {}: {error}", path.display());
            }
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

fn file(folder: &Path, app: usize, frame: &FrameMeta) -> PathBuf {
    folder.join(format!("{app:02}_{:03}_{:06}.txt", frame.pad_index, frame.frame_number))
}

fn describe(frame: &FrameMeta, boxes: Boxes, text: &mut String) {
    for object in &frame.objects {
        let label = &object.label;
        let (number, rect, confidence) = match boxes {
            Boxes::Detected => (String::new(), object.rect, object.confidence),
            Boxes::Tracked => (
                format!(" {}", object.tracking_id.unwrap_or(UNTRACKED)),
                object.tracker_rect.unwrap_or(object.rect),
                object.tracker_confidence.unwrap_or(NO_CONFIDENCE),
            ),
        };
        let Rect { left, top, width, height } = rect;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{label}{number} 0.0 0 0.0 {left:.6} {top:.6} {:.6} {:.6} 0.0 0.0 0.0 0.0 0.0 0.0 0.0 {confidence:.6}",
            left + width,
            top + height
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slipstream_meta::{ObjectMeta, Size};

    #[test]
    fn files_and_lines_are_deepstreams() {
        let mut frame = FrameMeta::new(3, "".into(), 42, Size::new(64, 48));
        let rect = Rect { left: 1.5, top: 2.0, width: 10.0, height: 20.0 };
        let mut object = ObjectMeta::detected(0, "car".into(), 0.75, rect);
        object.tracking_id = Some(7);
        object.tracker_rect = Some(Rect { left: 2.5, ..rect });
        object.tracker_confidence = Some(1.0);
        frame.objects.push(object);
        assert_eq!(file(Path::new("out"), 1, &frame), Path::new("out/01_003_000042.txt"));
        let mut text = String::new();
        describe(&frame, Boxes::Detected, &mut text);
        describe(&frame, Boxes::Tracked, &mut text);
        assert_eq!(
            text,
            "car 0.0 0 0.0 1.500000 2.000000 11.500000 22.000000 0.0 0.0 0.0 0.0 0.0 0.0 0.0 0.750000\n\
             car 7 0.0 0 0.0 2.500000 2.000000 12.500000 22.000000 0.0 0.0 0.0 0.0 0.0 0.0 0.0 1.000000\n"
        );
    }
}
