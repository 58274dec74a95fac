//! What a config file amounts to: elements, their properties and their links, before anything is built. Nothing here knows
//! GStreamer.
//!
//! ```text
//! sources ─ nvstreammux ─ [nvdspreprocess] ─ nvinfer ─ nvtracker ─ nvdsanalytics ─ nvinfer … ─┬─ nvmultistreamtiler ─ branch
//!                                                                                            └─ nvstreamdemux ═ branches
//! branch:  nvvideoconvert ─ nvdsosd ─ tee ═ sinks
//! ```

mod outputs;
mod trunk;

use std::fmt;

use super::config::{AppConfig, Input, Tiling};

/// An element to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// What makes it.
    pub factory: &'static str,
    /// Its name, by which links refer to it.
    pub name: String,
    /// Its properties.
    pub properties: Vec<Property>,
}

/// A property to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Name.
    pub name: String,
    /// Value as text.
    pub value: String,
    /// The group of the config file that asks for it: its author is told where the element lacks the property. What the
    /// program itself wants is passed over there.
    pub group: Option<String>,
}

/// Two elements to be linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The element upstream.
    pub from: String,
    /// Its pad to be requested; `None` for the one that there is.
    pub from_pad: Option<String>,
    /// The element downstream.
    pub to: String,
}

/// Somewhere in the pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tap {
    /// The element.
    pub element: String,
    /// Its pad.
    pub pad: &'static str,
}

/// An RTSP server to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The `appsink` that receives what is to be served.
    pub element: String,
    /// Its codec.
    pub codec: crate::settings::Codec,
    /// The port to listen at.
    pub port: u16,
}

/// Everything that is to be built.
#[derive(Debug, Default)]
pub struct Plan {
    /// The elements.
    pub elements: Vec<Element>,
    /// Their links.
    pub links: Vec<Link>,
    /// What goes into the pads of [`MUX`].
    pub inputs: Vec<Input>,
    /// The tiler's name, rows and columns, if there is one.
    pub tiler: Option<(String, u32, u32)>,
    /// Where frames are counted.
    pub perf: Option<Tap>,
    /// Where objects are those of the detector.
    pub detected: Option<Tap>,
    /// Where objects have been tracked.
    pub tracked: Option<Tap>,
    /// Where the look of objects is chosen.
    pub overlays: Vec<Tap>,
    /// RTSP servers.
    pub servers: Vec<Server>,
    /// What the author of the config should know.
    pub notices: Vec<String>,
}

/// What this machine has.
pub trait Machine {
    /// Whether elements of the kind `factory` can be made.
    fn has(&self, factory: &str) -> bool;
    /// Whether there is a screen.
    fn has_display(&self) -> bool;
}

/// Why nothing can be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Nothing goes in.
    #[error("no source: no group [sourceN] has enable=1")]
    NoSource,
    /// Nothing comes out.
    #[error("no sink: no group [sinkN] with enable=1 takes what there is")]
    NoSink,
    /// An element is missing without which nothing runs.
    #[error("[{group}] needs the element {factory}, which is not there")]
    Missing {
        /// The group.
        group: String,
        /// The element.
        factory: String,
    },
    /// Inference servers.
    #[error(
        "{place}: [{group}] plugin-type=1: nvinferserver (Triton) is not supported; expected plugin-type=0 with a config \
         file of nvinfer"
    )]
    InferServer {
        /// File and line.
        place: String,
        /// The group.
        group: String,
    },
}

/// Name of the multiplexer.
pub const MUX: &str = "src_bin_muxer";

impl Plan {
    /// What `config` amounts to on `machine`.
    ///
    /// # Errors
    /// If there is nothing to run, or what it needs is not there.
    pub fn new(config: &AppConfig, machine: &dyn Machine) -> Result<Self, PlanError> {
        let inputs = config.inputs();
        if inputs.is_empty() {
            return Err(PlanError::NoSource);
        }
        let mut builder = Builder { plan: Self { inputs, ..Self::default() }, machine, last: String::new() };
        builder.trunk(config)?;
        match config.tiled_display.tiling {
            Tiling::Off => builder.branches(config)?,
            Tiling::On => builder.tiled(config)?,
            Tiling::WithDemux => builder.tiled_and_one(config)?,
        }
        Ok(builder.plan)
    }
}

struct Builder<'a> {
    plan: Plan,
    machine: &'a dyn Machine,
    /// The element that the next one is linked to.
    last: String,
}

impl Builder<'_> {
    fn say(&mut self, notice: String) {
        self.plan.notices.push(notice);
    }

    /// Makes an element and links it to the last one.
    fn then(&mut self, factory: &'static str, name: impl Into<String>, properties: Vec<Property>) {
        let name = name.into();
        if !self.last.is_empty() {
            self.plan.links.push(Link { from: self.last.clone(), from_pad: None, to: name.clone() });
        }
        self.plan.elements.push(Element { factory, name: name.clone(), properties });
        self.last = name;
    }

    /// A thread of its own for what follows.
    fn queue(&mut self, name: impl Into<String>) {
        let sizes = [("max-size-buffers", QUEUED), ("max-size-bytes", 0), ("max-size-time", 0)]
            .map(|(name, value)| own(name, value));
        self.then("queue", name, sizes.into());
    }

    fn need(&self, factory: &str, group: &str) -> Result<(), PlanError> {
        if self.machine.has(factory) {
            return Ok(());
        }
        Err(PlanError::Missing { group: group.to_owned(), factory: factory.to_owned() })
    }
}

/// Buffers that wait between two threads. A batch holds decoded pictures of all sources: a few are much.
const QUEUED: u32 = 4;

/// A property that the program itself wants.
fn own(name: &str, value: impl fmt::Display) -> Property {
    Property { name: name.to_owned(), value: value.to_string(), group: None }
}

/// A property that a group asks for.
fn asked(group: &str, name: &str, value: impl fmt::Display) -> Property {
    Property { group: Some(group.to_owned()), ..own(name, value) }
}

/// The plan as text: an element a line, then a link a line.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for element in &self.elements {
            write!(f, "{} name={}", element.factory, element.name)?;
            for Property { name, value, .. } in &element.properties {
                write!(f, " {name}={value}")?;
            }
            writeln!(f)?;
        }
        for Link { from, from_pad, to } in &self.links {
            match from_pad {
                Some(pad) => writeln!(f, "{from}.{pad} ! {to}")?,
                None => writeln!(f, "{from} ! {to}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
