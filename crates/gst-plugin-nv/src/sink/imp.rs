//! What the sinks have in common: the choice of a screen, and the elements that lead to it.

use gst::glib;
use gst::prelude::*;
use gst_video::VideoFormat;
use parking_lot::Mutex;
use slipstream_buffer::meta::{batch_caps, nvmm_caps};
use slipstream_meta::{Rect, Size};

use super::properties;
use crate::basics::bin::{self, chain, ghost_with, lead, set};
use crate::basics::properties::{Property, Settings};
use crate::convert::{NVMM_FORMATS, NvVideoConvert, egl_caps};

/// One of the sinks and what is its own.
pub(super) struct Kind {
    pub(super) tables: &'static [&'static [Property]],
    /// Whether the kernel's display comes first.
    drm: bool,
}

pub(super) static EGL: Kind =
    Kind { tables: &[&properties::EGL_BASE, &properties::WINDOW, &properties::EGL], drm: false };
pub(super) static THREE_D: Kind =
    Kind { tables: &[&properties::OTHER_BASE, &properties::WINDOW], drm: false };
pub(super) static DRM: Kind = Kind { tables: &[&properties::OTHER_BASE, &properties::DRM], drm: true };

/// Names of properties of the sink inside, where they are others.
const RENAMED: [(&str, &str); 3] =
    [("conn-id", "connector-id"), ("plane-id", "plane-id"), ("set-mode", "force-modesetting")];
/// Those that the sink inside has under the same name, or not at all.
const OWN: [&str; 1] = ["display"];

/// What goes in: everything, for it is converted.
pub(super) fn sink_caps() -> gst::Caps {
    let mut caps = nvmm_caps(NVMM_FORMATS);
    caps.merge(egl_caps());
    caps.merge(gst_video::VideoCapsBuilder::new().format_list(NVMM_FORMATS).build());
    caps.merge(batch_caps());
    caps
}

/// Elements that may show pictures here, the best first.
fn candidates(kind: &Kind) -> Vec<&'static str> {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let mut candidates = Vec::new();
    if kind.drm {
        candidates.push("kmssink");
    }
    if is_set("WAYLAND_DISPLAY") {
        candidates.push("waylandsink");
    }
    if is_set("DISPLAY") {
        candidates.extend(["xvimagesink", "ximagesink"]);
    }
    candidates
}

/// The best element that finds its screen. The others are tried first, and hold on to it meanwhile: some servers start anew
/// when nobody is connected any more.
fn screen(kind: &Kind) -> Option<gst::Element> {
    let mut best: Option<gst::Element> = None;
    for name in candidates(kind).into_iter().rev() {
        let Ok(sink) = gst::ElementFactory::make(name).build() else { continue };
        let other = if sink.set_state(gst::State::Ready).is_ok() { best.replace(sink) } else { Some(sink) };
        if let Some(other) = other {
            let _ = other.set_state(gst::State::Null);
        }
    }
    best
}

/// The elements inside.
struct Parts {
    convert: gst::Element,
    filter: gst::Element,
    sink: gst::Element,
}

/// Which screen was found.
pub(super) enum Found {
    Screen,
    /// Why pictures are dropped.
    Nothing(String),
}

/// A screen in a bin.
pub(super) struct Screen {
    kind: &'static Kind,
    pub(super) settings: Settings,
    parts: Mutex<Option<Parts>>,
    pad: Mutex<Option<gst::GhostPad>>,
    /// The window that a program wants pictures in.
    window: Mutex<Option<usize>>,
}

impl Screen {
    pub(super) fn new(kind: &'static Kind) -> Self {
        let settings = Settings::new(kind.tables);
        Self { kind, settings, parts: Mutex::default(), pad: Mutex::default(), window: Mutex::default() }
    }

    /// Gives the bin its pad.
    pub(super) fn wire(
        &self,
        bin: &gst::Bin,
        on_event: impl Fn(&gst::GhostPad, Option<&gst::Object>, gst::Event) -> bool + Send + Sync + 'static,
    ) -> Result<(), glib::BoolError> {
        // Before there is a sink inside: pipelines ask for this when they wait for the end.
        bin.set_element_flags(gst::ElementFlags::SINK);
        *self.pad.lock() = Some(ghost_with(bin, "sink", |pad| pad.event_function(on_event))?);
        Ok(())
    }

    /// Looks for a screen, and leads pictures there.
    pub(super) fn open(&self, bin: &gst::Bin) -> Result<Found, String> {
        let found = screen(self.kind);
        let (sink, found) = match found {
            Some(sink) => (sink, Found::Screen),
            None => {
                let tried = candidates(self.kind);
                let why = if tried.is_empty() {
                    "neither DISPLAY nor WAYLAND_DISPLAY is set".to_owned()
                } else {
                    format!("tried {}, which on Debian and Ubuntu gstreamer1.0-x brings", tried.join(", "))
                };
                (bin::make("fakesink").map_err(|err| err.to_string())?, Found::Nothing(why))
            }
        };
        let convert: gst::Element = glib::Object::new::<NvVideoConvert>().upcast();
        let filter = bin::filter(&self.window_caps()).map_err(|err| err.to_string())?;
        // Without a screen nothing needs to be converted either.
        let wired = match found {
            Found::Screen => chain(bin, &[&convert, &filter, &sink])
                .and_then(|()| self.pad.lock().as_ref().map_or(Ok(()), |pad| lead(pad, &convert, "sink"))),
            Found::Nothing(_) => chain(bin, &[&sink])
                .and_then(|()| self.pad.lock().as_ref().map_or(Ok(()), |pad| lead(pad, &sink, "sink"))),
        };
        wired.map_err(|err| err.to_string())?;
        for property in self.kind.tables.iter().copied().flatten() {
            if let Some(value) = self.settings.value_of(property.name()) {
                forward(&sink, property.name(), &value);
            }
        }
        if let Some(window) = *self.window.lock() {
            super::overlay::show_in(&sink, window);
        }
        *self.parts.lock() = Some(Parts { convert, filter, sink });
        Ok(found)
    }

    /// Takes the elements out again: the next screen may be another one.
    pub(super) fn close(&self, bin: &gst::Bin) {
        let Some(Parts { convert, filter, sink }) = self.parts.lock().take() else { return };
        if let Some(pad) = &*self.pad.lock() {
            // To no target, which cannot fail.
            let _ = pad.set_target(None::<&gst::Pad>);
        }
        for element in [convert, filter, sink] {
            let _ = element.set_state(gst::State::Null);
            if element.parent().is_some() {
                let _ = bin.remove(&element);
            }
        }
        // The last sink takes this along.
        bin.set_element_flags(gst::ElementFlags::SINK);
    }

    /// The sink inside, while there is one.
    pub(super) fn sink(&self) -> Option<gst::Element> {
        self.parts.lock().as_ref().map(|parts| parts.sink.clone())
    }

    /// The window to show pictures in.
    pub(super) fn show_in(&self, window: usize) {
        *self.window.lock() = Some(window);
        if let Some(sink) = self.sink() {
            super::overlay::show_in(&sink, window);
        }
    }

    /// Takes a property up, and hands it to the sink inside.
    pub(super) fn set_property(&self, id: usize, value: &glib::Value) {
        let Some(name) = self.settings.set(id, value).map(Property::name) else { return };
        if let Some(sink) = self.sink() {
            forward(&sink, name, value);
        }
    }

    /// A property that the sink inside knows alone.
    pub(super) fn state_of_sink(&self, name: &str) -> Option<glib::Value> {
        let sink = self.sink()?;
        sink.has_property(name).then(|| sink.property_value(name))
    }

    fn window_size(&self) -> Option<Size> {
        let size = Size::new(self.settings.number("window-width"), self.settings.number("window-height"));
        (size.width > 0 && size.height > 0).then_some(size)
    }

    fn window_caps(&self) -> gst::Caps {
        let plain = gst_video::VideoCapsBuilder::new().format_list(all_formats());
        match self.window_size() {
            Some(size) => plain.width(size.width as i32).height(size.height as i32).build(),
            None => plain.build(),
        }
    }

    /// Places pictures of new caps in a window of given size.
    pub(super) fn expect(&self, caps: &gst::CapsRef) {
        let (Some(window), Ok(info)) = (self.window_size(), gst_video::VideoInfo::from_caps(caps)) else {
            return;
        };
        let parts = self.parts.lock();
        let Some(parts) = parts.as_ref() else { return };
        let picture = Size::new(info.width(), info.height());
        let place = if self.settings.is_on("force-aspect-ratio") {
            slipstream_draw::fit(picture, Rect::of_size(window))
        } else {
            Rect::of_size(window)
        };
        let text = format!("{}:{}:{}:{}", place.left, place.top, place.width, place.height);
        set(&parts.convert, "dest-crop", &text);
        // New caps are to be asked for although they may be the same.
        parts.filter.set_property("caps", self.window_caps());
    }
}

/// Everything that a screen may want.
fn all_formats() -> impl IntoIterator<Item = VideoFormat> {
    gst_video::VIDEO_FORMATS_ALL.iter().copied()
}

fn forward(sink: &gst::Element, name: &str, value: &glib::Value) {
    if OWN.contains(&name) {
        return;
    }
    let name = RENAMED.iter().find(|(ours, _)| *ours == name).map_or(name, |(_, theirs)| theirs);
    let takes = sink.find_property(name).is_some_and(|spec| {
        spec.flags().contains(glib::ParamFlags::WRITABLE) && spec.value_type() == value.type_()
    });
    if takes {
        sink.set_property_from_value(name, value);
    }
}
