//! Everything that stands still, drawn once: sky, ground, houses, trees, poles.

use super::canvas::{Canvas, Corner, NOT_GROUND, Plane, Silhouette, clip, scan};
use super::ground::{Footprint, albedo};
use super::light::{Lamp, Light, Local, encode};
use super::{facade, paint_mesh};
use crate::camera::Camera;
use crate::math::{Rng, V2, V3, atan2, fractal, hash, noise, sin, step, v2, v3};
use crate::model::sign::SignKind;
use crate::model::{Mesh, Paint, Palette, paint};
use crate::world::layout::{Layout, Tree};

/// The ground's shadow byte where no sun falls anyway: marks the sample as ground (see [`NOT_GROUND`]).
pub(crate) const GROUND: u8 = 250;
/// Height at which the heads of traffic lights hang, in metres: red, amber, green.
pub(crate) const SIGNAL_HEADS: [f32; 3] = [3.05, 2.75, 2.45];

/// The share of the sun that reaches a point past houses and trees.
pub(crate) fn sunlight(layout: &Layout, light: &Light, p: V3) -> f32 {
    if light.sun == V3::default() {
        return 0.0;
    }
    let dir = light.sun_dir;
    for house in &layout.buildings {
        let (mut near, mut far) = (0.02f32, 1e9f32);
        for (from, slope, low, high) in [
            (p.x, dir.x, house.low.x, house.high.x),
            (p.y, dir.y, house.low.y, house.high.y),
            (p.z, dir.z, -1.0, house.height),
        ] {
            let slope = if slope.abs() < 1e-6 { 1e-6 } else { slope };
            let (a, b) = ((low - from) / slope, (high - from) / slope);
            near = near.max(a.min(b));
            far = far.min(a.max(b));
        }
        if near + 0.05 < far {
            return 0.0;
        }
    }
    let mut sun = 1.0f32;
    for tree in &layout.trees {
        let way = crown(tree) - p;
        let along = way.dot(dir);
        if along > 0.0 {
            let miss = way - dir * along;
            let distance = miss.length() / tree.radius;
            if distance < 1.2 {
                let leaves = fractal(p.x * 1.7, p.y * 1.7, 31);
                let shade = step(1.1, 0.6, distance + 0.5 * (leaves - 0.5));
                sun = sun.min(1.0 - 0.88 * shade * step(0.15, 0.5, leaves + 0.2));
            }
        }
    }
    sun
}

fn crown(tree: &Tree) -> V3 {
    tree.at.at(tree.height - tree.radius * 1.05)
}

/// Where the light of a lamp post hangs.
pub(crate) fn lamps(layout: &Layout, light: &Light) -> Vec<Lamp> {
    if light.dark < 0.5 {
        return Vec::new();
    }
    layout
        .lamps
        .iter()
        .map(|l| Lamp {
            at: (l.at + l.arm).at(l.height),
            color: v3(1.0, 0.74, 0.44) * (l.height * l.height * 0.95 * (light.dark * 1.25 - 0.25)),
        })
        .collect()
}

/// Draws the backdrop.
pub(crate) fn draw(canvas: &mut Canvas, camera: &Camera, layout: &Layout, light: &Light, rng: &mut Rng) {
    ground_and_sky(canvas, camera, layout, light);
    houses(canvas, camera, layout, light);
    let mut heap = Mesh::default();
    let mut palette = paint::COMMON;
    for block in &layout.blocks {
        heap.tris.clear();
        heap.block(block.low, block.high, paint::BODY);
        palette[paint::BODY as usize] = Paint { albedo: block.color, gloss: 0.01, glow: (0.0, 0.0) };
        solid(canvas, camera, layout, light, &heap, &palette);
    }
    palette[paint::METAL as usize] = Paint::matt(0.10, 0.11, 0.115);
    for lamp in &layout.lamps {
        heap.tris.clear();
        let (foot, top) = (lamp.at.at(0.0), lamp.at.at(lamp.height + 0.15));
        let head = (lamp.at + lamp.arm).at(lamp.height + 0.1);
        heap.bar(foot, top, 0.09, 0.05, 8, paint::METAL);
        if lamp.arm.length() > 0.1 {
            heap.bar(top, head, 0.04, 0.035, 6, paint::METAL);
        }
        heap.ellipsoid(head, v3(0.28, 0.28, 0.10), 8, 4, |n| {
            if n.z < 0.1 { paint::HEADLAMP } else { paint::METAL }
        });
        solid(canvas, camera, layout, light, &heap, &palette);
    }
    for sign in &layout.signs {
        heap = SignKind::pole();
        let turn = (sign.facing.unit().x, sign.facing.unit().y);
        for tri in &mut heap.tris {
            tri.at = tri.at.map(|p| p.turned(turn) + sign.at.at(0.0));
            tri.normal = tri.normal.map(|n| n.turned(turn));
        }
        palette[paint::METAL as usize] = Paint::matt(0.30, 0.31, 0.32);
        solid(canvas, camera, layout, light, &heap, &palette);
    }
    palette[paint::METAL as usize] = Paint::matt(0.05, 0.055, 0.06);
    for post in &layout.signals {
        heap.tris.clear();
        heap.bar(post.at.at(0.0), post.at.at(3.2), 0.06, 0.06, 7, paint::METAL);
        let d = post.facing.unit() * 0.12;
        let head = post.at + d;
        heap.block(head.at(2.28) - v3(0.15, 0.15, 0.0), head.at(3.24) + v3(0.15, 0.15, 0.0), paint::BLACK);
        solid(canvas, camera, layout, light, &heap, &palette);
    }
    for tree in &layout.trees {
        trunk_and_leaves(canvas, camera, tree, layout, light, rng);
    }
}

fn solid(
    canvas: &mut Canvas,
    camera: &Camera,
    layout: &Layout,
    light: &Light,
    mesh: &Mesh,
    palette: &Palette,
) {
    let Some(first) = mesh.tris.first() else { return };
    let local = Local {
        sun: sunlight(layout, light, first.at[0] + v3(0.0, 0.0, 0.5)),
        lamps: light.lamplight(first.at[0] + v3(0.0, 0.0, 1.0), V3::UP),
        air: light.air((first.at[0] - camera.position).length()),
    };
    let mut silhouette = Silhouette::new(canvas.width, canvas.height);
    silhouette.restart();
    paint_mesh(canvas, camera, light, &local, mesh, palette, 0, &mut silhouette);
}

fn ground_and_sky(canvas: &mut Canvas, camera: &Camera, layout: &Layout, light: &Light) {
    let middle = canvas.width as f32 * 0.5;
    for y in 0..canvas.height {
        let row = y as f32 + 0.5;
        let footprint = footprint(camera, middle, row);
        for x in 0..canvas.width {
            let ray = camera.ray(x as f32 + 0.5, row);
            let i = y * canvas.width + x;
            let depth = -camera.position.z / ray.z;
            match footprint {
                Some(footprint) if ray.z < 0.0 && depth * ray.length() < 1500.0 => {
                    let p = (camera.position + ray * depth).flat();
                    let (color, shadow) = lit_ground(layout, light, p, footprint, ray);
                    let color = encode(light.through_air(color, depth * ray.length()));
                    canvas.color[i] = [color.x as u8, color.y as u8, color.z as u8, shadow];
                    canvas.depth[i] = 1.0 / depth;
                }
                _ => {
                    let color = encode(sky(light, ray.unit()));
                    canvas.color[i] = [color.x as u8, color.y as u8, color.z as u8, NOT_GROUND];
                }
            }
        }
    }
}

fn footprint(camera: &Camera, x: f32, y: f32) -> Option<Footprint> {
    let here = camera.ground(x, y)?;
    let right = camera.ground(x + 1.0, y)?;
    // Towards the camera, where the ground is always hit.
    let below = camera.ground(x, y + 1.0)?;
    let (a, b) = (right - here, below - here);
    Some(Footprint { x: (a.x.abs() + b.x.abs()).max(1e-3), y: (a.y.abs() + b.y.abs()).max(1e-3) })
}

/// Light from the ground, and the share of it (of 255) that is left when something shades it from the sun.
fn lit_ground(layout: &Layout, light: &Light, p: V2, footprint: Footprint, ray: V3) -> (V3, u8) {
    let mut color = albedo(layout, p, footprint);
    let sun = light.sun * (light.sun_dir.z * sunlight(layout, light, p.at(0.0)));
    let ambient = light.ambient(V3::UP);
    let lamps = light.lamplight(p.at(0.0), V3::UP);
    let mut gloss = V3::default();
    if light.wet > 0.0 {
        let puddle = step(0.50, 0.68, fractal(p.x * 0.30, p.y * 0.30, 41));
        color = color * (0.55 - 0.12 * puddle);
        let dir = ray.unit();
        let graze = 1.0 + dir.z;
        let mirror = (0.05 + 0.55 * graze * graze * graze * graze) * (0.35 + 0.65 * puddle);
        gloss = light.sky_color(v3(dir.x, dir.y, -dir.z)) * (mirror * light.wet);
    }
    let shaded = color.times(ambient + lamps) + gloss;
    let full = shaded + color.times(sun);
    let left = (encode(shaded).y / encode(full).y.max(1.0)).clamp(0.0, 1.0);
    (full, ((left * 255.0) as u8).min(GROUND))
}

fn sky(light: &Light, dir: V3) -> V3 {
    let mut color = light.sky_color(v3(dir.x, dir.y, dir.z.max(0.0)));
    if dir.z > 0.01 {
        let (x, y) = (dir.x / (dir.z + 0.12), dir.y / (dir.z + 0.12));
        let field = fractal(x * 0.9 + 3.0, y * 1.5, 21) * 0.7 + noise(x * 7.0, y * 9.0, 22) * 0.12;
        let cloud = step(0.36, 0.62, field) * light.clouds * step(0.01, 0.14, dir.z);
        let white = light.horizon.mix(V3::gray(light.horizon.y * 1.12), 0.6);
        color = color.mix(white * (1.08 - 0.25 * step(0.5, 0.75, field)), cloud);
    }
    // Far roofs and trees along the horizon.
    let around = atan2(dir.x, dir.y);
    let roofs = (noise(around * 40.0, 0.0, 23) * 5.0).floor() / 5.0;
    let height = 0.012 + 0.022 * roofs + 0.014 * noise(around * 9.0, 0.0, 24) + 0.003 * sin(around * 300.0);
    let far = step(height + 0.002, height - 0.002, dir.z);
    color.mix(light.horizon.mix(light.sky * 0.30, 0.45), far)
}

/// Fills a flat polygon with what `shade` says at each of its points.
fn fill(canvas: &mut Canvas, camera: &Camera, quad: [V3; 4], shade: impl Fn(V3, V3, f32) -> V3) {
    for corners in [[quad[0], quad[1], quad[2]], [quad[0], quad[2], quad[3]]] {
        let corners = corners.map(|at| Corner { at, color: V3::default() });
        clip(camera, &corners, |corners| {
            let t = corners.map(|c| camera.project(c.at));
            let w = Plane::new(&t, t.map(|p| p.w));
            let (width, height) = (canvas.width, canvas.height);
            scan(&t, width, height, |y, left, right| {
                for x in left..right {
                    let i = y * width + x;
                    let depth = w.at(x, y);
                    if depth > canvas.depth[i] {
                        let ray = camera.ray(x as f32 + 0.5, y as f32 + 0.5);
                        let p = camera.position + ray * (1.0 / depth);
                        let color = encode(shade(p, -ray.unit(), 1.0 / (depth * camera.focal)));
                        canvas.depth[i] = depth;
                        canvas.color[i] = [color.x as u8, color.y as u8, color.z as u8, NOT_GROUND];
                    }
                }
            });
        });
    }
}

fn houses(canvas: &mut Canvas, camera: &Camera, layout: &Layout, light: &Light) {
    for house in &layout.buildings {
        let (a, b, h) = (house.low, house.high, house.height);
        let walls = [
            (v3(-1.0, 0.0, 0.0), v2(a.x, a.y), v2(a.x, b.y)),
            (v3(1.0, 0.0, 0.0), v2(b.x, a.y), v2(b.x, b.y)),
            (v3(0.0, -1.0, 0.0), v2(a.x, a.y), v2(b.x, a.y)),
            (v3(0.0, 1.0, 0.0), v2(a.x, b.y), v2(b.x, b.y)),
        ];
        for (n, from, to) in walls {
            if (camera.position - from.at(0.0)).dot(n) <= 0.0 {
                continue;
            }
            fill(canvas, camera, [from.at(0.0), to.at(0.0), to.at(h), from.at(h)], |p, view, size| {
                let local = Local {
                    sun: sunlight(layout, light, p + n * 0.05),
                    lamps: light.lamplight(p, n),
                    air: 0.0,
                };
                let color = facade::shade(house, p, n, view, size, light, &local);
                light.through_air(color, (p - camera.position).length())
            });
        }
        let roof = Paint::matt(0.14, 0.12, 0.11);
        fill(
            canvas,
            camera,
            [v2(a.x, a.y).at(h), v2(b.x, a.y).at(h), v2(b.x, b.y).at(h), v2(a.x, b.y).at(h)],
            |p, view, _| {
                let local = Local { sun: 1.0, lamps: V3::default(), air: 0.0 };
                light.through_air(light.shade(&roof, V3::UP, view, &local), (p - camera.position).length())
            },
        );
    }
}

fn trunk_and_leaves(
    canvas: &mut Canvas,
    camera: &Camera,
    tree: &Tree,
    layout: &Layout,
    light: &Light,
    rng: &mut Rng,
) {
    const CLUMPS: usize = 150;
    let mut trunk = Mesh::default();
    let middle = crown(tree);
    trunk.bar(tree.at.at(0.0), middle, 0.16, 0.09, 8, paint::BODY);
    let mut palette = paint::COMMON;
    palette[paint::BODY as usize] = Paint::matt(0.085, 0.062, 0.045);
    solid(canvas, camera, layout, light, &trunk, &palette);
    let tint = v3(rng.range(0.05, 0.10), rng.range(0.10, 0.15), rng.range(0.022, 0.04));
    let lamps = light.lamplight(middle - V3::UP * tree.radius, V3::UP) * 0.6;
    for number in 0..CLUMPS {
        let dir = v3(rng.range(-1.0, 1.0), rng.range(-1.0, 1.0), rng.range(-0.9, 1.0));
        let dir = dir.unit() * rng.range(0.35, 1.0).sqrt();
        let offset = v3(dir.x, dir.y, dir.z * 1.15) * tree.radius;
        let at = middle + offset;
        let radius = tree.radius * rng.range(0.16, 0.30);
        let tone = tint * rng.range(0.75, 1.25);
        if camera.depth(at) < 1.0 {
            continue;
        }
        // Leaves inside and below get less light.
        let open = (0.25 + 0.45 * dir.length() + 0.35 * dir.z).clamp(0.15, 1.1);
        let sun = light.sun * (dir.unit().dot(light.sun_dir) * 0.55 + 0.35).max(0.0);
        let lit = tone.times(light.ambient(V3::UP) * open + sun * open + lamps);
        let center = camera.project(at);
        let size = radius * camera.focal * center.w;
        let depth = center.w;
        let salt = 500 + number as u32;
        let leaf = (0.11 * camera.focal * center.w).max(1.2);
        let span = |c: f32, limit: usize| {
            let low = (c - size).max(0.0) as usize;
            let high = (c + size + 1.0).clamp(0.0, limit as f32) as usize;
            low..high.max(low)
        };
        for y in span(center.y, canvas.height) {
            for x in span(center.x, canvas.width) {
                let (dx, dy) = ((x as f32 + 0.5 - center.x) / size, (y as f32 + 0.5 - center.y) / size);
                let distance = dx * dx + dy * dy;
                if distance > 1.0 {
                    continue;
                }
                let (fx, fy) = (x as f32 / leaf, y as f32 / leaf);
                let leaves =
                    noise(fx, fy, salt) * 0.55 + hash((fx * 1.3) as i32, (fy * 1.3) as i32, salt) * 0.45;
                // A ball of leaves: nearer in its middle, ragged at its rim.
                let bulge = (1.0 - distance).sqrt() * radius;
                let w = 1.0 / (1.0 / depth - bulge);
                let i = y * canvas.width + x;
                if leaves < 0.85 * distance * distance - 0.05 || w <= canvas.depth[i] {
                    continue;
                }
                let color = lit * (0.55 + 1.3 * leaves) * (1.05 - 0.35 * dy);
                let color = encode(light.through_air(color, 1.0 / depth));
                canvas.depth[i] = w;
                canvas.color[i] = [color.x as u8, color.y as u8, color.z as u8, NOT_GROUND];
            }
        }
    }
}
