//! Events that programs attach for a message converter.

use std::sync::Arc;

use pyo3::prelude::*;
use slipstream_meta::{
    EventMessage, EventMeta, EventObject, FaceObject as MetaFace, PersonObject as MetaPerson, Rect, UserData,
    VehicleObject as MetaVehicle,
};

use crate::address::{self, Bytes, Strings};
use crate::core::user::{CopyFunc, NvDsUserMeta, ReleaseFunc};
use crate::enumeration::{self, enumeration};
use crate::interpreter::attached;
use crate::value::{Class, Field, Place, Pointee, Text, read_field, structure};

enumeration! {
    /// What happened.
    NvDsEventType {
        NVDS_EVENT_ENTRY = 0, NVDS_EVENT_EXIT = 1, NVDS_EVENT_MOVING = 2, NVDS_EVENT_STOPPED = 3,
        NVDS_EVENT_EMPTY = 4, NVDS_EVENT_PARKED = 5, NVDS_EVENT_RESET = 6, NVDS_EVENT_RESERVED = 0x100,
        NVDS_EVENT_CUSTOM = 0x101, NVDS_EVENT_FORCE32 = 0x7FFF_FFFF,
    }
}

enumeration! {
    /// What kind of object it happened to.
    NvDsObjectType {
        NVDS_OBJECT_TYPE_VEHICLE = 0, NVDS_OBJECT_TYPE_PERSON = 1, NVDS_OBJECT_TYPE_FACE = 2, NVDS_OBJECT_TYPE_BAG = 3,
        NVDS_OBJECT_TYPE_BICYCLE = 4, NVDS_OBJECT_TYPE_ROADSIGN = 5, NVDS_OBJECT_TYPE_VEHICLE_EXT = 6,
        NVDS_OBJECT_TYPE_PERSON_EXT = 7, NVDS_OBJECT_TYPE_FACE_EXT = 8, NVDS_OBJECT_TYPE_RESERVED = 0x100,
        NVDS_OBJECT_TYPE_CUSTOM = 0x101, NVDS_OBJECT_TYPE_UNKNOWN = 0x102, NVDS_OBEJCT_TYPE_FORCE32 = 0x7FFF_FFFF,
    }
}

enumeration! {
    /// What a message looks like.
    NvDsPayloadType {
        NVDS_PAYLOAD_DEEPSTREAM = 0, NVDS_PAYLOAD_DEEPSTREAM_MINIMAL = 1, NVDS_PAYLOAD_RESERVED = 256,
        NVDS_PAYLOAD_CUSTOM = 257, NVDS_PAYLOAD_FORCE32 = 0x7FFF_FFFF,
    }
}

/// A `char *` that Python reads and writes as `str`.
#[derive(Debug, Clone, Default)]
pub(crate) struct PlainText(Text);

impl Field for PlainText {
    fn show(&self, py: Python<'_>, _: &Strings) -> PyResult<Py<PyAny>> {
        Ok(self.0.0.as_deref().into_pyobject(py)?.unbind())
    }

    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Text::read(value).map(Self)
    }
}

structure! {
    /// A box in pixels.
    NvDsRect (RectValue) { top: f32, left: f32, width: f32, height: f32, }
}

structure! {
    /// A position on the globe.
    NvDsGeoLocation (GeoLocation) { lat: f64, lon: f64, alt: f64, }
}

structure! {
    /// A position.
    NvDsCoordinate (Coordinate) { x: f64, y: f64, z: f64, }
}

structure! {
    /// A vector that tells an object from others.
    NvDsObjectSignature (ObjectSignature) { signature: Pointee, size: u32, }
}

// Attributes named `type`, which is a word of Rust's, are declared as `kind`.

structure! {
    /// What is known about a vehicle.
    NvDsVehicleObject (VehicleObject) { kind: Text, make: Text, model: Text, color: Text, region: Text, license: Text, }
    methods {
        #[getter(r#type)]
        fn type_(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
            self.place.read(py)?.kind.show(py, self.place.strings())
        }

        #[setter(r#type)]
        fn set_type_(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            let kind = read_field::<Text>(value, "NvDsVehicleObject.type")?;
            let _old = self.place.change(value.py(), |value| std::mem::replace(&mut value.kind, kind))?;
            Ok(())
        }
    }
}

structure! {
    /// What is known about a person.
    NvDsPersonObject (PersonObject) { gender: Text, hair: Text, cap: Text, apparel: Text, age: u32, }
}

structure! {
    /// What is known about a face.
    NvDsFaceObject (FaceObject) {
        gender: Text, hair: Text, cap: Text, glasses: Text, facialhair: Text, name: Text, eyecolor: Text, age: u32,
    }
}

structure! {
    /// What is known about a vehicle, with its outline.
    NvDsVehicleObjectExt (VehicleObjectExt) {
        kind: PlainText, make: PlainText, model: PlainText, color: PlainText, region: PlainText, license: PlainText,
        mask: Pointee,
    }
    methods {
        #[getter(r#type)]
        fn type_(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
            self.place.read(py)?.kind.show(py, self.place.strings())
        }

        #[setter(r#type)]
        fn set_type_(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            let kind = read_field::<PlainText>(value, "NvDsVehicleObjectExt.type")?;
            let _old = self.place.change(value.py(), |value| std::mem::replace(&mut value.kind, kind))?;
            Ok(())
        }
    }
}

structure! {
    /// What is known about a person, with its outline.
    NvDsPersonObjectExt (PersonObjectExt) {
        gender: PlainText, hair: PlainText, cap: PlainText, apparel: PlainText, age: u32, mask: Pointee,
    }
}

structure! {
    /// What is known about a face, with its outline.
    NvDsFaceObjectWithExt (FaceObjectWithExt) {
        gender: PlainText, hair: PlainText, cap: PlainText, glasses: PlainText, facialhair: PlainText, name: PlainText,
        eyecolor: PlainText, age: u32, mask: Pointee,
    }
}

structure! {
    /// Something that happened to an object.
    NvDsEventMsgMeta (EventMsgMeta) {
        kind: NvDsEventType, objType: NvDsObjectType, objClassId: i32, sensorId: i32, moduleId: i32, placeId: i32,
        componentId: i32, frameId: i32, confidence: f64, trackingId: u64, ts: u64, objectId: Text, sensorStr: Text,
        otherAttrs: Text, videoPath: Text, extMsg: Pointee, extMsgSize: u32,
        ; bbox: NvDsRect, location: NvDsGeoLocation, coordinate: NvDsCoordinate, objSignature: NvDsObjectSignature,
    }
    methods {
        #[getter(r#type)]
        fn type_(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
            self.place.read(py)?.kind.show(py, self.place.strings())
        }

        #[setter(r#type)]
        fn set_type_(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            let kind = read_field::<NvDsEventType>(value, "NvDsEventMsgMeta.type")?;
            let _old = self.place.change(value.py(), |value| std::mem::replace(&mut value.kind, kind))?;
            Ok(())
        }
    }
}

structure! {
    /// An event and what it says.
    NvDsEvent (EventValue) { eventType: NvDsEventType, metadata: Pointee, }
}

structure! {
    /// A message.
    NvDsPayload (PayloadValue) { payload: Pointee, payloadSize: u32, componentId: u32, }
}

structure! {
    /// The sample of a structure of a program's own.
    CustomDataStruct (CustomData) { structId: i32, message: Text, sampleInt: i32, }
}

/// The text at an address, empty where there is none.
fn text_at(address: u64) -> String {
    address::bytes(address).map(|bytes| bytes.to_text()).unwrap_or_default()
}

fn owned(text: &Text) -> String {
    text.as_str().to_owned()
}

/// The class's object behind a pointer.
fn pointee<'py, T: Class>(pointer: &Pointee, py: Python<'py>) -> Option<T::Value> {
    let object = pointer.0.as_ref()?.bind(py).cast::<T>().ok()?.clone();
    object.get().place().read(py).ok()
}

/// What an event says about its object, by the class of what was given.
fn object(pointer: &Pointee, py: Python<'_>) -> Option<EventObject> {
    if let Some(vehicle) = pointee::<NvDsVehicleObject>(pointer, py) {
        return Some(EventObject::Vehicle(MetaVehicle {
            kind: owned(&vehicle.kind),
            make: owned(&vehicle.make),
            model: owned(&vehicle.model),
            color: owned(&vehicle.color),
            region: owned(&vehicle.region),
            license: owned(&vehicle.license),
        }));
    }
    if let Some(person) = pointee::<NvDsPersonObject>(pointer, py) {
        return Some(EventObject::Person(MetaPerson {
            gender: owned(&person.gender),
            hair: owned(&person.hair),
            cap: owned(&person.cap),
            apparel: owned(&person.apparel),
            age: person.age,
        }));
    }
    let face = pointee::<NvDsFaceObject>(pointer, py)?;
    Some(EventObject::Face(MetaFace {
        gender: owned(&face.gender),
        hair: owned(&face.hair),
        cap: owned(&face.cap),
        glasses: owned(&face.glasses),
        facial_hair: owned(&face.facialhair),
        name: owned(&face.name),
        eye_color: owned(&face.eyecolor),
        age: face.age,
    }))
}

fn message(event: &EventMsgMeta, py: Python<'_>) -> EventMessage {
    let signature = event.objSignature.signature.0.as_ref();
    EventMessage {
        event_type: event.kind.0,
        object_type: event.objType.0,
        rect: Rect::new(event.bbox.left, event.bbox.top, event.bbox.width, event.bbox.height),
        location: [event.location.lat, event.location.lon, event.location.alt],
        coordinate: [event.coordinate.x, event.coordinate.y, event.coordinate.z],
        signature: signature.and_then(|signature| signature.bind(py).extract().ok()).unwrap_or_default(),
        class_id: event.objClassId,
        sensor_id: event.sensorId,
        module_id: event.moduleId,
        place_id: event.placeId,
        component_id: event.componentId,
        frame_id: event.frameId,
        confidence: event.confidence,
        tracking_id: event.trackingId,
        timestamp: text_at(event.ts),
        object_id: owned(&event.objectId),
        sensor: owned(&event.sensorStr),
        other_attributes: owned(&event.otherAttrs),
        video_path: owned(&event.videoPath),
        object: object(&event.extMsg, py),
    }
}

/// What elements see of an event.
pub(crate) fn share(event: &NvDsEventMsgMeta) -> Arc<dyn UserData> {
    let place = event.place().clone();
    Arc::new(EventMeta::new(move || attached(|py| place.read(py).ok().map(|event| message(&event, py)))?))
}

/// A copy of an event for a copy of its buffer: texts and what is known about a vehicle or person are copied too, any other
/// `extMsg` is left out.
fn copy_event(event: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = event.py();
    let mut copy = NvDsEventMsgMeta::value_of(event, "user_meta_data")?;
    if copy.ts != 0 {
        copy.ts = address::put_bytes(Bytes::text(&text_at(copy.ts)));
    }
    let object = if let Some(vehicle) = pointee::<NvDsVehicleObject>(&copy.extMsg, py) {
        Some(Py::new(py, NvDsVehicleObject::at(Place::own(vehicle)))?.into_any())
    } else if let Some(person) = pointee::<NvDsPersonObject>(&copy.extMsg, py) {
        Some(Py::new(py, NvDsPersonObject::at(Place::own(person)))?.into_any())
    } else {
        copy.extMsgSize = 0;
        None
    };
    copy.extMsg = Pointee(object.map(Arc::new));
    Ok(Py::new(py, NvDsEventMsgMeta::at(Place::own(copy)))?.into_any())
}

/// Frees what an event does not hold itself: its time.
fn release_event(event: &Bound<'_, PyAny>) -> PyResult<()> {
    let Ok(event) = event.cast::<NvDsEventMsgMeta>() else { return Ok(()) };
    let ts = event.get().place().change(event.py(), |event| std::mem::take(&mut event.ts))?;
    drop(address::take(ts));
    Ok(())
}

fn copy_custom(data: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let copy = CustomDataStruct::value_of(data, "user_meta_data")?;
    Ok(Py::new(data.py(), CustomDataStruct::at(Place::own(copy)))?.into_any())
}

/// What frees a payload.
type FreePayload = fn(&Bound<'_, PyAny>) -> PyResult<()>;

/// Has `user_meta` copy and free its payload by functions of this module.
fn set_functions(
    py: Python<'_>,
    user_meta: &NvDsUserMeta,
    copy: fn(&Bound<'_, PyAny>) -> PyResult<Py<PyAny>>,
    release: Option<FreePayload>,
) -> PyResult<()> {
    let user = user_meta.python(py)?;
    let mut state = user.state();
    let old = (
        state.copy.replace(CopyFunc::Native(copy)),
        std::mem::replace(&mut state.release, release.map(ReleaseFunc::Native)),
    );
    drop(state);
    drop(old);
    Ok(())
}

/// An event, all zero. The user meta that it is for copies and frees it from now on; without one the program sees to that.
#[pyfunction]
#[pyo3(signature = (user_meta = None))]
fn alloc_nvds_event_msg_meta(
    py: Python<'_>,
    user_meta: Option<&Bound<'_, NvDsUserMeta>>,
) -> PyResult<NvDsEventMsgMeta> {
    if let Some(user_meta) = user_meta {
        set_functions(py, user_meta.get(), copy_event, Some(release_event))?;
    }
    Ok(NvDsEventMsgMeta::at(Place::default()))
}

/// A structure of the sample, all zero. The user meta that it is for copies it from now on.
#[pyfunction]
fn alloc_custom_struct(py: Python<'_>, user_meta: &Bound<'_, NvDsUserMeta>) -> PyResult<CustomDataStruct> {
    set_functions(py, user_meta.get(), copy_custom, None)?;
    Ok(CustomDataStruct::at(Place::default()))
}

#[pyfunction]
fn alloc_nvds_vehicle_object() -> NvDsVehicleObject {
    NvDsVehicleObject::at(Place::default())
}

#[pyfunction]
fn alloc_nvds_person_object() -> NvDsPersonObject {
    NvDsPersonObject::at(Place::default())
}

#[pyfunction]
fn alloc_nvds_face_object() -> NvDsFaceObject {
    NvDsFaceObject::at(Place::default())
}

#[pyfunction]
fn alloc_nvds_event() -> NvDsEvent {
    NvDsEvent::at(Place::default())
}

#[pyfunction]
fn alloc_nvds_payload() -> NvDsPayload {
    NvDsPayload::at(Place::default())
}

#[pyfunction]
fn glist_get_nvds_event_msg_meta(data: &Bound<'_, PyAny>) -> PyResult<Py<NvDsEventMsgMeta>> {
    <NvDsEventMsgMeta as Class>::cast(data)
}

#[pyfunction]
fn glist_get_nvds_vehicle_object(data: &Bound<'_, PyAny>) -> PyResult<Py<NvDsVehicleObject>> {
    <NvDsVehicleObject as Class>::cast(data)
}

#[pyfunction]
fn glist_get_nvds_person_object(data: &Bound<'_, PyAny>) -> PyResult<Py<NvDsPersonObject>> {
    <NvDsPersonObject as Class>::cast(data)
}

/// Puts classes and functions into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    enumeration::register::<NvDsEventType>(module)?;
    enumeration::register::<NvDsObjectType>(module)?;
    enumeration::register::<NvDsPayloadType>(module)?;
    module.add_class::<NvDsRect>()?;
    module.add_class::<NvDsGeoLocation>()?;
    module.add_class::<NvDsCoordinate>()?;
    module.add_class::<NvDsObjectSignature>()?;
    module.add_class::<NvDsVehicleObject>()?;
    module.add_class::<NvDsPersonObject>()?;
    module.add_class::<NvDsFaceObject>()?;
    module.add_class::<NvDsVehicleObjectExt>()?;
    module.add_class::<NvDsPersonObjectExt>()?;
    module.add_class::<NvDsFaceObjectWithExt>()?;
    module.add_class::<NvDsEventMsgMeta>()?;
    module.add_class::<NvDsEvent>()?;
    module.add_class::<NvDsPayload>()?;
    module.add_class::<CustomDataStruct>()?;
    module.add_function(wrap_pyfunction!(alloc_nvds_event_msg_meta, module)?)?;
    module.add_function(wrap_pyfunction!(alloc_custom_struct, module)?)?;
    module.add_function(wrap_pyfunction!(alloc_nvds_vehicle_object, module)?)?;
    module.add_function(wrap_pyfunction!(alloc_nvds_person_object, module)?)?;
    module.add_function(wrap_pyfunction!(alloc_nvds_face_object, module)?)?;
    module.add_function(wrap_pyfunction!(alloc_nvds_event, module)?)?;
    module.add_function(wrap_pyfunction!(alloc_nvds_payload, module)?)?;
    module.add_function(wrap_pyfunction!(glist_get_nvds_event_msg_meta, module)?)?;
    module.add_function(wrap_pyfunction!(glist_get_nvds_vehicle_object, module)?)?;
    module.add_function(wrap_pyfunction!(glist_get_nvds_person_object, module)?)
}
