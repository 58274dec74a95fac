//! What objects look like: a network for re-identification, run on the objects that a detector found.

use std::path::PathBuf;
use std::sync::Arc;

use slipstream_infer::config::{
    Dims, InferConfig, Model, ModelColorFormat, NetworkMode, NetworkType, ProcessMode, TensorOrder,
};
use slipstream_infer::model::{folders, locate, missing_sample};
use slipstream_infer::{Analyzer, InferError, Region};
use slipstream_meta::{FrameMeta, Rect};
use slipstream_track::config::{Reid, ReidModel, ReidPrecision};

use super::camera::Rules;
use crate::frame::picture;

/// What an object looks like.
pub(super) type Embedding = Arc<[f32]>;
/// Embeddings of the objects of a frame; of those that were not looked at, or of all, there may be none.
pub(super) type Embeddings = Vec<Option<Embedding>>;

/// A network that turns pictures of objects into embeddings.
pub(super) struct Looks {
    analyzer: Analyzer,
    is_normalized: bool,
    /// Whether embeddings are handed on with the objects.
    pub(super) is_output: bool,
}

/// A frame whose objects are to be looked at.
pub(super) struct View<'a> {
    /// Its place in the batch.
    pub(super) index: usize,
    pub(super) frame: &'a FrameMeta,
    pub(super) mapped: gst_video::VideoFrameRef<&'a gst::BufferRef>,
}

impl Looks {
    /// Loads the network that a tracker's file describes: `None` where nobody here has it, so that objects are matched without
    /// their looks. Also returns what the file's author should know.
    ///
    /// # Errors
    /// If the network is the user's own and cannot be used.
    pub(super) fn open(reid: &Reid) -> Result<(Option<Self>, Vec<String>), String> {
        const WITHOUT: &str = "objects are matched without their looks";
        let Some(ReidModel { key, path, location }) = &reid.model else {
            return Ok((None, vec![format!("ReID: no network is named (onnxFile): {WITHOUT}")]));
        };
        let say = |message: &dyn std::fmt::Display| format!("{location}: ReID: {key}: {message}");
        if key != "onnxFile" {
            let message = format!(
                "{}: only TensorRT reads this format, an ONNX file (onnxFile) is needed: {WITHOUT}",
                path.display()
            );
            return Ok((None, vec![say(&message)]));
        }
        let mut config = network(reid, path.clone());
        config.path = location.file.to_path_buf();
        let mut notices: Vec<_> =
            locate(&mut config, &folders()).iter().map(|notice| say(&notice.message)).collect();
        if let Some(path) = missing_sample(&config) {
            let message =
                format!("{} is one of DeepStream's sample models, and not here: {WITHOUT}", path.display());
            return Ok((None, vec![say(&message)]));
        }
        let analyzer = Analyzer::new(config, None).map_err(|err| say(&err))?;
        notices.extend(analyzer.notices().iter().map(|notice| say(&notice.message)));
        let (is_normalized, is_output) = (reid.is_normalized, reid.is_output);
        Ok((Some(Self { analyzer, is_normalized, is_output }), notices))
    }

    /// Looks at the objects to be tracked on `views`, all in one go, and puts what comes of it to their frames in `all`.
    pub(super) fn look(
        &mut self,
        views: &[View<'_>],
        rules: &Rules,
        all: &mut [Embeddings],
    ) -> Result<(), Box<InferError>> {
        let (mut places, mut regions) = (Vec::new(), Vec::new());
        for View { index, frame, mapped } in views {
            let Ok(view) = picture(mapped) else { continue };
            if let Some(embeddings) = all.get_mut(*index) {
                embeddings.resize(frame.objects.len(), None);
            }
            let whole = Rect::of_size(view.size());
            let of_interest = frame.objects.iter().enumerate().filter(|(_, object)| rules.tracks(object));
            for (object, found) in of_interest {
                if let Some(rect) = found.rect.mapped(&frame.viewport, &whole).intersection(&whole) {
                    places.push((*index, object));
                    regions.push(Region::part(view, rect));
                }
            }
        }
        for ((frame, object), found) in places.into_iter().zip(self.analyzer.analyze(&regions)?) {
            // Networks of this kind have one output.
            let vector = found.tensors.and_then(|meta| Some(meta.tensors.first()?.data.clone()));
            let vector = vector.map(|vector| if self.is_normalized { normalized(&vector) } else { vector });
            if let Some(slot) = all.get_mut(frame).and_then(|embeddings| embeddings.get_mut(object)) {
                *slot = vector;
            }
        }
        Ok(())
    }
}

/// The network as the engine takes it.
fn network(reid: &Reid, model: PathBuf) -> InferConfig {
    let mut config = InferConfig::default();
    config.process_mode = ProcessMode::Secondary;
    config.network_type = NetworkType::Other;
    config.network_mode = match reid.precision {
        ReidPrecision::Fp32 => NetworkMode::Fp32,
        ReidPrecision::Fp16 => NetworkMode::Fp16,
        ReidPrecision::Int8 => NetworkMode::Int8,
    };
    config.batch_size = reid.batch_size.unwrap_or(config.batch_size);
    config.model = Some(Model::Onnx(model));
    config.int8_calib_file.clone_from(&reid.calibration);
    config.infer_dims = reid.dims.map(|[channels, height, width]| Dims { channels, height, width });
    config.net_scale_factor = reid.scale.unwrap_or(config.net_scale_factor);
    config.offsets.clone_from(&reid.offsets);
    config.model_color_format = match (reid.dims, reid.is_bgr) {
        (Some([1, ..]), _) => ModelColorFormat::Gray,
        (_, true) => ModelColorFormat::Bgr,
        (_, false) => ModelColorFormat::Rgb,
    };
    config.maintain_aspect_ratio = !reid.is_squeezed;
    config.network_input_order = if reid.channels_last { TensorOrder::Nhwc } else { TensorOrder::Nchw };
    config.share_lone_images = true;
    config
}

/// The vector of length 1 in the same direction; one of no length stays as it is.
fn normalized(vector: &[f32]) -> Embedding {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    let scale = if length > 0.0 { length.recip() } else { 1.0 };
    vector.iter().map(|value| value * scale).collect()
}
