//! The HTTP server: one thread that answers one request after the other.

use std::io::{Cursor, Read};
use std::sync::Arc;
use std::thread::JoinHandle;

use super::rest::{Answer, answer};

/// Longest body that is read: hundreds of times what a source needs.
const MAX_BODY: u64 = 64 * 1024;

/// A server that runs until it is dropped.
pub(super) struct Server {
    server: Arc<tiny_http::Server>,
    thread: Option<JoinHandle<()>>,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {reason}")]
pub(super) struct ServerError {
    address: String,
    reason: String,
}

impl Server {
    /// Listens on `address`; `handle` is asked with method, path and body.
    pub(super) fn start(
        address: &str,
        handle: impl Fn(&dyn Fn(&dyn super::rest::Streams) -> Answer) -> Answer + Send + 'static,
    ) -> Result<Self, ServerError> {
        let fail = |reason: String| ServerError { address: address.to_owned(), reason };
        let server = Arc::new(tiny_http::Server::http(address).map_err(|err| fail(err.to_string()))?);
        let listening = server.clone();
        let thread = std::thread::Builder::new()
            .name("nvmultiurisrcbin".into())
            .spawn(move || {
                for mut request in listening.incoming_requests() {
                    let mut body = Vec::new();
                    let read = request.as_reader().take(MAX_BODY + 1).read_to_end(&mut body);
                    let answer = if read.is_err() {
                        Answer::new(400, "the body cannot be read")
                    } else if body.len() as u64 > MAX_BODY {
                        Answer::new(413, format!("a body holds {MAX_BODY} bytes at most"))
                    } else {
                        let (method, path) = (request.method().to_string(), request.url().to_owned());
                        handle(&|streams| answer(&method, &path, &body, streams))
                    };
                    // Who has gone away does not hear it.
                    let _ = request.respond(response(&answer));
                }
            })
            .map_err(|err| fail(err.to_string()))?;
        Ok(Self { server, thread: Some(thread) })
    }

    /// The port that it listens on.
    pub(super) fn port(&self) -> Option<u16> {
        self.server.server_addr().to_ip().map(|address| address.port())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

fn response(answer: &Answer) -> tiny_http::Response<Cursor<Vec<u8>>> {
    let response = tiny_http::Response::from_string(answer.body.to_string()).with_status_code(answer.code);
    match tiny_http::Header::from_bytes("Content-Type", "application/json; charset=utf-8") {
        Ok(header) => response.with_header(header),
        Err(()) => response,
    }
}
