//! Networks of every type, asked about pictures and parts of them.

use std::num::NonZeroUsize;
use std::sync::Arc;

use slipstream_meta::{Classification, Mask, ObjectMeta, Rect, SegmentationMeta, Tensor, TensorMeta};

use crate::classify::Attributes;
use crate::cluster::Detection;
use crate::config::{Dims, InferConfig, Labels, NetworkType, Notice};
use crate::detector::Boxes;
use crate::error::InferError;
use crate::instance::Instances;
use crate::outputs::wanted;
use crate::parse::TensorInfo;
use crate::runner::{Answer, Region, Runner, Timings};
use crate::segment::ClassMap;

/// What a network told about a picture or a part of it. Positions are in pixels of the
/// region's frame.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Analysis {
    /// What a detector or an instance segmentation network found, by class and falling confidence.
    pub objects: Vec<ObjectMeta>,
    /// What a classifier said.
    pub classifications: Vec<Classification>,
    /// What a segmentation network said.
    pub segmentation: Option<SegmentationMeta>,
    /// The raw outputs, if the config asks for them (`output-tensor-meta`) or the network's type is no other
    /// (`network-type=100`).
    pub tensors: Option<TensorMeta>,
}

impl Analysis {
    /// The same after what was looked at has moved from `from` to `to`.
    #[must_use]
    pub fn moved(&self, from: &Rect, to: &Rect) -> Self {
        let mut moved = self.clone();
        for object in &mut moved.objects {
            for rect in [Some(&mut object.rect), object.detector_rect.as_mut()].into_iter().flatten() {
                *rect = rect.mapped(from, to);
            }
        }
        moved.segmentation.iter_mut().for_each(|map| map.map(from, to));
        moved.tensors.iter_mut().for_each(|tensors| tensors.map(from, to));
        moved
    }
}

/// A network of any type.
#[derive(Debug)]
pub struct Analyzer {
    config: InferConfig,
    labels: Labels,
    head: Head,
    /// The outputs that are handed on raw; empty for none.
    raw: Vec<Arc<str>>,
    runner: Runner,
}

/// How a network's outputs are read.
#[derive(Debug)]
enum Head {
    Boxes(Boxes),
    Attributes(Attributes),
    Classes(ClassMap),
    Instances(Instances),
    Nothing,
}

impl Analyzer {
    /// Loads what `config` names. `workers` images are looked at side by side; `None` takes all cores that this process may
    /// use.
    ///
    /// # Errors
    /// If a file is missing or unfit, or the network's outputs are not of the kind that the config says.
    pub fn new(config: InferConfig, workers: Option<NonZeroUsize>) -> Result<Self, InferError> {
        let labels = config.read_labels()?;
        let runner = Runner::load(&config, workers)?;
        let outputs = runner.outputs();
        let head = match config.network_type {
            NetworkType::Detector => Head::Boxes(Boxes::new(&config, &runner)?),
            NetworkType::Classifier => Head::Attributes(Attributes::new(&config, &labels, outputs)?),
            NetworkType::Segmentation => Head::Classes(ClassMap::new(&config, outputs)?),
            NetworkType::InstanceSegmentation => Head::Instances(Instances::new(&config, outputs)?),
            NetworkType::Other => Head::Nothing,
        };
        let raw = if config.output_tensor_meta || config.network_type == NetworkType::Other {
            let readable = wanted(&config, outputs)?.into_iter().filter(TensorInfo::is_readable);
            readable.map(|output| output.name.into()).collect()
        } else {
            Vec::new()
        };
        Ok(Self { config, labels, head, raw, runner })
    }

    /// The config that it was made from.
    pub fn config(&self) -> &InferConfig {
        &self.config
    }

    /// Names of classes or of attributes' values.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// What the config's author should know about how the model is run.
    pub fn notices(&self) -> &[Notice] {
        self.runner.notices()
    }

    /// Size of the network's input.
    pub fn input(&self) -> Dims {
        self.runner.input()
    }

    /// How many images are looked at side by side.
    pub fn workers(&self) -> usize {
        self.runner.workers()
    }

    /// How far workers step back for other threads, from 0 (not at all) to 19: see `nice(1)`.
    pub fn set_nice(&mut self, nice: i32) {
        self.runner.set_nice(nice);
    }

    /// Work done so far.
    pub fn timings(&self) -> Timings {
        self.runner.timings()
    }

    /// What there is to say about each region, in their order.
    ///
    /// # Errors
    /// If the model fails on one of them.
    pub fn analyze(&mut self, regions: &[Region<'_>]) -> Result<Vec<Analysis>, InferError> {
        let (config, labels, head, raw) = (&self.config, &self.labels, &self.head, &self.raw);
        let object = |found: Detection, mask| object(config, labels, found, mask);
        self.runner.run(regions, |answer, analysis: &mut Analysis| {
            if !raw.is_empty() {
                analysis.tensors = Some(tensors(config, raw, answer)?);
            }
            let mut not_finite = 0;
            match head {
                Head::Boxes(boxes) => {
                    let mut found = Vec::new();
                    not_finite = boxes.read(config, answer, &mut found)?;
                    analysis.objects = found.into_iter().map(|found| object(found, None)).collect();
                }
                Head::Instances(instances) => {
                    let mut found = Vec::new();
                    not_finite = instances.read(config, answer, &mut found)?;
                    analysis.objects = found.into_iter().map(|(found, mask)| object(found, mask)).collect();
                }
                Head::Attributes(attributes) => {
                    attributes.read(config, labels, answer, &mut analysis.classifications)?;
                }
                Head::Classes(classes) => analysis.segmentation = Some(classes.read(config, answer)?),
                Head::Nothing => {}
            }
            Ok(not_finite)
        })
    }
}

/// An object as the metadata describes it.
fn object(config: &InferConfig, labels: &Labels, found: Detection, mask: Option<Mask>) -> ObjectMeta {
    let label = labels.class(found.class_id).cloned().unwrap_or_else(|| Arc::from(""));
    let class = i32::try_from(found.class_id).unwrap_or(i32::MAX);
    let mut object = ObjectMeta::detected(class, label, found.confidence, found.rect);
    object.component_id = config.unique_id;
    let attrs = config.attrs(found.class_id);
    object.border_color = attrs.border_color;
    object.fill = attrs.bg_color;
    object.mask = mask;
    object
}

/// A copy of the outputs `names`.
fn tensors(config: &InferConfig, names: &[Arc<str>], answer: &Answer<'_>) -> Result<TensorMeta, InferError> {
    let tensor = |name: &Arc<str>| {
        let output = answer.output(name)?;
        Ok(Tensor { name: name.clone(), dims: output.dims.to_vec(), data: output.data.into() })
    };
    Ok(TensorMeta {
        component_id: config.unique_id,
        network: answer.network,
        target: answer.transform.target,
        source: answer.transform.source,
        tensors: names.iter().map(tensor).collect::<Result<_, InferError>>()?,
    })
}
