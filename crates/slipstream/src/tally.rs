//! What the job has seen: counted as batches pass by, read by whoever reports.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use parking_lot::Mutex;
use slipstream_meta::{BatchMeta, FrameMeta};

/// Objects of one frame, by class index: the label and how many.
pub type Counts = BTreeMap<i32, (Arc<str>, usize)>;

/// What was seen of one source.
#[derive(Debug, Clone, Default)]
pub struct SourceTally {
    /// Frames that were put into the picture.
    pub frames: u64,
    /// Frames that the detector looked at.
    pub detections: u64,
    /// Objects on the newest frame.
    pub objects: Counts,
}

/// Counts per source, and for the whole.
#[derive(Debug)]
pub struct Tally {
    sources: Vec<Mutex<SourceTally>>,
    batches: AtomicU64,
    lost_pictures: AtomicU64,
    lost_lines: AtomicU64,
    lines: Mutex<Option<SyncSender<String>>>,
}

/// The objects of a frame, counted.
pub fn count_objects(frame: &FrameMeta) -> Counts {
    let mut counts = Counts::new();
    for object in &frame.objects {
        counts.entry(object.class_id).or_insert_with(|| (object.label.clone(), 0)).1 += 1;
    }
    counts
}

/// Classes that the article's line always counts.
const ALWAYS_COUNTED: [&str; 2] = ["Vehicle", "Person"];

/// The line that tells of one frame, as in the article, with the other classes and the camera added.
fn line(frame: &FrameMeta, counts: &Counts) -> String {
    use std::fmt::Write;
    let mut line = format!("Frame Number={} Number of Objects={}", frame.frame_number, frame.objects.len());
    for name in ALWAYS_COUNTED {
        let count: usize =
            counts.values().filter(|(label, _)| **label == *name).map(|(_, count)| count).sum();
        // Writing to a String cannot fail.
        let _ = write!(line, " {name}_count={count}");
    }
    for (class, (label, count)) in counts.iter().filter(|(_, (label, _))| !ALWAYS_COUNTED.contains(&&**label))
    {
        let _ = if label.is_empty() {
            write!(line, " Class_{class}_count={count}")
        } else {
            write!(line, " {}_count={count}", label.replace(char::is_whitespace, "_"))
        };
    }
    let _ = write!(line, " Camera={}", frame.name);
    line
}

impl Tally {
    /// Nothing seen yet of `sources` sources.
    pub fn new(sources: usize) -> Self {
        Self {
            sources: (0..sources).map(|_| Mutex::default()).collect(),
            batches: AtomicU64::new(0),
            lost_pictures: AtomicU64::new(0),
            lost_lines: AtomicU64::new(0),
            lines: Mutex::new(None),
        }
    }

    /// Sends a line for each frame to `lines` from now on. Lines for which there is no room are counted.
    pub fn send_lines(&self, lines: SyncSender<String>) {
        *self.lines.lock() = Some(lines);
    }

    /// Takes note of a batch.
    pub fn count(&self, batch: &BatchMeta) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        let lines = self.lines.lock().clone();
        for frame in &batch.frames {
            let counts = count_objects(frame);
            if let Some(lines) = &lines
                && lines.try_send(line(frame, &counts)).is_err()
            {
                self.lost_lines.fetch_add(1, Ordering::Relaxed);
            }
            if let Some(source) = self.sources.get(frame.pad_index as usize) {
                let mut source = source.lock();
                source.frames += 1;
                source.detections += u64::from(frame.inferred);
                source.objects = counts;
            }
        }
    }

    /// Takes note of a picture that made way for a newer one before the encoder took it.
    pub fn count_lost_picture(&self) {
        self.lost_pictures.fetch_add(1, Ordering::Relaxed);
    }

    /// What was seen of a source.
    pub fn source(&self, index: usize) -> SourceTally {
        self.sources.get(index).map(|source| source.lock().clone()).unwrap_or_default()
    }

    /// Batches so far.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Pictures that the encoder did not take in time.
    pub fn lost_pictures(&self) -> u64 {
        self.lost_pictures.load(Ordering::Relaxed)
    }

    /// Lines that were not printed because whoever reads them is too slow.
    pub fn lost_lines(&self) -> u64 {
        self.lost_lines.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use slipstream_meta::{ObjectMeta, Rect, Size};

    use super::*;

    #[test]
    fn a_frame_is_told_as_in_the_article_with_its_camera() {
        let mut frame = FrameMeta::new(0, "camera 1 (10.0.0.7)".into(), 5, Size::new(640, 360));
        for (class, label) in [(0, "Vehicle"), (2, "Person"), (0, "Vehicle"), (3, "RoadSign")] {
            frame.objects.push(ObjectMeta::detected(class, label.into(), 0.9, Rect::new(0.0, 0.0, 9.0, 9.0)));
        }
        assert_eq!(
            line(&frame, &count_objects(&frame)),
            "Frame Number=5 Number of Objects=4 Vehicle_count=2 Person_count=1 RoadSign_count=1 Camera=camera 1 (10.0.0.7)"
        );
        frame.objects.clear();
        assert_eq!(
            line(&frame, &count_objects(&frame)),
            "Frame Number=5 Number of Objects=0 Vehicle_count=0 Person_count=0 Camera=camera 1 (10.0.0.7)"
        );
    }

    #[test]
    fn lines_that_nobody_reads_are_counted_and_block_nothing() {
        let tally = Tally::new(1);
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        tally.send_lines(sender);
        let frame = FrameMeta::new(0, "a".into(), 0, Size::new(8, 8));
        tally.count(&BatchMeta { frames: vec![frame.clone(), frame], ..BatchMeta::default() });
        assert_eq!(tally.lost_lines(), 1);
        assert_eq!(tally.source(0).frames, 2);
        assert_eq!(receiver.try_iter().count(), 1);
    }
}
