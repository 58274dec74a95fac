//! The truth against a second renderer that knows no tricks: every sample asks every triangle, in double precision.

use slipstream_meta::Size;

use super::Renderer;
use super::canvas::{NEAR, SAMPLES};
use super::light::Light;
use crate::math::{Rng, V3};
use crate::model::Mesh;
use crate::truth::{ROAD_SIGN, TruthObject};
use crate::world::World;
use crate::{Lighting, View};

/// 1 / depth of a mesh at every sample; 0 where it is not.
fn plain_depth(renderer: &Renderer, mesh: &Mesh) -> Option<Vec<f64>> {
    let (width, height) = (renderer.canvas.width, renderer.canvas.height);
    let mut nearest = vec![0.0f64; width * height];
    for tri in &mesh.tris {
        if tri.at.iter().any(|&p| renderer.camera.depth(p) < NEAR) {
            return None;
        }
        let face = (tri.at[1] - tri.at[0]).cross(tri.at[2] - tri.at[0]);
        if face.dot(renderer.camera.position - tri.at[0]) <= 0.0 {
            continue;
        }
        let [a, b, c] = tri.at.map(|p: V3| {
            let q = renderer.camera.project(p);
            (f64::from(q.x), f64::from(q.y), f64::from(q.w))
        });
        let cross = |p: (f64, f64, f64), q: (f64, f64, f64), x: f64, y: f64| {
            (q.0 - p.0) * (y - p.1) - (q.1 - p.1) * (x - p.0)
        };
        let area = cross(a, b, c.0, c.1);
        for y in 0..height {
            for x in 0..width {
                let (px, py) = (x as f64 + 0.5, y as f64 + 0.5);
                let (u, v, w) =
                    (cross(b, c, px, py) / area, cross(c, a, px, py) / area, cross(a, b, px, py) / area);
                if u >= 0.0 && v >= 0.0 && w >= 0.0 {
                    let depth = u * a.2 + v * b.2 + w * c.2;
                    let cell = &mut nearest[y * width + x];
                    *cell = cell.max(depth);
                }
            }
        }
    }
    Some(nearest)
}

#[test]
fn boxes_and_visible_shares_are_those_of_a_plain_renderer() {
    // Rounding may move an edge by one sample.
    const EDGE: f32 = 1.0 / SAMPLES as f32 + 1e-3;
    let mut checked = [0; 4];
    let mut partly_hidden = 0;
    for view in View::ALL {
        let mut world = World::new(view, 0);
        let size = Size::new(128, 72);
        let mut renderer = Renderer::new(&world, size, Light::new(Lighting::Day, 0.5), &mut Rng::new(1));
        let still = renderer.shapes_drawn.clone();
        for _ in 0..2 {
            world.advance(4.0);
            renderer.shapes_drawn.clone_from(&still);
            renderer.draw(&world);
            let mut truth: Vec<TruthObject> = Vec::new();
            renderer.truth(&mut truth);
            let depths: Vec<_> =
                renderer.shapes_drawn.iter().map(|(_, mesh)| plain_depth(&renderer, mesh)).collect();
            assert_eq!(depths.len(), truth.len());
            for (i, (object, depth)) in truth.iter().zip(&depths).enumerate() {
                let Some(depth) = depth else { continue };
                let width = renderer.canvas.width;
                let covered: Vec<usize> = (0..depth.len()).filter(|&s| depth[s] > 0.0).collect();
                if covered.len() < 30 {
                    continue;
                }
                let edge = |v: usize| v as f32 / SAMPLES as f32;
                let left = edge(covered.iter().map(|s| s % width).min().unwrap());
                let right = edge(covered.iter().map(|s| s % width).max().unwrap() + 1);
                let top = edge(covered.iter().map(|s| s / width).min().unwrap());
                let bottom = edge(covered.iter().map(|s| s / width).max().unwrap() + 1);
                let rect = object.rect;
                for (got, want) in
                    [(rect.left, left), (rect.right(), right), (rect.top, top), (rect.bottom(), bottom)]
                {
                    assert!((got - want).abs() <= EDGE, "{view:?} {object:?}: {left} {top} {right} {bottom}");
                }
                // What stands still beside the objects has no shape here: its own depth is asked.
                let seen = covered.iter().filter(|&&s| {
                    let before = |other: &Option<Vec<f64>>| other.as_ref().is_some_and(|o| o[s] > depth[s]);
                    let hidden = depths.iter().enumerate().any(|(j, other)| j != i && before(other));
                    let backdrop =
                        renderer.backdrop.slot[s] == 0 && f64::from(renderer.backdrop.depth[s]) > depth[s];
                    !hidden && !backdrop
                });
                let visible = seen.count() as f32 / covered.len() as f32;
                if depths.iter().all(Option::is_some) {
                    assert!((visible - object.visible).abs() < 0.08, "{view:?} {object:?}: {visible}");
                    partly_hidden += usize::from((0.1..0.9).contains(&visible));
                }
                checked[object.class_id as usize] += 1;
            }
        }
    }
    assert!(checked.iter().all(|&n| n > 2), "too few objects were compared: {checked:?}");
    assert!(partly_hidden > 3, "too few objects were hidden in part: {partly_hidden}");
}

#[test]
fn what_moves_leaves_no_trace_on_the_backdrop() {
    let mut world = World::new(View::Crossing, 2);
    let light = Light::new(Lighting::Dusk, 0.5);
    let size = Size::new(160, 90);
    let mut renderer = Renderer::new(&world, size, light.clone(), &mut Rng::new(7));
    for _ in 0..40 {
        world.advance(0.2);
        renderer.draw(&world);
    }
    let mut fresh = Renderer::new(&world, size, light, &mut Rng::new(7));
    fresh.draw(&world);
    assert!(renderer.pixels() == fresh.pixels(), "the picture depends on what was drawn before it");
    assert!(renderer.drawn.iter().any(|d| d.class_id != ROAD_SIGN));
}
