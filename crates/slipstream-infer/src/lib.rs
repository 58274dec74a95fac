//! Detection on video pictures: nvinfer configuration, tensors, engines, parsers and clustering.
