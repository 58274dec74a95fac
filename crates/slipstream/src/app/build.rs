//! From a plan to a pipeline that is ready to start.

use std::collections::HashMap;

use gst::glib;
use gst::prelude::*;

use super::plan::{Element, Machine, Plan, Property};
use super::times;

/// The encoder that loses its pictures' times.
const MPEG4: &str = "avenc_mpeg4";

/// Why a plan cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An element cannot be made or linked.
    #[error("{0}")]
    Element(#[from] glib::BoolError),
    /// A value that an element does not take.
    #[error("[{group}] {element} {name}={value}: {allowed}")]
    Value {
        /// The group of the config file.
        group: String,
        /// The kind of element.
        element: &'static str,
        /// The property.
        name: String,
        /// The value.
        value: String,
        /// What is allowed.
        allowed: String,
    },
}

/// This machine.
pub(super) struct ThisMachine;

impl Machine for ThisMachine {
    fn has(&self, factory: &str) -> bool {
        gst::ElementFactory::find(factory).is_some()
    }

    fn has_display(&self) -> bool {
        ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
    }
}

/// The elements of a plan, linked, by name. What an element lacks that the config asks for is told to `notice`.
pub(super) fn build(
    plan: &Plan,
    pipeline: &gst::Pipeline,
    notice: &mut dyn FnMut(String),
) -> Result<HashMap<String, gst::Element>, BuildError> {
    let mut elements = HashMap::new();
    for element in &plan.elements {
        let made = gst::ElementFactory::make(element.factory).name(&element.name).build()?;
        for property in &element.properties {
            set(&made, element, property, notice)?;
        }
        if element.factory == MPEG4 {
            times::keep(&made);
        }
        pipeline.add(&made)?;
        elements.insert(element.name.clone(), made);
    }
    for link in &plan.links {
        let find = |name: &str| {
            elements.get(name).ok_or_else(|| glib::bool_error!("the plan has no element {name}"))
        };
        let (from, to) = (find(&link.from)?, find(&link.to)?);
        from.link_pads(link.from_pad.as_deref(), to, None)?;
    }
    Ok(elements)
}

fn set(
    made: &gst::Element,
    element: &Element,
    property: &Property,
    notice: &mut dyn FnMut(String),
) -> Result<(), BuildError> {
    let Property { name, value, group } = property;
    let Some(spec) = made.find_property(name) else {
        if let Some(group) = group {
            notice(format!("[{group}] {} has no property {name}: {value} has no effect", element.factory));
        }
        return Ok(());
    };
    // Colours and times of other programs may be written as larger or negative numbers of the same bits.
    let typed = glib::Value::deserialize_with_pspec(value, &spec);
    let typed = if spec.value_type() == String::static_type() { Ok(value.to_value()) } else { typed };
    match typed {
        Ok(typed) => {
            made.set_property_from_value(name, &typed);
            Ok(())
        }
        Err(_) => Err(BuildError::Value {
            group: group.clone().unwrap_or_default(),
            element: element.factory,
            name: name.clone(),
            value: value.clone(),
            allowed: format!("expected {}", spec.value_type()),
        }),
    }
}
