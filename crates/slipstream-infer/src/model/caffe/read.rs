//! Reading the two files of a Caffe model.

use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;

use miette::Diagnostic;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use super::error::CaffeError;
use super::net::upgrade;
use crate::model::proto::caffe::{
    BlobProto, DESCRIPTORS, ElementType, LayerParameter, NetParameter, WeightsNet,
};

/// Greatest size of a text file. The largest published nets have some thousand layers of about 500 bytes.
pub(super) const MAX_TEXT: usize = 16 << 20;
/// Greatest size of a binary file: protobuf knows no larger message.
pub(super) const MAX_BINARY: usize = (2 << 30) - 1;
/// Messages in messages; Caffe's own go five deep.
const MAX_DEPTH: usize = 32;

/// The message that a layers' file is.
static NET: LazyLock<Option<MessageDescriptor>> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).ok()?.get_message_by_name("caffe.NetParameter"));

/// Reads the text of a layers' file; nets of old layers become nets of new ones.
pub(super) fn layers(text: &str, path: &Path) -> Result<NetParameter, CaffeError> {
    let at = |offset: usize, message: String| {
        let before = text.get(..offset).unwrap_or(text);
        let line = 1 + before.matches('\n').count();
        let column = 1 + before.rsplit('\n').next().unwrap_or("").chars().count();
        CaffeError::Text { path: path.to_owned(), line, column, message }
    };
    if let Some(offset) = too_deep(text) {
        return Err(at(offset, format!("more than {MAX_DEPTH} messages inside one another")));
    }
    let net = |message: String| CaffeError::Net { path: path.to_owned(), message };
    let kind = NET.clone().ok_or_else(|| net("its kind of file is not known".to_owned()))?;
    let read = DynamicMessage::parse_text_format(kind, text)
        .map_err(|error| at(offset_of(&error), plain(&error.to_string())))?;
    let mut read: NetParameter = read.transcode_to().map_err(|error| net(error.to_string()))?;
    let old = std::mem::take(&mut read.layers);
    if !old.is_empty() && !read.layer.is_empty() {
        return Err(net("it has both \"layer\" and \"layers\"".to_owned()));
    }
    read.layer.extend(old.into_iter().map(upgrade));
    Ok(read)
}

/// Where in the text an error is; past all of it where the parser names no place, which is at the end.
fn offset_of(error: &impl Diagnostic) -> usize {
    error.labels().and_then(|mut labels| labels.next()).map_or(usize::MAX, |label| label.offset())
}

/// The parser's words without the names of our messages.
fn plain(message: &str) -> String {
    message.replace("'caffe.", "'").replace(" caffe.", " ")
}

/// Where the nesting of `text` first gets deeper than [`MAX_DEPTH`]. The parser calls itself for each level.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut bytes = text.bytes().enumerate();
    while let Some((offset, byte)) = bytes.next() {
        match byte {
            b'{' | b'<' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Some(offset);
                }
            }
            b'}' | b'>' => depth = depth.saturating_sub(1),
            b'#' => {
                bytes.by_ref().find(|&(_, byte)| byte == b'\n');
            }
            quote @ (b'"' | b'\'') => {
                while let Some((_, byte)) = bytes.next() {
                    match byte {
                        b'\\' => drop(bytes.next()),
                        byte if byte == quote || byte == b'\n' => break,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    None
}

/// Numbers of a layer, as a binary file holds them.
#[derive(Debug, Clone, Default)]
pub(super) struct Blob {
    pub(super) shape: Vec<usize>,
    pub(super) data: Vec<f32>,
}

/// Weights by the names of their layers.
pub(super) type Weights = HashMap<String, Vec<Blob>>;

/// Reads the bytes of a weights' file. What `net` itself holds counts where the file has nothing.
pub(super) fn weights(bytes: &[u8], path: &Path, net: &mut [LayerParameter]) -> Result<Weights, CaffeError> {
    let wrong = |message: String| CaffeError::Binary { path: path.to_owned(), message };
    let read = WeightsNet::decode(bytes).map_err(|error| wrong(error.to_string()))?;
    let mut weights = Weights::new();
    let inline = net.iter_mut().map(|layer| (layer.name.clone(), std::mem::take(&mut layer.blobs)));
    let new = read.layer.into_iter().map(|layer| (layer.name, layer.blobs));
    let old = read.layers.into_iter().map(|layer| (layer.name, layer.blobs));
    for (name, blobs) in inline.chain(old).chain(new).filter(|(_, blobs)| !blobs.is_empty()) {
        let name = name.unwrap_or_default();
        let blobs = blobs.into_iter().enumerate().map(|(index, blob)| {
            read_blob(blob).map_err(|problem| wrong(format!("layer \"{name}\": blob {index}: {problem}")))
        });
        let blobs = blobs.collect::<Result<Vec<_>, _>>()?;
        weights.insert(name, blobs);
    }
    Ok(weights)
}

fn read_blob(blob: BlobProto) -> Result<Blob, String> {
    let shape: Vec<i64> = match &blob.shape {
        Some(shape) => shape.dim.clone(),
        None => {
            [blob.num, blob.channels, blob.height, blob.width].into_iter().flatten().map(i64::from).collect()
        }
    };
    let raw = blob.raw_data.as_deref().unwrap_or_default();
    let data = if !blob.data.is_empty() {
        blob.data
    } else if !blob.double_data.is_empty() {
        blob.double_data.iter().map(|&value| value as f32).collect()
    } else if raw.is_empty() {
        Vec::new()
    } else {
        match blob.raw_data_type() {
            ElementType::Float => raw.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            ElementType::Double => {
                raw.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect()
            }
            ElementType::Float16 => {
                raw.as_chunks().0.iter().map(|&bytes| half(u16::from_le_bytes(bytes))).collect()
            }
            kind => return Err(format!("numbers of type {kind:?} are no weights")),
        }
    };
    let shape: Option<Vec<usize>> = shape.iter().map(|&dim| usize::try_from(dim).ok()).collect();
    let shape = shape.ok_or("a dimension is negative")?;
    let count = shape.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim));
    if count != Some(data.len()) {
        return Err(format!("it says {shape:?}, but holds {} numbers", data.len()));
    }
    if data.iter().any(|value| !value.is_finite()) {
        return Err("a number is not finite".to_owned());
    }
    Ok(Blob { shape, data })
}

/// A 16-bit floating point number (IEEE 754 binary16).
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        exponent => (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_read() {
        let known = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x3555, 0.333_251_95),
        ];
        for (bits, value) in known {
            assert_eq!(half(bits), value, "{bits:#x}");
        }
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
    }

    #[test]
    fn nesting_is_counted_outside_of_words_and_comments() {
        assert_eq!(too_deep(&"a{".repeat(MAX_DEPTH)), None);
        assert_eq!(too_deep(&"a{".repeat(MAX_DEPTH + 1)), Some(2 * MAX_DEPTH + 1));
        assert_eq!(too_deep(&"a: \"\\\"{\" # {\n".repeat(MAX_DEPTH + 1)), None);
    }
}
