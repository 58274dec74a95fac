//! Second stages: networks that look at what the detector, or another second stage, found.

use std::num::NonZeroUsize;
use std::path::Path;

use slipstream_infer::objects::{ObjectFilter, attach};
use slipstream_infer::{Analysis, Analyzer, InferConfig, InferError, Region};
use slipstream_meta::{ObjectMeta, Picture, Rect};

use super::DetectError;

/// A network that looks at objects.
#[derive(Debug)]
pub struct SecondStage {
    analyzer: Analyzer,
    filter: ObjectFilter,
}

impl SecondStage {
    /// Loads the network of a config file. It looks at objects, whatever `process-mode` says.
    ///
    /// # Errors
    /// If the file or what it names cannot be used.
    pub fn load(config: &Path, workers: Option<NonZeroUsize>) -> Result<Self, Box<InferError>> {
        let (config, notices) = InferConfig::load(config).map_err(InferError::from)?;
        let filter = ObjectFilter::new(&config);
        let analyzer = Analyzer::new(config, workers)?;
        for notice in notices.iter().chain(analyzer.notices()) {
            tracing::warn!("{notice}");
        }
        Ok(Self { analyzer, filter })
    }

    /// Looks at the objects of each frame and adds what it finds, parts of objects behind all others.
    fn look(&mut self, frames: &mut [(Picture<'_>, &mut Vec<ObjectMeta>)]) -> Result<(), Box<InferError>> {
        let (mut regions, mut places) = (Vec::new(), Vec::new());
        for (frame, (picture, objects)) in frames.iter().enumerate() {
            let whole = Rect::of_size(picture.size());
            for (index, object) in objects.iter().enumerate().filter(|(_, object)| self.filter.takes(object))
            {
                if let Some(rect) = object.rect.intersection(&whole) {
                    regions.push(Region::part(*picture, rect));
                    places.push((frame, index));
                }
            }
        }
        let found = self.analyzer.analyze(&regions)?;
        for ((frame, index), found) in places.into_iter().zip(found) {
            if let Some((_, objects)) = frames.get_mut(frame) {
                attach(objects, index, found);
            }
        }
        Ok(())
    }
}

/// Lets all stages look at what was seen on a batch of frames, `views` being their pictures. What is found in an object comes
/// behind all objects of its frame, as their part.
pub(super) fn look(
    stages: &mut [SecondStage],
    views: &[Option<Picture<'_>>],
    seen: &mut [Option<Analysis>],
) -> Result<(), DetectError> {
    let both = views.iter().zip(seen).filter_map(|(view, seen)| Some((view.as_ref()?, seen.as_mut()?)));
    let mut frames: Vec<_> = both.map(|(picture, seen)| (*picture, &mut seen.objects)).collect();
    stages.iter_mut().try_for_each(|stage| stage.look(&mut frames)).map_err(DetectError::Network)
}
