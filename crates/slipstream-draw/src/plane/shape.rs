//! Shapes with smooth edges.
//!
//! Coverage of a pixel comes from the distances of its centre to the edges of the shape. Coordinates have pixel edges
//! at whole numbers, as rectangles do, so the centre of the first pixel is (0.5, 0.5).

use std::ops::Range;

use slipstream_meta::Point;

use super::{Area, Ink, Painter};

/// Angle between the shaft of an arrow and either side of its head, as DeepStream draws them.
const HEAD_ANGLE_DEGREES: f64 = 15.0;
/// Length of an arrow head in line widths; with the angle above it is about 3 widths wide at its base.
const HEAD_WIDTHS: f64 = 6.0;
/// The shortest arrow head in pixels that still reads as one.
const HEAD_SHORTEST: f64 = 8.0;

type Vector = [f64; 2];

/// The half of the plane where `normal · point + offset` is positive; the normal has length 1.
#[derive(Debug, Clone, Copy)]
struct Half {
    normal: Vector,
    offset: f64,
}

impl Half {
    /// The half to the left of the way from `from` to `to` as seen on a picture whose y points down.
    fn left_of([x, y]: Vector, to: Vector) -> Option<Self> {
        let (dx, dy) = (to[0] - x, to[1] - y);
        let length = dx.hypot(dy);
        let normal = [dy / length, -dx / length];
        (length > 0.0).then(|| Self { normal, offset: -(normal[0] * x + normal[1] * y) })
    }
}

impl Painter<'_, '_> {
    /// A straight line of `width` pixels with square ends.
    pub(crate) fn line(&mut self, from: Point, to: Point, width: f32, ink: &Ink) {
        if let Some(stroke) = Stroke::new(from, to, width) {
            self.stroke(&stroke, 0.0, stroke.length, ink);
        }
    }

    /// A straight line of `width` pixels with heads.
    pub(crate) fn arrow(
        &mut self,
        [from, to]: [Point; 2],
        [at_start, at_end]: [bool; 2],
        width: f32,
        ink: &Ink,
    ) {
        let Some(stroke) = Stroke::new(from, to, width) else { return };
        let heads = f64::from(u8::from(at_start) + u8::from(at_end));
        let head = (HEAD_WIDTHS * f64::from(width)).max(HEAD_SHORTEST).min(stroke.length / heads.max(1.0));
        let half_base = head * HEAD_ANGLE_DEGREES.to_radians().tan();
        let start = if at_start { head } else { 0.0 };
        let end = stroke.length - if at_end { head } else { 0.0 };
        self.stroke(&stroke, start, end, ink);
        for (drawn, tip, base) in [(at_start, 0.0, start), (at_end, stroke.length, end)] {
            if drawn {
                // The corners go round clockwise at both ends.
                let side = if base < tip { half_base } else { -half_base };
                self.convex(&[stroke.at(tip, 0.0), stroke.at(base, side), stroke.at(base, -side)], ink);
            }
        }
    }

    fn stroke(&mut self, stroke: &Stroke, start: f64, end: f64, ink: &Ink) {
        if end > start {
            let side = stroke.half_width;
            let corners = [(start, -side), (end, -side), (end, side), (start, side)];
            self.convex(&corners.map(|(along, across)| stroke.at(along, across)), ink);
        }
    }

    /// A convex polygon of up to [`MOST_CORNERS`] corners that go round clockwise, as seen on a picture whose y points down.
    fn convex(&mut self, corners: &[Vector], ink: &Ink) {
        let mut halves = [Half { normal: [0.0; 2], offset: 0.0 }; MOST_CORNERS];
        let mut count = 0;
        let next = corners.iter().cycle().skip(1);
        for ((&from, &to), half) in corners.iter().zip(next).zip(&mut halves) {
            let Some(found) = Half::left_of(to, from) else { return };
            *half = found;
            count += 1;
        }
        let halves = &halves[..count];
        let bound = |axis: usize, sign: f64| {
            let reach = corners.iter().map(|corner| corner[axis] * sign).fold(f64::NEG_INFINITY, f64::max);
            ((reach + 1.0).ceil() * sign) as i32
        };
        let bounds = Area { x0: bound(0, -1.0), y0: bound(1, -1.0), x1: bound(0, 1.0), y1: bound(1, 1.0) };
        self.cover(bounds, ink, |x, y, row| {
            let center = [f64::from(x) + 0.5, f64::from(y) + 0.5];
            let span = row_span(halves, center, row.len());
            for (column, part) in row[span.clone()].iter_mut().enumerate() {
                let x = center[0] + (span.start + column) as f64;
                // What each edge cuts off adds up; exact where two edges do not cut off the same part of the pixel.
                let cut: f64 = halves
                    .iter()
                    .map(|half| half.normal[0] * x + half.normal[1] * center[1] + half.offset)
                    .map(|distance| (0.5 - distance).clamp(0.0, 1.0))
                    .sum();
                *part = to_byte(1.0 - cut);
            }
            span
        });
    }

    /// A ring around `center`, `width` pixels wide, its middle `radius` pixels away.
    pub(crate) fn ring(&mut self, center: Point, radius: f32, width: f32, ink: &Ink) {
        let (radius, half_width) = (f64::from(radius), f64::from(width) / 2.0);
        if half_width > 0.0 {
            self.annulus(center, radius - half_width, radius + half_width, ink);
        }
    }

    /// A filled circle.
    pub(crate) fn disk(&mut self, center: Point, radius: f32, ink: &Ink) {
        self.annulus(center, -1.0, f64::from(radius), ink);
    }

    /// All within `outer` of the centre but not within `inner`, which may be negative.
    fn annulus(&mut self, center: Point, inner: f64, outer: f64, ink: &Ink) {
        let (cx, cy) = (f64::from(center.x), f64::from(center.y));
        if !(cx.is_finite() && cy.is_finite() && inner.is_finite() && outer.is_finite() && outer > 0.0) {
            return;
        }
        let reach = outer + 1.0;
        let bounds = Area {
            x0: (cx - reach).floor() as i32,
            y0: (cy - reach).floor() as i32,
            x1: (cx + reach).ceil() as i32,
            y1: (cy + reach).ceil() as i32,
        };
        // Half the width of a circle at a height over its centre, 0 past its top.
        let half_chord = |radius: f64, height: f64| (radius * radius - height * height).max(0.0).sqrt();
        // Left and right half are drawn one after the other, so that neither has to walk through the hole. They part
        // between two chroma samples.
        let middle = cx.floor() as i32 & !1;
        for (right, bounds) in [(false, Area { x1: middle, ..bounds }), (true, Area { x0: middle, ..bounds })]
        {
            self.cover(bounds, ink, |x, y, row| {
                let height = f64::from(y) + 0.5 - cy;
                let first = f64::from(x) + 0.5 - cx;
                let columns = row.len();
                let column = |offset: f64| (offset - first).clamp(0.0, columns as f64) as usize;
                let half = half_chord(outer + 0.5, height);
                // Between these two, pixels are wholly inside and need no square root.
                let solid = half_chord((outer - 0.5).max(0.0), height);
                let rim = half_chord((inner + 0.5).max(0.0), height);
                let hole = half_chord((inner - 0.5).max(0.0), height);
                let mut span = column(-half)..(column(half) + 1).min(columns);
                // A hole narrower than a chroma sample may lie on one side of the middle.
                if hole > 2.0 && right {
                    span.start = span.start.max(column(hole));
                } else if hole > 2.0 {
                    span.end = span.end.min(column(-hole) + 1);
                }
                let Some(pixels) = row.get_mut(span.clone()) else { return 0..0 };
                for (column, part) in pixels.iter_mut().enumerate() {
                    let across = (first + (span.start + column) as f64).abs();
                    *part = if across < solid && (across > rim || inner <= -0.5) {
                        u8::MAX
                    } else {
                        let distance = across.hypot(height);
                        let covered = (outer - distance + 0.5).clamp(0.0, 1.0);
                        to_byte(covered - (inner - distance + 0.5).clamp(0.0, 1.0))
                    };
                }
                span
            });
        }
    }
}

/// Corners of the polygons that are drawn here: strokes have four, arrow heads three.
const MOST_CORNERS: usize = 4;

/// A straight line with a direction.
struct Stroke {
    from: Vector,
    along: Vector,
    length: f64,
    half_width: f64,
}

impl Stroke {
    /// `None` if there is nothing to draw: no length, no width, or something that is not a finite number. Level and
    /// upright lines are moved to whole pixels, so that they are crisp.
    fn new(from: Point, to: Point, width: f32) -> Option<Self> {
        let (mut from, mut to) = ([from.x, from.y].map(f64::from), [to.x, to.y].map(f64::from));
        let mut width = f64::from(width);
        let drawable = from.iter().chain(&to).chain([&width]).all(|value| value.is_finite()) && width > 0.0;
        if !drawable || from == to {
            return None;
        }
        for axis in 0..2 {
            if from[axis] == to[axis] {
                width = width.round().max(1.0);
                let edge = (from[axis] - width / 2.0).round();
                from[axis] = edge + width / 2.0;
                to[axis] = from[axis];
                let other = 1 - axis;
                (from[other], to[other]) = (from[other].round(), to[other].round());
            }
        }
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let length = dx.hypot(dy);
        let along = [dx / length, dy / length];
        (length > 0.0).then_some(Self { from, along, length, half_width: width / 2.0 })
    }

    /// The point `along` pixels from the start and `across` pixels to the right of the way.
    fn at(&self, along: f64, across: f64) -> Vector {
        let [x, y] = self.along;
        [self.from[0] + along * x - across * y, self.from[1] + along * y + across * x]
    }
}

/// The columns of a row of `length` pixels, the centre of the first at `first`, that a polygon may touch.
fn row_span(halves: &[Half], first: Vector, length: usize) -> Range<usize> {
    // Farther than half a pixel outside of any edge nothing is covered.
    const MARGIN: f64 = 0.5;
    let (mut start, mut end) = (0.0, length as f64);
    for Half { normal, offset } in halves {
        let at_first = normal[0] * first[0] + normal[1] * first[1] + offset + MARGIN;
        if normal[0] > 0.0 {
            start = f64::max(start, -at_first / normal[0]);
        } else if normal[0] < 0.0 {
            end = f64::min(end, at_first / -normal[0] + 1.0);
        } else if at_first <= 0.0 {
            return 0..0;
        }
    }
    let (start, end) = (start.ceil() as usize, (end.floor().max(0.0) as usize).min(length));
    if start < end { start..end } else { 0..0 }
}

fn to_byte(part: f64) -> u8 {
    (part * 255.0 + 0.5) as u8
}
