//! The two elements, which differ in their codec only.

macro_rules! encoder {
    ($module:ident, $name:ident, $gtype:literal, $codec:path, $long_name:literal) => {
        pub(super) mod $module {
            use std::sync::LazyLock;

            use gst::glib;
            use gst::prelude::*;
            use gst::subclass::prelude::*;

            use crate::basics::bin::templates;
            use crate::basics::properties::specs;
            use crate::encoder::imp::{self, Encoder};

            static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
                gst::DebugCategory::new(stringify!($module), gst::DebugColorFlags::empty(), Some($long_name))
            });

            /// Instance data of the element.
            pub struct $name {
                encoder: Encoder,
            }

            #[glib::object_subclass]
            impl ObjectSubclass for $name {
                const NAME: &'static str = $gtype;
                const ALLOW_NAME_CONFLICT: bool = true;
                type Type = crate::encoder::$name;
                type ParentType = gst::Bin;

                fn new() -> Self {
                    Self { encoder: Encoder::new(&$codec) }
                }
            }

            impl ObjectImpl for $name {
                fn properties() -> &'static [glib::ParamSpec] {
                    static SPECS: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| specs($codec.tables));
                    &SPECS
                }

                fn signals() -> &'static [glib::subclass::Signal] {
                    static SIGNALS: LazyLock<Vec<glib::subclass::Signal>> = LazyLock::new(|| {
                        let force = glib::subclass::Signal::builder("force-IDR").action();
                        vec![
                            force
                                .class_handler(|args| {
                                    if let Some(Ok(this)) =
                                        args.first().map(|this| this.get::<crate::encoder::$name>())
                                    {
                                        this.imp().encoder.force_key_frame();
                                    }
                                    None
                                })
                                .build(),
                        ]
                    });
                    &SIGNALS
                }

                fn set_property(&self, id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
                    self.encoder.settings.set(id, value);
                    match pspec.name() {
                        "bitrate" => self.encoder.set_bitrate(),
                        "force-idr" | "force-intra" if value.get() == Ok(true) => {
                            self.encoder.force_key_frame()
                        }
                        _ => {}
                    }
                }

                fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
                    self.encoder.settings.value(id).unwrap_or_else(|| pspec.default_value().clone())
                }

                fn constructed(&self) {
                    self.parent_constructed();
                    let object = self.obj();
                    let this = object.downgrade();
                    let wired = self.encoder.wire(object.upcast_ref(), move |pad, parent, event| {
                        if let (Some(this), gst::EventView::Caps(caps)) = (this.upgrade(), event.view()) {
                            this.imp().encoder.expect(caps.caps());
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
                            "Codec/Encoder/Video",
                            "Encodes video in software, under DeepStream's name and caps",
                            env!("CARGO_PKG_AUTHORS"),
                        )
                    });
                    Some(&METADATA)
                }

                fn pad_templates() -> &'static [gst::PadTemplate] {
                    static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
                        LazyLock::new(|| templates(Some(&$codec.sink_caps()), Some(&$codec.src_caps())));
                    &TEMPLATES
                }

                fn change_state(
                    &self,
                    transition: gst::StateChange,
                ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
                    if transition == gst::StateChange::NullToReady
                        && let Err(missing) = self.encoder.check()
                    {
                        gst::element_imp_error!(self, gst::CoreError::MissingPlugin, ["{missing}"]);
                        return Err(gst::StateChangeError);
                    }
                    if transition == gst::StateChange::ReadyToPaused {
                        self.encoder.set_up();
                    }
                    self.parent_change_state(transition)
                }
            }

            impl BinImpl for $name {}
        }
    };
}

encoder!(h264, NvV4l2H264Enc, "GstNvv4l2h264enc", imp::H264, "V4L2 H.264 Encoder");
encoder!(h265, NvV4l2H265Enc, "GstNvv4l2h265enc", imp::H265, "V4L2 H.265 Encoder");
