//! What runs a model: processor or GPU.

use std::num::NonZeroUsize;

use ort::ep::{self, ExecutionProvider as _, ExecutionProviderDispatch};
use ort::session::builder::SessionBuilder;

use super::default_workers;
use crate::config::ExecutionProvider;

/// Sessions on a GPU where nobody asks for another number: while one computes, the other's pictures are on their way.
const WORKERS_OF_A_GPU: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

impl ExecutionProvider {
    /// The provider that is tried first: what is asked for, or else CUDA where ONNX Runtime was built with it.
    pub(super) fn first_choice(self) -> Self {
        match self {
            Self::Auto if ep::CUDA::is_available().unwrap_or(false) => Self::Cuda,
            Self::Auto => Self::Cpu,
            asked => asked,
        }
    }

    /// The same as ONNX Runtime knows it; `None` for its own kernels on the processor, which need no asking.
    fn registration(self) -> Option<ExecutionProviderDispatch> {
        match self {
            Self::Auto | Self::Cpu => None,
            Self::Cuda => Some(ep::CUDA::default().build()),
            Self::TensorRt => Some(ep::TensorRT::default().build()),
            Self::OpenVino => Some(ep::OpenVINO::default().build()),
        }
    }

    /// Puts the provider in charge of a session to be; what it cannot run goes to the processor.
    pub(super) fn register(self, builder: SessionBuilder) -> Result<SessionBuilder, String> {
        let Some(registration) = self.registration() else { return Ok(builder) };
        builder
            .with_execution_providers([registration.error_on_failure()])
            .map_err(|error| error.message().trim().to_owned())
    }

    /// How many images are looked at side by side where nobody asks for another number.
    pub(super) fn default_workers(self) -> NonZeroUsize {
        match self {
            Self::Cuda | Self::TensorRt => WORKERS_OF_A_GPU,
            Self::Auto | Self::Cpu | Self::OpenVino => default_workers(),
        }
    }
}
