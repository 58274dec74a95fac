//! One detector in place of another.

use super::{ClassAttrs, InferConfig};

impl InferConfig {
    /// Takes the network of `other`, which tells the same classes apart, and all that goes with a network: its input, how
    /// its output becomes boxes, thresholds and clustering. What the file says about pictures, objects and metadata stays,
    /// and so do its labels if `keep_labels`.
    pub(crate) fn stand_in(&mut self, other: Self, keep_labels: bool) {
        let own = std::mem::replace(self, other);
        let attrs = |network: &ClassAttrs, own: &ClassAttrs| ClassAttrs {
            pre_cluster_threshold: network.pre_cluster_threshold,
            post_cluster_threshold: network.post_cluster_threshold,
            eps: network.eps,
            group_threshold: network.group_threshold,
            min_boxes: network.min_boxes,
            dbscan_min_score: network.dbscan_min_score,
            nms_iou_threshold: network.nms_iou_threshold,
            topk: network.topk,
            ..own.clone()
        };
        let classes = self.class_attrs.keys().chain(own.class_attrs.keys());
        self.class_attrs =
            classes.map(|&class| (class, attrs(self.attrs(class), own.attrs(class)))).collect();
        self.class_attrs_all = attrs(&self.class_attrs_all, &own.class_attrs_all);
        if own.num_detected_classes > 0 {
            self.num_detected_classes = own.num_detected_classes;
        }
        if keep_labels {
            self.labelfile_path = own.labelfile_path;
        }
        self.path = own.path;
        self.lines = own.lines;
        self.unique_id = own.unique_id;
        self.process_mode = own.process_mode;
        self.batch_size = own.batch_size;
        self.interval = own.interval;
        self.secondary_reinfer_interval = own.secondary_reinfer_interval;
        self.output_tensor_meta = own.output_tensor_meta;
        self.operate_on_gie_id = own.operate_on_gie_id;
        self.operate_on_class_ids = own.operate_on_class_ids;
        self.filter_out_class_ids = own.filter_out_class_ids;
        self.input_object_min = own.input_object_min;
        self.input_object_max = own.input_object_max;
        self.crop_objects_to_roi_boundary = own.crop_objects_to_roi_boundary;
        self.provider = own.provider;
        self.share_lone_images = own.share_lone_images;
    }
}
