//! Writing of tracks.

use std::io::{self, Write};

use super::TrackBoxes;

/// Writes tracks as `frame,id,left,top,width,height,confidence,-1,-1,-1`, by frame and then by number.
///
/// # Errors
/// If they cannot be written.
pub fn write_tracks(mut to: impl Write, tracks: &TrackBoxes) -> io::Result<()> {
    for (frame, boxes) in tracks {
        let mut boxes: Vec<_> = boxes.iter().collect();
        boxes.sort_by_key(|track| track.id);
        for track in boxes {
            let r = track.rect;
            writeln!(
                to,
                "{frame},{},{:.2},{:.2},{:.2},{:.2},{:.4},-1,-1,-1",
                track.id, r.left, r.top, r.width, r.height, track.confidence
            )?;
        }
    }
    to.flush()
}
