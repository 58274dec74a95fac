//! `slipstream snapshot`: one picture of the running output, in a file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use image::ImageFormat;

use crate::fault::Fault;
use crate::settings::{AddressArgs, parse_seconds};
use crate::still;
use crate::uri::{Input, redact};

/// What `slipstream snapshot` can be told.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  slipstream snapshot now.png
  slipstream snapshot --url rtsp://192.168.1.5:8554/ds now.jpg")]
pub struct SnapshotArgs {
    /// The picture to write; its ending says what: .png, .jpg or .jpeg
    file: PictureFile,

    /// The stream to look at [default: that of this machine at the given port and path]
    #[arg(long, value_name = "URI", hide_env_values = true)]
    url: Option<Input>,

    /// How long to wait for a picture
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    timeout: Duration,

    #[command(flatten)]
    address: AddressArgs,
}

#[derive(Debug, Clone)]
struct PictureFile {
    path: PathBuf,
    format: ImageFormat,
}

impl FromStr for PictureFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        match ImageFormat::from_path(&path) {
            Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => Ok(Self { path, format }),
            _ => Err("a picture's name ends in .png, .jpg or .jpeg".into()),
        }
    }
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
enum SnapshotError {
    #[error("{stream}: {fault}; is slipstream running there?")]
    NotRunning { stream: Box<Input>, fault: Fault },
    #[error("{stream}: {fault}")]
    Stream { stream: Box<Input>, fault: Fault },
    #[error("only rtsp:// streams have snapshots taken, and {0} is none")]
    NotRtsp(Box<Input>),
    #[error("cannot write {}: {reason}", path.display())]
    Write { path: PathBuf, reason: image::ImageError },
    #[error("{0}")]
    Address(#[from] crate::uri::UriError),
}

/// Takes the picture and writes the file.
pub fn run(arguments: &SnapshotArgs) -> ExitCode {
    match take(arguments) {
        Ok(size) => {
            println!("{}: {size}", arguments.file.path.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}", redact(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

fn take(arguments: &SnapshotArgs) -> Result<slipstream_meta::Size, SnapshotError> {
    let address = &arguments.address;
    let stream = match &arguments.url {
        Some(url) => url.clone(),
        None => format!("rtsp://127.0.0.1:{}{}", address.port, address.path).parse()?,
    };
    let Input::Rtsp(uri) = &stream else { return Err(SnapshotError::NotRtsp(stream.into())) };
    let own = address.credentials();
    let credentials = uri.credentials().or(own.as_ref());
    let picture = still::take(uri, credentials, arguments.timeout).map_err(|fault| match fault {
        Fault::Refused(_) | Fault::NotFound => {
            SnapshotError::NotRunning { stream: Box::new(stream.clone()), fault }
        }
        fault => SnapshotError::Stream { stream: Box::new(stream.clone()), fault },
    })?;
    write(&picture, &arguments.file.path, arguments.file.format)?;
    Ok(slipstream_meta::Size::new(picture.width(), picture.height()))
}

fn write(picture: &image::RgbImage, path: &Path, format: ImageFormat) -> Result<(), SnapshotError> {
    picture
        .save_with_format(path, format)
        .map_err(|reason| SnapshotError::Write { path: path.to_owned(), reason })
}
