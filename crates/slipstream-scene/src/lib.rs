//! A simulated street camera with exact ground truth.
