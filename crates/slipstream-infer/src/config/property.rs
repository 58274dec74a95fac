//! The keys of the group `[property]`.

use super::document::ConfigError;
use super::value::Field;
use super::{
    ClusterMode, Dims, ExecutionProvider, InferConfig, Model, ModelColorFormat, NetworkMode, NetworkType,
    ProcessMode, TensorOrder,
};

/// Keys that DeepStream knows and that mean nothing here: they choose GPU memory, engines and accelerators, dump
/// tensors, or describe what other files say.
const WITHOUT_MEANING: &[&str] = &[
    "auto-inc-mem",
    "custom-network-config",
    "disable-output-host-copy",
    "dump-input-tensor",
    "dump-output-tensor",
    "dynamic-properties",
    "enable-dla",
    "engine-create-func-name",
    "force-implicit-batch-dim",
    "gpu-id",
    "input-tensor-from-meta",
    "ip-tensor-file",
    "layer-device-precision",
    "max-gpu-mem-per",
    "op-tensor-files",
    "output-io-formats",
    "overwrite-input-tensor",
    "overwrite-output-tensor",
    "parse-bbox-instance-mask-func-name",
    "parse-classifier-func-name",
    "parse-func",
    "parse-segmentation-func-name",
    "raw-output-file-write",
    "scaling-compute-hw",
    "stabilize-buffer-count",
    "strongly-typed",
    "tensor-meta-pool-size",
    "tlt-model-key",
    "uff-input-blob-name",
    "uff-input-order",
    "use-dla-core",
    "warmup-engine",
    "workspace-size",
];

/// `scaling-filter` values of NVIDIA's scaler: 0 nearest, 1 bilinear, then others up to here.
const SCALING_FILTERS: u32 = 5;
const SCALING_FILTER_BILINEAR: u32 = 1;

/// Most images per inference that DeepStream allows.
const MAX_BATCH_SIZE: u32 = 1024;

/// Greatest width and height of a network input that is believed.
const MAX_DIM: u32 = 16384;

impl InferConfig {
    /// Takes one pair of `[property]` over. Returns what the author should know, if anything.
    pub(super) fn set(&mut self, field: &Field<'_>) -> Result<Option<String>, ConfigError> {
        match field.key() {
            "gie-unique-id" => self.unique_id = field.int(1..=u32::MAX)?,
            "process-mode" => {
                self.process_mode = field.choice(&[
                    (1, "primary", ProcessMode::Primary),
                    (2, "secondary", ProcessMode::Secondary),
                ])?;
            }
            "interval" => self.interval = field.count()?,
            "batch-size" => self.batch_size = field.int(1..=MAX_BATCH_SIZE)?,
            "network-mode" => {
                self.network_mode = field.choice(&[
                    (0, "FP32", NetworkMode::Fp32),
                    (1, "INT8", NetworkMode::Int8),
                    (2, "FP16", NetworkMode::Fp16),
                    (3, "best", NetworkMode::Best),
                ])?;
            }
            "network-type" => {
                self.network_type = field.choice(&[
                    (0, "detector", NetworkType::Detector),
                    (1, "classifier", NetworkType::Classifier),
                    (2, "segmentation", NetworkType::Segmentation),
                    (3, "instance segmentation", NetworkType::InstanceSegmentation),
                    (100, "other", NetworkType::Other),
                ])?;
            }
            "is-classifier" => {
                self.network_type =
                    if field.flag()? { NetworkType::Classifier } else { NetworkType::Detector };
                return Ok(Some("is-classifier is deprecated, use network-type=1 or 0".to_owned()));
            }
            key @ ("onnx-file" | "model-file" | "proto-file" | "uff-file" | "tlt-encoded-model"
            | "model-engine-file") => self.set_model(key, field),
            "engine" => self.provider = field.word(&ExecutionProvider::NAMES)?,
            "int8-calib-file" => self.int8_calib_file = field.path(),
            "infer-dims" => self.infer_dims = Some(dims(field, 3)?),
            "input-dims" | "uff-input-dims" => {
                let dims = dims(field, 4)?;
                if !self.is_set("infer-dims") {
                    self.infer_dims = Some(dims);
                }
                return Ok(Some(format!("{} is deprecated, use infer-dims=c;h;w", field.key())));
            }
            "output-blob-names" => self.output_blob_names = field.parts().map(str::to_owned).collect(),
            "net-scale-factor" => self.net_scale_factor = field.float()?,
            "offsets" => self.offsets = field.floats()?,
            "mean-file" => self.mean_file = field.path(),
            "model-color-format" => {
                self.model_color_format = field.choice(&[
                    (0, "RGB", ModelColorFormat::Rgb),
                    (1, "BGR", ModelColorFormat::Bgr),
                    (2, "GRAY", ModelColorFormat::Gray),
                ])?;
            }
            "maintain-aspect-ratio" => self.maintain_aspect_ratio = field.flag()?,
            "symmetric-padding" => self.symmetric_padding = field.flag()?,
            "scaling-filter" => {
                if field.int(0..=SCALING_FILTERS)? != SCALING_FILTER_BILINEAR {
                    return Ok(Some("pictures are always scaled bilinearly (scaling-filter=1)".to_owned()));
                }
            }
            "network-input-order" => {
                self.network_input_order =
                    field.choice(&[(0, "NCHW", TensorOrder::Nchw), (1, "NHWC", TensorOrder::Nhwc)])?;
            }
            "labelfile-path" => self.labelfile_path = field.path(),
            "num-detected-classes" => self.num_detected_classes = field.count()?,
            "cluster-mode" => {
                self.cluster_mode = field.choice(&[
                    (0, "group rectangles", ClusterMode::GroupRectangles),
                    (1, "DBSCAN", ClusterMode::Dbscan),
                    (2, "NMS", ClusterMode::Nms),
                    (3, "DBSCAN and NMS", ClusterMode::Hybrid),
                    (4, "none", ClusterMode::None),
                ])?;
            }
            "enable-dbscan" => {
                if field.flag()? && !self.is_set("cluster-mode") {
                    self.cluster_mode = ClusterMode::Dbscan;
                }
                return Ok(Some("enable-dbscan is deprecated, use cluster-mode=1".to_owned()));
            }
            "parse-bbox-func-name" => self.parse_bbox_func_name = text(field),
            "custom-lib-path" => self.custom_lib_path = field.path(),
            "classifier-threshold" => self.classifier_threshold = field.float()?,
            "classifier-type" => self.classifier_type = text(field),
            "classifier-async-mode" => self.classifier_async_mode = field.flag()?,
            "secondary-reinfer-interval" => {
                self.secondary_reinfer_interval = Some(field.int(0..=i32::MAX)?.unsigned_abs());
            }
            "segmentation-threshold" => self.segmentation_threshold = field.float()?,
            "segmentation-output-order" => {
                self.segmentation_output_order =
                    field.choice(&[(0, "NCHW", TensorOrder::Nchw), (1, "NHWC", TensorOrder::Nhwc)])?;
            }
            "output-instance-mask" => self.output_instance_mask = field.flag()?,
            "output-tensor-meta" => self.output_tensor_meta = field.flag()?,
            "operate-on-gie-id" => self.operate_on_gie_id = u32::try_from(field.int(-1..=i32::MAX)?).ok(),
            "operate-on-class-ids" => self.operate_on_class_ids = field.counts()?,
            "filter-out-class-ids" => self.filter_out_class_ids = field.counts()?,
            "input-object-min-width" => self.input_object_min.width = field.count()?,
            "input-object-min-height" => self.input_object_min.height = field.count()?,
            "input-object-max-width" => self.input_object_max.width = field.count()?,
            "input-object-max-height" => self.input_object_max.height = field.count()?,
            "crop-objects-to-roi-boundary" => self.crop_objects_to_roi_boundary = field.flag()?,
            key if WITHOUT_MEANING.contains(&key) => {}
            key => return Ok(Some(format!("Unknown or legacy key specified '{key}' for group [property]"))),
        }
        Ok(None)
    }

    /// Takes one pair of `[parser]` over. Returns what the author should know, if anything.
    pub(super) fn set_parser(&mut self, field: &Field<'_>) -> Result<Option<String>, ConfigError> {
        if field.key() != "anchors" {
            return Ok(Some(format!("Unknown key \"{}\" in group [parser]", field.key())));
        }
        let numbers = field.floats()?;
        let (pairs, rest) = numbers.as_chunks::<2>();
        if !rest.is_empty() || numbers.iter().any(|&side| side <= 0.0) {
            return Err(field.wrong("expected width;height;width;height;… of all anchors, in pixels"));
        }
        self.anchors = pairs.to_vec();
        Ok(None)
    }

    /// Takes over a key that names a model. An ONNX file is the best of what several keys may name, a Caffe pair the
    /// second best.
    fn set_model(&mut self, key: &str, field: &Field<'_>) {
        let Some(path) = field.path() else { return };
        let caffe = |model: &Option<Model>| match model {
            Some(Model::Caffe { proto, weights }) => (proto.clone(), weights.clone()),
            _ => (None, None),
        };
        let model = match (key, &self.model) {
            ("onnx-file", _) => Model::Onnx(path),
            (_, Some(Model::Onnx(_))) => return,
            ("model-file", model) => Model::Caffe { proto: caffe(model).0, weights: Some(path) },
            ("proto-file", model) => Model::Caffe { proto: Some(path), weights: caffe(model).1 },
            (_, Some(Model::Caffe { .. })) => return,
            _ => Model::Other { key: key.to_owned(), path },
        };
        self.model = Some(model);
    }
}

fn text(field: &Field<'_>) -> Option<String> {
    Some(field.text().to_owned()).filter(|text| !text.is_empty())
}

/// `c;h;w`, of `parts` numbers; a fourth one says how the numbers are ordered: 0 c;h;w, 1 h;w;c.
fn dims(field: &Field<'_>, parts: usize) -> Result<Dims, ConfigError> {
    let dims = match (field.counts()?.as_slice(), parts) {
        (&[channels, height, width], 3) | (&[channels, height, width, 0], 4) => {
            Dims { channels, height, width }
        }
        (&[height, width, channels, 1], 4) => Dims { channels, height, width },
        (_, 3) => return Err(field.wrong("expected channels;height;width")),
        _ => return Err(field.wrong("expected channels;height;width;0 or height;width;channels;1")),
    };
    let sound = matches!(dims.channels, 1 | 3)
        && (1..=MAX_DIM).contains(&dims.height)
        && (1..=MAX_DIM).contains(&dims.width);
    let allowed = || field.wrong(format!("expected 1 or 3 channels, width and height from 1 to {MAX_DIM}"));
    sound.then_some(dims).ok_or_else(allowed)
}
