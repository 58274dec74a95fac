//! Many cameras in, one annotated stream out.

pub mod address;
pub mod app;
pub mod bench;
pub mod camera_server;
pub mod cli;
pub mod detect;
pub mod encoder;
pub mod examine;
pub mod fault;
pub mod inspect;
mod memory;
pub mod models;
pub mod output;
pub mod pipeline;
pub mod report;
mod rtsp_client;
mod rtsp_login;
mod rtsp_thread;
pub mod settings;
pub mod simulation;
pub mod source;
pub mod still;
pub mod tally;
pub mod track;
pub mod uri;

pub use rtsp_login::LoginMethod;
pub use rtsp_thread::ListenError;
