//! The layers of SSD (Liu et al., 2016): prior boxes, and boxes from what the net says about them.

use super::layer::{Blob, Layer, Problem, count, size};
use crate::model::graph::{int, node};
use crate::model::proto::caffe::PriorBoxParameter;
use crate::model::proto::caffe::prior_box_parameter::CodeType;

/// Length of a dimension that is only known after a run.
pub(super) const UNKNOWN: usize = usize::MAX;
/// Corners of a box.
const CORNERS: usize = 4;
/// Numbers of a detection: picture, class, confidence, left, top, right, bottom, the last four in 0…1 of the picture.
const DETECTION: usize = 7;
/// Aspect ratios that differ by less are the same.
const SAME_RATIO: f32 = 1e-6;
/// Variance where a net gives none.
const DEFAULT_VARIANCE: f32 = 0.1;
/// Most prior boxes of a layer; SSD512 has 24,564 in all.
const MAX_PRIORS: usize = 1 << 20;

/// Width and height of each prior box of a cell, in pixels.
fn sizes(param: &PriorBoxParameter) -> Result<Vec<(f32, f32)>, Problem> {
    if param.min_size.is_empty() {
        return Err("min_size is not given".to_owned());
    }
    if !param.max_size.is_empty() && param.max_size.len() != param.min_size.len() {
        return Err(format!(
            "it has {} values of min_size and {} of max_size",
            param.min_size.len(),
            param.max_size.len()
        ));
    }
    let mut ratios = vec![1.0f32];
    for &ratio in &param.aspect_ratio {
        if ratios.iter().any(|known| (ratio - known).abs() < SAME_RATIO) {
            continue;
        }
        ratios.push(ratio);
        if param.flip() {
            ratios.push(1.0 / ratio);
        }
    }
    let mut sizes = Vec::new();
    for (index, &least) in param.min_size.iter().enumerate() {
        sizes.push((least, least));
        if let Some(&greatest) = param.max_size.get(index) {
            let side = (least * greatest).sqrt();
            sizes.push((side, side));
        }
        for ratio in ratios.iter().filter(|ratio| (**ratio - 1.0).abs() >= SAME_RATIO) {
            sizes.push((least * ratio.sqrt(), least / ratio.sqrt()));
        }
    }
    let sound = |&(width, height): &(f32, f32)| {
        width.is_finite() && height.is_finite() && width > 0.0 && height > 0.0
    };
    if !sizes.iter().all(sound) {
        return Err("min_size, max_size and aspect_ratio must be above 0".to_owned());
    }
    Ok(sizes)
}

/// Boxes around each cell, [1, 2, 4 · boxes]: the corners in 0…1 of the picture, then the variances. They depend on sizes
/// only, so they are a constant.
pub(super) fn prior_box(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.prior_box_param.clone().ok_or("it has no prior_box_param")?;
    let (_, [_, rows, columns]) = layer.picture()?;
    let picture = layer.bottom(1)?;
    let &[_, _, height, width] = picture.shape.as_slice() else {
        return Err(format!("its second input should be the pictures, but is {:?}", picture.shape));
    };
    let side = param.img_size.map(size);
    let height = param.img_h.map(size).or(side).unwrap_or(height) as f32;
    let width = param.img_w.map(size).or(side).unwrap_or(width) as f32;
    let step_x = param.step_w.or(param.step).unwrap_or(width / columns as f32);
    let step_y = param.step_h.or(param.step).unwrap_or(height / rows as f32);
    if !(height > 0.0 && width > 0.0 && step_x > 0.0 && step_y > 0.0 && param.offset().is_finite()) {
        return Err("sizes and steps must be above 0".to_owned());
    }
    let variance = match param.variance.as_slice() {
        [] => [DEFAULT_VARIANCE; CORNERS],
        &[all] => [all; CORNERS],
        &[a, b, c, d] => [a, b, c, d],
        other => return Err(format!("variance has {} numbers; it needs 1 or 4", other.len())),
    };
    let sizes = sizes(&param)?;
    let boxes = rows.checked_mul(columns).and_then(|cells| cells.checked_mul(sizes.len()));
    let boxes =
        boxes.filter(|&boxes| boxes <= MAX_PRIORS).ok_or_else(|| format!("more than {MAX_PRIORS} boxes"))?;

    let mut data = Vec::with_capacity(2 * CORNERS * boxes);
    for row in 0..rows {
        let y = (row as f32 + param.offset()) * step_y;
        for column in 0..columns {
            let x = (column as f32 + param.offset()) * step_x;
            for &(w, h) in &sizes {
                let corners = [
                    (x - w / 2.0) / width,
                    (y - h / 2.0) / height,
                    (x + w / 2.0) / width,
                    (y + h / 2.0) / height,
                ];
                data.extend(corners.map(|corner| if param.clip() { corner.clamp(0.0, 1.0) } else { corner }));
            }
        }
    }
    data.extend(std::iter::repeat_n(variance, boxes).flatten());
    let shape = vec![1, 2, CORNERS * boxes];
    let priors = layer.constant("boxes", &shape, &data);
    layer.top_node(0, "Identity", &[&priors], Vec::new(), shape)
}

/// Boxes of all classes without those that better ones cover, [1, 1, N, 7].
pub(super) fn detection_output(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.detection_output_param.clone().ok_or("it has no detection_output_param")?;
    let nms = param.nms_param.unwrap_or_default();
    if !param.share_location() {
        return Err("share_location is false, which cannot be run".to_owned());
    }
    if nms.eta() != 1.0 {
        return Err(format!("eta is {}; only 1 can be run", nms.eta()));
    }
    let (locations, scores, priors) = (layer.bottom(0)?, layer.bottom(1)?, layer.bottom(2)?);
    let classes = size(param.num_classes());
    let boxes = match priors.shape.as_slice() {
        &[1, 2, numbers] => numbers / CORNERS,
        shape => {
            return Err(format!(
                "its third input should be prior boxes, [1, 2, 4 · boxes], but is {shape:?}"
            ));
        }
    };
    let (of_locations, of_scores) = (count(&locations.shape)?, count(&scores.shape)?);
    if boxes == 0 || of_locations != CORNERS * boxes || Some(of_scores) != boxes.checked_mul(classes) {
        return Err(format!(
            "{boxes} prior boxes and {classes} classes do not fit {of_locations} locations and {of_scores} confidences"
        ));
    }
    let background = usize::try_from(param.background_label_id()).ok();
    let kept: Vec<i64> = (0..classes)
        .filter(|&class| Some(class) != background)
        .filter_map(|class| class.try_into().ok())
        .collect();
    if kept.is_empty() {
        return Err("it has no class but the background".to_owned());
    }

    let decoded =
        decode(&mut layer, &locations, &priors, boxes, param.code_type(), param.variance_encoded_in_target());

    // The best of each class, before suppression: [classes, k].
    let scores = layer.reshaped(&scores.value, &[boxes, classes]);
    let scores = layer.node("Transpose", &[&scores], vec![crate::model::graph::ints("perm", [1, 0])]);
    let wanted = layer.integers("classes", &kept);
    let scores = layer.node("Gather", &[&scores, &wanted], vec![int("axis", 0)]);
    let best = usize::try_from(nms.top_k()).ok().filter(|&k| k > 0).map_or(boxes, |k| k.min(boxes));
    let k = i64::try_from(best).unwrap_or(i64::MAX);
    let amount = layer.integers("top k", &[k]);
    let (scores, order) = top_k(&mut layer, &scores, &amount, 1);
    let corners = layer.node("Gather", &[&decoded, &order], vec![int("axis", 0)]);

    // Each class is suppressed for itself: to the operator they are pictures of one class.
    let alone = layer.reshaped(&scores, &[kept.len(), 1, best]);
    let most = layer.integer("most", k);
    let overlap = layer.constant("nms threshold", &[], &[nms.nms_threshold()]);
    let mut inputs = vec![corners.clone(), alone, most, overlap];
    if let Some(threshold) = param.confidence_threshold {
        inputs.push(layer.constant("confidence threshold", &[], &[threshold]));
    }
    let inputs: Vec<_> = inputs.iter().map(String::as_str).collect();
    let selected = layer.node("NonMaxSuppression", &inputs, Vec::new());
    let columns = layer.integers("class and box", &[0, 2]);
    let places = layer.node("Gather", &[&selected, &columns], vec![int("axis", 1)]);
    let first = layer.integer("class", 0);
    let class = layer.node("Gather", &[&places, &first], vec![int("axis", 1)]);

    let mut confidence = layer.node("GatherND", &[&scores, &places], Vec::new());
    let mut corners = layer.node("GatherND", &[&corners, &places], Vec::new());
    let labels: Vec<f32> = kept.iter().map(|&class| class as f32).collect();
    let labels = layer.constant("labels", &[labels.len()], &labels);
    let mut label = layer.node("Gather", &[&labels, &class], vec![int("axis", 0)]);
    if param.keep_top_k() > 0 {
        let found = layer.node("Shape", &[&confidence], Vec::new());
        let most = layer.integers("keep", &[i64::from(param.keep_top_k())]);
        let amount = layer.node("Min", &[&found, &most], Vec::new());
        let (best, order) = top_k(&mut layer, &confidence, &amount, 0);
        confidence = best;
        corners = layer.node("Gather", &[&corners, &order], vec![int("axis", 0)]);
        label = layer.node("Gather", &[&label, &order], vec![int("axis", 0)]);
    }
    let zero = layer.constant("picture", &[], &[0.0]);
    let picture = layer.node("Mul", &[&label, &zero], Vec::new());
    let column = layer.integers("column", &[-1, 1]);
    let [picture, label, confidence] =
        [picture, label, confidence].map(|value| layer.node("Reshape", &[&value, &column], Vec::new()));
    let rows = layer.node("Concat", &[&picture, &label, &confidence, &corners], vec![int("axis", 1)]);
    let shape = layer.integers("detections", &[1, 1, -1, 7]);

    let name = layer.param.top.first().cloned().ok_or("it names no output (top)")?;
    let value = layer.graph.value_of(&name);
    layer.graph.push(node("Reshape", &[&rows, &shape], &value, Vec::new()));
    layer.graph.set(name, Blob { value, shape: vec![1, 1, UNKNOWN, DETECTION] });
    Ok(())
}

/// The greatest numbers along `axis` and where they are.
fn top_k(layer: &mut Layer<'_, '_>, value: &str, amount: &str, axis: i64) -> (String, String) {
    let values = layer.graph.fresh(&format!("{}/best", layer.param.name()));
    let order = layer.graph.fresh(&format!("{}/order", layer.param.name()));
    let mut made = node("TopK", &[value, amount], &values, vec![int("axis", axis)]);
    made.output.push(order.clone());
    layer.graph.push(made);
    (values, order)
}

/// Boxes from locations and prior boxes: [boxes, 4] corners in 0…1.
fn decode(
    layer: &mut Layer<'_, '_>,
    locations: &Blob,
    priors: &Blob,
    boxes: usize,
    code: CodeType,
    with_variance: bool,
) -> String {
    let mut moved = layer.reshaped(&locations.value, &[boxes, CORNERS]);
    let priors = layer.reshaped(&priors.value, &[2, boxes, CORNERS]);
    let [zero, one] = [0, 1].map(|row| layer.integer("row", row));
    let [corners, variances] =
        [zero, one].map(|row| layer.node("Gather", &[&priors, &row], vec![int("axis", 0)]));
    if !with_variance {
        moved = layer.node("Mul", &[&moved, &variances], Vec::new());
    }
    if code == CodeType::Corner {
        return layer.node("Add", &[&corners, &moved], Vec::new());
    }
    let (low, high) = halves(layer, &corners);
    let extent = layer.node("Sub", &[&high, &low], Vec::new());
    let (first, second) = halves(layer, &moved);
    let first = layer.node("Mul", &[&first, &extent], Vec::new());
    let (low, high) = if code == CodeType::CornerSize {
        let second = layer.node("Mul", &[&second, &extent], Vec::new());
        (layer.node("Add", &[&low, &first], Vec::new()), layer.node("Add", &[&high, &second], Vec::new()))
    } else {
        let half = layer.constant("half", &[], &[0.5]);
        let sum = layer.node("Add", &[&low, &high], Vec::new());
        let middle = layer.node("Mul", &[&sum, &half], Vec::new());
        let middle = layer.node("Add", &[&first, &middle], Vec::new());
        let growth = layer.node("Exp", &[&second], Vec::new());
        let extent = layer.node("Mul", &[&growth, &extent], Vec::new());
        let reach = layer.node("Mul", &[&extent, &half], Vec::new());
        (layer.node("Sub", &[&middle, &reach], Vec::new()), layer.node("Add", &[&middle, &reach], Vec::new()))
    };
    layer.node("Concat", &[&low, &high], vec![int("axis", 1)])
}

/// The first two and the last two columns.
fn halves(layer: &mut Layer<'_, '_>, value: &str) -> (String, String) {
    let [first, second] = [[0, 1], [2, 3]].map(|columns| {
        let columns = layer.integers("columns", &columns);
        layer.node("Gather", &[value, &columns], vec![int("axis", 1)])
    });
    (first, second)
}
