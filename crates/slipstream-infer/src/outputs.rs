//! Which outputs of a model are read, and what they look like.

use crate::config::{InferConfig, NetworkType};
use crate::parse::{ParseError, TensorInfo};

/// The outputs that `output-blob-names` names, in the model's order; all if it names none.
pub(crate) fn wanted(config: &InferConfig, outputs: &[TensorInfo]) -> Result<Vec<TensorInfo>, ParseError> {
    let names = &config.output_blob_names;
    if let Some(name) = names.iter().find(|name| outputs.iter().all(|output| output.name != **name)) {
        return Err(ParseError::NoSuchOutput {
            location: config.location("output-blob-names"),
            name: name.clone(),
            found: outputs.to_vec(),
        });
    }
    let is_wanted = |output: &&TensorInfo| names.is_empty() || names.contains(&output.name);
    Ok(outputs.iter().filter(is_wanted).cloned().collect())
}

/// The type of network that is no detector and has such outputs: lists alone are a classifier's, planes are a segmentation's.
pub(crate) fn other_type(outputs: &[TensorInfo]) -> Option<NetworkType> {
    let has_values = |output: &TensorInfo| output.dims.iter().any(|&dim| dim != Some(1));
    if !outputs.is_empty() && outputs.iter().all(|output| is_list(output) && has_values(output)) {
        return Some(NetworkType::Classifier);
    }
    outputs.iter().any(is_map).then_some(NetworkType::Segmentation)
}

/// At most one dimension that is not 1.
pub(crate) fn is_list(output: &TensorInfo) -> bool {
    output.is_readable() && output.dims.iter().filter(|&&dim| dim != Some(1)).count() <= 1
}

/// Planes of more than one row and column, the first or last dimension being the planes or classes.
fn is_map(output: &TensorInfo) -> bool {
    let has_extent = |sides: &[Option<usize>]| sides.iter().all(|&side| side != Some(1));
    output.is_readable()
        && matches!(*output.dims.as_slice(), [first, middle, last]
            if has_extent(&[middle, last]) || has_extent(&[first, middle]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_tell_classifiers_and_segmentations_apart() {
        let output = |dims: &[Option<usize>]| TensorInfo {
            name: "out".to_owned(),
            dims: dims.to_vec(),
            element: "f32".to_owned(),
        };
        let list = output(&[Some(4)]);
        assert_eq!(
            other_type(&[list.clone(), output(&[Some(7), Some(1), Some(1)])]),
            Some(NetworkType::Classifier)
        );
        for map in [[Some(21), Some(65), Some(65)], [Some(1), None, None], [None, None, Some(3)]] {
            assert_eq!(other_type(&[output(&map), list.clone()]), Some(NetworkType::Segmentation), "{map:?}");
        }
        assert_eq!(other_type(&[output(&[Some(100), Some(6)])]), None);
        assert_eq!(other_type(&[output(&[Some(1)])]), None);
        assert_eq!(other_type(&[]), None);
    }
}
