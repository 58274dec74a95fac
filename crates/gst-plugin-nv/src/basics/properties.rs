//! Properties as tables.
//!
//! DeepStream's elements have dozens of properties, most of which say how a GPU is to be used. Programs set them, so they are
//! all here with type, range and default; a table per element keeps that readable.

use std::ffi::{CStr, CString};
use std::sync::OnceLock;

use gst::glib::{self, translate::*};
use gst::prelude::*;
use parking_lot::Mutex;

/// Names for numbers. Registered at first use, once per process even if two libraries hold this code.
pub(crate) struct Choice {
    /// Name of the GObject type.
    type_name: &'static CStr,
    /// Number, description and nick of each value.
    values: &'static [(i32, &'static str, &'static str)],
    registered: OnceLock<glib::Type>,
}

impl Choice {
    pub(crate) const fn new(
        type_name: &'static CStr,
        values: &'static [(i32, &'static str, &'static str)],
    ) -> Self {
        Self { type_name, values, registered: OnceLock::new() }
    }

    fn type_(&self) -> glib::Type {
        *self.registered.get_or_init(|| {
            let c_string = |text: &str| CString::new(text).unwrap_or_default().into_raw().cast_const();
            let end = glib::gobject_ffi::GEnumValue {
                value: 0,
                value_name: std::ptr::null(),
                value_nick: std::ptr::null(),
            };
            let values = self.values.iter().map(|&(value, name, nick)| glib::gobject_ffi::GEnumValue {
                value,
                value_name: c_string(name),
                value_nick: c_string(nick),
            });
            let values: Vec<_> = values.chain([end]).collect();
            // SAFETY: names are C strings; the values end with one without name, and live as long as the process.
            unsafe {
                match glib::gobject_ffi::g_type_from_name(self.type_name.as_ptr()) {
                    0 => from_glib(glib::gobject_ffi::g_enum_register_static(
                        self.type_name.as_ptr(),
                        values.leak().as_ptr(),
                    )),
                    known => from_glib(known),
                }
            }
        })
    }

    pub(crate) fn to_value(&self, number: i32) -> glib::Value {
        let value = glib::EnumClass::with_type(self.type_()).and_then(|class| class.to_value(number));
        value.unwrap_or_else(|| number.to_value())
    }
}

/// Type, range and default of a property.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Bool(bool),
    Int { min: i32, max: i32, default: i32 },
    UInt { min: u32, max: u32, default: u32 },
    Int64 { min: i64, max: i64, default: i64 },
    UInt64 { default: u64 },
    Float { min: f32, max: f32, default: f32 },
    Text(Option<&'static str>),
    Choice(&'static Choice, i32),
}

/// A property of an element.
#[derive(Clone, Copy)]
pub(crate) struct Property {
    name: &'static str,
    blurb: &'static str,
    kind: Kind,
    while_playing: bool,
}

impl Property {
    const fn new(name: &'static str, kind: Kind, blurb: &'static str) -> Self {
        Self { name, blurb, kind, while_playing: false }
    }

    pub(crate) const fn bool(name: &'static str, default: bool, blurb: &'static str) -> Self {
        Self::new(name, Kind::Bool(default), blurb)
    }

    pub(crate) const fn int(
        name: &'static str,
        min: i32,
        max: i32,
        default: i32,
        blurb: &'static str,
    ) -> Self {
        Self::new(name, Kind::Int { min, max, default }, blurb)
    }

    pub(crate) const fn uint(
        name: &'static str,
        min: u32,
        max: u32,
        default: u32,
        blurb: &'static str,
    ) -> Self {
        Self::new(name, Kind::UInt { min, max, default }, blurb)
    }

    pub(crate) const fn int64(name: &'static str, min: i64, default: i64, blurb: &'static str) -> Self {
        Self::new(name, Kind::Int64 { min, max: i64::MAX, default }, blurb)
    }

    pub(crate) const fn uint64(name: &'static str, default: u64, blurb: &'static str) -> Self {
        Self::new(name, Kind::UInt64 { default }, blurb)
    }

    pub(crate) const fn float(
        name: &'static str,
        min: f32,
        max: f32,
        default: f32,
        blurb: &'static str,
    ) -> Self {
        Self::new(name, Kind::Float { min, max, default }, blurb)
    }

    pub(crate) const fn text(name: &'static str, default: Option<&'static str>, blurb: &'static str) -> Self {
        Self::new(name, Kind::Text(default), blurb)
    }

    pub(crate) const fn choice(
        name: &'static str,
        choice: &'static Choice,
        default: i32,
        blurb: &'static str,
    ) -> Self {
        Self::new(name, Kind::Choice(choice, default), blurb)
    }

    /// The same property, to be changed at any time.
    pub(crate) const fn while_playing(self) -> Self {
        Self { while_playing: true, ..self }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    fn spec(&self) -> glib::ParamSpec {
        let Self { name, blurb, kind, while_playing } = *self;
        let mutable =
            if while_playing { gst::PARAM_FLAG_MUTABLE_PLAYING } else { gst::PARAM_FLAG_MUTABLE_READY };
        let flags = glib::ParamFlags::READWRITE | mutable;
        match kind {
            Kind::Bool(default) => glib::ParamSpecBoolean::builder(name)
                .nick(name)
                .blurb(blurb)
                .default_value(default)
                .flags(flags)
                .build(),
            Kind::Int { min, max, default } => glib::ParamSpecInt::builder(name)
                .nick(name)
                .blurb(blurb)
                .minimum(min)
                .maximum(max)
                .default_value(default)
                .flags(flags)
                .build(),
            Kind::UInt { min, max, default } => glib::ParamSpecUInt::builder(name)
                .nick(name)
                .blurb(blurb)
                .minimum(min)
                .maximum(max)
                .default_value(default)
                .flags(flags)
                .build(),
            Kind::Int64 { min, max, default } => glib::ParamSpecInt64::builder(name)
                .nick(name)
                .blurb(blurb)
                .minimum(min)
                .maximum(max)
                .default_value(default)
                .flags(flags)
                .build(),
            Kind::UInt64 { default } => glib::ParamSpecUInt64::builder(name)
                .nick(name)
                .blurb(blurb)
                .default_value(default)
                .flags(flags)
                .build(),
            Kind::Float { min, max, default } => glib::ParamSpecFloat::builder(name)
                .nick(name)
                .blurb(blurb)
                .minimum(min)
                .maximum(max)
                .default_value(default)
                .flags(flags)
                .build(),
            Kind::Text(default) => glib::ParamSpecString::builder(name)
                .nick(name)
                .blurb(blurb)
                .default_value(default)
                .flags(flags)
                .build(),
            Kind::Choice(choice, default) => {
                let [name, blurb] = [name, blurb].map(|text| CString::new(text).unwrap_or_default());
                // SAFETY: the type is a registered enumeration that has the default among its values, texts are C strings
                // that are copied, and a new specification is floating.
                unsafe {
                    from_glib_none(glib::gobject_ffi::g_param_spec_enum(
                        name.as_ptr(),
                        name.as_ptr(),
                        blurb.as_ptr(),
                        choice.type_().into_glib(),
                        default,
                        flags.into_glib(),
                    ))
                }
            }
        }
    }
}

/// The specifications of a table, in its order.
pub(crate) fn specs(tables: &[&[Property]]) -> Vec<glib::ParamSpec> {
    tables.iter().copied().flatten().map(Property::spec).collect()
}

/// What a property is set to.
#[derive(Debug, Clone, PartialEq)]
enum Setting {
    Bool(bool),
    Number(i128),
    Float(f32),
    Text(Option<String>),
}

impl Setting {
    fn default_of(kind: Kind) -> Self {
        match kind {
            Kind::Bool(default) => Self::Bool(default),
            Kind::Int { default, .. } | Kind::Choice(_, default) => Self::Number(default.into()),
            Kind::UInt { default, .. } => Self::Number(default.into()),
            Kind::Int64 { default, .. } => Self::Number(default.into()),
            Kind::UInt64 { default } => Self::Number(default.into()),
            Kind::Float { default, .. } => Self::Float(default),
            Kind::Text(default) => Self::Text(default.map(Into::into)),
        }
    }

    fn from_value(kind: Kind, value: &glib::Value) -> Option<Self> {
        Some(match kind {
            Kind::Bool(_) => Self::Bool(value.get().ok()?),
            Kind::Int { .. } => Self::Number(value.get::<i32>().ok()?.into()),
            Kind::UInt { .. } => Self::Number(value.get::<u32>().ok()?.into()),
            Kind::Int64 { .. } => Self::Number(value.get::<i64>().ok()?.into()),
            Kind::UInt64 { .. } => Self::Number(value.get::<u64>().ok()?.into()),
            Kind::Float { .. } => Self::Float(value.get().ok()?),
            Kind::Text(_) => Self::Text(value.get().ok()?),
            Kind::Choice(..) => {
                let (_, value) = glib::EnumValue::from_value(value)?;
                Self::Number(value.value().into())
            }
        })
    }

    fn to_value(&self, kind: Kind) -> glib::Value {
        match (self, kind) {
            (Self::Bool(on), _) => on.to_value(),
            (Self::Float(number), _) => number.to_value(),
            (Self::Text(text), _) => text.to_value(),
            (Self::Number(number), Kind::Int { .. }) => (*number as i32).to_value(),
            (Self::Number(number), Kind::UInt { .. }) => (*number as u32).to_value(),
            (Self::Number(number), Kind::UInt64 { .. }) => (*number as u64).to_value(),
            (Self::Number(number), Kind::Choice(choice, _)) => choice.to_value(*number as i32),
            (Self::Number(number), _) => (*number as i64).to_value(),
        }
    }
}

/// What the properties of a table are set to.
pub(crate) struct Settings {
    properties: Vec<Property>,
    values: Mutex<Vec<Setting>>,
}

impl Settings {
    /// The defaults of tables, which follow each other.
    pub(crate) fn new(tables: &[&[Property]]) -> Self {
        let properties: Vec<_> = tables.iter().copied().flatten().copied().collect();
        let values = properties.iter().map(|property| Setting::default_of(property.kind)).collect();
        Self { properties, values: Mutex::new(values) }
    }

    /// Sets the property that GObject knows by `id`; the property, if there is one.
    pub(crate) fn set(&self, id: usize, value: &glib::Value) -> Option<&Property> {
        let index = id.checked_sub(1)?;
        let property = self.properties.get(index)?;
        let setting = Setting::from_value(property.kind, value)?;
        *self.values.lock().get_mut(index)? = setting;
        Some(property)
    }

    /// The value of the property that GObject knows by `id`; GObject asks for none that is not in a table.
    pub(crate) fn value(&self, id: usize) -> Option<glib::Value> {
        let index = id.checked_sub(1)?;
        Some(self.values.lock().get(index)?.to_value(self.properties.get(index)?.kind))
    }

    /// The property `name` as GObject has it.
    pub(crate) fn value_of(&self, name: &str) -> Option<glib::Value> {
        let index = self.properties.iter().position(|property| property.name == name)?;
        self.value(index + 1)
    }

    fn setting(&self, name: &str) -> Option<Setting> {
        let index = self.properties.iter().position(|property| property.name == name)?;
        self.values.lock().get(index).cloned()
    }

    /// A switch; off if there is none of that name.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.setting(name) == Some(Setting::Bool(true))
    }

    /// A number or choice; 0 if there is none of that name, or it is out of the range of the type asked for.
    pub(crate) fn number<T: TryFrom<i128> + Default>(&self, name: &str) -> T {
        match self.setting(name) {
            Some(Setting::Number(number)) => T::try_from(number).unwrap_or_default(),
            _ => T::default(),
        }
    }

    /// A number with a fraction; 0 if there is none of that name.
    pub(crate) fn float(&self, name: &str) -> f32 {
        match self.setting(name) {
            Some(Setting::Float(number)) => number,
            _ => 0.0,
        }
    }

    /// A text; `None` where it is not set or empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.setting(name) {
            Some(Setting::Text(text)) => text.filter(|text| !text.is_empty()),
            _ => None,
        }
    }
}
