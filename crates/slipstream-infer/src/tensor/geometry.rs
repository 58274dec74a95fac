//! Which part of a picture lands where on a network's input.

use slipstream_meta::{Rect, Size};

/// How a part of a picture is mapped onto a network's input, and back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transform {
    /// The part of the picture, in the picture's pixels.
    pub source: Rect,
    /// Where it lies on the network's input, in the network's pixels. The rest of the input is black.
    pub target: Rect,
}

impl Transform {
    /// A rectangle on the network's input, in the picture's pixels.
    pub fn to_picture(&self, rect: &Rect) -> Rect {
        rect.mapped(&self.target, &self.source)
    }

    /// A rectangle on the picture, in the network's pixels.
    pub fn to_network(&self, rect: &Rect) -> Rect {
        rect.mapped(&self.source, &self.target)
    }
}

/// A rectangle of whole pixels, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Window {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) size: Size,
}

impl Window {
    pub(super) fn rect(&self) -> Rect {
        Rect::of_size(self.size).shifted(self.left as f32, self.top as f32)
    }
}

/// The pixels of a picture of `size` that `region` selects (`None`: all of them): the top left corner goes to whole, then
/// up to even numbers, width and height go down to even numbers, so that chroma is cut where luma is. Less than a pixel
/// becomes a pixel.
pub(super) fn crop(size: Size, region: Option<&Rect>) -> Window {
    let axis = |start: f32, length: f32, available: u32| {
        // casts from f32 to u32 saturate: what is negative or NaN becomes 0
        let start = (start as u32).min(available.saturating_sub(1));
        let up = start.next_multiple_of(2);
        let start = if up < available { up } else { start & !1 };
        let length = (length as u32).min(available - start);
        (start, (length & !1).max(1))
    };
    let region = region.copied().unwrap_or_else(|| Rect::of_size(size));
    let (left, width) = axis(region.left, region.width, size.width);
    let (top, height) = axis(region.top, region.height, size.height);
    Window { left, top, size: Size::new(width, height) }
}

/// Where pixels of size `source` land on a network input of size `network`.
pub(super) fn place(
    source: Size,
    network: Size,
    maintain_aspect_ratio: bool,
    symmetric_padding: bool,
) -> Window {
    if !maintain_aspect_ratio {
        return Window { left: 0, top: 0, size: network };
    }
    let scale = |a: u32, b: u32, c: u32| u64::from(a) * u64::from(b) / u64::from(c.max(1));
    let height = scale(network.width, source.height, source.width);
    let size = match u32::try_from(height) {
        Ok(height) if height <= network.height => Size::new(network.width, height.max(1)),
        _ => {
            let width = scale(network.height, source.width, source.height);
            Size::new(u32::try_from(width).unwrap_or(network.width).clamp(1, network.width), network.height)
        }
    };
    let (left, top) = if symmetric_padding {
        ((network.width - size.width) / 2, (network.height - size.height) / 2)
    } else {
        (0, 0)
    };
    Window { left, top, size }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn placed(source: (u32, u32), network: (u32, u32), symmetric: bool) -> (u32, u32, u32, u32) {
        let size = |(width, height)| Size::new(width, height);
        let window = place(size(source), size(network), true, symmetric);
        (window.left, window.top, window.size.width, window.size.height)
    }

    #[test]
    fn aspect_ratio_is_kept_with_truncated_sizes() {
        assert_eq!(placed((1920, 1080), (640, 640), false), (0, 0, 640, 360));
        assert_eq!(placed((1920, 1080), (640, 640), true), (0, 140, 640, 360));
        assert_eq!(placed((1920, 1080), (640, 360), true), (0, 0, 640, 360));
        assert_eq!(placed((480, 640), (416, 416), true), (52, 0, 312, 416));
        // 416 × 478 / 848 = 234.49…
        assert_eq!(placed((848, 478), (416, 416), false), (0, 0, 416, 234));
    }

    #[test]
    fn crops_are_even() {
        let crop = |left, top, width, height| {
            let window = crop(Size::new(641, 361), Some(&Rect::new(left, top, width, height)));
            (window.left, window.top, window.size.width, window.size.height)
        };
        assert_eq!(super::crop(Size::new(641, 361), None).size, Size::new(640, 360));
        assert_eq!(crop(10.9, 11.2, 33.9, 31.1), (10, 12, 32, 30));
        assert_eq!(crop(-5.0, f32::NAN, 1e9, 7.0), (0, 0, 640, 6));
        assert_eq!(crop(5000.0, 5000.0, 10.0, 10.0), (640, 360, 1, 1));
    }

    proptest! {
        #[test]
        fn boxes_come_back(
            (sw, sh, nw, nh) in (2u32..4000, 2u32..3000, 8u32..1300, 8u32..1300),
            (left, top, width, height) in (0f32..3000.0, 0f32..3000.0, 1f32..2000.0, 1f32..2000.0),
            (maintain, symmetric) in any::<(bool, bool)>(),
        ) {
            let source = crop(Size::new(sw, sh), None);
            let target = place(source.size, Size::new(nw, nh), maintain, symmetric);
            prop_assert!(target.left + target.size.width <= nw && target.top + target.size.height <= nh);
            let transform = Transform { source: source.rect(), target: target.rect() };
            let rect = Rect::new(left, top, width, height);
            let back = transform.to_picture(&transform.to_network(&rect));
            let near = |a: f32, b: f32| (a - b).abs() <= 1e-3 * (1.0 + a.abs());
            prop_assert!(near(back.left, rect.left) && near(back.top, rect.top), "{rect:?} {back:?}");
            prop_assert!(near(back.width, rect.width) && near(back.height, rect.height), "{rect:?} {back:?}");
        }
    }
}
