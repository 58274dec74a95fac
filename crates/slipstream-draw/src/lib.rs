//! Tiling and drawing on video planes.
