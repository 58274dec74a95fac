//! Events that programs report: what a message converter makes messages of.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::{Rect, UserData};

/// Something that happened to an object, as a program reports it. Texts are empty where the program gave none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventMessage {
    /// What happened: a number of DeepStream's `NvDsEventType`.
    pub event_type: i64,
    /// What kind of object it happened to: a number of DeepStream's `NvDsObjectType`.
    pub object_type: i64,
    /// Where the object was, in pixels.
    pub rect: Rect,
    /// Latitude and longitude in degrees, altitude in metres.
    pub location: [f64; 3],
    /// Position in coordinates of the program's choice.
    pub coordinate: [f64; 3],
    /// A vector that tells the object from others.
    pub signature: Vec<f64>,
    /// Class index of the object.
    pub class_id: i32,
    /// Which sensor of the converter's configuration saw it.
    pub sensor_id: i32,
    /// Which module of the configuration saw it.
    pub module_id: i32,
    /// Which place of the configuration it was at.
    pub place_id: i32,
    /// Which analytics component of the configuration says so.
    pub component_id: i32,
    /// Number of the frame.
    pub frame_id: i32,
    /// How certain it is, in 0…1.
    pub confidence: f64,
    /// The tracker's number of the object.
    pub tracking_id: u64,
    /// When, as RFC 3339 writes it.
    pub timestamp: String,
    /// The program's name of the object.
    pub object_id: String,
    /// The program's name of the sensor.
    pub sensor: String,
    /// Further attributes.
    pub other_attributes: String,
    /// Where a recording lies.
    pub video_path: String,
    /// What is known about the object.
    pub object: Option<EventObject>,
}

/// What is known about an object beside its class.
#[derive(Debug, Clone, PartialEq)]
pub enum EventObject {
    /// A vehicle.
    Vehicle(VehicleObject),
    /// A person.
    Person(PersonObject),
    /// A face.
    Face(FaceObject),
}

/// What is known about a vehicle. Texts are empty where unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VehicleObject {
    /// Kind, as "sedan".
    pub kind: String,
    /// Maker.
    pub make: String,
    /// Model.
    pub model: String,
    /// Colour.
    pub color: String,
    /// Region of the licence plate.
    pub region: String,
    /// Licence plate.
    pub license: String,
}

/// What is known about a person. Texts are empty where unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonObject {
    /// Gender.
    pub gender: String,
    /// Hair.
    pub hair: String,
    /// Cap.
    pub cap: String,
    /// Clothes.
    pub apparel: String,
    /// Age in years, 0 where unknown.
    pub age: u32,
}

/// What is known about a face. Texts are empty where unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FaceObject {
    /// Gender.
    pub gender: String,
    /// Hair.
    pub hair: String,
    /// Cap.
    pub cap: String,
    /// Glasses.
    pub glasses: String,
    /// Beard.
    pub facial_hair: String,
    /// Name.
    pub name: String,
    /// Colour of the eyes.
    pub eye_color: String,
    /// Age in years, 0 where unknown.
    pub age: u32,
}

/// User metadata that holds an event (kind 9, `NVDS_EVENT_MSG_META`).
#[derive(Clone)]
pub struct EventMeta(Arc<dyn Fn() -> Option<EventMessage> + Send + Sync>);

impl EventMeta {
    /// An event that is asked for when a message is made of it: the program that attached it may still be filling it in.
    pub fn new(event: impl Fn() -> Option<EventMessage> + Send + Sync + 'static) -> Self {
        Self(Arc::new(event))
    }

    /// The event as it is now; `None` if the program has gone.
    pub fn message(&self) -> Option<EventMessage> {
        (self.0)()
    }
}

impl From<EventMessage> for EventMeta {
    fn from(message: EventMessage) -> Self {
        Self::new(move || Some(message.clone()))
    }
}

impl fmt::Debug for EventMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventMeta")
    }
}

impl UserData for EventMeta {
    fn duplicate(self: Arc<Self>) -> Option<Arc<dyn UserData>> {
        Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
