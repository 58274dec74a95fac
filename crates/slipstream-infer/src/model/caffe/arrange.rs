//! Layers that join, cut and reorder blobs.

use super::layer::{Blob, Layer, Problem, axis, count, size};
use crate::model::graph::{int, ints};
use crate::model::proto::caffe::eltwise_parameter::EltwiseOp;

/// Layers that do nothing when a net is used; each output is the input.
pub(super) fn pass_on(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let bottom = layer.bottom(0)?;
    for index in 0..layer.param.top.len() {
        layer.top(index, &bottom.value, bottom.shape.clone())?;
    }
    Ok(())
}

pub(super) fn eltwise(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.eltwise_param.clone().unwrap_or_default();
    let bottoms = layer.bottoms.clone();
    let shape = layer.bottom(0)?.shape;
    if bottoms.len() < 2 {
        return Err("it needs at least two inputs (bottom)".to_owned());
    }
    if let Some(other) = bottoms.iter().find(|bottom| bottom.shape != shape) {
        return Err(format!(
            "its inputs have the shapes {shape:?} and {:?}, which should be the same",
            other.shape
        ));
    }
    let mut values: Vec<String> = bottoms.into_iter().map(|bottom| bottom.value).collect();
    let op = match param.operation() {
        EltwiseOp::Prod => "Mul",
        EltwiseOp::Sum => "Add",
        EltwiseOp::Max => "Max",
    };
    if !param.coeff.is_empty() {
        if op != "Add" || param.coeff.len() != values.len() {
            return Err(format!(
                "coeff has {} numbers; it goes with SUM and has one for each of the {} inputs",
                param.coeff.len(),
                values.len()
            ));
        }
        for (value, &factor) in values.iter_mut().zip(&param.coeff).filter(|(_, factor)| **factor != 1.0) {
            let factor = layer.constant("coeff", &[], &[factor]);
            *value = layer.node("Mul", &[value, &factor], Vec::new());
        }
    }
    // All but the last two inputs, one after the other.
    while let [first, second, _, ..] = values.as_slice() {
        let both = layer.node(op, &[first, second], Vec::new());
        values.splice(..2, [both]);
    }
    let inputs: Vec<_> = values.iter().map(String::as_str).collect();
    layer.top_node(0, op, &inputs, Vec::new(), shape)
}

pub(super) fn concat(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.concat_param.unwrap_or_default();
    let first = layer.bottom(0)?;
    let given = match param.concat_dim {
        Some(dim) => i32::try_from(dim).unwrap_or(i32::MAX),
        None => param.axis(),
    };
    let along = axis(given, first.shape.len(), false)?;
    let mut shape = first.shape.clone();
    let mut total = 0usize;
    for bottom in &layer.bottoms {
        let mut other = bottom.shape.clone();
        let fits = other.len() == shape.len() && {
            total = total.saturating_add(other.get(along).copied().unwrap_or_default());
            if let (Some(a), Some(b)) = (other.get_mut(along), shape.get(along)) {
                *a = *b;
            }
            other == shape
        };
        if !fits {
            return Err(format!(
                "its inputs {:?} and {:?} differ in more than axis {along}",
                first.shape, bottom.shape
            ));
        }
    }
    if let Some(dim) = shape.get_mut(along) {
        *dim = total;
    }
    let values: Vec<_> = layer.bottoms.iter().map(|bottom| bottom.value.clone()).collect();
    let inputs: Vec<_> = values.iter().map(String::as_str).collect();
    let attributes = vec![int("axis", i64::try_from(along).unwrap_or(i64::MAX))];
    layer.top_node(0, "Concat", &inputs, attributes, shape)
}

/// The part of a blob from `starts` on that is as large as `shape`, as output `index`.
fn part(
    layer: &mut Layer<'_, '_>,
    index: usize,
    blob: &Blob,
    starts: &[usize],
    shape: Vec<usize>,
) -> Result<(), Problem> {
    let signed = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let ends: Vec<_> = starts.iter().zip(&shape).map(|(start, length)| signed(start + length)).collect();
    let starts: Vec<_> = starts.iter().copied().map(signed).collect();
    let (starts, ends) = (layer.integers("starts", &starts), layer.integers("ends", &ends));
    layer.top_node(index, "Slice", &[&blob.value, &starts, &ends], Vec::new(), shape)
}

pub(super) fn slice(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.slice_param.clone().unwrap_or_default();
    let bottom = layer.bottom(0)?;
    let given = match param.slice_dim {
        Some(dim) => i32::try_from(dim).unwrap_or(i32::MAX),
        None => param.axis(),
    };
    let along = axis(given, bottom.shape.len(), false)?;
    let length = bottom.shape.get(along).copied().unwrap_or_default();
    let tops = layer.param.top.len();
    let mut points: Vec<usize> = param.slice_point.iter().copied().map(size).collect();
    if points.is_empty() {
        if tops == 0 || !length.is_multiple_of(tops) {
            return Err(format!("axis {along} is {length} long, which {tops} outputs cannot share evenly"));
        }
        points = (1..tops).map(|index| index * (length / tops)).collect();
    }
    if points.len() + 1 != tops {
        return Err(format!(
            "{} values of slice_point make {} parts, but it has {tops} outputs (top)",
            points.len(),
            points.len() + 1
        ));
    }
    points.insert(0, 0);
    points.push(length);
    if !points.is_sorted_by(|a, b| a < b) {
        return Err(format!("slice_point must grow from 1 to less than {length}"));
    }
    for (index, ends) in points.windows(2).enumerate() {
        let &[start, end] = ends else { continue };
        let (mut starts, mut shape) = (vec![0; bottom.shape.len()], bottom.shape.clone());
        if let (Some(first), Some(dim)) = (starts.get_mut(along), shape.get_mut(along)) {
            (*first, *dim) = (start, end - start);
        }
        part(&mut layer, index, &bottom, &starts, shape)?;
    }
    Ok(())
}

pub(super) fn crop(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.crop_param.clone().unwrap_or_default();
    let (bottom, like) = (layer.bottom(0)?, layer.bottom(1)?);
    let first = axis(param.axis(), bottom.shape.len(), false)?;
    if like.shape.len() != bottom.shape.len() {
        return Err(format!(
            "its inputs are {:?} and {:?}: they need as many dimensions",
            bottom.shape, like.shape
        ));
    }
    let cropped = bottom.shape.len() - first;
    let offsets: Vec<usize> = match param.offset.as_slice() {
        [] => vec![0; cropped],
        &[all] => vec![size(all); cropped],
        offsets if offsets.len() == cropped => offsets.iter().copied().map(size).collect(),
        offsets => return Err(format!("offset has {} numbers; it needs 1 or {cropped}", offsets.len())),
    };
    let mut starts = vec![0; first];
    starts.extend(offsets);
    let mut shape = bottom.shape.get(..first).unwrap_or_default().to_vec();
    shape.extend(like.shape.get(first..).unwrap_or_default());
    for ((&start, &length), &all) in starts.iter().zip(&shape).zip(&bottom.shape) {
        if start.checked_add(length).is_none_or(|end| end > all) {
            return Err(format!("{shape:?} from {starts:?} on reaches out of its input, {:?}", bottom.shape));
        }
    }
    part(&mut layer, 0, &bottom, &starts, shape)
}

fn reshape_to(mut layer: Layer<'_, '_>, bottom: &Blob, shape: Vec<usize>) -> Result<(), Problem> {
    if shape == bottom.shape {
        return layer.top(0, &bottom.value, shape);
    }
    let dims = layer.shape_constant(&shape);
    layer.top_node(0, "Reshape", &[&bottom.value, &dims], Vec::new(), shape)
}

pub(super) fn flatten(layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.flatten_param.unwrap_or_default();
    let bottom = layer.bottom(0)?;
    let axes = bottom.shape.len();
    let (first, last) = (axis(param.axis(), axes, false)?, axis(param.end_axis(), axes, false)?);
    let (Some(before), Some(joined), Some(after)) =
        (bottom.shape.get(..first), bottom.shape.get(first..=last), bottom.shape.get(last + 1..))
    else {
        return Err(format!("end_axis, {last}, comes before axis, {first}"));
    };
    let mut shape = before.to_vec();
    shape.push(count(joined)?);
    shape.extend(after);
    reshape_to(layer, &bottom, shape)
}

pub(super) fn reshape(layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.reshape_param.clone().unwrap_or_default();
    let bottom = layer.bottom(0)?;
    let axes = bottom.shape.len();
    let first = axis(param.axis(), axes, true)?;
    let end = match usize::try_from(param.num_axes()) {
        Err(_) => axes,
        Ok(more) => first.saturating_add(more),
    };
    let (Some(before), Some(replaced), Some(after)) =
        (bottom.shape.get(..first), bottom.shape.get(first..end), bottom.shape.get(end..))
    else {
        return Err(format!(
            "num_axes is {}, but only {} follow axis {first}",
            param.num_axes(),
            axes - first
        ));
    };
    let wanted = param.shape.map(|shape| shape.dim).unwrap_or_default();
    let mut free = None;
    let mut middle = Vec::new();
    for (index, &dim) in wanted.iter().enumerate() {
        middle.push(match dim {
            0 => replaced
                .get(index)
                .copied()
                .ok_or("a dim of 0 stands for one that its input does not have")?,
            -1 if free.is_none() => {
                free = Some(index);
                1
            }
            dim => usize::try_from(dim).map_err(|_| format!("a dim is {dim}, or −1 twice"))?,
        });
    }
    // The batch is 1 here, whatever number the file was made for.
    if first == 0
        && free != Some(0)
        && let Some(batch) = middle.first_mut()
        && bottom.shape.first() == Some(&1)
        && free.is_some()
    {
        *batch = 1;
    }
    let total = if replaced.is_empty() { 1 } else { count(replaced)? };
    let set = if middle.is_empty() { 1 } else { count(&middle)? };
    if let Some(free) = free.and_then(|free| middle.get_mut(free)) {
        *free = total / set;
    }
    if middle.iter().product::<usize>() != total {
        return Err(format!("its input, {:?}, cannot become {wanted:?}", bottom.shape));
    }
    let shape = [before, &middle, after].concat();
    reshape_to(layer, &bottom, shape)
}

pub(super) fn permute(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let bottom = layer.bottom(0)?;
    let axes = bottom.shape.len();
    let mut order: Vec<usize> = Vec::new();
    let given = layer.param.permute_param.iter().flat_map(|param| &param.order).copied().map(size);
    // What is not given follows in its old order.
    for axis in given.chain(0..axes) {
        if axis >= axes {
            return Err(format!("order names axis {axis}, but its input has {axes}"));
        }
        if !order.contains(&axis) {
            order.push(axis);
        }
    }
    let shape = order.iter().filter_map(|&axis| bottom.shape.get(axis).copied()).collect();
    layer.top_node(0, "Transpose", &[&bottom.value], vec![ints("perm", order)], shape)
}
