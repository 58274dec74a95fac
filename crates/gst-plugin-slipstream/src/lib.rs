//! GStreamer elements of Slipstream.
