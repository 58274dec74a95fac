//! Following by sight: where in this picture is what was in that box of an earlier one?
//!
//! A correlation filter for each object: Bolme, Beveridge, Draper and Lui, "Visual Object Tracking using Adaptive
//! Correlation Filters" (MOSSE), CVPR 2010, with several channels as in the translation filter of Danelljan, Häger, Khan
//! and Felsberg, "Accurate Scale Estimation for Robust Visual Tracking" (DSST), BMVC 2014. The channels are luma and its
//! gradient, the gradient's two directions being real and imaginary part of one complex channel. How large the object has become is
//! measured apart from that, by [`align`].

mod align;
mod patch;
mod spectrum;

use rustfft::num_complex::Complex32;
use slipstream_meta::{Picture, Point, Rect};

use self::align::{Aligner, Template};
use self::patch::{Luma, Patch};
use self::spectrum::{CELLS, SIDE, Transform};

/// Settings of following by sight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Follow {
    /// Side of the window that is searched, in sides of the box.
    pub window: f32,
    /// How much of what a filter knows is replaced when the detector finds its object again, 0…1 (`filterLr`).
    pub rate: f32,
    /// The same at each frame in which the object is followed by sight.
    pub refresh: f32,
    /// Standard deviation of the desired response in cells (`gaussianSigma`).
    pub sigma: f32,
    /// Least confidence at which an object counts as seen (`minTrackerConfidence`).
    pub min_confidence: f32,
    /// Looks in a row in which the detector may miss an object that is still seen.
    pub patience: u32,
}

impl Default for Follow {
    fn default() -> Self {
        Self { window: 1.75, rate: 0.15, refresh: 0.075, sigma: 1.3, min_confidence: 0.3, patience: 2 }
    }
}

/// Added to the filter's denominator, as part of its mean: keeps frequencies that the object lacks from being amplified.
const REGULARISATION: f32 = 0.05;

/// What one object looks like.
#[derive(Debug, Clone)]
pub(crate) struct Appearance {
    /// Numerators of luma and gradient, then the common denominator.
    luma: Box<[Complex32]>,
    gradient: Box<[Complex32]>,
    energy: Box<[f32]>,
    /// The object at the last look.
    template: Option<Box<Template>>,
}

impl Appearance {
    /// Until the next measurement its size is what it is expected to be.
    pub(crate) fn forget_size(&mut self) {
        self.template = None;
    }
}

/// Where an object was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sighting {
    pub(crate) rect: Rect,
    /// Whether its size was measured, too.
    pub(crate) is_sized: bool,
    /// Height of the response's peak, 0…1; 1 is what the filter was made for.
    pub(crate) confidence: f32,
}

/// Makes and applies the filters of one camera; keeps transforms and memory.
pub(crate) struct Eye {
    transform: Transform,
    patch: Patch,
    luma: Vec<Complex32>,
    gradient: Vec<Complex32>,
    response: Vec<Complex32>,
    aligner: Aligner,
    /// Spectrum of the desired response, for `sigma`.
    desired: Vec<Complex32>,
    sigma: f32,
}

impl std::fmt::Debug for Eye {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Eye").field("sigma", &self.sigma).finish_non_exhaustive()
    }
}

/// A picture in whose pixels boxes are not: scale from those of boxes to its own.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    luma: Luma<'a>,
    scale: Point,
}

impl<'a> View<'a> {
    /// `size` is that of the picture in whose pixels boxes are; 0 × 0 for the picture's own.
    pub(crate) fn new(picture: &Picture<'a>, size: slipstream_meta::Size) -> Self {
        let own = picture.size();
        let scale = |own: u32, other: u32| if other == 0 { 1.0 } else { own as f32 / other as f32 };
        Self {
            luma: Luma::new(picture),
            scale: Point { x: scale(own.width, size.width), y: scale(own.height, size.height) },
        }
    }
}

impl Eye {
    pub(crate) fn new(sigma: f32) -> Self {
        let empty = || vec![Complex32::default(); CELLS];
        let mut eye = Self {
            transform: Transform::new(),
            patch: Patch::new(),
            luma: empty(),
            gradient: empty(),
            response: empty(),
            aligner: Aligner::new(),
            desired: empty(),
            sigma,
        };
        // The peak is at the origin, that is in the corners: no shift.
        for (index, value) in eye.desired.iter_mut().enumerate() {
            let wrap = |cell: usize| cell.min(SIDE - cell) as f32;
            let (x, y) = (wrap(index % SIDE), wrap(index / SIDE));
            value.re = (-0.5 * (x * x + y * y) / (sigma * sigma).max(f32::MIN_POSITIVE)).exp();
        }
        eye.transform.forward(&mut eye.desired);
        eye
    }

    /// Spectra of what is in the window around `rect`.
    fn look(&mut self, view: &View<'_>, rect: &Rect, window: f32) {
        let rect = rect.scaled(view.scale.x, view.scale.y);
        let center = rect.center();
        let (width, height) = (rect.width * window, rect.height * window);
        let window = Rect::new(center.x - width / 2.0, center.y - height / 2.0, width, height);
        self.patch.take(&view.luma, &window, &mut self.luma, &mut self.gradient);
        self.transform.forward(&mut self.luma);
        self.transform.forward(&mut self.gradient);
    }

    /// Learns what is at `rect`, from nothing or on top of what is known.
    pub(crate) fn learn(
        &mut self,
        view: &View<'_>,
        rect: &Rect,
        follow: &Follow,
        rate: f32,
        known: &mut Option<Appearance>,
    ) {
        self.look(view, rect, follow.window);
        let (rate, appearance) = match known {
            Some(appearance) => (rate, appearance),
            None => {
                let empty = || vec![Complex32::default(); CELLS].into_boxed_slice();
                let new = Appearance {
                    luma: empty(),
                    gradient: empty(),
                    energy: vec![0.0; CELLS].into_boxed_slice(),
                    template: None,
                };
                (1.0, known.insert(new))
            }
        };
        let seen = self.luma.iter().zip(&self.gradient).zip(&self.desired);
        let kept =
            appearance.luma.iter_mut().zip(appearance.gradient.iter_mut()).zip(appearance.energy.iter_mut());
        for (((luma, gradient), desired), ((kept_luma, kept_gradient), energy)) in seen.zip(kept) {
            *kept_luma += (desired * luma.conj() - *kept_luma) * rate;
            *kept_gradient += (desired * gradient.conj() - *kept_gradient) * rate;
            *energy += (luma.norm_sqr() + gradient.norm_sqr() - *energy) * rate;
        }
    }

    /// Keeps what is at `rect` to measure the object's size by.
    pub(crate) fn measure(&mut self, view: &View<'_>, rect: &Rect, appearance: &mut Appearance) {
        let template = self.aligner.learn(&view.luma, &rect.scaled(view.scale.x, view.scale.y));
        match &mut appearance.template {
            Some(known) => **known = template,
            unknown => *unknown = Some(Box::new(template)),
        }
    }

    /// Looks for an object around `rect`, where it is expected.
    pub(crate) fn find(
        &mut self,
        view: &View<'_>,
        rect: &Rect,
        follow: &Follow,
        appearance: &Appearance,
    ) -> Sighting {
        self.look(view, rect, follow.window);
        let mean = appearance.energy.iter().sum::<f32>() / CELLS as f32;
        let floor = (REGULARISATION * mean).max(f32::MIN_POSITIVE);
        let seen = self.luma.iter().zip(&self.gradient).zip(&mut self.response);
        let known = appearance.luma.iter().zip(&appearance.gradient).zip(&appearance.energy);
        for (((luma, gradient), response), ((known_luma, known_gradient), energy)) in seen.zip(known) {
            *response = (luma * known_luma + gradient * known_gradient) / (energy + floor);
        }
        self.transform.inverse(&mut self.response);
        let (shift, confidence) = peak(&self.response);
        let cell = |side: f32| side * follow.window / SIDE as f32;
        let rect = rect.shifted(shift.x * cell(rect.width), shift.y * cell(rect.height));
        let in_view = rect.scaled(view.scale.x, view.scale.y);
        let template = appearance.template.as_deref();
        let scale = template.and_then(|template| self.aligner.scale(&view.luma, &in_view, template));
        Sighting { rect: resized(&rect, scale.unwrap_or(1.0)), is_sized: scale.is_some(), confidence }
    }
}

/// `rect`, larger or smaller about its centre.
fn resized(rect: &Rect, scale: f32) -> Rect {
    let (center, width, height) = (rect.center(), rect.width * scale, rect.height * scale);
    Rect::new(center.x - width / 2.0, center.y - height / 2.0, width, height)
}

/// The highest point of a response, in cells from the origin and finer than a cell, and its height.
fn peak(response: &[Complex32]) -> (Point, f32) {
    let highest = response.iter().enumerate().max_by(|a, b| a.1.re.total_cmp(&b.1.re));
    let (index, height) = highest.map_or((0, 0.0), |(index, value)| (index, value.re));
    let at = |x: usize, y: usize| response.get((y % SIDE) * SIDE + x % SIDE).map_or(0.0, |value| value.re);
    let (x, y) = (index % SIDE, index / SIDE);
    // The top of the parabola through the peak and its two neighbours.
    let top = |before: f32, after: f32| {
        let bend = before - 2.0 * height + after;
        if bend < 0.0 { (0.5 * (before - after) / bend).clamp(-0.5, 0.5) } else { 0.0 }
    };
    let wrap = |cell: usize| if cell < SIDE / 2 { cell as f32 } else { cell as f32 - SIDE as f32 };
    let shift = Point {
        x: wrap(x) + top(at(x + SIDE - 1, y), at(x + 1, y)),
        y: wrap(y) + top(at(x, y + SIDE - 1), at(x, y + 1)),
    };
    (shift, if height.is_finite() { height.clamp(0.0, 1.0) } else { 0.0 })
}
