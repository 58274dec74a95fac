//! The inner loops. They are written for the compiler to turn into vector instructions.

/// `value / 255`, rounded, for values up to 255².
#[inline(always)]
fn div_255(value: u16) -> u16 {
    let value = value + 128;
    (value + (value >> 8)) >> 8
}

#[inline(always)]
fn mix(under: u8, over: u8, alpha: u8) -> u8 {
    let alpha = u16::from(alpha);
    div_255(u16::from(under) * (255 - alpha) + u16::from(over) * alpha) as u8
}

/// Multiplies coverage by an opacity.
pub(super) fn scale(coverage: &mut [u8], alpha: u8) {
    if alpha != u8::MAX {
        for part in coverage {
            *part = div_255(u16::from(*part) * u16::from(alpha)) as u8;
        }
    }
}

/// Mixes `values` into every pixel of `step` bytes of `span`.
pub(super) fn blend_constant(values: &[u8; 4], step: usize, span: &mut [u8], alpha: u8) {
    match step {
        1 => constant(&[values[0]], span, alpha),
        2 => constant(&[values[0], values[1]], span, alpha),
        3 => constant(&[values[0], values[1], values[2]], span, alpha),
        _ => constant(values, span, alpha),
    }
}

fn constant<const STEP: usize>(values: &[u8; STEP], span: &mut [u8], alpha: u8) {
    let (pixels, _) = span.as_chunks_mut::<STEP>();
    if alpha == u8::MAX {
        pixels.fill(*values);
        return;
    }
    for pixel in pixels {
        for (under, over) in pixel.iter_mut().zip(values) {
            *under = mix(*under, *over, alpha);
        }
    }
}

/// Mixes `values` into the pixels of `row` from pixel `first`, each as far as `coverage` says.
pub(super) fn blend_covered(values: &[u8; 4], step: usize, row: &mut [u8], first: usize, coverage: &[u8]) {
    let Some(span) = row.get_mut(first * step..) else { return };
    match step {
        1 => covered(&[values[0]], span, coverage),
        2 => covered(&[values[0], values[1]], span, coverage),
        3 => covered(&[values[0], values[1], values[2]], span, coverage),
        _ => covered(values, span, coverage),
    }
}

fn covered<const STEP: usize>(values: &[u8; STEP], span: &mut [u8], coverage: &[u8]) {
    let (pixels, _) = span.as_chunks_mut::<STEP>();
    for (pixel, &alpha) in pixels.iter_mut().zip(coverage) {
        for (under, over) in pixel.iter_mut().zip(values) {
            *under = mix(*under, *over, alpha);
        }
    }
}
