//! Colours of classes.

use slipstream_meta::Color;

/// Okabe and Ito's colours, which people of every colour vision can tell apart (M. Okabe, K. Ito: Color Universal
/// Design, 2008), without black; the order sets the first classes of a detector as far apart as possible, and the blue
/// is lighter than theirs so that it stands out from dark pictures.
const PALETTE: [Color; 7] = [
    Color::rgb(86, 180, 233),  // sky blue
    Color::rgb(230, 159, 0),   // orange
    Color::rgb(0, 178, 130),   // bluish green
    Color::rgb(240, 228, 66),  // yellow
    Color::rgb(204, 121, 167), // reddish purple
    Color::rgb(235, 104, 30),  // vermilion
    Color::rgb(70, 130, 220),  // blue
];

/// Colour of objects without a class.
const NO_CLASS: Color = Color::rgb(200, 200, 200);

/// The colour of a class: always the same for the same index. Negative indices mean no class and are grey.
pub fn class_color(class_id: i32) -> Color {
    let Ok(index) = usize::try_from(class_id) else { return NO_CLASS };
    PALETTE[index % PALETTE.len()]
}

/// Black or white, whichever is easier to read on `background`.
pub(crate) fn ink_on(background: Color) -> Color {
    // Luma where black and white letters have equal contrast (4.6:1 by WCAG 2's formula on a grey of this value).
    const EQUAL_CONTRAST: u32 = 117;
    // Luma of BT.601 in thousandths.
    let (red, green, blue) = (background.red, background.green, background.blue);
    let luma = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    if luma > EQUAL_CONTRAST * 1000 { Color::BLACK } else { Color::WHITE }
}
