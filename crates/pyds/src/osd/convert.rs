//! Between DeepStream's structures and the model.

use slipstream_meta::{Color, DisplayItem, ObjectMeta, Point, Rect};

use super::{
    ArrowParams, BboxCoords, BboxInfo, CircleParams, ColorParams, FontParams, LineParams,
    NvOSD_Arrow_Head_Direction, RectParams, TextParams,
};
use crate::extras;
use crate::value::Text;

/// Pixels of a point: DeepStream's font sizes are in points of 1/72 inch, its pictures have 96 pixels per inch.
const PIXELS_PER_POINT: f32 = 4.0 / 3.0;
/// Line width of circles, whose structure has no field for it.
const CIRCLE_WIDTH: f32 = 2.0;
/// Size of labels where nothing else was asked for, in points.
const LABEL_POINTS: u32 = 11;
/// How far above its box a label begins, in pixels.
const LABEL_RISE: f32 = 10.0;
/// Font of labels.
const FONT: &str = "Serif";
/// Border of boxes where nothing else was asked for: what nvinfer gives them.
const BORDER_WIDTH: f32 = 3.0;
const BORDER_COLOR: ColorParams = ColorParams { red: 1.0, green: 0.0, blue: 0.0, alpha: 1.0 };

impl From<Color> for ColorParams {
    fn from(color: Color) -> Self {
        let part = |part: u8| f64::from(part) / f64::from(u8::MAX);
        Self {
            red: part(color.red),
            green: part(color.green),
            blue: part(color.blue),
            alpha: part(color.alpha),
        }
    }
}

impl ColorParams {
    /// The colour as the model holds it.
    pub(crate) fn color(&self) -> Color {
        Color::from_unit(self.red, self.green, self.blue, self.alpha)
    }

    /// This colour, or `exact` if the model holds them as the same.
    fn or_exactly(self, exact: Self) -> Self {
        if self.color() == exact.color() { exact } else { self }
    }
}

impl From<Rect> for BboxInfo {
    fn from(rect: Rect) -> Self {
        let Rect { left, top, width, height } = rect;
        Self { org_bbox_coords: BboxCoords { left, top, width, height } }
    }
}

impl BboxInfo {
    /// The box as the model holds it.
    pub(crate) fn rect(&self) -> Rect {
        let BboxCoords { left, top, width, height } = self.org_bbox_coords;
        Rect { left, top, width, height }
    }
}

/// A position of the model in whole pixels.
fn pixel(position: f32) -> u32 {
    position.max(0.0).round() as u32
}

/// Points of a font that is `size` pixels high.
fn points(size: f32) -> u32 {
    (size / PIXELS_PER_POINT).round() as u32
}

fn fill(has: u32, color: &ColorParams) -> Option<Color> {
    (has != 0).then(|| color.color())
}

/// An object's box as DeepStream has it.
pub(crate) fn object_rect(object: &ObjectMeta) -> RectParams {
    let Rect { left, top, width, height } = object.rect;
    let mut params = RectParams {
        left,
        top,
        width,
        height,
        border_width: pixel(object.border_width.unwrap_or(BORDER_WIDTH)),
        border_color: object.border_color.map_or(BORDER_COLOR, ColorParams::from),
        has_bg_color: object.fill.is_some().into(),
        bg_color: object.fill.map(ColorParams::from).unwrap_or_default(),
        ..RectParams::default()
    };
    if let Some(written) = extras::get(&object.user).and_then(|extras| extras.rect.as_ref()) {
        params.reserved = written.reserved;
        params.has_color_info = written.has_color_info;
        params.color_id = written.color_id;
        params.border_color = params.border_color.or_exactly(written.border_color);
        // A colour may be set before it is switched on.
        params.bg_color = match object.fill {
            Some(_) => params.bg_color.or_exactly(written.bg_color),
            None => written.bg_color,
        };
    }
    params
}

/// Gives an object the box that Python made of `old`; what it left as it was stays as it is in the model.
pub(crate) fn set_object_rect(object: &mut ObjectMeta, old: &RectParams, new: RectParams) {
    object.rect = Rect::new(new.left, new.top, new.width, new.height);
    if new.border_width != old.border_width {
        object.border_width = Some(new.border_width as f32);
    }
    if new.border_color != old.border_color {
        object.border_color = Some(new.border_color.color());
    }
    if new.has_bg_color != old.has_bg_color || new.bg_color != old.bg_color {
        object.fill = fill(new.has_bg_color, &new.bg_color);
    }
    if object_rect(object) != new {
        extras::change(&mut object.user, |extras| extras.rect = Some(new));
    }
}

/// An object's text as DeepStream has it: where the model has none, the label that is drawn instead.
pub(crate) fn object_text(object: &ObjectMeta) -> TextParams {
    let mut params = match &object.text {
        Some(text) => text_params(text),
        None => {
            let label = match object.tracking_id {
                Some(id) if object.display_tracking_id => format!("{} {id}", object.label),
                _ => object.label.to_string(),
            };
            let position = Point { x: object.rect.left, y: object.rect.top - LABEL_RISE };
            let white = ColorParams::from(Color::WHITE);
            TextParams {
                display_text: Text::from(label.trim()),
                x_offset: pixel(position.x),
                y_offset: pixel(position.y),
                font_params: FontParams {
                    font_name: FONT.into(),
                    font_size: LABEL_POINTS,
                    font_color: white,
                },
                set_bg_clr: 1,
                text_bg_clr: Color::BLACK.into(),
            }
        }
    };
    if let Some(written) = extras::get(&object.user).and_then(|extras| extras.text.as_ref()) {
        params.font_params.font_name = written.font_params.font_name.clone();
        let colors = &mut params.font_params.font_color;
        *colors = colors.or_exactly(written.font_params.font_color);
        params.text_bg_clr = match params.set_bg_clr {
            0 => written.text_bg_clr,
            _ => params.text_bg_clr.or_exactly(written.text_bg_clr),
        };
        if params.set_bg_clr != 0 && written.set_bg_clr != 0 {
            params.set_bg_clr = written.set_bg_clr;
        }
        if params.display_text.as_str().is_empty() {
            params.display_text = written.display_text.clone();
        }
    }
    params
}

/// Gives an object a text.
pub(crate) fn set_object_text(object: &mut ObjectMeta, new: TextParams) {
    object.text = Some(text_item(&new));
    if object_text(object) != new {
        extras::change(&mut object.user, |extras| extras.text = Some(new));
    }
}

/// A line of text as DeepStream has it.
pub(crate) fn text_params(text: &slipstream_meta::Text) -> TextParams {
    TextParams {
        display_text: Text::from(text.content.as_str()),
        x_offset: pixel(text.position.x),
        y_offset: pixel(text.position.y),
        font_params: FontParams {
            font_name: FONT.into(),
            font_size: points(text.size),
            font_color: text.color.into(),
        },
        set_bg_clr: text.background.is_some().into(),
        text_bg_clr: text.background.map(ColorParams::from).unwrap_or_default(),
    }
}

/// A line of text as the model has it.
pub(crate) fn text_item(params: &TextParams) -> slipstream_meta::Text {
    slipstream_meta::Text {
        content: params.display_text.as_str().to_owned(),
        position: Point { x: params.x_offset as f32, y: params.y_offset as f32 },
        size: params.font_params.font_size as f32 * PIXELS_PER_POINT,
        color: params.font_params.font_color.color(),
        background: (params.set_bg_clr != 0).then(|| params.text_bg_clr.color()),
    }
}

/// A rectangle that is drawn besides objects.
pub(crate) fn rect_params(rect: &Rect, width: f32, color: Color, fill: Option<Color>) -> RectParams {
    RectParams {
        left: rect.left,
        top: rect.top,
        width: rect.width,
        height: rect.height,
        border_width: pixel(width),
        border_color: color.into(),
        has_bg_color: fill.is_some().into(),
        bg_color: fill.map(ColorParams::from).unwrap_or_default(),
        ..RectParams::default()
    }
}

/// The rectangle as the model has it.
pub(crate) fn rect_item(params: &RectParams) -> DisplayItem {
    DisplayItem::Rect {
        rect: Rect::new(params.left, params.top, params.width, params.height),
        width: params.border_width as f32,
        color: params.border_color.color(),
        fill: fill(params.has_bg_color, &params.bg_color),
    }
}

/// A line as DeepStream has it.
pub(crate) fn line_params(from: &Point, to: &Point, width: f32, color: Color) -> LineParams {
    LineParams {
        x1: pixel(from.x),
        y1: pixel(from.y),
        x2: pixel(to.x),
        y2: pixel(to.y),
        line_width: pixel(width),
        line_color: color.into(),
    }
}

fn point(x: u32, y: u32) -> Point {
    Point { x: x as f32, y: y as f32 }
}

/// The line as the model has it.
pub(crate) fn line_item(params: &LineParams) -> DisplayItem {
    DisplayItem::Line {
        from: point(params.x1, params.y1),
        to: point(params.x2, params.y2),
        width: params.line_width as f32,
        color: params.line_color.color(),
    }
}

const START_HEAD: i64 = 0;
const END_HEAD: i64 = 1;
const BOTH_HEAD: i64 = 2;

/// An arrow as DeepStream has it; one without heads is given one at its end.
pub(crate) fn arrow_params(
    from: &Point,
    to: &Point,
    heads: (bool, bool),
    width: f32,
    color: Color,
) -> ArrowParams {
    ArrowParams {
        x1: pixel(from.x),
        y1: pixel(from.y),
        x2: pixel(to.x),
        y2: pixel(to.y),
        arrow_width: pixel(width),
        arrow_head: NvOSD_Arrow_Head_Direction(match heads {
            (true, true) => BOTH_HEAD,
            (true, false) => START_HEAD,
            (false, _) => END_HEAD,
        }),
        arrow_color: color.into(),
        ..ArrowParams::default()
    }
}

/// The arrow as the model has it.
pub(crate) fn arrow_item(params: &ArrowParams) -> DisplayItem {
    let head = params.arrow_head.0;
    DisplayItem::Arrow {
        from: point(params.x1, params.y1),
        to: point(params.x2, params.y2),
        head_at_start: head != END_HEAD,
        head_at_end: head != START_HEAD,
        width: params.arrow_width as f32,
        color: params.arrow_color.color(),
    }
}

/// A circle as DeepStream has it.
pub(crate) fn circle_params(center: &Point, radius: f32, color: Color, fill: Option<Color>) -> CircleParams {
    CircleParams {
        xc: pixel(center.x),
        yc: pixel(center.y),
        radius: pixel(radius),
        circle_color: color.into(),
        has_bg_color: fill.is_some().into(),
        bg_color: fill.map(ColorParams::from).unwrap_or_default(),
        ..CircleParams::default()
    }
}

/// The circle as the model has it.
pub(crate) fn circle_item(params: &CircleParams) -> DisplayItem {
    DisplayItem::Circle {
        center: point(params.xc, params.yc),
        radius: params.radius as f32,
        width: CIRCLE_WIDTH,
        color: params.circle_color.color(),
        fill: fill(params.has_bg_color, &params.bg_color),
    }
}
