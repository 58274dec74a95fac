//! Networks that look at whole frames.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use slipstream_infer::config::NetworkType;
use slipstream_infer::objects::whole_frame;
use slipstream_infer::{Analysis, Analyzer, InferError, Policy, Region, Scheduler};
use slipstream_meta::{FrameMeta, Rect};

use super::Dialect;
use super::imp::CAT;
use crate::frame::{FrameError, map_readable, picture};
use crate::transform::{Pictures, size_of};

/// Looks at the frames whose turn it is.
pub(super) struct Primary {
    analyzer: Analyzer,
    scheduler: Scheduler,
    /// What was found last on each source, and where that frame lay.
    held: HashMap<u32, (Rect, Analysis)>,
    skipped: u64,
}

impl Primary {
    pub(super) fn new(analyzer: Analyzer, policy: Policy) -> Self {
        let scheduler = Scheduler::new(policy, analyzer.workers());
        Self { analyzer, scheduler, held: HashMap::new(), skipped: 0 }
    }

    pub(super) fn analyzer(&self) -> &Analyzer {
        &self.analyzer
    }

    pub(super) fn set_policy(&mut self, policy: Policy) {
        self.scheduler.set_policy(policy);
    }

    /// Frames without a turn so far.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Forgets sources that are gone.
    pub(super) fn retain_sources(&mut self, is_there: impl Fn(u32) -> bool) {
        self.held.retain(|&source, _| is_there(source));
    }

    /// Looks at those frames whose turn it is, at the time `now`. `pictures` are those of `frames`. With `hold`, the others
    /// get what was found last.
    pub(super) fn look(
        &mut self,
        hold: bool,
        now: Duration,
        dialect: &dyn Dialect,
        frames: &mut [FrameMeta],
        pictures: Pictures<'_>,
    ) -> Result<(), Box<InferError>> {
        let sources: Vec<u32> = frames.iter().map(|frame| frame.pad_index).collect();
        let chosen = self.scheduler.select(now, &sources);
        self.skipped += chosen.iter().filter(|&&chosen| !chosen).count() as u64;

        // A frame that cannot be read is passed over: its camera's trouble is not the others'.
        let readable = |err: FrameError| gst::warning!(CAT, "frame not looked at: {err}");
        let turns = (0..).zip(frames.iter()).zip(pictures.all).zip(&chosen).filter(|&(_, &chosen)| chosen);
        let (mut looked_at, mut mapped) = (Vec::new(), Vec::new());
        for (((index, frame), picture), _) in turns {
            match map_readable(&picture.buffer, &picture.info) {
                Ok(map) => {
                    looked_at.push((index, pictures.area(frame, picture)));
                    mapped.push(map);
                }
                Err(err) => readable(err),
            }
        }
        let views: Vec<_> = mapped.iter().map(|map| picture(map).map_err(readable).ok()).collect();
        let regions: Vec<_> = views
            .iter()
            .zip(&looked_at)
            .filter_map(|(view, (_, area))| Some(Region::whole((*view)?).in_frame(size_of(area))))
            .collect();
        let started = Instant::now();
        let found = self.analyzer.analyze(&regions)?;
        self.scheduler.measured(regions.len(), started.elapsed());

        let looked_at = looked_at.into_iter().zip(&views).filter(|(_, view)| view.is_some());
        let mut is_new = vec![false; frames.len()];
        for (((index, area), _), mut found) in looked_at.zip(found) {
            let (Some(frame), Some(is_new)) = (frames.get_mut(index), is_new.get_mut(index)) else {
                continue;
            };
            *is_new = true;
            if (area.left, area.top) != (0.0, 0.0) {
                found = found.moved(&Rect::of_size(size_of(&area)), &area);
            }
            found.objects.iter_mut().for_each(|object| dialect.object(object));
            if hold {
                self.held.insert(frame.pad_index, (frame.viewport, found.clone()));
            }
            // Attributes and class maps say nothing about whether there are objects.
            let kind = self.analyzer.config().network_type;
            frame.inferred |= !matches!(kind, NetworkType::Classifier | NetworkType::Segmentation);
            attach(frame, dialect, found);
        }
        if hold {
            for (frame, _) in frames.iter_mut().zip(is_new).filter(|(_, is_new)| !is_new) {
                if let Some((viewport, found)) = self.held.get(&frame.pad_index)
                    && *viewport == frame.viewport
                {
                    attach(frame, dialect, found.clone());
                }
            }
        }
        Ok(())
    }
}

/// Adds what was found to a frame. Attributes are those of an object as large as the frame, as in DeepStream.
fn attach(frame: &mut FrameMeta, dialect: &dyn Dialect, found: Analysis) {
    frame.objects.extend(found.objects);
    frame.segmentations.extend(found.segmentation);
    frame.tensors.extend(found.tensors);
    if let Some(mut whole) = whole_frame(found.classifications, frame.viewport) {
        dialect.object(&mut whole);
        dialect.attributes(&mut whole, 0);
        frame.objects.push(whole);
    }
}
