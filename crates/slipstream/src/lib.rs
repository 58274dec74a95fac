//! Many cameras in, one annotated stream out.

pub mod address;
pub mod camera_server;
pub mod encoder;
pub mod output;
mod rtsp_login;
mod rtsp_thread;
pub mod settings;
pub mod uri;

pub use rtsp_login::LoginMethod;
pub use rtsp_thread::ListenError;
