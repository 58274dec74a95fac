//! What becomes of a frame's description when its picture is drawn onto a part of another one.

use std::sync::Arc;

use slipstream_meta::{
    Color, DisplayItem, FrameMeta, ObjectMeta, Point, Rect, Size, TrackRecord, TrackSample,
};

#[test]
fn every_position_moves_along_and_nothing_else_changes() {
    let own = Rect::new(10.0, 20.0, 30.0, 40.0);
    let tiled = Rect::new(105.0, 40.0, 15.0, 80.0);
    let (point, tiled_point) = (Point { x: 2.0, y: 6.0 }, Point { x: 101.0, y: 12.0 });

    let record = |rect| TrackRecord {
        tracking_id: 17,
        class_id: 2,
        label: Arc::from("Person"),
        samples: vec![TrackSample { frame_number: 4, rect, confidence: 0.5, age: 3 }],
    };
    let line = |from, to| DisplayItem::Line { from, to, width: 3.0, color: Color::WHITE };
    let describe = |frame: &mut FrameMeta, rect: Rect, point: Point| {
        let mut object = ObjectMeta::detected(2, "Person".into(), 0.75, rect);
        object.tracking_id = Some(17);
        object.tracker_rect = Some(rect);
        object.trail = vec![point, rect.foot()];
        object.border_width = Some(3.0);
        frame.objects.push(object);
        frame.tracks.past.push(record(rect));
        frame.tracks.shadow.push(record(rect));
        frame.tracks.terminated.push(record(rect));
        frame.display.push(line(point, point));
    };
    let mut frame = FrameMeta::new(3, "Gate".into(), 7, Size::new(200, 100));
    describe(&mut frame, own, point);

    // Half as wide, twice as high, 100 pixels to the right.
    let viewport = Rect::new(100.0, 0.0, 100.0, 200.0);
    let mut expected = FrameMeta::new(3, "Gate".into(), 7, Size::new(200, 100));
    expected.viewport = viewport;
    describe(&mut expected, tiled, tiled_point);

    let drawn = frame.drawn_onto(viewport);
    assert_eq!(drawn, expected);
    assert_eq!(drawn.drawn_onto(Rect::of_size(frame.source_size)), frame, "and back");
}
