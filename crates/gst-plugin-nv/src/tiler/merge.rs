//! One frame's metadata out of many.

use slipstream_meta::{FrameMeta, Rect, Size};

/// What the frames of all tiles hold, as one frame of the canvas: number, source and times are 0, as in DeepStream.
pub(super) fn merge<'a>(tiles: impl IntoIterator<Item = &'a FrameMeta>, canvas: Size) -> FrameMeta {
    let mut merged = FrameMeta::new(0, "".into(), 0, canvas);
    merged.pts = Some(0);
    for tile in tiles {
        let FrameMeta { objects, tracks, display, segmentations, tensors, user, .. } = tile.clone();
        merged.inferred |= tile.inferred;
        let known = merged.objects.len();
        merged.objects.extend(objects.into_iter().map(|mut object| {
            object.parent = object.parent.map(|parent| parent + known);
            object
        }));
        merged.tracks.past.extend(tracks.past);
        merged.tracks.shadow.extend(tracks.shadow);
        merged.tracks.terminated.extend(tracks.terminated);
        merged.display.extend(display);
        merged.segmentations.extend(segmentations);
        merged.tensors.extend(tensors);
        merged.user.0.extend(user.0);
    }
    merged.viewport = Rect::of_size(canvas);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use slipstream_meta::ObjectMeta;

    #[test]
    fn parents_stay_parents() {
        let object = |label: &str, parent| ObjectMeta {
            parent,
            ..ObjectMeta::detected(0, label.into(), 0.5, Rect::new(0.0, 0.0, 4.0, 4.0))
        };
        let tile = |objects| FrameMeta { objects, ..FrameMeta::new(3, "a".into(), 7, Size::new(8, 8)) };
        let tiles = [
            tile(vec![object("car", None), object("plate", Some(0))]),
            tile(vec![object("van", None), object("plate", Some(0))]),
        ];
        let merged = merge(&tiles, Size::new(16, 8));
        let parents: Vec<_> = merged.objects.iter().map(|object| object.parent).collect();
        assert_eq!(parents, [None, Some(0), None, Some(2)]);
        assert_eq!((merged.pad_index, merged.source_id, merged.frame_number, merged.pts), (0, 0, 0, Some(0)));
    }
}
