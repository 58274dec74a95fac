//! How DeepStream's detector describes objects.

use gstslipstream::infer::Dialect;
use slipstream_meta::{ObjectMeta, Point, Text};

use crate::look::{BORDER_WIDTH, RED, text};

/// Size of an object's text in points.
const FONT_SIZE: f32 = 11.0;
/// How far above its object a text begins, in pixels.
const ABOVE: f32 = 10.0;

/// Objects with a border in red unless the config says otherwise, and a text: their class, and what classifiers said.
pub(super) struct DeepStream;

/// An object's text before anybody changed it.
fn label(object: &ObjectMeta) -> Text {
    let position = Point { x: object.rect.left.max(0.0), y: (object.rect.top - ABOVE).max(0.0) };
    text(object.label.to_string(), position, FONT_SIZE)
}

impl Dialect for DeepStream {
    fn object(&self, object: &mut ObjectMeta) {
        object.border_width = Some(BORDER_WIDTH);
        object.border_color.get_or_insert(RED);
        object.text = Some(label(object));
    }

    fn attributes(&self, object: &mut ObjectMeta, first: usize) {
        let said: Vec<_> = object
            .classifications
            .iter()
            .skip(first)
            .filter(|said| !said.label.is_empty())
            .map(|said| said.label.clone())
            .collect();
        let mut text = object.text.take().unwrap_or_else(|| label(object));
        for said in said {
            if !text.content.is_empty() {
                text.content.push(' ');
            }
            text.content.push_str(&said);
        }
        object.text = Some(text);
    }
}
