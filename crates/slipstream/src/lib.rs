//! Many cameras in, one annotated stream out.
