//! The pinhole camera.

use crate::math::{V2, V3, cos, sin, v3};

/// Where a camera stands and how it looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mount {
    /// Position in metres.
    pub(crate) position: V3,
    /// Direction in radians, clockwise from the y axis.
    pub(crate) yaw: f32,
    /// Radians below the horizon.
    pub(crate) pitch: f32,
    /// Focal length as a share of the picture's width.
    pub(crate) focal: f32,
}

/// A camera that projects metres to samples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Camera {
    pub(crate) position: V3,
    right: V3,
    up: V3,
    pub(crate) forward: V3,
    /// Focal length in samples.
    pub(crate) focal: f32,
    center: (f32, f32),
}

/// A point in the picture: samples from the left and top, and 1 / depth in 1/m.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Projected {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) w: f32,
}

impl Camera {
    pub(crate) fn new(mount: &Mount, width: usize, height: usize) -> Self {
        let (cy, sy) = (cos(mount.yaw), sin(mount.yaw));
        let (cp, sp) = (cos(mount.pitch), sin(mount.pitch));
        let forward = v3(sy * cp, cy * cp, -sp);
        let right = v3(cy, -sy, 0.0);
        Self {
            position: mount.position,
            right,
            up: right.cross(forward),
            forward,
            focal: mount.focal * width as f32,
            center: (width as f32 * 0.5, height as f32 * 0.5),
        }
    }

    /// Metres in front of the camera's plane.
    pub(crate) fn depth(&self, p: V3) -> f32 {
        (p - self.position).dot(self.forward)
    }

    /// The picture of a point that lies in front of the camera.
    pub(crate) fn project(&self, p: V3) -> Projected {
        let d = p - self.position;
        let w = 1.0 / d.dot(self.forward);
        Projected {
            x: self.center.0 + d.dot(self.right) * w * self.focal,
            y: self.center.1 - d.dot(self.up) * w * self.focal,
            w,
        }
    }

    /// The direction seen at a place of the picture, one metre long along the optical axis.
    pub(crate) fn ray(&self, x: f32, y: f32) -> V3 {
        self.forward
            + self.right * ((x - self.center.0) / self.focal)
            + self.up * ((self.center.1 - y) / self.focal)
    }

    /// The place on the ground seen at a place of the picture.
    pub(crate) fn ground(&self, x: f32, y: f32) -> Option<V2> {
        let ray = self.ray(x, y);
        (ray.z < -1e-4).then(|| (self.position + ray * (-self.position.z / ray.z)).flat())
    }
}
