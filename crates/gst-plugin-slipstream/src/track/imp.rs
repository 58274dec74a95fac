use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use gst::{glib, prelude::*};
use gst_base::subclass::base_transform::{InputBuffer, PrepareOutputBufferSuccess};
use gst_base::{prelude::*, subclass::prelude::*};
use gst_video::VideoFormat;
use parking_lot::Mutex;
use slipstream_infer::InferError;
use slipstream_meta::{FrameMeta, Rect, Size};
use slipstream_track::{IdAllocator, TrackerConfig};

use super::camera::{Camera, Rules, Step};
use super::looks::{Embeddings, Looks, View};
use super::{Dialect, Native, Trackers};
use crate::frame::{map_readable, picture};
use crate::meta::{Batch, BatchContent};
use crate::transform::{self, Stream};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("sliptrack", gst::DebugColorFlags::empty(), Some("Slipstream tracker"))
});

/// Formats of plain pictures; objects are followed by sight in those with a plane of luma.
const FORMATS: [VideoFormat; 9] = [
    VideoFormat::I420,
    VideoFormat::Nv12,
    VideoFormat::Gray8,
    VideoFormat::Rgb,
    VideoFormat::Bgr,
    VideoFormat::Rgba,
    VideoFormat::Rgbx,
    VideoFormat::Bgra,
    VideoFormat::Bgrx,
];
/// Longest trail that can be asked for, in frames: a minute at 30 frames per second.
const MAX_TRAIL_LENGTH: u32 = 1800;
/// Size at which DeepStream's tracker sees frames unless told otherwise.
const TRACKER_SIZE: (u32, u32) = (960, 544);
/// DeepStream's size of its pool.
const USER_META_POOL_SIZE: u32 = 32;
/// Bit of `tracking-id-reset-mode`: numbers start again after the end of a stream.
const IDS_RESTART: u32 = 2;
/// All bits of `tracking-id-reset-mode`.
const MAX_RESET_MODE: u32 = 3;

#[derive(Debug, Clone)]
struct Settings {
    config: Option<String>,
    classes: String,
    rules: Arc<Rules>,
    reset_mode: u32,
    /// Taken for the sake of DeepStream's launch lines, and without effect.
    library: Option<String>,
    size: (u32, u32),
    pool_size: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            config: None,
            classes: String::new(),
            rules: Arc::default(),
            reset_mode: 0,
            library: None,
            size: TRACKER_SIZE,
            pool_size: USER_META_POOL_SIZE,
        }
    }
}

/// Class indices separated by semicolons, as in "0;2"; what is none of that is the error.
fn parse_classes(text: &str) -> Result<Vec<i32>, String> {
    let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().ok().filter(|&class| class >= 0).ok_or_else(|| part.to_owned())).collect()
}

struct State {
    /// Trackers to choose from; see [`Trackers`].
    configs: Vec<Arc<TrackerConfig>>,
    /// What each of them sees objects with, if anything.
    looks: Vec<Option<Looks>>,
    choice: HashMap<u32, usize>,
    dialect: Arc<dyn Dialect>,
    stream: Option<Stream>,
    cameras: HashMap<u32, Camera>,
    /// Numbers go on when a camera comes back.
    ids: HashMap<u32, IdAllocator>,
    frames: u64,
    time: Duration,
    /// Whether it was said that the element stands in the wrong place.
    is_misplaced: bool,
}

/// Instance data of [`super::SlipTrack`].
#[derive(Default)]
pub struct SlipTrack {
    settings: Mutex<Settings>,
    state: Mutex<Option<State>>,
}

impl State {
    /// The camera at a pad of the multiplexer, ready for `frame`.
    fn camera(&mut self, frame: &FrameMeta, size: Size, ids_restart: bool) -> &mut Camera {
        let config = self.config(frame.pad_index);
        let ids = self.ids.entry(frame.pad_index).or_default();
        let camera =
            self.cameras.entry(frame.pad_index).or_insert_with(|| Camera::new(config.clone(), ids.clone()));
        match camera.step(frame, size) {
            Step::Next => {}
            Step::Anew if ids_restart => {
                *ids = IdAllocator::new();
                *camera = Camera::new(config, ids.clone());
            }
            Step::Jump | Step::Anew => camera.reset(),
        }
        camera
    }

    /// The tracker for a source.
    fn config(&self, source: u32) -> Arc<TrackerConfig> {
        self.configs.get(self.chosen(source)).cloned().unwrap_or_default()
    }

    /// Its number.
    fn chosen(&self, source: u32) -> usize {
        let choice = self.choice.get(&source).copied();
        choice.filter(|&choice| choice < self.configs.len()).unwrap_or_default()
    }

    /// Whether what its objects look like is to be told.
    fn hands_on_looks(&self, source: u32) -> bool {
        let looks = self.looks.get(self.chosen(source)).and_then(Option::as_ref);
        looks.is_some_and(|looks| looks.is_output)
    }

    /// What objects look like on the frames that the detector looked at. `sources` are the frames' pictures.
    fn look(
        &mut self,
        rules: &Rules,
        frames: &[FrameMeta],
        sources: &[Option<Source<'_>>],
    ) -> Result<Vec<Embeddings>, Box<InferError>> {
        let mut all = vec![Embeddings::new(); frames.len()];
        let chosen: Vec<_> = frames.iter().map(|frame| self.chosen(frame.pad_index)).collect();
        for (number, looks) in self.looks.iter_mut().enumerate() {
            let Some(looks) = looks else { continue };
            let mut views = Vec::new();
            for ((index, frame), (source, chosen)) in
                frames.iter().enumerate().zip(sources.iter().zip(&chosen))
            {
                let Some((buffer, info)) = source else { continue };
                if *chosen == number && frame.inferred && !frame.objects.is_empty() {
                    match map_readable(buffer, info) {
                        Ok(mapped) => views.push(View { index, frame, mapped }),
                        Err(err) => gst::warning!(CAT, "objects of a frame not seen: {err}"),
                    }
                }
            }
            looks.look(&views, rules, &mut all)?;
        }
        Ok(all)
    }

    /// Forgets what belongs to cameras that are gone, and what cameras without a picture saw before.
    fn drop_lost(&mut self, content: &BatchContent, ids_restart: bool) {
        let sources = &content.meta.sources;
        // A batch that lists no sources says nothing about who is gone.
        let is_there =
            |index: &u32| sources.is_empty() || sources.iter().any(|source| source.pad_index == *index);
        self.cameras.retain(|index, _| is_there(index));
        if ids_restart {
            self.ids.retain(|index, _| is_there(index));
        }
        for source in sources.iter().filter(|source| source.status.is_some()) {
            if let Some(camera) = self.cameras.get_mut(&source.pad_index) {
                camera.reset();
            }
        }
    }

    /// Another stream begins.
    fn begin_anew(&mut self, ids_restart: bool) {
        self.cameras.clear();
        if ids_restart {
            self.ids.clear();
        }
    }

    /// `buffer` holds the picture where it is no batch.
    fn track(
        &mut self,
        settings: (&Rules, bool),
        content: &mut BatchContent,
        buffer: &gst::BufferRef,
    ) -> Result<(), Trouble> {
        let (rules, ids_restart) = settings;
        let started = Instant::now();
        let plain = self.stream.as_ref().and_then(|stream| stream.picture(buffer)).cloned();
        if plain.is_none() {
            self.drop_lost(content, ids_restart);
        }
        let BatchContent { meta, pictures } = content;
        let source = |index: usize, frame: &FrameMeta| match &plain {
            // One of several frames on a picture was tiled.
            Some(info) => {
                let whole = Rect::of_size(Size::new(info.width(), info.height()));
                (frame.viewport == whole).then_some((buffer, info))
            }
            None => pictures.get(index).map(|picture| (&*picture.buffer, &picture.info)),
        };
        let sources: Vec<_> = (0..).zip(&meta.frames).map(|(index, frame)| source(index, frame)).collect();
        let looks = self.look(rules, &meta.frames, &sources)?;
        let mut outcome = Ok(());
        for ((frame, source), embeddings) in meta.frames.iter_mut().zip(sources).zip(&looks) {
            let size = source.map_or(frame.source_size, |(_, info)| Size::new(info.width(), info.height()));
            // A frame of a batch may have another size in the metadata.
            let (whole, viewport) = (Rect::of_size(size), frame.viewport);
            if plain.is_some() && source.is_none() {
                outcome = Err(Trouble::Misplaced);
                continue;
            }
            if self.hands_on_looks(frame.pad_index) {
                for (object, embedding) in frame.objects.iter_mut().zip(embeddings) {
                    object.embedding.clone_from(embedding);
                }
            }
            let by_sight = self.config(frame.pad_index).follow.is_some();
            let mapped = source.and_then(|(buffer, info)| {
                let is_looked_at = by_sight && (info.is_yuv() || info.is_gray());
                let mapped = is_looked_at.then(|| map_readable(buffer, info))?;
                mapped.inspect_err(|err| gst::warning!(CAT, "frame not seen: {err}")).ok()
            });
            let view = mapped.as_ref().and_then(|mapped| picture(mapped).ok());
            frame.draw_onto(whole);
            self.camera(frame, size, ids_restart).follow(frame, (size, view), embeddings, rules);
            frame.draw_onto(viewport);
            let tracked = frame.objects.iter_mut().filter(|object| object.tracking_id.is_some());
            tracked.for_each(|object| self.dialect.object(object));
            self.frames += 1;
        }
        self.time += started.elapsed();
        outcome
    }
}

/// A picture: what it lies in, and how.
type Source<'a> = (&'a gst::BufferRef, &'a gst_video::VideoInfo);

/// Why frames are not tracked.
enum Trouble {
    /// They were tiled already.
    Misplaced,
    /// The network that tells objects apart fails.
    Network(Box<InferError>),
}

impl From<Box<InferError>> for Trouble {
    fn from(error: Box<InferError>) -> Self {
        Self::Network(error)
    }
}

impl SlipTrack {
    /// The tracker that the properties ask for.
    fn trackers(&self) -> Result<Trackers, gst::ErrorMessage> {
        let settings = self.settings.lock().clone();
        let fail = |err: &dyn std::fmt::Display| gst::error_msg!(gst::ResourceError::Settings, ["{err}"]);
        let (config, notices) = match settings.config.as_deref() {
            None | Some("") => (TrackerConfig::default(), Vec::new()),
            Some(choice) => TrackerConfig::choose(choice).map_err(|err| fail(&err))?,
        };
        for notice in notices {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ["{notice}"]);
        }
        Ok(Trackers { configs: vec![config], choice: HashMap::new(), dialect: Arc::new(Native) })
    }

    /// Begins with `trackers`. Returns what the user should know.
    pub(super) fn open(&self, trackers: Trackers) -> Result<Vec<String>, gst::ErrorMessage> {
        let settings = self.settings.lock().clone();
        parse_classes(&settings.classes)
            .map_err(|part| gst::error_msg!(gst::ResourceError::Settings, ["{}", wrong_class(&part)]))?;
        let Trackers { configs, choice, dialect } = trackers;
        let (mut looks, mut notices) = (Vec::new(), Vec::new());
        for config in &configs {
            let opened = config.reid.as_ref().map(Looks::open).transpose();
            let opened = opened.map_err(|err| gst::error_msg!(gst::ResourceError::Settings, ["{err}"]))?;
            let (network, said) = opened.unwrap_or_default();
            looks.push(network);
            notices.extend(said);
        }
        let with_trail = |mut config: TrackerConfig| {
            config.trail_length = config.trail_length.max(settings.rules.trail_length);
            Arc::new(config)
        };
        *self.state.lock() = Some(State {
            configs: configs.into_iter().map(with_trail).collect(),
            looks,
            choice,
            dialect,
            stream: None,
            cameras: HashMap::new(),
            ids: HashMap::new(),
            frames: 0,
            time: Duration::ZERO,
            is_misplaced: false,
        });
        Ok(notices)
    }

    fn ids_restart(&self) -> bool {
        self.settings.lock().reset_mode & IDS_RESTART != 0
    }

    fn stats(&self) -> gst::Structure {
        let state = self.state.lock();
        let (frames, time) = state.as_ref().map(|state| (state.frames, state.time)).unwrap_or_default();
        gst::Structure::builder("sliptrack-stats")
            .field("frames", frames)
            .field("time", u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
            .build()
    }
}

fn wrong_class(part: &str) -> String {
    format!(
        "operate-on-class-ids: {part:?} is no class index; allowed are whole numbers from 0, separated by \";\""
    )
}

#[glib::object_subclass]
impl ObjectSubclass for SlipTrack {
    const NAME: &'static str = "GstSlipTrack";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::SlipTrack;
    type ParentType = gst_base::BaseTransform;
}

impl ObjectImpl for SlipTrack {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let rules = Rules::default();
            let text = |name, nick, blurb| glib::ParamSpecString::builder(name).nick(nick).blurb(blurb);
            let number = |name, nick, blurb, default| {
                glib::ParamSpecUInt::builder(name).nick(nick).blurb(blurb).default_value(default)
            };
            let switch = |name, nick, blurb, default| {
                glib::ParamSpecBoolean::builder(name)
                    .nick(nick)
                    .blurb(blurb)
                    .default_value(default)
                    .mutable_playing()
                    .build()
            };
            let no_effect =
                "Taken as DeepStream's tracker takes it, and without effect: frames are not scaled";
            vec![
                text(
                    "ll-config-file",
                    "Tracker",
                    "Name of a tracker, or its config file in the format of DeepStream's nvtracker; none is our own tracker",
                )
                .mutable_ready()
                .build(),
                text(
                    "ll-lib-file",
                    "Tracker library",
                    "Taken as DeepStream's tracker takes it, and without effect: all trackers are built in",
                )
                .mutable_ready()
                .build(),
                number("tracker-width", "Tracker width", no_effect, TRACKER_SIZE.0).mutable_ready().build(),
                number("tracker-height", "Tracker height", no_effect, TRACKER_SIZE.1).mutable_ready().build(),
                text(
                    "operate-on-class-ids",
                    "Classes",
                    "Indices of the classes to track, separated by semicolons, as in \"0;2\"; empty tracks all",
                )
                .default_value("")
                .mutable_playing()
                .build(),
                switch(
                    "keep-untracked",
                    "Keep untracked",
                    "Leave detections on the frame that belong to no track (yet); false removes them, as DeepStream does",
                    rules.keep_untracked,
                ),
                switch(
                    "display-tracking-id",
                    "Display tracking ID",
                    "Let labels say the number of the track",
                    rules.display_tracking_id,
                ),
                number(
                    "trail-length",
                    "Trail length",
                    "Positions of each object to hand on, the newest first to be kept, for sliposd to draw; 0 for none",
                    0,
                )
                .maximum(MAX_TRAIL_LENGTH)
                .mutable_ready()
                .build(),
                number(
                    "tracking-id-reset-mode",
                    "Tracking ID reset mode",
                    "With 2 or 3, numbers of a source start at 1 again after the end of its stream; tracks always end there",
                    0,
                )
                .maximum(MAX_RESET_MODE)
                .mutable_playing()
                .build(),
                number(
                    "user-meta-pool-size",
                    "Metadata pool size",
                    "Taken as DeepStream's tracker takes it, and without effect: there is no pool",
                    USER_META_POOL_SIZE,
                )
                .mutable_ready()
                .build(),
                glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
                    .nick("Statistics")
                    .blurb("Frames tracked, and the time spent on them in nanoseconds")
                    .read_only()
                    .build(),
            ]
        });
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let mut settings = self.settings.lock();
        let text = || value.get::<Option<String>>().expect("type checked by GObject");
        let number = || value.get::<u32>().expect("type checked by GObject");
        let switch = || value.get::<bool>().expect("type checked by GObject");
        match pspec.name() {
            "ll-config-file" => settings.config = text(),
            "ll-lib-file" => settings.library = text(),
            "tracker-width" => settings.size.0 = number(),
            "tracker-height" => settings.size.1 = number(),
            "operate-on-class-ids" => {
                settings.classes = text().unwrap_or_default();
                match parse_classes(&settings.classes) {
                    Ok(classes) => Arc::make_mut(&mut settings.rules).classes = classes,
                    // An error when the element starts.
                    Err(part) => gst::warning!(CAT, imp = self, "{}", wrong_class(&part)),
                }
            }
            "keep-untracked" => Arc::make_mut(&mut settings.rules).keep_untracked = switch(),
            "display-tracking-id" => Arc::make_mut(&mut settings.rules).display_tracking_id = switch(),
            "trail-length" => Arc::make_mut(&mut settings.rules).trail_length = number() as usize,
            "tracking-id-reset-mode" => settings.reset_mode = number(),
            "user-meta-pool-size" => settings.pool_size = number(),
            name => gst::error!(CAT, imp = self, "no property {name}"),
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        if pspec.name() == "stats" {
            return self.stats().to_value();
        }
        let settings = self.settings.lock();
        match pspec.name() {
            "ll-config-file" => settings.config.to_value(),
            "ll-lib-file" => settings.library.to_value(),
            "tracker-width" => settings.size.0.to_value(),
            "tracker-height" => settings.size.1.to_value(),
            "operate-on-class-ids" => settings.classes.to_value(),
            "keep-untracked" => settings.rules.keep_untracked.to_value(),
            "display-tracking-id" => settings.rules.display_tracking_id.to_value(),
            "trail-length" => (settings.rules.trail_length as u32).to_value(),
            "tracking-id-reset-mode" => settings.reset_mode.to_value(),
            _ => settings.pool_size.to_value(),
        }
    }
}

impl GstObjectImpl for SlipTrack {}

impl ElementImpl for SlipTrack {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Slipstream tracker",
                "Filter/Analyzer/Video",
                "Follows objects from frame to frame and gives them numbers that stay",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = transform::all_caps(&FORMATS);
            transform::pad_templates(&caps, &caps)
        });
        &TEMPLATES
    }
}

impl BaseTransformImpl for SlipTrack {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        for notice in self.open(self.trackers()?)? {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ["{notice}"]);
        }
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.state.lock() = None;
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        if matches!(event.type_(), gst::EventType::StreamStart | gst::EventType::FlushStop) {
            let ids_restart = self.ids_restart() && event.type_() == gst::EventType::StreamStart;
            if let Some(state) = self.state.lock().as_mut() {
                state.begin_anew(ids_restart);
            }
        }
        self.parent_sink_event(event)
    }

    fn set_caps(&self, incaps: &gst::Caps, _outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let stream = Stream::new(incaps)?;
        if let Some(state) = self.state.lock().as_mut() {
            state.stream = Some(stream);
        }
        Ok(())
    }

    fn propose_allocation(
        &self,
        _decide_query: Option<&gst::query::Allocation>,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        transform::propose_allocation(self.obj().src_pad(), query)
    }

    fn prepare_output_buffer(
        &self,
        input: InputBuffer,
    ) -> Result<PrepareOutputBufferSuccess, gst::FlowError> {
        Ok(transform::reuse_input(&input))
    }

    fn transform_ip(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        let rules = self.settings.lock().rules.clone();
        let ids_restart = self.ids_restart();
        let mut state = self.state.lock();
        let state = state.as_mut().ok_or(gst::FlowError::NotNegotiated)?;
        // Taken out while the picture is looked at, and put back.
        let Some(mut content) =
            buffer.meta_mut::<Batch>().map(|mut batch| std::mem::take(batch.content_mut()))
        else {
            return Ok(gst::FlowSuccess::Ok);
        };
        let outcome = state.track((&rules, ids_restart), &mut content, buffer);
        if let Some(mut batch) = buffer.meta_mut::<Batch>() {
            *batch.content_mut() = content;
        }
        match outcome {
            Err(Trouble::Misplaced) if !std::mem::replace(&mut state.is_misplaced, true) => {
                gst::element_imp_warning!(
                    self,
                    gst::StreamError::WrongType,
                    ["frames that were tiled are not tracked: sliptrack belongs in front of sliptiler"]
                );
            }
            Err(Trouble::Network(err)) => {
                gst::element_imp_error!(self, gst::StreamError::Failed, ["{err}"]);
                return Err(gst::FlowError::Error);
            }
            _ => {}
        }
        Ok(gst::FlowSuccess::Ok)
    }
}
