//! What a scene promises.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use slipstream_meta::{ChannelOrder, Colorimetry, PictureMut, PixelFormat, PlaneMut, Rect, Size};
use slipstream_scene::{CLASS_NAMES, Lighting, Scene, SceneConfig, View};

/// Memory for a picture whose rows are `padding` bytes longer than they need to be, filled with 0xAB.
struct Frame {
    format: PixelFormat,
    size: Size,
    planes: [(Vec<u8>, usize); 3],
}

impl Frame {
    fn new(format: PixelFormat, size: Size, padding: usize) -> Self {
        let plane = |i: usize| {
            if i >= format.planes() {
                return (Vec::new(), 0);
            }
            let (row, rows) = format.plane_extent(i, size);
            (vec![0xAB; (row + padding) * rows], row + padding)
        };
        Self { format, size, planes: [plane(0), plane(1), plane(2)] }
    }

    fn draw(&mut self, scene: &mut Scene) {
        let [a, b, c] = &mut self.planes;
        let planes = [a, b, c].map(|(data, stride)| PlaneMut { data, stride: *stride });
        let mut picture = PictureMut::new(self.format, self.size, Colorimetry::default(), planes).unwrap();
        scene.render(&mut picture);
    }

    fn padding_is_untouched(&self) -> bool {
        (0..self.format.planes()).all(|i| {
            let (row, _) = self.format.plane_extent(i, self.size);
            let (data, stride) = &self.planes[i];
            data.chunks(*stride).all(|line| line[row..].iter().all(|&b| b == 0xAB))
        })
    }
}

#[test]
fn the_same_seed_gives_the_same_frames() {
    for view in View::ALL {
        let config = SceneConfig { seed: 11, ..SceneConfig::new(view, Size::new(160, 90)) };
        let (mut a, mut b) = (Scene::new(config), Scene::new(config));
        let mut other = Scene::new(SceneConfig { seed: 12, ..config });
        let [mut x, mut y, mut z] = [0; 3].map(|_| Frame::new(PixelFormat::I420, config.size, 0));
        for _ in 0..5 {
            x.draw(&mut a);
            y.draw(&mut b);
            z.draw(&mut other);
            assert!(x.planes == y.planes);
            assert!(x.planes != z.planes);
            assert_eq!(a.truth(), b.truth());
        }
    }
}

#[test]
fn a_skipped_frame_changes_nothing_after_it() {
    let config = SceneConfig::new(View::Street, Size::new(160, 90));
    let (mut drawn, mut skipped) = (Scene::new(config), Scene::new(config));
    let [mut x, mut y] = [0; 2].map(|_| Frame::new(PixelFormat::I420, config.size, 0));
    for _ in 0..30 {
        x.draw(&mut drawn);
    }
    for _ in 0..29 {
        skipped.skip();
    }
    y.draw(&mut skipped);
    assert_eq!(drawn.frame_number(), skipped.frame_number());
    assert!(x.planes == y.planes);
    assert_eq!(drawn.truth(), skipped.truth());
}

#[test]
fn every_class_is_seen_in_every_view_within_seconds() {
    for view in View::ALL {
        let size = Size::new(320, 180);
        let mut scene = Scene::new(SceneConfig { frame_rate: 2, ..SceneConfig::new(view, size) });
        let mut frame = Frame::new(PixelFormat::Gray8, size, 0);
        let mut seen = BTreeSet::new();
        for _ in 0..20 {
            frame.draw(&mut scene);
            seen.extend(
                scene.truth().iter().filter(|o| o.visible > 0.6 && o.rect.height > 6.0).map(|o| o.class_id),
            );
        }
        let missing: Vec<_> = (0..4).filter(|c| !seen.contains(c)).map(|c| CLASS_NAMES[c as usize]).collect();
        assert!(missing.is_empty(), "{view:?} shows no {missing:?} in ten seconds");
    }
}

#[test]
fn objects_keep_their_ids_and_move_smoothly() {
    for view in View::ALL {
        let size = Size::new(320, 180);
        let mut scene = Scene::new(SceneConfig { seed: 4, ..SceneConfig::new(view, size) });
        let mut frame = Frame::new(PixelFormat::Gray8, size, 0);
        let mut before: BTreeMap<u64, (u32, Rect)> = BTreeMap::new();
        let mut compared = 0;
        for _ in 0..250 {
            frame.draw(&mut scene);
            let now: BTreeMap<_, _> = scene.truth().iter().map(|o| (o.id, (o.class_id, o.rect))).collect();
            assert_eq!(now.len(), scene.truth().len(), "{view:?}: an id was given twice");
            for (id, (class_id, rect)) in &now {
                let Some((was_class, was)) = before.get(id) else { continue };
                assert_eq!(class_id, was_class);
                // At the frame's edge a box may grow quickly; elsewhere nothing moves by its own size in 1/25 s.
                let inside =
                    |r: &Rect| r.left > 1.0 && r.top > 1.0 && r.right() < 319.0 && r.bottom() < 179.0;
                if inside(rect) && inside(was) {
                    let (a, b) = (rect.center(), was.center());
                    let limit = 0.75 * was.width.max(was.height) + 2.0;
                    assert!(
                        (a.x - b.x).hypot(a.y - b.y) < limit,
                        "{view:?}: {id} jumped from {was:?} to {rect:?}"
                    );
                    compared += 1;
                }
            }
            before = now;
        }
        assert!(compared > 1000, "{view:?}: only {compared} movements");
    }
}

#[test]
fn the_picture_has_light_and_dark_and_changes() {
    for view in View::ALL {
        for lighting in Lighting::ALL {
            let size = Size::new(160, 90);
            let mut scene = Scene::new(SceneConfig { lighting, ..SceneConfig::new(view, size) });
            let mut frame = Frame::new(PixelFormat::Gray8, size, 0);
            frame.draw(&mut scene);
            let mut sorted = frame.planes[0].0.clone();
            sorted.sort_unstable();
            let (low, high) = (sorted[sorted.len() / 20], sorted[sorted.len() * 19 / 20]);
            assert!(high - low > 45, "{view:?} {lighting:?}: nearly all luma lies in {low}…{high}");
            assert!(low > 16 && high < 235, "{view:?} {lighting:?}: {low}…{high} touches black or white");
        }
    }
}

#[test]
fn formats_agree() {
    let size = Size::new(64, 48);
    let config = SceneConfig::new(View::Plaza, size);
    let draw = |format| {
        let mut frame = Frame::new(format, size, 3);
        frame.draw(&mut Scene::new(config));
        frame
    };
    let (i420, nv12, gray) = (draw(PixelFormat::I420), draw(PixelFormat::Nv12), draw(PixelFormat::Gray8));
    let (rgb, bgra) = (draw(PixelFormat::Rgb(ChannelOrder::Rgb)), draw(PixelFormat::Rgba(ChannelOrder::Bgr)));
    for y in 0..48 {
        let row = |f: &Frame, p: usize, y: usize| {
            let (n, _) = f.format.plane_extent(p, size);
            f.planes[p].0[y * f.planes[p].1..][..n].to_vec()
        };
        assert_eq!(row(&i420, 0, y), row(&nv12, 0, y));
        assert_eq!(row(&i420, 0, y), row(&gray, 0, y));
        for (a, b) in row(&rgb, 0, y).chunks(3).zip(row(&bgra, 0, y).chunks(4)) {
            assert_eq!([a[2], a[1], a[0], 255], b);
        }
        if y < 24 {
            let (u, v, uv) = (row(&i420, 1, y), row(&i420, 2, y), row(&nv12, 1, y));
            let pairs: Vec<u8> = u.into_iter().zip(v).flat_map(|(u, v)| [u, v]).collect();
            assert_eq!(pairs, uv);
        }
    }
}

fn any_config() -> impl Strategy<Value = SceneConfig> {
    let size =
        prop_oneof![(1..8u32, 1..8u32), (1..70u32, 1..50u32), (90..200u32, 1..5u32), (1..5u32, 50..120u32)];
    (size, 0..3000u32, any::<u64>(), 0..4usize, 0..4usize).prop_map(
        |((width, height), frame_rate, seed, view, light)| SceneConfig {
            size: Size::new(width, height),
            frame_rate,
            seed,
            view: View::ALL[view],
            lighting: Lighting::ALL[light],
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_scene_can_be_drawn_on_any_picture(
        config in any_config(),
        padding in 0..9usize,
        format in prop::sample::select(vec![
            PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Gray8,
            PixelFormat::Rgb(ChannelOrder::Bgr), PixelFormat::Rgba(ChannelOrder::Rgb),
        ]),
        other in (-2..3i32, -2..3i32),
    ) {
        let mut scene = Scene::new(config);
        let side = |v: u32, d: i32| v.saturating_add_signed(d).max(1);
        let size = Size::new(side(config.size.width, other.0), side(config.size.height, other.1));
        let mut frame = Frame::new(format, size, padding);
        for _ in 0..3 {
            frame.draw(&mut scene);
            prop_assert!(frame.padding_is_untouched());
            for o in scene.truth() {
                prop_assert!(o.rect.left >= 0.0 && o.rect.top >= 0.0 && !o.rect.is_empty());
                prop_assert!(o.rect.right() <= config.size.width as f32);
                prop_assert!(o.rect.bottom() <= config.size.height as f32);
                prop_assert!((0.0..=1.0).contains(&o.visible));
                prop_assert!(o.class_id < 4);
            }
        }
    }
}
