//! Points, sizes and rectangles in pixels.

/// A position in pixels; x grows to the right, y downwards.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// Horizontal position in pixels.
    pub x: f32,
    /// Vertical position in pixels.
    pub y: f32,
}

/// Width and height of a picture in whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Size {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl Size {
    /// A size of `width` × `height` pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// An axis-aligned rectangle in pixels: top left corner, width and height.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rect {
    /// Left edge.
    pub left: f32,
    /// Top edge.
    pub top: f32,
    /// Width; a rectangle of no or negative width is empty.
    pub width: f32,
    /// Height; a rectangle of no or negative height is empty.
    pub height: f32,
}

impl Rect {
    /// A rectangle from its top left corner, width and height.
    pub const fn new(left: f32, top: f32, width: f32, height: f32) -> Self {
        Self { left, top, width, height }
    }

    /// A rectangle from two opposite corners, (x1, y1) top left and (x2, y2) bottom right.
    pub fn from_corners(x1: f32, y1: f32, x2: f32, y2: f32) -> Self {
        Self::new(x1, y1, x2 - x1, y2 - y1)
    }

    /// The rectangle that covers a whole picture.
    pub fn of_size(size: Size) -> Self {
        Self::new(0.0, 0.0, size.width as f32, size.height as f32)
    }

    /// Right edge.
    pub fn right(&self) -> f32 {
        self.left + self.width
    }

    /// Bottom edge.
    pub fn bottom(&self) -> f32 {
        self.top + self.height
    }

    /// The middle.
    pub fn center(&self) -> Point {
        Point { x: self.left + self.width / 2.0, y: self.top + self.height / 2.0 }
    }

    /// The middle of the lower edge: where what stands upright touches the ground.
    pub fn foot(&self) -> Point {
        Point { x: self.left + self.width / 2.0, y: self.bottom() }
    }

    /// Whether the rectangle holds no area. NaN in any size counts as empty.
    pub fn is_empty(&self) -> bool {
        !(self.width > 0.0 && self.height > 0.0)
    }

    /// Area in square pixels, 0 when empty.
    pub fn area(&self) -> f32 {
        if self.is_empty() { 0.0 } else { self.width * self.height }
    }

    /// The common part of two rectangles, or `None` if they share no area.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let rect = Self::from_corners(
            self.left.max(other.left),
            self.top.max(other.top),
            self.right().min(other.right()),
            self.bottom().min(other.bottom()),
        );
        (!rect.is_empty()).then_some(rect)
    }

    /// Intersection over union, in 0…1; 0 if either is empty.
    pub fn iou(&self, other: &Self) -> f32 {
        let Some(common) = self.intersection(other) else { return 0.0 };
        let common = common.area();
        common / (self.area() + other.area() - common)
    }

    /// The rectangle after scaling the plane by (`x`, `y`) about the origin.
    pub fn scaled(&self, x: f32, y: f32) -> Self {
        Self::new(self.left * x, self.top * y, self.width * x, self.height * y)
    }

    /// The rectangle moved by (`dx`, `dy`).
    pub fn shifted(&self, dx: f32, dy: f32) -> Self {
        Self::new(self.left + dx, self.top + dy, self.width, self.height)
    }

    /// The rectangle as seen after the region `from` of one picture is drawn onto the region `to` of another.
    pub fn mapped(&self, from: &Self, to: &Self) -> Self {
        let (x, y) = (to.width / from.width, to.height / from.height);
        self.shifted(-from.left, -from.top).scaled(x, y).shifted(to.left, to.top)
    }
}

impl Point {
    /// The point as seen after the region `from` of one picture is drawn onto the region `to` of another.
    pub fn mapped(&self, from: &Rect, to: &Rect) -> Self {
        Self {
            x: (self.x - from.left) * to.width / from.width + to.left,
            y: (self.y - from.top) * to.height / from.height + to.top,
        }
    }
}
