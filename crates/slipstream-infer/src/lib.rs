//! Detection on video pictures: nvinfer configuration, tensors, engines, parsers and clustering.
//!
//! [`InferConfig`] reads a detector's config file, [`Detector`] loads what it names and turns pictures into
//! [`Detection`]s, [`schedule`] says which pictures are worth it.
//!
//! ```no_run
//! use slipstream_infer::{Detector, InferConfig};
//! # fn pictures() -> Vec<slipstream_meta::Picture<'static>> { Vec::new() }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (config, notices) = InferConfig::load("detector.txt")?;
//! for notice in notices {
//!     eprintln!("{notice}");
//! }
//! let mut detector = Detector::new(config, None)?;
//! for objects in detector.detect(&pictures())? {
//!     for object in objects {
//!         println!("{:?} {:.2} {:?}", detector.labels().class(object.class_id), object.confidence, object.rect);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod analyzer;
mod classify;
pub mod cluster;
pub mod config;
mod detector;
pub mod engine;
mod error;
mod instance;
pub mod model;
pub mod objects;
mod outputs;
pub mod parse;
mod runner;
pub mod schedule;
mod segment;
pub mod tensor;

pub use analyzer::{Analysis, Analyzer};
pub use cluster::Detection;
pub use config::InferConfig;
pub use detector::Detector;
pub use error::{InferError, InferError as DetectorError};
pub use runner::{Region, Timings, WORKER_THREAD};
pub use schedule::{Policy, Scheduler};
