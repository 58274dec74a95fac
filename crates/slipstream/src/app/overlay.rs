//! How objects look: DeepStream's app chooses colours and texts itself, whatever the detector chose.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gst::prelude::*;
use gstslipstream::meta::Batch;
use slipstream_meta::{Color, ObjectMeta, Point, Text};

use super::config::{AppConfig, Gie, Osd};

/// DeepStream gives font sizes in points; at 96 pixels to the inch, a point is so many pixels.
const PIXELS_PER_POINT: f32 = 96.0 / 72.0;
/// Points of texts where the file sets none: what the detector has.
const TEXT_SIZE: u32 = 11;
/// How far above its object a text begins, in pixels.
const ABOVE: f32 = 30.0;
/// Numbers of objects are shown without their upper half, which says where they were given.
const SHOWN_DIGITS: u64 = 0xffff_ffff;

/// What is known of the look of objects.
#[derive(Debug)]
pub(super) struct Look {
    /// Detectors by the number that their objects carry.
    gies: Vec<(u32, Gie)>,
    border_width: Option<f32>,
    text_size: f32,
    text_color: Color,
    text_background: Option<Color>,
    shows_ids: bool,
    /// Whether texts are shown; among tiles they are not, unless they are asked for.
    shows_text: Arc<AtomicBool>,
}

impl Look {
    /// The look that `config` asks for. `gies` are its detectors, each with the number that its objects carry.
    pub(super) fn new(config: &AppConfig, gies: Vec<(u32, Gie)>, shows_text: Arc<AtomicBool>) -> Self {
        let osd = config.osd.clone().unwrap_or_default();
        let Osd { border_width, text_size, text_color, text_bg_color, .. } = osd;
        Self {
            gies,
            border_width: border_width.map(|width| width as f32),
            text_size: text_size.unwrap_or(TEXT_SIZE) as f32 * PIXELS_PER_POINT,
            text_color: text_color.unwrap_or(Color::WHITE),
            text_background: text_bg_color,
            shows_ids: config.tracker.as_ref().is_none_or(|tracker| tracker.display_tracking_id),
            shows_text,
        }
    }

    /// Gives this look to all that comes to `pad`.
    pub(super) fn apply(self: Arc<Self>, pad: &gst::Pad) {
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(mut batch) = info.buffer_mut().and_then(Batch::from_buffer_mut) {
                let shows_text = self.shows_text.load(Ordering::Relaxed);
                for object in batch.frames.iter_mut().flat_map(|frame| &mut frame.objects) {
                    self.dress(object, shows_text);
                }
            }
            gst::PadProbeReturn::Ok
        });
    }

    fn dress(&self, object: &mut ObjectMeta, shows_text: bool) {
        if let Some((_, gie)) = self.gies.iter().find(|(id, _)| *id == object.component_id) {
            object.border_color = Some(gie.border(object.class_id));
            object.fill = gie.fill(object.class_id);
            if self.border_width.is_some() {
                object.border_width = self.border_width;
            }
        }
        let content = if shows_text { self.text(object) } else { String::new() };
        object.text = Some(Text {
            content,
            position: Point { x: object.rect.left, y: (object.rect.top - ABOVE).max(0.0) },
            size: self.text_size,
            color: self.text_color,
            background: self.text_background,
        });
    }

    /// Label, number, and what classifiers said, in the order of their numbers.
    fn text(&self, object: &ObjectMeta) -> String {
        let mut text = object.label.to_string();
        if let Some(id) = object.tracking_id.filter(|_| self.shows_ids) {
            text.push_str(&format!(" {}", id & SHOWN_DIGITS));
        }
        let mut said: Vec<_> = object.classifications.iter().collect();
        said.sort_by_key(|said| said.component_id);
        for said in said.into_iter().filter(|said| !said.label.is_empty()) {
            text.push(' ');
            text.push_str(&said.label);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slipstream_meta::{Classification, Rect};

    #[test]
    fn colours_are_the_files_and_texts_join_label_number_and_classes() {
        let text = "[primary-gie]\nenable=1\nconfig-file=a\nbbox-border-color1=0;1;0;1\nbbox-bg-color1=0;0;1;0.5\n\
                    [osd]\nenable=1\nborder-width=2\ntext-size=15\ntext-color=1;1;0;1\n";
        let (config, _) = AppConfig::parse(text, std::path::Path::new("a.txt")).unwrap();
        let gie = config.primary_gie.clone().unwrap();
        let look = Look::new(&config, vec![(1, gie)], Arc::default());
        let rect = Rect { left: 5.0, top: 40.0, width: 10.0, height: 10.0 };
        let mut object = ObjectMeta::detected(1, "car".into(), 0.5, rect);
        object.component_id = 1;
        object.tracking_id = Some(0x5_0000_0007);
        let said = |component_id, label: &str| Classification {
            component_id,
            classifier_type: None,
            attribute: 0,
            class_id: 0,
            label: label.into(),
            probability: 1.0,
        };
        object.classifications = vec![said(6, "audi"), said(4, "blue")];
        look.dress(&mut object, true);
        assert_eq!(object.border_color, Some(Color::rgb(0, 255, 0)));
        assert_eq!(object.fill, Some(Color::rgb(0, 0, 255).with_alpha(128)));
        assert_eq!(object.border_width, Some(2.0));
        let text = object.text.clone().unwrap();
        assert_eq!(text.content, "car 7 blue audi");
        assert_eq!((text.position, text.size), (Point { x: 5.0, y: 10.0 }, 20.0));
        assert_eq!((text.color, text.background), (Color::rgb(255, 255, 0), None));
        look.dress(&mut object, false);
        assert_eq!(object.text.unwrap().content, "");
        // Of a component that the file does not know, only the text is.
        let mut other = ObjectMeta::detected(1, "cat".into(), 0.5, rect);
        other.component_id = 9;
        look.dress(&mut other, true);
        assert_eq!((other.border_color, other.border_width), (None, None));
    }
}
