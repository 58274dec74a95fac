//! TensorRT's calibration tables.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Largest step of a signed 8-bit number: scales are the greatest absolute value divided by this.
const STEPS: f32 = 127.0;
/// Greatest file that is read; a line is some 50 bytes, a net has some hundred tensors.
pub(in crate::model) const MAX_BYTES: usize = 4 << 20;

/// Scales of tensors, from a text file (`int8-calib-file`, such as `cal_trt.bin`).
///
/// The first line names what wrote the file, such as `TRT-5106-EntropyCalibration2`. Each further line is a tensor's name,
/// a colon, a blank, and the eight hexadecimal digits of a 32-bit floating point number: the tensor's greatest absolute
/// value divided by 127.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CalibrationTable(HashMap<String, f32>);

/// Why a calibration table cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}:{line}: {message}", path.display())]
pub struct TableError {
    /// The file.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl CalibrationTable {
    /// Reads the text of a table; errors name `path`.
    ///
    /// # Errors
    /// If a line is not what the format allows.
    pub fn parse(text: &str, path: &Path) -> Result<Self, TableError> {
        let error = |line: usize, message: String| TableError { path: path.to_owned(), line, message };
        let mut lines = text.trim_start_matches('\u{feff}').lines().zip(1..);
        let header = lines.next().map_or("", |(line, _)| line.trim());
        if !header.starts_with("TRT-") {
            let message = "not a calibration table of TensorRT: its first line should begin with \"TRT-\"";
            return Err(error(1, message.to_owned()));
        }
        let mut scales = HashMap::new();
        for (line, number) in lines.filter(|(line, _)| !line.trim().is_empty()) {
            let scale = line.rsplit_once(':').and_then(|(name, digits)| {
                let bits = u32::from_str_radix(digits.trim(), 16).ok()?;
                Some((name.trim().to_owned(), f32::from_bits(bits)))
            });
            let (name, scale) = scale.ok_or_else(|| {
                error(number, "expected \"tensor: scale\", the scale as 8 hexadecimal digits".to_owned())
            })?;
            if !scale.is_finite() || scale < 0.0 {
                return Err(error(number, format!("the scale of {name} is {scale}")));
            }
            scales.insert(name, scale);
        }
        Ok(Self(scales))
    }

    /// Greatest absolute value of a tensor; `None` if the table does not have it, or says that it is always 0.
    pub fn greatest(&self, tensor: &str) -> Option<f32> {
        self.0.get(tensor).map(|scale| scale * STEPS).filter(|&greatest| greatest.is_normal())
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no tensors.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read() {
        // Two lines of a published table, and what TensorRT calls tensors without names.
        let text = "TRT-5106-EntropyCalibration2\ninput_1: 3c010a14\nconv2d_cov/Sigmoid: 3b00039a\n\
                    (Unnamed Layer* 4) [Scale]: output: 40000000\n\nempty: 0\n";
        let table = CalibrationTable::parse(text, Path::new("t")).unwrap();
        let near = |name: &str, value: f32| (table.greatest(name).unwrap() - value).abs() < 1e-3 * value;
        assert!(near("input_1", 1.0003) && near("conv2d_cov/Sigmoid", 0.2481));
        assert_eq!(table.greatest("(Unnamed Layer* 4) [Scale]: output"), Some(254.0));
        assert_eq!((table.greatest("empty"), table.greatest("other"), table.len()), (None, None, 4));
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_line() {
        for (text, line) in [
            ("", 1),
            ("name: scale", 1),
            ("TRT-1\nname", 2),
            ("TRT-1\na: 3f800000\nb: x", 3),
            ("TRT-1\na: 7fc00000", 2),
            ("TRT-1\na: bf800000", 2),
        ] {
            assert_eq!(CalibrationTable::parse(text, Path::new("t")).unwrap_err().line, line, "{text:?}");
        }
    }
}
