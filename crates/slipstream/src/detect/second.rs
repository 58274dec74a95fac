//! Second stages: networks that look at what the detector, or another second stage, found.

use std::num::NonZeroUsize;
use std::path::Path;

use slipstream_infer::objects::{ObjectFilter, attach};
use slipstream_infer::{Analyzer, InferConfig, InferError, Region};
use slipstream_meta::{ObjectMeta, Picture, Rect, Size};

use super::draw::ObjectStyle;
use super::{DetectError, SeenObject};

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
    fn look(&mut self, frames: &mut [(Picture<'_>, Vec<ObjectMeta>)]) -> Result<(), Box<InferError>> {
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

/// Lets all stages look at what was seen on a batch of frames, `views` being their pictures. Returns the parts of objects that
/// were found, for each frame.
pub(super) fn look(
    stages: &mut [SecondStage],
    style: &ObjectStyle,
    views: &[Option<Picture<'_>>],
    seen: &mut [Option<(Size, Vec<SeenObject>)>],
) -> Result<Vec<Vec<ObjectMeta>>, DetectError> {
    let mut parts = vec![Vec::new(); seen.len()];
    if stages.is_empty() {
        return Ok(parts);
    }
    let (mut frames, mut places) = (Vec::new(), Vec::new());
    for ((view, seen), parts) in views.iter().zip(seen).zip(&mut parts) {
        if let (Some(picture), Some((_, objects))) = (view, seen) {
            frames.push((*picture, objects.iter().map(|object| style.object(object)).collect()));
            places.push((objects, parts));
        }
    }
    for stage in stages {
        stage.look(&mut frames).map_err(DetectError::Detector)?;
    }
    for ((_, mut described), (objects, parts)) in frames.into_iter().zip(places) {
        *parts = described.split_off(objects.len().min(described.len()));
        for (object, described) in objects.iter_mut().zip(described) {
            object.classifications = described.classifications;
        }
    }
    Ok(parts)
}
