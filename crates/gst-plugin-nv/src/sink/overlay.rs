//! `GstVideoOverlay`: programs that bring a window of their own.

use glib::subclass::prelude::*;
use glib::translate::*;
use gst::glib;
use gst::prelude::*;
use gst_video::prelude::*;

use super::element::HasScreen;

/// Has a sink of GStreamer's show its pictures in a window.
pub(super) fn show_in(sink: &gst::Element, window: usize) {
    if let Some(overlay) = sink.dynamic_cast_ref::<gst_video::VideoOverlay>() {
        // SAFETY: the number is what the program gave as the handle of its window.
        unsafe { overlay.set_window_handle(window) };
    }
}

unsafe extern "C" fn set_window_handle<T: HasScreen>(
    overlay: *mut gst_video::ffi::GstVideoOverlay,
    window: usize,
) {
    // SAFETY: GObject calls this for instances of the type that it was put into the interface of.
    let instance = unsafe { &*overlay.cast::<T::Instance>() };
    instance.imp().screen().show_in(window);
}

unsafe extern "C" fn expose<T: HasScreen>(overlay: *mut gst_video::ffi::GstVideoOverlay) {
    // SAFETY: as above.
    let instance = unsafe { &*overlay.cast::<T::Instance>() };
    if let Some(overlay) = inside(instance.imp()) {
        overlay.expose();
    }
}

unsafe extern "C" fn handle_events<T: HasScreen>(
    overlay: *mut gst_video::ffi::GstVideoOverlay,
    on: glib::ffi::gboolean,
) {
    // SAFETY: as above.
    let instance = unsafe { &*overlay.cast::<T::Instance>() };
    if let Some(overlay) = inside(instance.imp()) {
        // SAFETY: a number that GObject gave.
        overlay.handle_events(unsafe { from_glib(on) });
    }
}

unsafe extern "C" fn set_render_rectangle<T: HasScreen>(
    overlay: *mut gst_video::ffi::GstVideoOverlay,
    x: i32,
    y: i32,
    width: i32,
    height: i32,
) {
    // SAFETY: as above.
    let instance = unsafe { &*overlay.cast::<T::Instance>() };
    if let Some(overlay) = inside(instance.imp()) {
        // A rectangle that the sink does not take leaves the picture where it is.
        let _ = overlay.set_render_rectangle(x, y, width, height);
    }
}

fn inside<T: HasScreen>(imp: &T) -> Option<gst_video::VideoOverlay> {
    imp.screen().sink()?.dynamic_cast().ok()
}

/// Fills the interface of a type.
///
/// # Safety
/// `interface` is the interface of the type whose instance data is `T`.
pub(super) unsafe fn fill<T: HasScreen>(interface: *mut gst_video::ffi::GstVideoOverlayInterface) {
    // SAFETY: as promised by the caller.
    let interface = unsafe { &mut *interface };
    interface.set_window_handle = Some(set_window_handle::<T>);
    interface.expose = Some(expose::<T>);
    interface.handle_events = Some(handle_events::<T>);
    interface.set_render_rectangle = Some(set_render_rectangle::<T>);
}
