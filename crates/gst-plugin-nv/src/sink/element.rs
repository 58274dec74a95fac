//! The sinks, which differ in properties and in the screen they look for first.

use glib::subclass::prelude::*;
use gst::glib;

use super::imp::Screen;

/// Instance data with a screen in it.
pub(super) trait HasScreen: ObjectSubclass {
    fn screen(&self) -> &Screen;
}

macro_rules! sink {
    ($module:ident, $name:ident, $gtype:literal, $kind:path, $long_name:literal) => {
        pub(super) mod $module {
            use std::sync::LazyLock;

            use gst::glib;
            use gst::prelude::*;
            use gst::subclass::prelude::*;

            use super::HasScreen;
            use crate::basics::bin::templates;
            use crate::basics::properties::specs;
            use crate::sink::imp::{self, Found, Screen};
            use crate::sink::overlay;

            static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
                gst::DebugCategory::new(stringify!($module), gst::DebugColorFlags::empty(), Some($long_name))
            });

            /// Instance data of the element.
            pub struct $name {
                screen: Screen,
            }

            impl HasScreen for $name {
                fn screen(&self) -> &Screen {
                    &self.screen
                }
            }

            // SAFETY: all functions of the interface are set.
            unsafe impl IsImplementable<$name> for gst_video::VideoOverlay {
                fn interface_init(interface: &mut glib::Interface<Self>) {
                    // SAFETY: GObject fills the interface of the type that implements it.
                    unsafe { overlay::fill::<$name>(std::ptr::from_mut(interface).cast()) };
                }
            }

            #[glib::object_subclass]
            impl ObjectSubclass for $name {
                const NAME: &'static str = $gtype;
                const ALLOW_NAME_CONFLICT: bool = true;
                type Type = crate::sink::$name;
                type ParentType = gst::Bin;
                type Interfaces = (gst_video::VideoOverlay,);

                fn new() -> Self {
                    Self { screen: Screen::new(&$kind) }
                }
            }

            impl ObjectImpl for $name {
                fn properties() -> &'static [glib::ParamSpec] {
                    static SPECS: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
                        let mut specs = specs($kind.tables);
                        let last = glib::ParamSpecBoxed::builder::<gst::Sample>("last-sample");
                        specs.push(
                            last.nick("last-sample").blurb("The last picture shown").read_only().build(),
                        );
                        let stats = glib::ParamSpecBoxed::builder::<gst::Structure>("stats");
                        specs.push(
                            stats.nick("stats").blurb("Pictures shown and dropped").read_only().build(),
                        );
                        specs
                    });
                    &SPECS
                }

                fn set_property(&self, id: usize, value: &glib::Value, _pspec: &glib::ParamSpec) {
                    self.screen.set_property(id, value);
                }

                fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
                    let value = match pspec.name() {
                        name @ ("last-sample" | "stats") => self.screen.state_of_sink(name),
                        _ => self.screen.settings.value(id),
                    };
                    value.unwrap_or_else(|| pspec.default_value().clone())
                }

                fn constructed(&self) {
                    self.parent_constructed();
                    let object = self.obj();
                    let this = object.downgrade();
                    let wired = self.screen.wire(object.upcast_ref(), move |pad, parent, event| {
                        if let (Some(this), gst::EventView::Caps(caps)) = (this.upgrade(), event.view()) {
                            this.imp().screen.expect(caps.caps());
                        }
                        gst::Pad::event_default(pad, parent, event)
                    });
                    if let Err(err) = wired {
                        gst::error!(CAT, imp = self, "{err}");
                    }
                }
            }

            impl GstObjectImpl for $name {}

            impl ElementImpl for $name {
                fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
                    static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
                        gst::subclass::ElementMetadata::new(
                            $long_name,
                            "Sink/Video",
                            "Shows pictures on the screen there is, under DeepStream's name",
                            env!("CARGO_PKG_AUTHORS"),
                        )
                    });
                    Some(&METADATA)
                }

                fn pad_templates() -> &'static [gst::PadTemplate] {
                    static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
                        LazyLock::new(|| templates(Some(&imp::sink_caps()), None));
                    &TEMPLATES
                }

                fn change_state(
                    &self,
                    transition: gst::StateChange,
                ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
                    if transition == gst::StateChange::NullToReady {
                        match self.screen.open(self.obj().upcast_ref()) {
                            Ok(Found::Screen) => {}
                            Ok(Found::Nothing(why)) => gst::element_imp_warning!(
                                self,
                                gst::ResourceError::NotFound,
                                ["no screen to show pictures on, they are dropped at their time: {why}"]
                            ),
                            Err(err) => {
                                gst::element_imp_error!(self, gst::CoreError::Failed, ["{err}"]);
                                return Err(gst::StateChangeError);
                            }
                        }
                    }
                    let success = self.parent_change_state(transition);
                    if transition == gst::StateChange::ReadyToNull {
                        self.screen.close(self.obj().upcast_ref());
                    }
                    success
                }
            }

            impl BinImpl for $name {}
        }
    };
}

sink!(egl, NvEglGlesSink, "GstNveglglessink", imp::EGL, "EGL/GLES video sink");
sink!(three_d, Nv3dSink, "GstNv3dsink", imp::THREE_D, "Nvidia 3D sink");
sink!(drm, NvDrmVideoSink, "GstNvdrmvideosink", imp::DRM, "Nvidia Drm Video Sink");
