//! Outputs of a classifier: each is an attribute, and the most probable of its values counts.

use std::sync::Arc;

use slipstream_meta::Classification;

use crate::config::{InferConfig, Labels, NetworkType};
use crate::error::InferError;
use crate::outputs::{is_list, wanted};
use crate::parse::TensorInfo;
use crate::runner::Answer;

/// Reads attributes from the outputs of a classifier.
#[derive(Debug)]
pub(crate) struct Attributes {
    /// Outputs, one for each attribute.
    names: Vec<String>,
    /// Whether the label file has a line for each value of the only attribute rather than for each attribute.
    label_per_line: bool,
    classifier_type: Option<Arc<str>>,
}

impl Attributes {
    /// Every output that is a list of numbers is an attribute, in the model's order.
    pub(crate) fn new(
        config: &InferConfig,
        labels: &Labels,
        outputs: &[TensorInfo],
    ) -> Result<Self, InferError> {
        let names: Vec<_> =
            wanted(config, outputs)?.into_iter().filter(is_list).map(|output| output.name).collect();
        if names.is_empty() {
            return Err(InferError::Outputs {
                location: config.location("network-type"),
                kind: NetworkType::Classifier,
                expected: "expected outputs of one dimension, one for each attribute".to_owned(),
                found: outputs.to_vec(),
            });
        }
        let label_per_line = names.len() == 1 && labels.len() > 1 && labels.is_one_per_line();
        let classifier_type = config.classifier_type.as_deref().map(Arc::from);
        Ok(Self { names, label_per_line, classifier_type })
    }

    /// Appends the attributes of one region whose best value is more probable than the config's threshold.
    pub(crate) fn read(
        &self,
        config: &InferConfig,
        labels: &Labels,
        answer: &Answer<'_>,
        found: &mut Vec<Classification>,
    ) -> Result<(), InferError> {
        for (attribute, name) in (0..).zip(&self.names) {
            let Some((class_id, probability)) = best(answer.output(name)?.data) else { continue };
            if probability <= config.classifier_threshold {
                continue;
            }
            let label = if self.label_per_line {
                labels.class(class_id)
            } else {
                labels.attribute(attribute, class_id)
            };
            found.push(Classification {
                component_id: config.unique_id,
                classifier_type: self.classifier_type.clone(),
                attribute,
                class_id,
                label: label.cloned().unwrap_or_else(|| Arc::from("")),
                probability,
            });
        }
        Ok(())
    }
}

/// The greatest number and its index, the first of equals. Numbers that cannot be probabilities, that is outside of 0…1, are
/// taken for logits and go through a softmax. `None` without a finite number.
fn best(scores: &[f32]) -> Option<(u32, f32)> {
    let finite = (0..).zip(scores.iter().copied()).filter(|(_, score)| score.is_finite());
    let (class, score) = finite.reduce(|best: (u32, f32), next| if next.1 > best.1 { next } else { best })?;
    if scores.iter().all(|score| !score.is_finite() || (0.0..=1.0).contains(score)) {
        return Some((class, score));
    }
    let sum: f32 = scores.iter().filter(|other| other.is_finite()).map(|other| (other - score).exp()).sum();
    Some((class, 1.0 / sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_most_probable_wins() {
        assert_eq!(best(&[0.1, 0.45, 0.45]), Some((1, 0.45)));
        assert_eq!(best(&[f32::NAN, 0.2, 0.1]), Some((1, 0.2)));
        assert_eq!(best(&[f32::NAN, f32::INFINITY]), None);
        assert_eq!(best(&[]), None);
    }

    #[test]
    fn logits_become_probabilities() {
        // softmax of 0, ln 2, ln 5 is 1/8, 2/8, 5/8
        let (class, probability) = best(&[0.0, 2f32.ln(), 5f32.ln()]).unwrap();
        assert_eq!(class, 2);
        assert!((probability - 0.625).abs() < 1e-6, "{probability}");
        let (class, probability) = best(&[-300.0, 700.0, 699.0]).unwrap();
        assert_eq!(class, 1);
        assert!((probability - 1.0 / (1.0 + (-1f32).exp())).abs() < 1e-6, "{probability}");
    }
}
