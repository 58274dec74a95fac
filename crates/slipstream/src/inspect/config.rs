//! A config in nvinfer's format to begin with.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use slipstream_infer::config::TensorOrder;
use slipstream_infer::parse::{Padding, Recipe};
use slipstream_meta::Size;

use super::{Inspection, NMS, NO_CLUSTERING, Reader, fed_as};
use crate::models::catalogue::COCO;

/// Boxes that are kept of a picture, the most confident ones.
const TOP_K: u32 = 200;

impl Inspection {
    /// A config in nvinfer's format to begin with, for a file in `folder` whose labels are called `labels`; `None` if
    /// nothing reads the model's outputs.
    pub fn config_text(&self, folder: &Path, labels: &str) -> Option<String> {
        let reader = self.reader.as_ref().ok()?;
        let model = match (
            self.path.parent().map(Path::canonicalize),
            folder.canonicalize(),
            self.path.file_name(),
        ) {
            (Some(Ok(parent)), Ok(folder), Some(name)) if parent == folder => PathBuf::from(name),
            _ => self.path.canonicalize().unwrap_or_else(|_| self.path.clone()),
        };
        let mut text = String::new();
        // A String takes all that is written.
        let _ = self.write_config(&mut text, &model, labels, reader);
        Some(text)
    }

    fn write_config(&self, text: &mut String, model: &Path, labels: &str, reader: &Reader) -> fmt::Result {
        let recipe = reader.recipe();
        writeln!(text, "# Written by slipstream inspect. Pixels are fed {}.", fed_as(recipe))?;
        writeln!(text, "[property]\ngie-unique-id=1\nonnx-file={}", model.display())?;
        if !self.labels.is_empty() {
            writeln!(text, "labelfile-path={labels}")?;
        }
        let Size { width, height } = self.size;
        writeln!(text, "infer-dims={};{height};{width}", self.channels)?;
        if self.order == TensorOrder::Nhwc {
            writeln!(text, "# The input is height, width, channels.\nnetwork-input-order=1")?;
        }
        writeln!(
            text,
            "\n# Pixels: y = factor × (x − offset), x in 0…255.\nnet-scale-factor={}",
            recipe.scale
        )?;
        let [a, b, c] = recipe.offsets;
        if recipe.offsets != [0.0; 3] && self.channels > 1 {
            writeln!(text, "offsets={a};{b};{c}")?;
        }
        writeln!(text, "# 0 RGB, 1 BGR, 2 GRAY\nmodel-color-format={}", self.color(recipe))?;
        writeln!(text, "# 1 scales evenly and pads")?;
        writeln!(text, "maintain-aspect-ratio={}", u8::from(recipe.padding != Padding::None))?;
        writeln!(text, "symmetric-padding={}", u8::from(recipe.padding == Padding::Around))?;

        match reader {
            Reader::Boxes(_) => self.write_boxes(text, recipe),
            Reader::Attributes => self.write_attributes(text, recipe),
            Reader::ClassMap(order) => self.write_class_map(text, *order, recipe),
        }
    }

    fn write_boxes(&self, text: &mut String, recipe: &Recipe) -> fmt::Result {
        writeln!(text, "\nnetwork-type=0")?;
        match self.classes {
            Some(classes) => writeln!(text, "num-detected-classes={classes}")?,
            None => {
                writeln!(
                    text,
                    "# The model does not tell how many classes it has.\nnum-detected-classes={}",
                    COCO.len()
                )?;
            }
        }
        if let Some(function) = &self.function {
            writeln!(text, "parse-bbox-func-name={function}")?;
        }
        match recipe.nms_iou {
            Some(_) => writeln!(text, "# NMS\ncluster-mode={NMS}")?,
            None => {
                writeln!(text, "# The model gives one box for each object.\ncluster-mode={NO_CLUSTERING}")?;
            }
        }
        writeln!(text, "\n[class-attrs-all]\npre-cluster-threshold={}", recipe.threshold)?;
        if let Some(iou) = recipe.nms_iou {
            writeln!(text, "nms-iou-threshold={iou}")?;
        }
        writeln!(text, "topk={TOP_K}")
    }

    fn write_attributes(&self, text: &mut String, recipe: &Recipe) -> fmt::Result {
        writeln!(text, "\nnetwork-type=1\nclassifier-threshold={}", recipe.threshold)?;
        writeln!(text, "# 1 names whole frames; 2 names the objects that the stage with the other id found")?;
        writeln!(text, "process-mode=1\n#operate-on-gie-id=1")
    }

    fn write_class_map(&self, text: &mut String, order: TensorOrder, recipe: &Recipe) -> fmt::Result {
        writeln!(text, "\nnetwork-type=2")?;
        if order == TensorOrder::Nhwc {
            writeln!(text, "# The output is height, width, classes.\nsegmentation-output-order=1")?;
        }
        match self.classes {
            // One plane is the probability of the only class; of several planes the greatest counts.
            Some(1) => writeln!(text, "num-detected-classes=1\nsegmentation-threshold={}", recipe.threshold),
            Some(classes) => writeln!(text, "num-detected-classes={classes}"),
            None => {
                writeln!(text, "# The model does not tell how many classes it has.\nnum-detected-classes=1")
            }
        }
    }
}
