//! A thread of its own for an RTSP server.

use std::net::{IpAddr, SocketAddr};
use std::thread::JoinHandle;

use gst::glib;
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::{RTSPFilterResult, RTSPServer, gio};

/// Requests have no body; nobody needs to send more.
const MAX_REQUEST_BODY: u32 = 16 * 1024;

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else listens there.
    #[error("port {} at {} is in use by another program; choose another port", .0.port(), .0.ip())]
    InUse(SocketAddr),
    /// Ports below 1024 belong to root.
    #[error("not allowed to listen at port {} of {}; ports below 1024 are root's", .0.port(), .0.ip())]
    Denied(SocketAddr),
    /// The address is that of no interface.
    #[error("{} is no address of this machine", .0.ip())]
    NotHere(SocketAddr),
    /// Anything else.
    #[error("cannot listen at {address}: {reason}")]
    Other {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        reason: String,
    },
}

/// A running server: it accepts connections and answers requests on one thread, so its signal handlers never run
/// side by side. Media run on threads of their own.
pub(crate) struct ServerThread {
    server: RTSPServer,
    context: glib::MainContext,
    main_loop: glib::MainLoop,
    listener: glib::Source,
    thread: Option<JoinHandle<()>>,
}

impl ServerThread {
    /// Listens at `address`:`port`; port 0 takes any free one. When this returns, clients can connect.
    pub(crate) fn start(server: RTSPServer, address: IpAddr, port: u16) -> Result<Self, ListenError> {
        server.set_address(&address.to_string());
        server.set_service(&port.to_string());
        server.set_content_length_limit(MAX_REQUEST_BODY);
        if let Some(pool) = server.thread_pool() {
            pool.set_max_threads(0);
        }
        let at = SocketAddr::new(address, port);
        let context = glib::MainContext::new();
        let main_loop = glib::MainLoop::new(Some(&context), false);
        let listener =
            server.create_source(gio::Cancellable::NONE).map_err(|error| listen_error(at, &error))?;
        listener.attach(Some(&context));
        let thread = std::thread::Builder::new()
            .name("rtsp-server".into())
            .spawn({
                let (context, main_loop) = (context.clone(), main_loop.clone());
                move || {
                    // It fails only if another thread owns this context, which nobody else has.
                    let _ = context.with_thread_default(|| main_loop.run());
                }
            })
            .map_err(|error| ListenError::Other { address: at, reason: error.to_string() })?;
        Ok(Self { server, context, main_loop, listener, thread: Some(thread) })
    }

    /// The port that the server listens at.
    pub(crate) fn port(&self) -> u16 {
        u16::try_from(self.server.bound_port()).unwrap_or_default()
    }

    /// The context that the server runs in.
    pub(crate) fn context(&self) -> &glib::MainContext {
        &self.context
    }

    /// Runs `work` on the server's thread and waits for its end.
    pub(crate) fn call(&self, work: impl FnOnce(&RTSPServer) + Send + 'static) {
        let (done, wait) = std::sync::mpsc::sync_channel(1);
        let server = self.server.clone();
        self.context.invoke(move || {
            work(&server);
            let _ = done.send(());
        });
        // An error means that the thread has ended, and with it all clients.
        let _ = wait.recv();
    }
}

impl Drop for ServerThread {
    /// Hangs up on every client, closes the port and ends the thread.
    fn drop(&mut self) {
        self.listener.destroy();
        self.call(|server| {
            server.client_filter(Some(&mut |_, _| RTSPFilterResult::Remove));
        });
        self.main_loop.quit();
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

fn listen_error(address: SocketAddr, error: &glib::Error) -> ListenError {
    match error.kind::<gio::IOErrorEnum>() {
        Some(gio::IOErrorEnum::AddressInUse) => ListenError::InUse(address),
        Some(gio::IOErrorEnum::PermissionDenied) => ListenError::Denied(address),
        _ if error.message().contains("Cannot assign requested address") => ListenError::NotHere(address),
        _ => ListenError::Other { address, reason: error.message().to_owned() },
    }
}
