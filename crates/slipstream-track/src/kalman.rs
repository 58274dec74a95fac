//! Kalman filters of boxes with constant velocity.
//!
//! In all the models here the noise of one coordinate is independent of the others, and a coordinate moves with its own
//! velocity only. The usual filter of seven or eight dimensions therefore falls apart, exactly, into one of two
//! dimensions for each coordinate.

use slipstream_meta::{Point, Rect};

/// Position and velocity of one coordinate with their covariance.
#[derive(Debug, Clone, Copy, Default)]
struct Axis {
    position: f32,
    velocity: f32,
    var_position: f32,
    covariance: f32,
    var_velocity: f32,
}

impl Axis {
    fn new(position: f32, noise: Noise) -> Self {
        Self { position, var_position: noise.position, var_velocity: noise.velocity, ..Self::default() }
    }

    /// One frame later.
    fn predict(&mut self, noise: Noise) {
        self.position += self.velocity;
        self.var_position += 2.0 * self.covariance + self.var_velocity + noise.position;
        self.covariance += self.var_velocity;
        self.var_velocity += noise.velocity;
    }

    /// Takes a measured position with variance `noise`.
    fn update(&mut self, measured: f32, noise: f32) {
        let innovation = measured - self.position;
        let scale = 1.0 / (self.var_position + noise).max(f32::MIN_POSITIVE);
        let (gain, gain_velocity) = (self.var_position * scale, self.covariance * scale);
        self.position += gain * innovation;
        self.velocity += gain_velocity * innovation;
        self.var_velocity -= gain_velocity * self.covariance;
        self.covariance *= 1.0 - gain;
        self.var_position *= 1.0 - gain;
    }
}

/// Variances of a coordinate and of its velocity.
#[derive(Debug, Clone, Copy)]
struct Noise {
    position: f32,
    velocity: f32,
}

impl Noise {
    /// From standard deviations.
    fn from_std(position: f32, velocity: f32) -> Self {
        Self { position: position * position, velocity: velocity * velocity }
    }
}

/// How boxes move and how exactly they are measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MotionModel {
    /// Boxes stay where they were seen last.
    None,
    /// Centre, area and aspect ratio; the aspect ratio has no velocity. Fixed variances (Bewley et al., "Simple Online
    /// and Realtime Tracking", 2016).
    Area,
    /// Centre, aspect ratio and height; standard deviations in proportion to the height (Wojke et al., "Simple Online
    /// and Realtime Tracking with a Deep Association Metric", 2017).
    Aspect {
        /// Standard deviation of positions in heights of the box.
        position: f32,
        /// Standard deviation of velocities in heights of the box per frame.
        velocity: f32,
    },
    /// Centre, width and height; standard deviations in proportion to width and height (Aharon et al., "BoT-SORT",
    /// 2022).
    Sides {
        /// Standard deviation of positions in sides of the box.
        position: f32,
        /// Standard deviation of velocities in sides of the box per frame.
        velocity: f32,
    },
    /// Centre, width and height with fixed variances in square pixels; only the centre has a velocity.
    Fixed(FixedNoise),
}

/// Variances of [`MotionModel::Fixed`], in square pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FixedNoise {
    /// Of the centre's motion from frame to frame.
    pub location: f32,
    /// Of the sides' change from frame to frame.
    pub size: f32,
    /// Of the velocity's change from frame to frame.
    pub velocity: f32,
    /// Of what the detector measures.
    pub detector: f32,
    /// Of what following by sight measures.
    pub tracker: f32,
}

/// What measured a box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Sensor {
    /// The detector; variances are multiplied by `noise`.
    Detector { noise: f32 },
    /// Following by sight, which does not always measure the size.
    Sight { is_sized: bool },
}

/// Initial variances of SORT: positions known to a few pixels, velocities not at all.
const AREA_INITIAL: [Noise; 4] = {
    let noise = Noise { position: 10.0, velocity: 10_000.0 };
    [noise, noise, noise, Noise { position: 10.0, velocity: 0.0 }]
};
/// Process noise of SORT.
const AREA_PROCESS: [Noise; 4] = {
    let noise = Noise { position: 1.0, velocity: 0.01 };
    [noise, noise, Noise { position: 1.0, velocity: 0.0001 }, Noise { position: 1.0, velocity: 0.0 }]
};
/// Measurement noise of SORT.
const AREA_MEASURED: [f32; 4] = [1.0, 1.0, 10.0, 10.0];

/// Standard deviations of the aspect ratio in DeepSORT: of its value, its velocity and its measurement.
const ASPECT_STD: (f32, f32, f32) = (1e-2, 1e-5, 1e-1);
/// How much less is known about a new box than about one that is followed, in DeepSORT: positions and velocities.
const NEW_STD: (f32, f32) = (2.0, 10.0);
/// Following by sight is less exact than the detector by this factor of variance, where the model does not say.
const SIGHT_VARIANCE: f32 = 2.0;
/// The same of sizes: sight measures how they change since the last look, and better than any filter foresees it.
const SIGHT_SIZE_VARIANCE: f32 = 0.001;

/// Estimates a box over time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BoxFilter {
    axes: [Axis; 4],
}

impl BoxFilter {
    pub(crate) fn new(model: &MotionModel, rect: &Rect) -> Self {
        let [a, b, c, d] = model.measure(rect);
        let [na, nb, nc, nd] = model.initial(rect);
        Self { axes: [Axis::new(a, na), Axis::new(b, nb), Axis::new(c, nc), Axis::new(d, nd)] }
    }

    /// One frame later.
    pub(crate) fn predict(&mut self, model: &MotionModel) {
        let [_, _, size, _] = &mut self.axes;
        match model {
            MotionModel::None => return,
            // An area does not shrink to nothing.
            MotionModel::Area if size.position + size.velocity <= 0.0 => size.velocity = 0.0,
            _ => {}
        }
        let noise = model.process(&self.rect(model));
        for (axis, noise) in self.axes.iter_mut().zip(noise) {
            axis.predict(noise);
        }
        let (MotionModel::Sides { .. } | MotionModel::Aspect { .. }) = model else { return };
        let [_, _, a, b] = &mut self.axes;
        for side in [a, b] {
            if side.position <= 0.0 {
                side.position -= side.velocity;
                side.velocity = 0.0;
            }
        }
    }

    pub(crate) fn update(&mut self, model: &MotionModel, rect: &Rect, sensor: Sensor) {
        let measured = model.measure(rect);
        if matches!(model, MotionModel::None) {
            *self = Self::new(model, rect);
            return;
        }
        let noise = model.measured(&self.rect(model), sensor);
        let axes = match sensor {
            Sensor::Detector { .. } | Sensor::Sight { is_sized: true } => self.axes.len(),
            Sensor::Sight { is_sized: false } => 2,
        };
        for ((axis, measured), noise) in self.axes.iter_mut().zip(measured).zip(noise).take(axes) {
            axis.update(measured, noise);
        }
    }

    /// The box, or an empty one where the filter has none.
    pub(crate) fn rect(&self, model: &MotionModel) -> Rect {
        let [x, y, a, b] = self.axes.map(|axis| axis.position);
        let (width, height) = match model {
            MotionModel::Area => {
                let width = (a * b).max(0.0).sqrt();
                (width, if width > 0.0 { a / width } else { 0.0 })
            }
            MotionModel::Aspect { .. } => (a * b, b),
            MotionModel::None | MotionModel::Sides { .. } | MotionModel::Fixed(_) => (a, b),
        };
        Rect::new(x - width / 2.0, y - height / 2.0, width, height)
    }

    /// Takes the place, but not the size, of another.
    pub(crate) fn take_place_of(&mut self, other: &Self) {
        let ([x, y, _, _], [other_x, other_y, _, _]) = (&mut self.axes, &other.axes);
        (*x, *y) = (*other_x, *other_y);
    }

    /// Moves the box.
    pub(crate) fn shift(&mut self, way: Point) {
        let [x, y, _, _] = &mut self.axes;
        x.position += way.x;
        y.position += way.y;
    }

    /// Stops the change of size: of a box that is out of sight it is not known.
    pub(crate) fn stop_growth(&mut self, model: &MotionModel) {
        let [_, _, a, b] = &mut self.axes;
        match model {
            MotionModel::Aspect { .. } => b.velocity = 0.0,
            MotionModel::Sides { .. } => (a.velocity, b.velocity) = (0.0, 0.0),
            _ => {}
        }
    }
}

impl MotionModel {
    /// DeepSORT's filter, which ByteTrack has too.
    pub const DEEP_SORT: Self = Self::Aspect { position: 1.0 / 20.0, velocity: 1.0 / 160.0 };

    /// The coordinates of a box.
    fn measure(&self, rect: &Rect) -> [f32; 4] {
        let center = rect.center();
        let (width, height) = (rect.width, rect.height);
        let (a, b) = match self {
            Self::Area => (width * height, width / height.max(f32::MIN_POSITIVE)),
            Self::Aspect { .. } => (width / height.max(f32::MIN_POSITIVE), height),
            Self::None | Self::Sides { .. } | Self::Fixed(_) => (width, height),
        };
        [center.x, center.y, a, b]
    }

    fn initial(&self, rect: &Rect) -> [Noise; 4] {
        let (width, height) = (rect.width, rect.height);
        let new = |side: f32, position: f32, velocity: f32| {
            Noise::from_std(NEW_STD.0 * position * side, NEW_STD.1 * velocity * side)
        };
        match *self {
            Self::None => [Noise { position: 0.0, velocity: 0.0 }; 4],
            Self::Area => AREA_INITIAL,
            Self::Aspect { position, velocity } => {
                let noise = new(height, position, velocity);
                [noise, noise, Noise::from_std(ASPECT_STD.0, ASPECT_STD.1), noise]
            }
            Self::Sides { position, velocity } => {
                let (w, h) = (new(width, position, velocity), new(height, position, velocity));
                [w, h, w, h]
            }
            Self::Fixed(noise) => {
                let center = Noise { position: noise.detector, velocity: noise.detector };
                let size = Noise { position: noise.detector, velocity: 0.0 };
                [center, center, size, size]
            }
        }
    }

    fn process(&self, rect: &Rect) -> [Noise; 4] {
        let (width, height) = (rect.width, rect.height);
        match *self {
            Self::None => [Noise { position: 0.0, velocity: 0.0 }; 4],
            Self::Area => AREA_PROCESS,
            Self::Aspect { position, velocity } => {
                let noise = Noise::from_std(position * height, velocity * height);
                [noise, noise, Noise::from_std(ASPECT_STD.0, ASPECT_STD.1), noise]
            }
            Self::Sides { position, velocity } => {
                let w = Noise::from_std(position * width, velocity * width);
                let h = Noise::from_std(position * height, velocity * height);
                [w, h, w, h]
            }
            Self::Fixed(noise) => {
                let center = Noise { position: noise.location, velocity: noise.velocity };
                let size = Noise { position: noise.size, velocity: 0.0 };
                [center, center, size, size]
            }
        }
    }

    fn measured(&self, rect: &Rect, sensor: Sensor) -> [f32; 4] {
        let (width, height) = (rect.width, rect.height);
        let square = |value: f32| value * value;
        let variances = match *self {
            Self::None => [0.0; 4],
            Self::Area => AREA_MEASURED,
            Self::Aspect { position, .. } => {
                let noise = square(position * height);
                [noise, noise, square(ASPECT_STD.2), noise]
            }
            Self::Sides { position, .. } => {
                let (w, h) = (square(position * width), square(position * height));
                [w, h, w, h]
            }
            Self::Fixed(noise) => match sensor {
                Sensor::Detector { .. } => [noise.detector; 4],
                Sensor::Sight { .. } => return [noise.tracker; 4],
            },
        };
        let (place, size) = match sensor {
            Sensor::Detector { noise } => (noise, noise),
            Sensor::Sight { .. } => (SIGHT_VARIANCE, SIGHT_SIZE_VARIANCE),
        };
        let [x, y, a, b] = variances;
        [x * place, y * place, a * size, b * size]
    }
}
