//! Many cameras in, one annotated stream out.

pub mod settings;
pub mod uri;
