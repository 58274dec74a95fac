//! Making a part of a picture unrecognisable.

use slipstream_meta::{PictureMut, PixelFormat, Rect};

use super::Area;

/// The mean of each pixel reaches over this part of the region's shorter side, to either side: what is left of a face is its
/// colour.
const REACH: i32 = 6;
/// Rounds of means. Two make a triangle of weights, which leaves no edges.
const ROUNDS: usize = 2;

/// Blurs the part of a picture inside `rect`. Pixels outside have no part in it.
pub fn blur(picture: &mut PictureMut, rect: Rect) {
    let Some(area) = Area::of_rect(rect) else { return };
    let area = area.intersection(Area::of_size(picture.size()));
    if area.is_empty() {
        return;
    }
    let format = picture.format();
    let mut copy = Vec::new();
    for plane in 0..format.planes() {
        let (channels, is_half) = match (format, plane) {
            (PixelFormat::I420, 1 | 2) => (1, true),
            (PixelFormat::Nv12, 1) => (2, true),
            (PixelFormat::Rgb(_), _) => (3, false),
            (PixelFormat::Rgba(_), _) => (4, false),
            _ => (1, false),
        };
        let part = if is_half {
            // each chroma sample that the region touches
            Area { x0: area.x0 / 2, y0: area.y0 / 2, x1: (area.x1 + 1) / 2, y1: (area.y1 + 1) / 2 }
        } else {
            area
        };
        let reach = (part.width().min(part.height()) / REACH).max(1) as usize;
        let (width, height) = (part.width() as usize, part.height() as usize);
        let columns = part.x0 as usize * channels..part.x1 as usize * channels;
        for _ in 0..ROUNDS {
            copy.clear();
            for y in part.y0..part.y1 {
                let row = picture.row_mut(plane, y as usize).get(columns.clone()).unwrap_or_default();
                let start = copy.len();
                copy.resize(start + width * channels, 0);
                (0..channels).for_each(|channel| {
                    means(
                        width,
                        reach,
                        |x| byte(row, x * channels + channel),
                        |x, mean| {
                            put(&mut copy, start + x * channels + channel, mean);
                        },
                    );
                });
            }
            for x in 0..width * channels {
                means(
                    height,
                    reach,
                    |y| byte(&copy, y * width * channels + x),
                    |y, mean| {
                        let row = picture.row_mut(plane, part.y0 as usize + y);
                        put(row, columns.start + x, mean);
                    },
                );
            }
        }
    }
}

fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or_default()
}

fn put(bytes: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

/// The mean of each of `length` values and of those up to `reach` before and after it.
fn means(length: usize, reach: usize, value: impl Fn(usize) -> u8, mut put: impl FnMut(usize, u8)) {
    let (mut sum, mut from, mut to) = (0u32, 0, 0);
    for at in 0..length {
        while to < length.min(at + reach + 1) {
            sum += u32::from(value(to));
            to += 1;
        }
        while from + reach < at {
            sum -= u32::from(value(from));
            from += 1;
        }
        let count = (to - from) as u32;
        put(at, ((sum + count / 2) / count.max(1)) as u8);
    }
}

#[cfg(test)]
mod tests {
    use slipstream_meta::{ChannelOrder, Colorimetry, PlaneMut, Size};

    use super::*;

    #[test]
    fn details_go_and_what_is_outside_stays() {
        let size = Size::new(48, 40);
        for format in [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Rgba(ChannelOrder::Rgb)] {
            let mut planes = [0, 1, 2].map(|plane| {
                let (row, rows) =
                    if plane < format.planes() { format.plane_extent(plane, size) } else { (0, 0) };
                // stripes a pixel wide, of mean 100
                (0..row * rows).map(|index| if index / 4 % 2 == 0 { 40 } else { 160 }).collect::<Vec<u8>>()
            });
            let before = planes.clone();
            let mut plane = 0;
            let views = planes.each_mut().map(|data| {
                let stride = if plane < format.planes() { format.plane_extent(plane, size).0 } else { 0 };
                plane += 1;
                PlaneMut { data, stride }
            });
            let mut picture = PictureMut::new(format, size, Colorimetry::default(), views).unwrap();
            blur(&mut picture, Rect::new(8.0, 8.0, 32.0, 24.0));
            let (row, rows) = format.plane_extent(0, size);
            let step = row / size.width as usize;
            for (at, (&now, &then)) in planes[0].iter().zip(&before[0]).enumerate() {
                let (x, y) = (at % row / step, at / row);
                let inside = (8..40).contains(&x) && (8..32).contains(&y);
                if !inside {
                    assert_eq!(now, then, "{format:?} {x} {y}");
                } else if (16..32).contains(&x) && (14..26).contains(&y) {
                    assert!(now.abs_diff(100) < 25, "{format:?} {x} {y} {now}");
                }
            }
            assert_eq!(rows, 40);
        }
        // regions that reach past the picture, or hold nothing
        let mut data = vec![7u8; 16];
        let views = [PlaneMut { data: &mut data, stride: 4 }, PlaneMut::default(), PlaneMut::default()];
        let mut picture =
            PictureMut::new(PixelFormat::Gray8, Size::new(4, 4), Colorimetry::default(), views).unwrap();
        for rect in [
            Rect::new(-9.0, -9.0, 99.0, 99.0),
            Rect::new(9.0, 0.0, 4.0, 4.0),
            Rect::new(1.0, 1.0, 0.0, f32::NAN),
        ] {
            blur(&mut picture, rect);
        }
        assert_eq!(data, [7; 16]);
    }
}
