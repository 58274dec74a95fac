//! The groups `[class-attrs-all]` and `[class-attrs-N]`.

use slipstream_meta::Color;

use super::document::ConfigError;
use super::value::Field;

/// How the boxes of one class are filtered, clustered and drawn.
///
/// `[class-attrs-all]` sets the values of every class, `[class-attrs-N]` overrides them for class N.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `pre-cluster-threshold` (old name `threshold`) | 0.2 | least confidence before clustering |
/// | `post-cluster-threshold` | 0 | least confidence after clustering |
/// | `eps` | 0 | grouping: largest relative distance of edges; DBSCAN: largest distance, 1 − IoU |
/// | `group-threshold` | 0 | grouping: a group needs more rectangles than this; 0 does no grouping |
/// | `minBoxes` | 0 | DBSCAN: least neighbours of a core box, itself included; 0 does no clustering |
/// | `dbscan-min-score` | 0 | DBSCAN: least summed confidence of a core box's neighbours |
/// | `nms-iou-threshold` | 0.3 | NMS: of two boxes that overlap by more than this the better one stays |
/// | `topk` | −1 | keep this many, the most confident; −1 keeps all |
/// | `roi-top-offset`, `roi-bottom-offset` | 0 | height in pixels of the frame's edge in which no box may reach |
/// | `detected-min-w`, `detected-min-h` | 0 | least size in the frame's pixels |
/// | `detected-max-w`, `detected-max-h` | 0 | greatest size in the frame's pixels; 0 sets none |
/// | `border-color` | 1;0;0;1 | red;green;blue;alpha in 0…1 |
/// | `bg-color` | none | the same, for filled boxes |
#[derive(Debug, Clone, PartialEq)]
pub struct ClassAttrs {
    /// Least confidence before clustering, in 0…1.
    pub pre_cluster_threshold: f32,
    /// Least confidence after clustering, in 0…1.
    pub post_cluster_threshold: f32,
    /// Reach of a cluster; its measure depends on the cluster mode.
    pub eps: f32,
    /// A group of rectangles needs more members than this; 0 does no grouping.
    pub group_threshold: u32,
    /// Least neighbours of a core box in DBSCAN, itself included; 0 does no clustering.
    pub min_boxes: u32,
    /// Least summed confidence of the neighbours of a core box in DBSCAN, itself included.
    pub dbscan_min_score: f32,
    /// Greatest overlap (intersection over union) of two boxes that both stay.
    pub nms_iou_threshold: f32,
    /// How many of the most confident boxes stay; `None` keeps all.
    pub topk: Option<usize>,
    /// Pixels at the frame's top in which no box may reach.
    pub roi_top_offset: u32,
    /// Pixels at the frame's bottom in which no box may reach.
    pub roi_bottom_offset: u32,
    /// Least width in the frame's pixels.
    pub detected_min_width: u32,
    /// Least height in the frame's pixels.
    pub detected_min_height: u32,
    /// Greatest width in the frame's pixels; 0 sets none.
    pub detected_max_width: u32,
    /// Greatest height in the frame's pixels; 0 sets none.
    pub detected_max_height: u32,
    /// Border of the drawn box; `None` where the file names none.
    pub border_color: Option<Color>,
    /// Filling of the drawn box.
    pub bg_color: Option<Color>,
}

impl Default for ClassAttrs {
    fn default() -> Self {
        Self {
            pre_cluster_threshold: 0.2,
            post_cluster_threshold: 0.0,
            eps: 0.0,
            group_threshold: 0,
            min_boxes: 0,
            dbscan_min_score: 0.0,
            nms_iou_threshold: 0.3,
            topk: None,
            roi_top_offset: 0,
            roi_bottom_offset: 0,
            detected_min_width: 0,
            detected_min_height: 0,
            detected_max_width: 0,
            detected_max_height: 0,
            border_color: None,
            bg_color: None,
        }
    }
}

impl ClassAttrs {
    /// Takes one pair over. Returns what the author should know, if anything.
    pub(super) fn set(&mut self, field: &Field<'_>) -> Result<Option<String>, ConfigError> {
        match field.key() {
            "pre-cluster-threshold" => self.pre_cluster_threshold = field.float()?,
            "threshold" => {
                self.pre_cluster_threshold = field.float()?;
                return Ok(Some("threshold is deprecated, its name is pre-cluster-threshold now".to_owned()));
            }
            "post-cluster-threshold" => self.post_cluster_threshold = field.float()?,
            "eps" => self.eps = field.float_in(0.0..=f32::MAX)?,
            "group-threshold" => self.group_threshold = field.count()?,
            "minBoxes" => self.min_boxes = field.count()?,
            "dbscan-min-score" => self.dbscan_min_score = field.float()?,
            "nms-iou-threshold" => self.nms_iou_threshold = field.float_in(0.0..=1.0)?,
            "topk" => self.topk = usize::try_from(field.int(-1..=i32::MAX)?).ok(),
            "roi-top-offset" => self.roi_top_offset = field.count()?,
            "roi-bottom-offset" => self.roi_bottom_offset = field.count()?,
            "detected-min-w" => self.detected_min_width = field.count()?,
            "detected-min-h" => self.detected_min_height = field.count()?,
            "detected-max-w" => self.detected_max_width = field.count()?,
            "detected-max-h" => self.detected_max_height = field.count()?,
            "border-color" => self.border_color = Some(color(field)?),
            "bg-color" => self.bg_color = Some(color(field)?),
            key => {
                return Ok(Some(format!(
                    "Unknown or legacy key specified '{key}' for group [{}]",
                    field.group
                )));
            }
        }
        Ok(None)
    }
}

fn color(field: &Field<'_>) -> Result<Color, ConfigError> {
    match field.floats()?.as_slice() {
        &[red, green, blue, alpha] => {
            Ok(Color::from_unit(red.into(), green.into(), blue.into(), alpha.into()))
        }
        _ => Err(field.wrong("expected red;green;blue;alpha, each from 0 to 1")),
    }
}
