//! DeepStream's sample files on machines without DeepStream: configs of our own under the same names, and drawn street
//! scenes where its sample videos are meant.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use gst::prelude::*;
use slipstream_infer::InferConfig;
use slipstream_infer::model::missing_sample;
use slipstream_meta::Size;

use super::config::{AppConfig, SourceKind};
use crate::models::folders::ModelFolders;

/// Where sample videos lie below DeepStream's folder.
const STREAMS: [&str; 2] = ["samples", "streams"];
/// Names of the config files of the samples' second stages begin with this.
const SECONDARY_CONFIG: &str = "config_infer_secondary_";
/// Names of sample videos begin with this.
const STREAM_NAME: &str = "sample_";
/// The folder of our own configs, beside that of the models: installed, and in the source tree.
const CONFIG_FOLDERS: [&str; 2] = ["deepstream", "examples/deepstream"];
/// Seconds of a drawn video.
const SECONDS: u32 = 10;
/// Frames per second of a drawn video, as of the samples that it stands in for.
const RATE: u32 = 30;
/// Frames between key frames.
const KEY_FRAMES: u32 = 30;
/// Access to a video that was drawn: everyone may look at it.
const READABLE: u32 = 0o644;
/// Below the user's folder for what can be made again (XDG Base Directory Specification 0.8).
const BELOW_CACHE: &str = "slipstream/streams";

/// How often is looked whether to stop.
const LOOK: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// Points `config` to files that are there; what its author should know. Drawing ends early when told to `stop`.
pub fn locate(config: &mut AppConfig, stop: &AtomicBool) -> Vec<String> {
    let mut notices = Vec::new();
    for gie in config.primary_gie.iter_mut().chain(&mut config.secondary_gies) {
        replace(&mut notices, &gie.group, "config-file", &mut gie.config_file);
    }
    config.secondary_gies.retain(|gie| {
        let missing = missing_model(&gie.config_file);
        if let Some(missing) = &missing {
            notices.push(format!("[{}] {} is not there: it is left out", gie.group, missing.display()));
        }
        missing.is_none()
    });
    if let Some(tracker) = &mut config.tracker {
        let files = tracker.ll_config_files.iter_mut();
        files.for_each(|path| replace(&mut notices, "tracker", "ll-config-file", path));
    }
    for input in config.inputs() {
        let Some(missing) = input.file().filter(|file| !file.exists()) else { continue };
        let Some(group) = config.sources.iter_mut().find(|source| **source == input.source) else { continue };
        match stream(&missing, stop) {
            Ok(Some(there)) => {
                notices.push(format!(
                    "[{}] {} is not there: a drawn street scene stands in for it, {}",
                    group.group,
                    missing.display(),
                    there.display()
                ));
                if group.kind != SourceKind::MultiUri
                    || group.uri.as_ref().is_some_and(|uri| !uri.contains('%'))
                {
                    group.uri = Some(there.display().to_string());
                }
            }
            Ok(None) => {}
            Err(reason) => {
                notices.push(format!("{} is not there, and cannot be drawn: {reason}", missing.display()));
            }
        }
    }
    notices
}

/// Puts a file of our own in the place of one that is not there.
fn replace(notices: &mut Vec<String>, group: &str, key: &str, path: &mut PathBuf) {
    if let Some(there) = config_file(path) {
        notices.push(format!(
            "[{group}] {key}={} is not there, {} is taken",
            path.display(),
            there.display()
        ));
        *path = there;
    }
}

/// What a second stage of DeepStream's samples lacks, if anything: its models cannot be had, and the first stage is worth
/// seeing without them. What is wrong with other configs, the element says.
fn missing_model(config: &Path) -> Option<PathBuf> {
    if !config.exists() {
        return is_sample_name(config).then(|| config.to_owned());
    }
    let (config, _) = InferConfig::load(config).ok()?;
    missing_sample(&config).map(Path::to_owned)
}

/// Whether a config file is called as those of the samples' second stages are.
fn is_sample_name(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(SECONDARY_CONFIG))
}

/// The folder of our own configs under the names of DeepStream's.
pub fn config_folder() -> Option<PathBuf> {
    let models = ModelFolders::of_this_program().of_program?;
    CONFIG_FOLDERS.iter().map(|name| models.with_file_name("").join(name)).find(|folder| folder.is_dir())
}

/// Our own file in place of one that is not there.
fn config_file(path: &Path) -> Option<PathBuf> {
    if path.exists() {
        return None;
    }
    Some(config_folder()?.join(path.file_name()?)).filter(|file| file.is_file())
}

/// A video that stands in for one of DeepStream's samples, drawn if need be; `None` if `path` is none of them.
///
/// # Errors
/// If it cannot be drawn or stored.
pub fn stream(path: &Path, stop: &AtomicBool) -> Result<Option<PathBuf>, String> {
    let parts: Vec<_> = path.iter().collect();
    let below_samples = parts.windows(2).any(|pair| pair.iter().eq(STREAMS.map(OsStr::new).iter()));
    // Configs that were copied away from the samples lead elsewhere.
    let called_so = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(STREAM_NAME));
    let is_sample =
        below_samples || (called_so && parts.iter().rev().nth(1) == Some(&OsStr::new(STREAMS[1])));
    let Some((name, format)) = path.file_name().zip(format_of(path)).filter(|_| is_sample) else {
        return Ok(None);
    };
    let folder = cache_folder();
    let file = folder.join(name);
    if !file.is_file() {
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        draw(&file, format, stop)?;
    }
    Ok(Some(file))
}

/// Draws a video of what the name of `file` says.
///
/// # Errors
/// If the name is of no format that can be drawn, or the video cannot be drawn or stored.
pub fn draw_stream(file: &Path) -> Result<(), String> {
    let format = format_of(file).ok_or_else(|| format!("{}: no known kind of video", file.display()))?;
    draw(file, format, &AtomicBool::new(false))
}

/// Folder of the videos that were drawn.
fn cache_folder() -> PathBuf {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join(BELOW_CACHE)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Format {
    size: Size,
    /// Launch line of encoder and parser.
    codec: &'static str,
    /// Launch line of the container.
    container: &'static str,
}

fn format_of(path: &Path) -> Option<Format> {
    let name = path.file_stem()?.to_str()?.to_lowercase();
    let extension = path.extension()?.to_str()?.to_lowercase();
    let size = if name.contains("1080p") {
        Size::new(1920, 1080)
    } else if name.contains("qhd") {
        Size::new(960, 540)
    } else {
        Size::new(1280, 720)
    };
    let is_h265 = name.contains("h265") || extension == "h265";
    let codec = if is_h265 {
        "x265enc speed-preset=ultrafast ! h265parse"
    } else {
        "x264enc bframes=0 speed-preset=veryfast ! video/x-h264,profile=main ! h264parse"
    };
    let container = match extension.as_str() {
        "h264" if is_h265 => return None,
        "h264" => "video/x-h264,stream-format=byte-stream",
        "h265" => "video/x-h265,stream-format=byte-stream",
        "mp4" | "mov" => "qtmux",
        "mkv" => "matroskamux",
        _ => return None,
    };
    Some(Format { size, codec, container })
}

fn draw(file: &Path, format: Format, stop: &AtomicBool) -> Result<(), String> {
    super::say(&format!("Drawing {} once; this takes a while\n", file.display()));
    if gst::ElementFactory::find("slipscenesrc").is_none() {
        gstslipstream::plugin_register_static().map_err(|error| error.to_string())?;
    }
    let Format { size, codec, container } = format;
    let encoder = codec.replacen(" speed-preset", &format!(" key-int-max={KEY_FRAMES} speed-preset"), 1);
    let pipeline = gst::parse::launch(&format!(
        "slipscenesrc num-buffers={} ! video/x-raw,format=I420,width={},height={},framerate={RATE}/1 ! queue ! {encoder} \
         ! {container} ! filesink name=file",
        SECONDS * RATE,
        size.width,
        size.height
    ))
    .map_err(|error| error.to_string())?;
    // Nobody finds half a video: it gets its name when it is whole.
    let unfinished = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(READABLE))
        .tempfile_in(file.parent().unwrap_or(Path::new("")))
        .map_err(|error| error.to_string())?
        .into_temp_path();
    if let Some(sink) = pipeline.downcast_ref::<gst::Bin>().and_then(|bin| bin.by_name("file")) {
        sink.set_property("location", unfinished.display().to_string());
    }
    let started = pipeline.set_state(gst::State::Playing);
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let bus = pipeline.bus().ok_or("a pipeline has no bus")?;
    let end = std::iter::repeat_with(|| bus.timed_pop_filtered(LOOK, &kinds))
        .find(|end| end.is_some() || stop.load(Ordering::Relaxed))
        .flatten();
    let _ = pipeline.set_state(gst::State::Null);
    match end.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Error(error)) => return Err(error.error().to_string()),
        _ if started.is_err() => return Err("the encoder does not start".into()),
        None => return Err("interrupted".into()),
        _ => {}
    }
    unfinished.persist(file).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_samples_say_what_they_hold() {
        let format = |name: &str| {
            format_of(Path::new(name)).map(|f| (f.size.height, f.codec.contains("265"), f.container))
        };
        assert_eq!(format("sample_1080p_h264.mp4"), Some((1080, false, "qtmux")));
        assert_eq!(format("sample_1080p_h265.mp4"), Some((1080, true, "qtmux")));
        assert_eq!(format("sample_qHD.mp4"), Some((540, false, "qtmux")));
        assert_eq!(format("sample_720p.h264"), Some((720, false, "video/x-h264,stream-format=byte-stream")));
        assert_eq!(format("sample_720p.jpg"), None);
        assert_eq!(stream(Path::new("/home/me/videos/sample_720p.h264"), &AtomicBool::new(false)), Ok(None));
    }
}
