//! `slipstream detect`: what is to be seen in pictures and videos.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use slipstream_infer::config::Labels;
use slipstream_infer::{Analyzer, InferConfig};
use slipstream_meta::{Classification, ObjectMeta, SegmentationMeta};
use slipstream_track::TrackerConfig;

use crate::detect::{DetectError, Gallery, InputFile, SecondStage, SeenFrame, detect, input_files};
use crate::models::detector_config;
use crate::settings::TrackerChoice;

/// Steps of the progress bar for each file.
const STEPS: u64 = 1000;
/// How often the progress bar moves though nothing comes.
const TICK: Duration = Duration::from_millis(200);

/// What `slipstream detect` can be told.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  slipstream detect street.jpg
  slipstream detect --draw out holiday/ yard.mp4 > objects.jsonl

One JSON object per frame goes to standard output, in the order of the files:
  {\"file\":\"yard.mp4\",\"frame\":25,\"time\":1.0,\"width\":640,\"height\":360,\"objects\":[
    {\"class\":0,\"label\":\"Vehicle\",\"confidence\":0.87,\"box\":[left,top,width,height]}]}
Boxes are in the frame's own pixels; pictures are turned upright as their EXIF data says.
With --track, objects that are followed through a video also have an \"id\".
With --secondary, objects have \"attributes\" that a classifier named; what a detector found in them comes behind the
others, with the \"parent\" that it is a part of, counted from 0.
Of a classifier, the \"attributes\" are the frame's; of a segmentation network, \"areas\" tells what share of the frame is of
each class.

The exit code is 0 if every file could be read to its end, and 1 if one could not.")]
pub struct DetectArgs {
    /// Pictures (PNG, JPEG, WebP), videos, and folders of pictures
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Detector, or any other network: its configuration in DeepStream's nvinfer format, INI or YAML, or a name of `slipstream model list`
    #[arg(long, value_name = "CONFIG", env = "SLIPSTREAM_MODEL")]
    model: Option<PathBuf>,

    /// Second stage, a network that looks at the objects that were found: its configuration; may be given several times
    #[arg(long, value_name = "CONFIG")]
    secondary: Vec<PathBuf>,

    /// Write annotated pictures into this folder: NAME.png or NAME.jpg, and NAME-000123.jpg for frames of videos
    #[arg(long, value_name = "DIR")]
    draw: Option<PathBuf>,

    /// Look at every Nth frame of videos
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,

    /// Follow objects through each video: number them by our own tracker, or by the one given (as run's --tracker)
    #[arg(long, value_name = "NAME|FILE", num_args = 0..=1, require_equals = true, default_missing_value = "slip")]
    track: Option<TrackerChoice>,

    /// Least confidence in 0…1, for all classes [default: pre-cluster-threshold of the configuration]
    #[arg(long, value_name = "CONFIDENCE", value_parser = parse_confidence)]
    threshold: Option<f32>,

    /// Frames to look at side by side, on one core each [default: all cores]
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
}

fn parse_confidence(text: &str) -> Result<f32, String> {
    match text.trim().parse() {
        Ok(confidence) if (0.0..=1.0).contains(&confidence) => Ok(confidence),
        _ => Err("allowed are 0 to 1".into()),
    }
}

/// One line of the output.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    frame: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<f64>,
    width: u32,
    height: u32,
    objects: Vec<Object<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attributes: Vec<Attribute<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    areas: Vec<Area<'a>>,
}

/// What of a frame is of one class.
#[derive(Serialize)]
struct Area<'a> {
    class: u32,
    /// None where the model names no classes.
    label: Option<&'a str>,
    /// Of the class map's cells, in 0…1.
    share: f64,
}

/// The classes of a map, in their order.
fn areas<'a>(map: &SegmentationMeta, labels: &'a Labels) -> Vec<Area<'a>> {
    let mut cells = BTreeMap::new();
    for class in map.class_map.iter().filter_map(|&class| u32::try_from(class).ok()) {
        *cells.entry(class).or_insert(0u32) += 1;
    }
    let share = |cells: u32| f64::from(cells) / map.class_map.len() as f64;
    let label = |class| labels.class(class).map(|label| &**label);
    cells.into_iter().map(|(class, cells)| Area { class, label: label(class), share: share(cells) }).collect()
}

#[derive(Serialize)]
struct Object<'a> {
    class: u32,
    /// None where the model names no classes.
    label: Option<&'a str>,
    confidence: f32,
    #[serde(rename = "box")]
    rect: [f32; 4],
    /// None where nobody follows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    /// Which object of the frame a second stage found it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attributes: Vec<Attribute<'a>>,
}

impl<'a> Object<'a> {
    fn of(object: &'a ObjectMeta) -> Self {
        let rect = object.rect;
        Self {
            class: u32::try_from(object.class_id).unwrap_or_default(),
            label: Some(&*object.label).filter(|label| !label.is_empty()),
            confidence: object.confidence,
            rect: [rect.left, rect.top, rect.width, rect.height],
            id: object.tracking_id,
            parent: object.parent,
            attributes: object.classifications.iter().map(Attribute::of).collect(),
        }
    }
}

/// What a classifier said of an object, or of a frame.
#[derive(Serialize)]
struct Attribute<'a> {
    attribute: u32,
    class: u32,
    /// None where the model names no values.
    label: Option<&'a str>,
    probability: f32,
}

impl<'a> Attribute<'a> {
    fn of(said: &'a Classification) -> Self {
        let label = Some(&*said.label).filter(|label| !label.is_empty());
        Self { attribute: said.attribute, class: said.class_id, label, probability: said.probability }
    }
}

/// Looks at all files and prints what is found.
pub fn run(arguments: &DetectArgs) -> ExitCode {
    match look(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every file was good.
fn look(arguments: &DetectArgs) -> Result<bool, Box<dyn std::error::Error>> {
    let (mut config, notices) = InferConfig::load(detector_config(arguments.model.as_deref())?)?;
    for notice in notices {
        tracing::warn!("{notice}");
    }
    if let Some(threshold) = arguments.threshold {
        let every_class = std::iter::once(&mut config.class_attrs_all).chain(config.class_attrs.values_mut());
        every_class.for_each(|attrs| attrs.pre_cluster_threshold = threshold);
    }
    let tracker = match arguments.track.as_ref().and_then(TrackerChoice::given) {
        Some(choice) => {
            let (tracker, notices) = TrackerConfig::choose(choice)?;
            for notice in notices {
                tracing::warn!("{notice}");
            }
            Some(Arc::new(tracker))
        }
        None => None,
    };
    let mut network = Analyzer::new(config, arguments.workers)?;
    for notice in network.notices() {
        tracing::warn!("{notice}");
    }
    let labels = network.labels().clone();
    let files = input_files(&arguments.files);
    let gallery = arguments.draw.as_deref().map(|folder| Gallery::open(folder, &files)).transpose()?;

    let mut report = Report::new(&files, labels);
    let gallery = gallery.as_ref();
    let load = |config: &PathBuf| -> Result<_, Box<dyn std::error::Error>> {
        Ok(SecondStage::load(&detector_config(Some(config))?, arguments.workers)?)
    };
    let mut stages = arguments.secondary.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let stages = stages.as_mut_slice();
    let done =
        detect(&mut network, &files, arguments.every, tracker, stages, gallery, |file, seen| match seen {
            Ok(frame) => report.frame(file, frame),
            Err(error) => report.failure(file, error),
        });
    let all_good = report.finish();
    match done {
        // Whoever read along has seen enough.
        Err(DetectError::Report(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(all_good),
        done => {
            done?;
            Ok(all_good)
        }
    }
}

/// Prints lines to standard output, complaints and progress to standard error.
struct Report<'a> {
    files: &'a [InputFile],
    labels: Labels,
    out: BufWriter<io::Stdout>,
    /// Whether somebody sees each line as it comes.
    is_terminal: bool,
    bar: ProgressBar,
    frames: u64,
    all_good: bool,
}

impl<'a> Report<'a> {
    fn new(files: &'a [InputFile], labels: Labels) -> Self {
        let is_terminal = io::stdout().is_terminal();
        // Lines that run over the same terminal are progress enough, and would run through the bar.
        let target = if is_terminal { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(files.len() as u64 * STEPS), target);
        let style =
            ProgressStyle::with_template("{bar:30} {percent:>3} %  {elapsed} (left: {eta})  {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(TICK);
        Self { files, labels, out: BufWriter::new(io::stdout()), is_terminal, bar, frames: 0, all_good: true }
    }

    fn path(&self, file: usize) -> &'a Path {
        self.files.get(file).map_or(Path::new(""), |file| &file.path)
    }

    fn frame(&mut self, file: usize, frame: &SeenFrame) -> io::Result<()> {
        let path = self.path(file);
        let seen = &frame.seen;
        let line = Line {
            file: &path.to_string_lossy(),
            frame: frame.number,
            time: frame.time,
            width: frame.size.width,
            height: frame.size.height,
            objects: seen.objects.iter().map(Object::of).collect(),
            attributes: seen.classifications.iter().map(Attribute::of).collect(),
            areas: seen.segmentation.as_ref().map(|map| areas(map, &self.labels)).unwrap_or_default(),
        };
        serde_json::to_writer(&mut self.out, &line)?;
        self.out.write_all(b"\n")?;
        if self.is_terminal {
            self.out.flush()?;
        }
        self.frames += 1;
        let steps = (f64::from(frame.progress) * STEPS as f64) as u64;
        self.bar.set_position(file as u64 * STEPS + steps);
        if !self.bar.is_hidden() {
            let rate = self.frames as f64 / self.bar.elapsed().as_secs_f64().max(f64::MIN_POSITIVE);
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            self.bar.set_message(format!("{} frames, {rate:.1}/s, {name}", self.frames));
        }
        Ok(())
    }

    fn failure(&mut self, file: usize, error: &crate::detect::FileError) -> io::Result<()> {
        self.all_good = false;
        // Lines and complaints come in the order of the files, also where both go to the same place.
        self.out.flush()?;
        let path = self.path(file).display();
        self.bar.suspend(|| eprintln!("error: {path}: {error}"));
        Ok(())
    }

    /// Whether all is out and every file was good.
    fn finish(mut self) -> bool {
        self.bar.finish_and_clear();
        // What cannot be written any more was complained about, or is wanted by nobody.
        let _ = self.out.flush();
        self.all_good
    }
}
