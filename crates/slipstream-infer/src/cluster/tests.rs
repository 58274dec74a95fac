use proptest::prelude::*;

use super::*;

fn detection(class_id: u32, confidence: f32, rect: (f32, f32, f32, f32)) -> Detection {
    let (left, top, width, height) = rect;
    Detection { class_id, confidence, rect: Rect::new(left, top, width, height) }
}

fn run(boxes: &[Detection], mode: ClusterMode, attrs: &ClassAttrs) -> Vec<Detection> {
    let mut boxes = boxes.to_vec();
    cluster(&mut boxes, mode, 3, false, |_| attrs);
    boxes
}

/// Boxes of an object seen four times, one seen twice, and a stray one.
fn scene() -> Vec<Detection> {
    vec![
        detection(0, 0.5, (10.0, 10.0, 40.0, 40.0)),
        detection(0, 0.9, (12.0, 11.0, 40.0, 40.0)),
        detection(0, 0.6, (11.0, 9.0, 41.0, 40.0)),
        detection(0, 0.4, (9.0, 12.0, 40.0, 38.0)),
        detection(0, 0.8, (100.0, 20.0, 30.0, 60.0)),
        detection(0, 0.7, (101.0, 21.0, 30.0, 60.0)),
        detection(0, 0.3, (200.0, 200.0, 20.0, 20.0)),
    ]
}

#[test]
fn thresholds_and_classes_are_applied_before_clustering() {
    let attrs = ClassAttrs { pre_cluster_threshold: 0.25, ..ClassAttrs::default() };
    let boxes = [
        detection(2, 0.25, (0.0, 0.0, 5.0, 5.0)),
        detection(1, 0.24, (0.0, 0.0, 5.0, 5.0)),
        detection(3, 0.9, (0.0, 0.0, 5.0, 5.0)),
        detection(0, f32::NAN, (0.0, 0.0, 5.0, 5.0)),
        detection(0, 0.9, (0.0, 0.0, 0.0, 5.0)),
        detection(0, 0.4, (9.0, 9.0, 5.0, 5.0)),
        detection(0, 0.5, (0.0, 0.0, 5.0, 5.0)),
    ];
    let kept = run(&boxes, ClusterMode::None, &attrs);
    assert_eq!(kept, [boxes[6], boxes[5], boxes[0]]);
    let attrs = ClassAttrs { topk: Some(1), ..attrs };
    assert_eq!(run(&boxes, ClusterMode::None, &attrs), [boxes[6], boxes[0]]);
}

#[test]
fn nms_keeps_the_best_of_what_overlaps() {
    let attrs = ClassAttrs { nms_iou_threshold: 0.5, ..ClassAttrs::default() };
    let scene = scene();
    assert_eq!(run(&scene, ClusterMode::Nms, &attrs), [scene[1], scene[4], scene[6]]);
    // only what exceeds the second threshold stays
    let attrs = ClassAttrs { post_cluster_threshold: 0.8, ..attrs };
    assert_eq!(run(&scene, ClusterMode::Nms, &attrs), [scene[1]]);
    // an overlap of exactly the threshold does not count: 50 of 150 is a third
    let pair = [detection(0, 0.9, (0.0, 0.0, 10.0, 10.0)), detection(0, 0.8, (5.0, 0.0, 10.0, 10.0))];
    let third = ClassAttrs { nms_iou_threshold: 50.0 / 150.0, ..ClassAttrs::default() };
    assert_eq!(run(&pair, ClusterMode::Nms, &third).len(), 2);
    let less = ClassAttrs { nms_iou_threshold: 0.33, ..ClassAttrs::default() };
    assert_eq!(run(&pair, ClusterMode::Nms, &less).len(), 1);
}

#[test]
fn classes_do_not_suppress_each_other() {
    let boxes = [detection(0, 0.9, (0.0, 0.0, 10.0, 10.0)), detection(1, 0.8, (0.0, 0.0, 10.0, 10.0))];
    assert_eq!(run(&boxes, ClusterMode::Nms, &ClassAttrs::default()), boxes);
}

#[test]
fn dbscan_gives_the_weighted_mean_of_each_cluster() {
    let attrs = ClassAttrs { eps: 0.5, min_boxes: 2, ..ClassAttrs::default() };
    let found = run(&scene(), ClusterMode::Dbscan, &attrs);
    assert_eq!(found.len(), 2, "{found:?}");
    // Σ c·left / Σ c = (0.5·10 + 0.9·12 + 0.6·11 + 0.4·9) / 2.4 and so on
    let near = |a: f32, b: f32| assert!((a - b).abs() < 1e-3, "{a} is not {b}");
    let object = found[1];
    near(object.rect.left, 26.0 / 2.4);
    near(object.rect.top, 25.1 / 2.4);
    near(object.rect.right(), 122.6 / 2.4);
    near(object.rect.bottom(), 120.3 / 2.4);
    near(object.confidence, (0.25 + 0.81 + 0.36 + 0.16) / 2.4);
    near(found[0].rect.left, (0.8 * 100.0 + 0.7 * 101.0) / 1.5);

    // summed confidence of the neighbours
    let attrs = ClassAttrs { dbscan_min_score: 2.0, ..attrs };
    assert_eq!(run(&scene(), ClusterMode::Dbscan, &attrs).len(), 1);
    // no minimum, no clustering
    let attrs = ClassAttrs { min_boxes: 0, ..attrs };
    assert_eq!(run(&scene(), ClusterMode::Dbscan, &attrs).len(), scene().len());
}

#[test]
fn dbscan_connects_chains_but_not_through_border_boxes() {
    // each overlaps the next by a third: the ends do not touch
    let chain: Vec<_> = (0..4).map(|i| detection(0, 0.5, (i as f32 * 5.0, 0.0, 10.0, 10.0))).collect();
    let attrs = ClassAttrs { eps: 0.7, min_boxes: 2, ..ClassAttrs::default() };
    assert_eq!(run(&chain, ClusterMode::Dbscan, &attrs).len(), 1);
    // with three needed the ends are border boxes, still of the one cluster
    let attrs = ClassAttrs { min_boxes: 3, ..attrs };
    assert_eq!(run(&chain, ClusterMode::Dbscan, &attrs).len(), 1);
    let attrs = ClassAttrs { min_boxes: 4, ..attrs };
    assert_eq!(run(&chain, ClusterMode::Dbscan, &attrs).len(), 0);
}

#[test]
fn large_sparse_clusters_of_a_coverage_grid_are_noise() {
    let attrs = ClassAttrs { eps: 0.7, min_boxes: 1, ..ClassAttrs::default() };
    for (grid, count) in [(true, 0), (false, 1)] {
        let mut boxes = vec![detection(0, 0.9, (0.0, 0.0, 100.0, 100.0))];
        cluster(&mut boxes, ClusterMode::Dbscan, 1, grid, |_| &attrs);
        assert_eq!(boxes.len(), count);
    }
}

#[test]
fn hybrid_takes_noise_away_and_the_best_of_the_rest() {
    let attrs = ClassAttrs { eps: 0.5, min_boxes: 2, ..ClassAttrs::default() };
    let scene = scene();
    assert_eq!(run(&scene, ClusterMode::Hybrid, &attrs), [scene[1], scene[4]]);
}

/// Rectangles, threshold and eps with what OpenCV 4.10's `groupRectangles` makes of them.
#[test]
fn groups_are_those_of_opencv() {
    type Case<'a> = (&'a [[i16; 4]], u32, f32, &'a [[i16; 4]]);
    let cases: &[Case<'_>] = include!("opencv_groups.in");
    for (rects, threshold, eps, expected) in cases {
        let boxes: Vec<_> = rects
            .iter()
            .map(|&[x, y, w, h]| detection(0, 0.5, (x.into(), y.into(), w.into(), h.into())))
            .collect();
        let attrs = ClassAttrs { group_threshold: *threshold, eps: *eps, ..ClassAttrs::default() };
        let mut found = run(&boxes, ClusterMode::GroupRectangles, &attrs);
        found.sort_by(|a, b| a.rect.left.total_cmp(&b.rect.left).then(a.rect.top.total_cmp(&b.rect.top)));
        assert_eq!(found.len(), expected.len(), "{rects:?} {threshold} {eps}: {found:?}, not {expected:?}");
        // OpenCV rounds to whole pixels
        for expected in *expected {
            let near = |rect: &Rect| {
                let given = [rect.left, rect.top, rect.width, rect.height];
                given.iter().zip(expected).all(|(a, b)| (a - f32::from(*b)).abs() <= 0.51)
            };
            assert!(found.iter().any(|b| near(&b.rect)), "{found:?} lacks {expected:?}");
        }
    }
}

fn boxes() -> impl Strategy<Value = Vec<Detection>> {
    let one = (0u32..3, 0f32..1.0, (0f32..100.0, 0f32..100.0, 1f32..60.0, 1f32..60.0));
    prop::collection::vec(one.prop_map(|(class, confidence, rect)| detection(class, confidence, rect)), 0..40)
}

proptest! {
    #[test]
    fn nms_leaves_a_maximal_set_without_overlaps(boxes in boxes(), threshold in 0f32..1.0) {
        let attrs = ClassAttrs { nms_iou_threshold: threshold, pre_cluster_threshold: 0.0, ..ClassAttrs::default() };
        let kept = run(&boxes, ClusterMode::Nms, &attrs);
        for (i, a) in kept.iter().enumerate() {
            prop_assert!(boxes.contains(a));
            for b in kept.iter().skip(i + 1).filter(|b| b.class_id == a.class_id) {
                prop_assert!(a.rect.iou(&b.rect) <= threshold && a.confidence >= b.confidence);
            }
        }
        for lost in boxes.iter().filter(|b| b.confidence > 0.0 && !kept.contains(b)) {
            let better = |k: &&Detection| k.class_id == lost.class_id && k.confidence >= lost.confidence;
            prop_assert!(kept.iter().filter(better).any(|k| k.rect.iou(&lost.rect) > threshold));
        }
        prop_assert_eq!(run(&kept, ClusterMode::Nms, &attrs), kept);
    }

    #[test]
    fn clusters_lie_within_what_they_are_made_of(boxes in boxes(), eps in 0f32..1.0, least in 1u32..4) {
        let attrs = ClassAttrs {
            eps, min_boxes: least, group_threshold: least, pre_cluster_threshold: 0.0, ..ClassAttrs::default()
        };
        for mode in [ClusterMode::Dbscan, ClusterMode::GroupRectangles, ClusterMode::Hybrid] {
            let found = run(&boxes, mode, &attrs);
            prop_assert!(found.len() <= boxes.len());
            for b in &found {
                let members = boxes.iter().filter(|m| m.class_id == b.class_id);
                let (low, high) = members.fold((1f32, 0f32), |(l, h), m| (l.min(m.confidence), h.max(m.confidence)));
                prop_assert!(b.confidence >= low - 1e-5 && b.confidence <= high + 1e-5);
                prop_assert!(b.rect.left >= -1e-3 && b.rect.right() <= 160.01 && !b.rect.is_empty());
            }
        }
    }
}
