//! Which outputs of a model are read.

use crate::config::InferConfig;
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
