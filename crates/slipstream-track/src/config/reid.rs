//! The group `ReID` of DeepStream's tracker files: a network that tells objects apart by their looks.

use std::path::{Path, PathBuf};

use super::document::{ConfigError, Entry, Location};

/// Most images per inference that DeepStream allows for any network.
const MOST_IMAGES: u32 = 1024;
/// Greatest width and height of a network's input that is believed.
const MOST_PIXELS: u32 = 16384;

/// A network for re-identification, which turns the picture of an object into a vector (an embedding). Whoever has pictures
/// runs it and gives the vectors with the detections ([`crate::Detection::embedding`]).
///
/// A pixel `x` of 0…255 goes into the network as `scale` × (`x` − `offsets`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reid {
    /// The network; `None` where the file names none.
    pub model: Option<ReidModel>,
    /// Images per inference (`batchSize`).
    pub batch_size: Option<u32>,
    /// Precision that the file wishes for (`networkMode`).
    pub precision: ReidPrecision,
    /// TensorRT's calibration table, for 8-bit integers (`calibrationTableFile`).
    pub calibration: Option<PathBuf>,
    /// Channels, height and width of the input (`inferDims`); `None` for the network's own.
    pub dims: Option<[u32; 3]>,
    /// Whether the input has its channels last (`inputOrder`).
    pub channels_last: bool,
    /// Whether channels are blue, green and red in this order (`colorFormat`).
    pub is_bgr: bool,
    /// Mean of each channel (`offsets`); empty for 0.
    pub offsets: Vec<f32>,
    /// `netScaleFactor`.
    pub scale: Option<f32>,
    /// Whether objects are squeezed into the input rather than padded (`keepAspc` 0).
    pub is_squeezed: bool,
    /// Whether vectors are brought to length 1 (`addFeatureNormalization`).
    pub is_normalized: bool,
    /// Whether vectors are handed on with the objects (`outputReidTensor`).
    pub is_output: bool,
}

/// The file that holds a network for re-identification.
#[derive(Debug, Clone, PartialEq)]
pub struct ReidModel {
    /// The key that names it; `onnxFile` counts before others.
    pub key: String,
    /// The file. Relative paths start in the folder of the config file.
    pub path: PathBuf,
    /// Where it is named.
    pub location: Location,
}

/// Precision that a file wishes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReidPrecision {
    /// 32-bit floating point.
    #[default]
    Fp32,
    /// 16-bit floating point.
    Fp16,
    /// 8-bit integers.
    Int8,
}

/// What embeddings are for (`reidType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Nothing,
    Matching,
    Rejoining,
    Both,
}

/// The keys of the group.
#[derive(Debug)]
pub(super) struct Keys {
    kind: Use,
    reid: Reid,
    dims: Option<[u32; 3]>,
    order: Option<bool>,
}

impl Default for Keys {
    fn default() -> Self {
        Self { kind: Use::Nothing, reid: Reid::default(), dims: None, order: None }
    }
}

impl Keys {
    /// Takes a pair of the group; false if its key has no meaning.
    pub(super) fn set(&mut self, entry: &Entry) -> Result<bool, ConfigError> {
        let reid = &mut self.reid;
        match entry.key.as_str() {
            "reidType" => {
                self.kind = entry.choice(&[
                    (0, "none", Use::Nothing),
                    (1, "matching", Use::Matching),
                    (2, "re-association", Use::Rejoining),
                    (3, "both", Use::Both),
                ])?;
            }
            "batchSize" => reid.batch_size = Some(entry.int(1..=MOST_IMAGES)?),
            "inferDims" => self.dims = Some(dims(entry)?),
            "networkMode" => {
                reid.precision = entry.choice(&[
                    (0, "FP32", ReidPrecision::Fp32),
                    (1, "FP16", ReidPrecision::Fp16),
                    (2, "INT8", ReidPrecision::Int8),
                ])?;
            }
            "inputOrder" => self.order = Some(entry.choice(&[(0, "NCHW", false), (1, "NHWC", true)])?),
            "colorFormat" => reid.is_bgr = entry.choice(&[(0, "RGB", false), (1, "BGR", true)])?,
            "offsets" => reid.offsets = entry.floats()?,
            "netScaleFactor" => reid.scale = Some(entry.float(f32::MIN..=f32::MAX)?),
            "keepAspc" => reid.is_squeezed = !entry.flag()?,
            "addFeatureNormalization" => reid.is_normalized = entry.flag()?,
            "outputReidTensor" => reid.is_output = entry.flag()?,
            "calibrationTableFile" => reid.calibration = Some(path(entry)).filter(|path| path.is_file()),
            "onnxFile" | "tltEncodedModel" | "uffFile" | "modelEngineFile" => {
                // An engine is what TensorRT makes of the others.
                let rank = |key: &str| match key {
                    "onnxFile" => 2,
                    "modelEngineFile" => 0,
                    _ => 1,
                };
                let known = reid.model.as_ref().map(|model| rank(&model.key));
                if !entry.text().is_empty() && known.is_none_or(|known| known < rank(&entry.key)) {
                    let location = entry.location().clone();
                    reid.model = Some(ReidModel { key: entry.key.clone(), path: path(entry), location });
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether objects out of sight are to be known again by their looks.
    pub(super) fn rejoins(&self) -> bool {
        matches!(self.kind, Use::Rejoining | Use::Both)
    }

    /// The network, if it is to be used. Where nothing says how its input is ordered, its size does.
    pub(super) fn into_reid(self) -> Option<Reid> {
        let is_channels = |number: u32| matches!(number, 1 | 3);
        let by_size = self.dims.is_some_and(|[first, _, last]| is_channels(last) && !is_channels(first));
        let channels_last = self.order.unwrap_or(by_size);
        let dims = self.dims.map(|[a, b, c]| if channels_last { [c, a, b] } else { [a, b, c] });
        let reid = Reid { channels_last, dims, ..self.reid };
        (self.kind != Use::Nothing).then_some(reid)
    }
}

/// The size of the input in the file's order.
fn dims(entry: &Entry) -> Result<[u32; 3], ConfigError> {
    let numbers: Option<Vec<u32>> =
        entry.items().map(|item| item.parse().ok().filter(|side| (1..=MOST_PIXELS).contains(side))).collect();
    let dims = numbers.and_then(|numbers| <[u32; 3]>::try_from(numbers).ok());
    dims.filter(|[first, _, last]| matches!(first, 1 | 3) || matches!(last, 1 | 3)).ok_or_else(|| {
        entry.wrong(format!(
            "expected [channels, height, width] or, with inputOrder 1, [height, width, channels]: 1 or 3 channels, sides \
             from 1 to {MOST_PIXELS}"
        ))
    })
}

/// A path relative to the folder of the config file.
fn path(entry: &Entry) -> PathBuf {
    let folder = entry.location().file.parent().unwrap_or(Path::new(""));
    folder.join(entry.text())
}
