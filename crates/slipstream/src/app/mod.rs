//! `deepstream-app`: pipelines from NVIDIA DeepStream's config files.

pub mod config;
pub mod plan;
