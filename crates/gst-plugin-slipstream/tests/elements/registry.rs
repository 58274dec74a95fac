//! What `gst-inspect-1.0` shows.

use std::collections::BTreeSet;

use gst::glib;
use gst::prelude::*;

use crate::common::init;

/// The elements and those of their properties that they define.
const ELEMENTS: [(&str, &[&str]); 7] = [
    ("slipmux", &["live", "framerate"]),
    (
        "slipinfer",
        &[
            "config-file-path",
            "process-mode",
            "batch-size",
            "interval",
            "unique-id",
            "infer-on-gie-id",
            "infer-on-class-ids",
            "filter-out-class-ids",
            "output-tensor-meta",
            "output-instance-mask",
            "crop-objects-to-roi-boundary",
            "budget",
            "hold-objects",
            "workers",
            "nice",
            "stats",
        ],
    ),
    (
        "sliptrack",
        &[
            "ll-config-file",
            "ll-lib-file",
            "tracker-width",
            "tracker-height",
            "operate-on-class-ids",
            "keep-untracked",
            "display-tracking-id",
            "trail-length",
            "tracking-id-reset-mode",
            "user-meta-pool-size",
            "stats",
        ],
    ),
    ("sliptiler", &["rows", "columns", "width", "height", "show-source", "keep-aspect-ratio"]),
    (
        "sliposd",
        &[
            "display-text",
            "display-bbox",
            "display-mask",
            "display-trails",
            "display-stats",
            "display-confidence",
            "font-size",
            "border-width",
        ],
    ),
    ("slipdemux", &[]),
    ("slipscenesrc", &["camera", "truth", "is-live"]),
];

fn own_properties(object: &impl IsA<glib::Object>) -> Vec<glib::ParamSpec> {
    let own = |spec: &glib::ParamSpec| spec.owner_type().name().starts_with("GstSlip");
    object.list_properties().iter().filter(|spec| own(spec)).cloned().collect()
}

/// A value that is not the default.
fn other_value(spec: &glib::ParamSpec) -> glib::Value {
    if let Some(spec) = spec.downcast_ref::<glib::ParamSpecBoolean>() {
        (!spec.default_value()).to_value()
    } else if let Some(spec) = spec.downcast_ref::<glib::ParamSpecUInt>() {
        (spec.default_value() / 2 + 16).min(spec.maximum()).to_value()
    } else if let Some(spec) = spec.downcast_ref::<glib::ParamSpecInt>() {
        (spec.default_value() + 4).to_value()
    } else if spec.is::<glib::ParamSpecDouble>() {
        0.625.to_value()
    } else if spec.is::<glib::ParamSpecString>() {
        "some words".to_value()
    } else if let Some(class) = glib::EnumClass::with_type(spec.value_type()) {
        class.to_value(class.values().last().unwrap().value()).unwrap()
    } else if spec.value_type() == gst::Fraction::static_type() {
        gst::Fraction::new(30000, 1001).to_value()
    } else {
        panic!("no value for {spec:?}")
    }
}

fn check_properties(object: &impl IsA<glib::Object>) {
    for spec in own_properties(object) {
        let name = spec.name();
        assert!(spec.nick() != name && !spec.nick().is_empty(), "{name} has a nick of its own");
        assert!(spec.blurb().is_some_and(|blurb| blurb.len() > 10), "{name} is described");
        assert!(spec.flags().contains(glib::ParamFlags::READABLE), "{name} can be read");
        if !spec.flags().contains(glib::ParamFlags::WRITABLE) {
            continue;
        }
        let value = other_value(&spec);
        object.set_property_from_value(name, &value);
        let read = object.property_value(name);
        assert_eq!(value.serialize().unwrap(), read.serialize().unwrap(), "{name}");
        object.set_property_from_value(name, spec.default_value());
        let read = object.property_value(name);
        if !spec.is::<glib::ParamSpecString>() {
            assert_eq!(spec.default_value().serialize().unwrap(), read.serialize().unwrap(), "{name}");
        }
    }
}

#[test]
fn every_property_can_be_set_and_read_and_is_described() {
    init();
    for (name, expected) in ELEMENTS {
        let element = gst::ElementFactory::make(name).build().unwrap();
        let properties = own_properties(&element);
        let names: BTreeSet<_> = properties.iter().map(glib::ParamSpec::name).collect();
        assert_eq!(names, expected.iter().copied().collect(), "{name}");
        check_properties(&element);
    }
    let mux = gst::ElementFactory::make("slipmux").build().unwrap();
    let pad = mux.request_pad_simple("sink_7").unwrap();
    assert_eq!(pad.property::<String>("source-name"), "source 7");
    let names: Vec<_> = own_properties(&pad).iter().map(|spec| spec.name().to_owned()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    check_properties(&pad);
}

#[test]
fn every_element_says_what_it_is() {
    init();
    for (name, _) in ELEMENTS {
        let factory = gst::ElementFactory::find(name).unwrap();
        for key in ["long-name", "klass", "description", "author"] {
            assert!(factory.metadata(key).is_some_and(|text| text.len() > 4), "{name}: {key}");
        }
        assert_eq!(factory.rank(), gst::Rank::NONE, "{name} is never plugged by itself");
        let templates: Vec<_> =
            factory.static_pad_templates().iter().map(|t| t.name_template().to_owned()).collect();
        let expected: &[&str] = match name {
            "slipmux" => &["sink_%u", "src"],
            "slipdemux" => &["sink", "src_%u"],
            "slipscenesrc" => &["src"],
            _ => &["sink", "src"],
        };
        assert_eq!(
            templates.iter().cloned().collect::<BTreeSet<_>>(),
            expected.iter().map(|&t| t.into()).collect()
        );
        let element = factory.create().build().unwrap();
        let flags = element.element_flags();
        assert_eq!(flags.contains(gst::ElementFlags::REQUIRE_CLOCK), name == "slipmux");
        assert!(!flags.contains(gst::ElementFlags::SINK), "{name}: {flags:?}");
        assert_eq!(flags.contains(gst::ElementFlags::SOURCE), name == "slipscenesrc", "{name}");
    }
}
