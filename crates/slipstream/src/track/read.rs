//! Reading of detections.

use std::io::{self, Read};
use std::str::FromStr;

use flate2::read::MultiGzDecoder;
use slipstream_meta::Rect;
use slipstream_track::Detection;

use super::Detections;

/// The first bytes of what gzip writes.
const GZIP: [u8; 2] = [0x1F, 0x8B];
/// Confidence that files give where the detector gave none.
const NO_CONFIDENCE: f32 = -1.0;
/// Columns that a line has at least: all but the confidence.
const COLUMNS: [&str; 6] = ["frame", "id", "left", "top", "width", "height"];

/// Why detections cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MotError {
    /// The file cannot be read.
    #[error("cannot read {name}: {source}")]
    Read {
        /// The file.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// A line is not what the format allows.
    #[error("{name}:{line}: {message}")]
    Line {
        /// The file.
        name: String,
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong and what is allowed.
        message: String,
    },
}

/// Reads detections, plain or compressed by gzip. `name` is what errors call the source.
///
/// # Errors
/// If the source cannot be read, or a line is not understood.
pub fn read_detections(mut source: impl Read, name: &str) -> Result<Detections, MotError> {
    let failed = |source| MotError::Read { name: name.to_owned(), source };
    let mut bytes = Vec::new();
    source.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.starts_with(&GZIP) {
        let mut plain = Vec::new();
        MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).map_err(failed)?;
        bytes = plain;
    }
    let mut detections = Detections::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let wrong = |message: String| MotError::Line { name: name.to_owned(), line: index + 1, message };
        let line = std::str::from_utf8(line).map_err(|_| wrong("the text is not UTF-8".into()))?;
        if line.trim().is_empty() {
            continue;
        }
        let (frame, detection) = parse(line).map_err(wrong)?;
        detections.entry(frame).or_default().push(detection);
    }
    Ok(detections)
}

/// Frame and detection of a line.
fn parse(line: &str) -> Result<(u64, Detection), String> {
    let mut fields = line.split(',').map(str::trim);
    let mut next = |column: &str| {
        fields.next().filter(|text| !text.is_empty()).ok_or_else(|| {
            format!("{column} is missing; expected {},confidence with commas between them", COLUMNS.join(","))
        })
    };
    let [frame, id, left, top, width, height] = COLUMNS;
    let frame = number(frame, next(frame)?, "a whole number from 1", |frame: f64| {
        frame >= 1.0 && frame.fract() == 0.0
    })?;
    number(id, next(id)?, "a number, -1 for a detection", |_: f64| true)?;
    let mut coordinate = |column| number(column, next(column)?, "a number", |_: f32| true);
    let rect = Rect::new(coordinate(left)?, coordinate(top)?, coordinate(width)?, coordinate(height)?);
    let confidence = match fields.next().filter(|text| !text.is_empty()) {
        None => 1.0,
        Some(text) => number("confidence", text, "a number from 0 to 1, or -1 for none", |_: f32| true)?,
    };
    let confidence = if confidence == NO_CONFIDENCE { 1.0 } else { confidence };
    Ok((frame as u64, Detection::new(rect, confidence, 0)))
}

/// A finite number that `fits`.
fn number<T: FromStr + Copy + Into<f64>>(
    column: &str,
    text: &str,
    allowed: &str,
    fits: impl Fn(T) -> bool,
) -> Result<T, String> {
    let value = text.parse().ok().filter(|value: &T| (*value).into().is_finite() && fits(*value));
    value.ok_or_else(|| format!("{column} is {text:?}; expected {allowed}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;

    use super::*;

    fn read(text: impl AsRef<[u8]>) -> Result<Detections, String> {
        read_detections(text.as_ref(), "det.txt").map_err(|error| error.to_string())
    }

    #[test]
    fn lines_in_any_order_are_read_with_and_without_confidence() {
        let text =
            "2,-1,10.5,20,30,40,0.25,-1,-1,-1\r\n\n1,-1,1,2,3,4\n2, -1, 5, 6, 7, 8, -1\n1e1,-1,-5,6,7,8,1";
        let detections = read(text).unwrap();
        let flat: Vec<_> = detections
            .iter()
            .flat_map(|(frame, found)| found.iter().map(|d| (*frame, d.rect.left, d.confidence)))
            .collect();
        assert_eq!(flat, [(1, 1.0, 1.0), (2, 10.5, 0.25), (2, 5.0, 1.0), (10, -5.0, 1.0)]);
        let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
        zipped.write_all(text.as_bytes()).unwrap();
        assert_eq!(read(zipped.finish().unwrap()).unwrap(), detections);
    }

    #[test]
    fn errors_name_file_line_column_value_and_what_is_allowed() {
        let error = |text: &str| read(text).unwrap_err();
        assert_eq!(
            error("1,-1,1,2,3,4\n0,-1,1,2,3,4"),
            "det.txt:2: frame is \"0\"; expected a whole number from 1"
        );
        assert_eq!(error("1,-1,1,wide,3,4"), "det.txt:1: top is \"wide\"; expected a number");
        assert_eq!(
            error("1,-1,1,2,3"),
            "det.txt:1: height is missing; expected frame,id,left,top,width,height,confidence with commas between them"
        );
        assert!(error("1,-1,1,2,3,inf").contains("height is \"inf\""));
        assert!(read(b"1,-1,\xFF").unwrap_err().contains("det.txt:1: the text is not UTF-8"));
        assert!(read(b"\x1F\x8Bnothing").unwrap_err().starts_with("cannot read det.txt"));
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes: Vec<u8>, text in "[0-9,.eE\\-\\n]{0,80}") {
            let _ = read(bytes);
            let _ = read(text);
        }
    }
}
