//! The Python module `pyds`.

use pyo3::prelude::*;

/// DeepStream's metadata, for pad probes.
#[pymodule]
mod pyds {
    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", "1.2.0")
    }
}
