//! What a model file says about itself.

use std::collections::BTreeMap;
use std::path::Path;

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::Outlet;

use super::{EngineError, describe, library};
use crate::parse::TensorInfo;

/// Loads fast: what it loads is not run.
fn builder(environment: &Environment) -> ort::Result<SessionBuilder> {
    let builder = Session::builder(environment)?.with_intra_threads(1)?;
    Ok(builder.with_optimization_level(GraphOptimizationLevel::Disable)?)
}

/// A model file, looked at without a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFile {
    /// Its inputs, with the batch.
    pub inputs: Vec<TensorInfo>,
    /// Its outputs, with the batch.
    pub outputs: Vec<TensorInfo>,
    /// The program that made it.
    pub producer: Option<String>,
    /// What the producer wrote into it beside the network.
    pub metadata: BTreeMap<String, String>,
}

impl ModelFile {
    /// Reads an ONNX file.
    ///
    /// # Errors
    /// If ONNX Runtime or the model cannot be loaded.
    pub fn read(path: &Path) -> Result<Self, EngineError> {
        let load = |message: &dyn std::fmt::Display| EngineError::Load {
            path: path.to_owned(),
            message: message.to_string(),
        };
        std::fs::File::open(path).map_err(|error| load(&error))?;
        let mut builder = builder(&library::environment()?)?;
        let session = builder.commit_from_file(path).map_err(|error| load(&error.message()))?;
        let all = |outlets: &[Outlet]| outlets.iter().map(describe).collect();
        let about = session.metadata()?;
        let keys = about.custom_keys()?;
        Ok(Self {
            inputs: all(session.inputs()),
            outputs: all(session.outputs()),
            producer: about.producer().filter(|producer| !producer.is_empty()),
            metadata: keys.into_iter().filter_map(|key| Some((key.clone(), about.custom(&key)?))).collect(),
        })
    }

    /// The outputs of one image: without the batch.
    pub fn outputs_of_image(&self) -> Vec<TensorInfo> {
        let batch = self.inputs.first().and_then(|input| input.dims.first().copied().flatten()).unwrap_or(1);
        let mut outputs = self.outputs.clone();
        for output in &mut outputs {
            if output.dims.first().is_some_and(|first| first.is_none_or(|first| first == batch)) {
                output.dims.remove(0);
            }
        }
        outputs
    }
}
