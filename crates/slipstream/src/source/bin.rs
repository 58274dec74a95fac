//! A bin whose errors stay in the family.

use gst::glib;

glib::wrapper! {
    /// Holds the elements of one connection. What goes wrong in it is told to its supervisor, at once and with the
    /// elements still in place, and never reaches the pipeline that the bin is a part of.
    pub struct CameraBin(ObjectSubclass<imp::CameraBin>) @extends gst::Bin, gst::Element, gst::Object,
        @implements gst::ChildProxy;
}

impl CameraBin {
    /// An empty bin that hands errors to `listener`, on whichever thread they happen.
    pub(super) fn new(name: &str, listener: impl Fn(&gst::message::Error) + Send + Sync + 'static) -> Self {
        let bin: Self =
            glib::Object::builder().property("name", name).property("async-handling", true).build();
        imp::listen(&bin, Box::new(listener));
        bin
    }
}

mod imp {
    use std::sync::OnceLock;

    use gst::glib;
    use gst::subclass::prelude::*;

    type Listener = Box<dyn Fn(&gst::message::Error) + Send + Sync>;

    #[derive(Default)]
    pub struct CameraBin {
        listener: OnceLock<Listener>,
    }

    pub(super) fn listen(bin: &super::CameraBin, listener: Listener) {
        // The bin was just made: nothing is set yet.
        let _ = bin.imp().listener.set(listener);
    }

    #[glib::object_subclass]
    impl ObjectSubclass for CameraBin {
        const NAME: &'static str = "SlipstreamCameraBin";
        type Type = super::CameraBin;
        type ParentType = gst::Bin;
    }

    impl ObjectImpl for CameraBin {}
    impl GstObjectImpl for CameraBin {}
    impl ElementImpl for CameraBin {}

    impl BinImpl for CameraBin {
        fn handle_message(&self, message: gst::Message) {
            match (message.view(), self.listener.get()) {
                (gst::MessageView::Error(error), Some(listener)) => listener(error),
                (gst::MessageView::Warning(warning), _) => {
                    tracing::debug!("{}", crate::uri::redact(&warning.error().to_string()));
                }
                _ => self.parent_handle_message(message),
            }
        }
    }
}
