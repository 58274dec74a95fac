//! What is asked for over HTTP, and what is answered: DeepStream's REST interface. Knows no sockets.

use serde_json::{Value, json};

use super::control::{CONTROLS, Control};

/// A source that is to be added or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Camera {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) url: String,
}

/// A source that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) source: u32,
    pub(super) id: String,
    pub(super) name: String,
}

/// Who does what is asked for.
pub(super) trait Streams {
    /// Adds a source.
    ///
    /// # Errors
    /// Why it was not, for the one who asked.
    fn add(&self, camera: &Camera) -> Result<(), String>;
    /// Removes the source of this id.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    fn remove(&self, camera: &Camera) -> Result<(), String>;
    fn streams(&self) -> Vec<Stream>;
    /// Whether the pipeline plays.
    fn is_playing(&self) -> bool;
    /// Frames that have come of each source.
    fn frames(&self) -> Vec<(u32, u64)>;
    /// Sets something for the source `stream`, a number or the id of a source.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    fn control(&self, control: &Control, stream: &str, value: &str) -> Result<(), String>;
    /// Ends all sources.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    fn quit(&self) -> Result<(), String>;
}

/// What is sent back.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) body: Value,
}

const BASE: &str = "/api/v1/";
/// What DeepStream offers that is not there.
const NOT_THERE: [&str; 10] = [
    "roi/update",
    "dec/low-latency-mode",
    "enc/iframe-interval",
    "inferserver/set-interval",
    "nvtracker/config-path",
    "analytics/reload-config",
    "generate_text_embeddings",
    "generate_image_embeddings",
    "stream/status",
    "stream/stats",
];

fn phrase(code: u16) -> &'static str {
    match code {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Payload Too Large",
        501 => "Not Implemented",
        _ => "Internal Server Error",
    }
}

impl Answer {
    pub(super) fn new(code: u16, reason: impl Into<String>) -> Self {
        let status = format!("HTTP/1.1 {code} {}", phrase(code));
        Self { code, body: json!({ "status": status, "reason": reason.into() }) }
    }

    fn with(mut self, key: &str, value: Value) -> Self {
        if let Some(body) = self.body.as_object_mut() {
            body.insert(key.into(), value);
        }
        self
    }
}

fn yes(is_true: bool) -> &'static str {
    if is_true { "YES" } else { "NO" }
}

/// The answer to a request for `path` with `body`.
pub(super) fn answer(method: &str, path: &str, body: &[u8], streams: &dyn Streams) -> Answer {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let Some(name) = path.strip_prefix(BASE) else {
        return Answer::new(404, format!("{path} is not known; the interface is below {BASE}"));
    };
    let playing = streams.is_playing();
    let health =
        |reason: &str, key: &str| Answer::new(200, reason).with("health-info", json!({ key: yes(playing) }));
    let control = CONTROLS.iter().find(|control| control.path == name);
    if let Some(control) = control.filter(|_| method == "POST") {
        return set(control, body, streams);
    }
    match (method, name) {
        ("POST", "stream/add" | "stream/remove") => change(name, body, streams),
        ("POST", "app/quit") => quit(body, streams),
        ("GET", "stream/get-stream-info") => {
            let all = streams.streams();
            let list: Vec<Value> = all
                .iter()
                .map(|s| json!({ "source_id": s.source, "camera_id": s.id, "camera_name": s.name }))
                .collect();
            let info = json!({ "stream-count": all.len(), "stream-info": list });
            Answer::new(200, "GET_LIVE_STREAM_INFO_SUCCESS").with("stream-info", info)
        }
        ("GET", "health/get-dsready-state" | "ready") => health("GET_READY_INFO_SUCCESS", "ds-ready"),
        ("GET", "live") => health("GET_LIVE_INFO_SUCCESS", "ds-liveness"),
        ("GET", "startup") => health("GET_STARTUP_INFO_SUCCESS", "ds-startup"),
        ("GET", "metadata") => Answer::new(200, "GET_METADATA_INFO_SUCCESS")
            .with("metadata-info", json!({ "version": env!("CARGO_PKG_VERSION") })),
        ("GET", "metrics") => {
            let all = streams.streams();
            let frames = streams.frames();
            let stats: Vec<Value> = all
                .iter()
                .map(|s| {
                    let frames = frames.iter().find(|(source, _)| *source == s.source).map_or(0, |(_, n)| *n);
                    json!({ "source_id": s.source, "sensor_id": s.id, "sensor_name": s.name, "frame_number": frames })
                })
                .collect();
            let info = json!({ "stream-count": all.len(), "stream-stats": stats });
            Answer::new(200, "GET_METRICS_INFO_SUCCESS").with("metrics-info", info)
        }
        (_, name) if NOT_THERE.contains(&name) => {
            Answer::new(501, format!("{name} is not there: set the element's property instead"))
        }
        (_, name) if is_post(name) => {
            Answer::new(405, format!("{method} is not allowed for {path}: use POST"))
        }
        (
            _,
            "stream/get-stream-info"
            | "health/get-dsready-state"
            | "ready"
            | "live"
            | "startup"
            | "metadata"
            | "metrics",
        ) => Answer::new(405, format!("{method} is not allowed for {path}: use GET")),
        _ => Answer::new(404, format!("{path} is not known")),
    }
}

fn text(value: &Value, key: &str) -> String {
    match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// Adds or removes a source: by the `change` of the request, else by the path.
fn change(path: &str, body: &[u8], streams: &dyn Streams) -> Answer {
    let by_path = path.ends_with("add");
    let word = |adds| if adds { "STREAM_ADD" } else { "STREAM_REMOVE" };
    let body: Value = match serde_json::from_slice(body) {
        Ok(body) => body,
        Err(err) => return Answer::new(400, format!("{}_FAIL, error: {err}", word(by_path))),
    };
    let Some(value) = body.get("value").or_else(|| body.get("event")).filter(|value| value.is_object())
    else {
        return Answer::new(400, format!("{}_FAIL, error: there is no object \"value\"", word(by_path)));
    };
    let how = text(value, "change");
    let adds = if how.is_empty() { by_path } else { how.contains("add") };
    let camera = Camera {
        id: text(value, "camera_id"),
        name: text(value, "camera_name"),
        url: text(value, "camera_url"),
    };
    if camera.url.is_empty() {
        return Answer::new(400, format!("{}_FAIL, Source url empty", word(adds)));
    }
    if camera.id.is_empty() {
        return Answer::new(400, format!("{}_FAIL, Source id empty", word(adds)));
    }
    match if adds { streams.add(&camera) } else { streams.remove(&camera) } {
        Ok(()) => Answer::new(200, format!("{}_SUCCESS", word(adds))),
        Err(why) => Answer::new(500, format!("{}_FAIL, {why}", word(adds))),
    }
}

/// Whether something is changed at `name`.
fn is_post(name: &str) -> bool {
    ["stream/add", "stream/remove", "app/quit"].contains(&name)
        || CONTROLS.iter().any(|control| control.path == name)
}

fn set(control: &Control, body: &[u8], streams: &dyn Streams) -> Answer {
    let Control { key, word, .. } = control;
    let body: Value = match serde_json::from_slice(body) {
        Ok(body) => body,
        Err(err) => return Answer::new(400, format!("{word}_FAIL, error: {err}")),
    };
    let value = |stream: &Value| match stream.get(key).or_else(|| stream.get("value"))? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(on) => Some(on.to_string()),
        _ => None,
    };
    let Some((stream, value)) = body.get("stream").and_then(|stream| Some((stream, value(stream)?))) else {
        return Answer::new(400, format!("{word}_FAIL, error: \"stream\" holds no value {key}"));
    };
    match streams.control(control, &text(stream, "stream_id"), &value) {
        Ok(()) => Answer::new(200, format!("{word}_SUCCESS")),
        Err(why) => Answer::new(500, format!("{word}_FAIL, {why}")),
    }
}

/// Ends everything, if the body says so.
fn quit(body: &[u8], streams: &dyn Streams) -> Answer {
    let body: Value = match serde_json::from_slice(body) {
        Ok(body) => body,
        Err(err) => return Answer::new(400, format!("QUIT_FAIL, error: {err}")),
    };
    let wanted = body.get("stream").or_else(|| body.get("app")).unwrap_or(&body).get("app_quit");
    let is_wanted = match wanted {
        Some(Value::Bool(wanted)) => *wanted,
        Some(Value::Number(number)) => number.as_i64().is_some_and(|number| number != 0),
        Some(Value::String(text)) => matches!(text.as_str(), "1" | "true"),
        _ => false,
    };
    if !is_wanted {
        return Answer::new(400, "QUIT_FAIL, error: app_quit is not 1");
    }
    match streams.quit() {
        Ok(()) => Answer::new(200, "QUIT_SUCCESS"),
        Err(why) => Answer::new(500, format!("QUIT_FAIL, {why}")),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[derive(Default)]
    struct Fake(RefCell<Vec<Camera>>);

    impl Streams for Fake {
        fn add(&self, camera: &Camera) -> Result<(), String> {
            if self.0.borrow().iter().any(|known| known.id == camera.id) {
                return Err("Duplicate Camera id, unable to add stream".into());
            }
            self.0.borrow_mut().push(camera.clone());
            Ok(())
        }

        fn remove(&self, camera: &Camera) -> Result<(), String> {
            let before = self.0.borrow().len();
            self.0.borrow_mut().retain(|known| known.id != camera.id);
            if self.0.borrow().len() < before { Ok(()) } else { Err("No record found".into()) }
        }

        fn streams(&self) -> Vec<Stream> {
            let stream =
                |(n, c): (u32, &Camera)| Stream { source: n, id: c.id.clone(), name: c.name.clone() };
            (0..).zip(self.0.borrow().iter()).map(stream).collect()
        }

        fn is_playing(&self) -> bool {
            true
        }

        fn frames(&self) -> Vec<(u32, u64)> {
            vec![(0, 12)]
        }

        fn control(&self, control: &Control, stream: &str, value: &str) -> Result<(), String> {
            let is_there = stream == "0" && value == "40000";
            is_there.then_some(()).ok_or_else(|| format!("{} cannot be {value}", control.property))
        }

        fn quit(&self) -> Result<(), String> {
            Ok(())
        }
    }

    fn sensor(id: &str, url: &str, change: &str) -> Vec<u8> {
        json!({
            "key": "sensor",
            "value": { "camera_id": id, "camera_name": "front door", "camera_url": url, "change": change,
                "metadata": { "resolution": "1920x1080", "codec": "h264", "framerate": 30 } },
            "headers": { "source": "vst", "created_at": "2021-06-01T14:34:13.417Z" }
        })
        .to_string()
        .into_bytes()
    }

    fn said(answer: &Answer) -> (u16, String) {
        assert_eq!(answer.body["status"], format!("HTTP/1.1 {} {}", answer.code, phrase(answer.code)));
        (answer.code, answer.body["reason"].as_str().unwrap().to_owned())
    }

    #[test]
    fn sources_are_added_listed_and_removed() {
        let fake = Fake::default();
        let post = |path: &str, body: &[u8]| said(&answer("POST", path, body, &fake));
        let add = sensor("cam1", "file:///a.mp4", "camera_add");
        assert_eq!(post("/api/v1/stream/add", &add), (200, "STREAM_ADD_SUCCESS".into()));
        assert_eq!(
            post("/api/v1/stream/add", &add),
            (500, "STREAM_ADD_FAIL, Duplicate Camera id, unable to add stream".into())
        );
        let info = answer("GET", "/api/v1/stream/get-stream-info", b"", &fake);
        assert_eq!(said(&info), (200, "GET_LIVE_STREAM_INFO_SUCCESS".into()));
        assert_eq!(
            info.body["stream-info"],
            json!({ "stream-count": 1, "stream-info": [{ "source_id": 0, "camera_id": "cam1", "camera_name": "front door" }] })
        );
        let remove = sensor("cam1", "file:///a.mp4", "camera_remove");
        assert_eq!(post("/api/v1/stream/remove", &remove), (200, "STREAM_REMOVE_SUCCESS".into()));
        assert_eq!(
            post("/api/v1/stream/remove", &remove),
            (500, "STREAM_REMOVE_FAIL, No record found".into())
        );
    }

    #[test]
    fn what_is_missing_is_said() {
        let fake = Fake::default();
        let post = |path: &str, body: &[u8]| said(&answer("POST", path, body, &fake));
        let no_id = sensor("", "file:///a.mp4", "camera_add");
        assert_eq!(post("/api/v1/stream/add", &no_id), (400, "STREAM_ADD_FAIL, Source id empty".into()));
        let no_url = sensor("cam", "", "camera_remove");
        assert_eq!(
            post("/api/v1/stream/remove", &no_url),
            (400, "STREAM_REMOVE_FAIL, Source url empty".into())
        );
        assert_eq!(post("/api/v1/stream/add", b"{").0, 400);
        assert_eq!(post("/api/v1/stream/add", b"[]").0, 400);
        assert_eq!(post("/api/v1/roi/update", b"{}").0, 501);
        assert_eq!(post("/api/v1/nothing", b"{}").0, 404);
        assert_eq!(post("/else", b"{}").0, 404);
        assert_eq!(said(&answer("GET", "/api/v1/stream/add", b"", &fake)).0, 405);
        assert_eq!(said(&answer("PUT", "/api/v1/ready", b"", &fake)).0, 405);
    }

    #[test]
    fn health_and_numbers_are_told() {
        let fake = Fake::default();
        let get = |path: &str| answer("GET", path, b"", &fake);
        assert_eq!(get("/api/v1/health/get-dsready-state").body["health-info"], json!({ "ds-ready": "YES" }));
        assert_eq!(get("/api/v1/ready").body["health-info"], json!({ "ds-ready": "YES" }));
        assert_eq!(get("/api/v1/live").body["health-info"], json!({ "ds-liveness": "YES" }));
        assert_eq!(get("/api/v1/startup").body["health-info"], json!({ "ds-startup": "YES" }));
        fake.add(&Camera { id: "cam".into(), name: "door".into(), url: "x".into() }).unwrap();
        let stats = get("/api/v1/metrics?x=1").body["metrics-info"]["stream-stats"].clone();
        assert_eq!(
            stats,
            json!([{ "source_id": 0, "sensor_id": "cam", "sensor_name": "door", "frame_number": 12 }])
        );
        let body = br#"{"stream": {"stream_id": "0", "batched_push_timeout": 40000}}"#;
        assert_eq!(said(&answer("POST", "/api/v1/mux/batched-push-timeout", body, &fake)).0, 200);
    }

    #[test]
    fn what_can_be_set_is_set_under_its_key() {
        let post = |path: &str, body: &str| {
            said(&answer("POST", &format!("/api/v1/{path}"), body.as_bytes(), &Fake::default()))
        };
        for Control { path, key, word, .. } in CONTROLS {
            let body = |value: &str| format!(r#"{{"stream": {{"stream_id": "0", "{key}": {value}}}}}"#);
            assert_eq!(post(path, &body("40000")), (200, format!("{word}_SUCCESS")));
            assert_eq!(post(path, &body("\"40000\"")).0, 200, "as a text");
            assert!(post(path, &body("7")).1.starts_with(&format!("{word}_FAIL, ")));
            assert_eq!(post(path, r#"{"stream": {"stream_id": "0"}}"#).0, 400);
            assert_eq!(said(&answer("GET", &format!("/api/v1/{path}"), b"", &Fake::default())).0, 405);
        }
        assert_eq!(post("app/quit", r#"{"app_quit": true}"#), (200, "QUIT_SUCCESS".into()));
        assert_eq!(post("app/quit", r#"{"stream": {"app_quit": 1}}"#).0, 200);
        assert_eq!(post("app/quit", "{}").0, 400);
    }

    proptest::proptest! {
        /// Whatever is sent, something is answered.
        #[test]
        fn nothing_sent_brings_it_down(method in "[A-Z]{0,6}", path in ".{0,40}", body in proptest::collection::vec(0u8.., 0..200)) {
            let answer = answer(&method, &path, &body, &Fake::default());
            proptest::prop_assert!(answer.code >= 200);
        }
    }
}
