//! Messages on standard error: ours, GStreamer's and GLib's, none with credentials.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use gst::glib;
use parking_lot::Mutex;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;

use crate::uri::redact;

/// Sends messages of at least the `level` to standard error.
pub(super) fn start(level: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::builder().parse(level)?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Redacting)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
    Ok(())
}

/// Standard error without credentials.
struct Redacting;

impl<'a> MakeWriter<'a> for Redacting {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl Write for Redacting {
    /// One call is one whole message.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(redact(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// GStreamer's own log, as much as `GST_DEBUG` asks for, goes to standard error (or to `GST_DEBUG_FILE`) without
/// credentials; GLib's complaints become messages of ours.
pub(super) fn take_over_gstreamer() {
    let file = std::env::var_os("GST_DEBUG_FILE").and_then(|path| File::create(path).ok());
    let out: Arc<Mutex<Box<dyn Write + Send>>> = Arc::new(Mutex::new(match file {
        Some(file) => Box::new(file),
        None => Box::new(io::stderr()),
    }));
    gst::log::remove_default_log_function();
    gst::log::add_log_function(move |category, level, file, function, line, object, message| {
        let object = object.map(|object| format!("<{object}> ")).unwrap_or_default();
        let text = message.get().unwrap_or_default();
        let line = format!(
            "{} {level:?} {} {file}:{line}:{function}: {object}{text}\n",
            gst::get_timestamp(),
            category.name()
        );
        // There is no place left to report that the log cannot be written.
        let _ = out.lock().write_all(redact(&line).as_bytes());
    });
    glib::log_set_default_handler(|domain, level, message| {
        let domain = domain.unwrap_or("GLib");
        match level {
            glib::LogLevel::Error | glib::LogLevel::Critical => tracing::error!("{domain}: {message}"),
            glib::LogLevel::Warning => tracing::warn!("{domain}: {message}"),
            _ => tracing::debug!("{domain}: {message}"),
        }
    });
}
