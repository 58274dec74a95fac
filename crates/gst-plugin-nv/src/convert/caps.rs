//! Which caps on one side go with which on the other.

use gst_video::{VideoFormat, VideoFormatInfo};
use slipstream_buffer::meta::{BATCH_FEATURE, NVMM_FEATURE, batch_caps, nvmm_caps};

use super::turn::Turn;

/// What `nvegltransform` calls the same buffers.
pub(crate) const EGL_FEATURE: &str = "memory:EGLImage";

/// Formats of pictures under DeepStream's caps; the usual ones first.
pub(crate) const NVMM_FORMATS: [VideoFormat; 22] = [
    VideoFormat::Nv12,
    VideoFormat::I420,
    VideoFormat::P01010le,
    VideoFormat::Rgba,
    VideoFormat::Bgrx,
    VideoFormat::Gray8,
    VideoFormat::Rgb,
    VideoFormat::Bgr,
    VideoFormat::Bgra,
    VideoFormat::Rgbx,
    VideoFormat::Uyvy,
    VideoFormat::Yuy2,
    VideoFormat::Yvyu,
    VideoFormat::Y42b,
    VideoFormat::Nv16,
    VideoFormat::Y444,
    VideoFormat::Nv24,
    VideoFormat::Y44410le,
    VideoFormat::Uyvp,
    VideoFormat::Bgr10a2Le,
    VideoFormat::I42012le,
    VideoFormat::Gray16Le,
];
/// Fields that say how many pictures a buffer holds, which plain pictures in system memory do not.
const BATCH_FIELDS: [&str; 2] = ["batch-size", "num-surfaces-per-frame"];

/// What the caps feature says of buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// Plain pictures.
    System,
    /// DeepStream's: plain pictures or batches.
    Nvmm,
    /// As DeepStream's, on the way to a screen.
    Egl,
    /// Slipstream's batches.
    Batch,
}

impl Memory {
    /// `None` for memory that nothing here can read.
    fn of(features: &gst::CapsFeaturesRef) -> Option<Self> {
        let is_only = |feature| features.size() == 1 && features.contains(feature);
        if is_only(NVMM_FEATURE) {
            Some(Self::Nvmm)
        } else if is_only(EGL_FEATURE) {
            Some(Self::Egl)
        } else if is_only(BATCH_FEATURE) {
            Some(Self::Batch)
        } else {
            is_only(gst::CAPS_FEATURE_MEMORY_SYSTEM_MEMORY.as_str()).then_some(Self::System)
        }
    }

    /// What fixed caps say.
    pub(crate) fn of_caps(caps: &gst::CapsRef) -> Option<Self> {
        caps.features(0).map_or(Some(Self::System), Self::of)
    }

    fn features(self) -> gst::CapsFeatures {
        match self {
            Self::System => gst::CapsFeatures::new_empty(),
            Self::Nvmm => gst::CapsFeatures::new([NVMM_FEATURE]),
            Self::Egl => gst::CapsFeatures::new([EGL_FEATURE]),
            Self::Batch => gst::CapsFeatures::new([BATCH_FEATURE]),
        }
    }
}

/// Caps of pictures on their way to a screen.
pub(crate) fn egl_caps() -> gst::Caps {
    gst_video::VideoCapsBuilder::new().features([EGL_FEATURE]).format_list(NVMM_FORMATS).build()
}

/// Plain pictures: the usual formats first, so that sources without a choice of their own take one of them.
fn system_caps() -> gst::Caps {
    let mut caps = gst_video::VideoCapsBuilder::new().format_list(NVMM_FORMATS).build();
    caps.make_mut().append(gst_video::VideoCapsBuilder::new().build());
    caps
}

/// All that can come in: every raw format there is, for cameras and decoders have them all.
pub(super) fn sink_caps() -> gst::Caps {
    let mut caps = nvmm_caps(NVMM_FORMATS);
    caps.merge(egl_caps());
    caps.merge(system_caps());
    caps.merge(batch_caps());
    caps
}

/// All that can go out.
pub(super) fn src_caps() -> gst::Caps {
    let mut caps = nvmm_caps(NVMM_FORMATS);
    caps.merge(system_caps());
    caps.merge(batch_caps());
    caps
}

/// What may be on the other side of `caps`.
pub(super) fn transform(direction: gst::PadDirection, caps: &gst::CapsRef) -> gst::Caps {
    let mut others = gst::Caps::new_empty();
    let target = others.make_mut();
    for (structure, features) in caps.iter_with_features() {
        let Some(memory) = Memory::of(features) else { continue };
        // Batches cannot be made of pictures, but pictures of batches.
        let targets: &[Memory] = match (direction, memory) {
            (gst::PadDirection::Sink, Memory::System) => &[Memory::System, Memory::Nvmm],
            (gst::PadDirection::Sink, Memory::Batch) => &[Memory::Batch, Memory::Nvmm, Memory::System],
            (gst::PadDirection::Sink, _) => &[Memory::Nvmm, Memory::System],
            (_, Memory::System) => &[Memory::System, Memory::Nvmm, Memory::Egl, Memory::Batch],
            (_, Memory::Batch) => &[Memory::Batch],
            (_, _) => &[Memory::Nvmm, Memory::System, Memory::Egl, Memory::Batch],
        };
        for &to in targets {
            let other = match (memory, to) {
                (Memory::Batch, Memory::Batch) => structure.to_owned(),
                (_, Memory::Batch) => rate_of(structure),
                _ => opened(structure, memory, to),
            };
            target.append_structure_full(other, Some(to.features()));
        }
    }
    others
}

/// The same stream as batches, which have a rate only.
fn rate_of(structure: &gst::StructureRef) -> gst::Structure {
    let mut batch = gst::Structure::new_empty("video/x-raw");
    if let Ok(rate) = structure.value("framerate") {
        batch.set_value("framerate", rate.clone());
    }
    batch
}

/// The same stream in any format and size.
fn opened(structure: &gst::StructureRef, from: Memory, to: Memory) -> gst::Structure {
    let mut open = structure.to_owned();
    open.remove_fields(["format", "colorimetry", "chroma-site", "pixel-aspect-ratio"]);
    open.set("width", gst::IntRange::new(1, i32::MAX));
    open.set("height", gst::IntRange::new(1, i32::MAX));
    if from != to && (from == Memory::System || to == Memory::System) {
        open.remove_fields(BATCH_FIELDS);
    }
    open
}

/// The caps out of `others` that are nearest to `caps`.
pub(super) fn fixate(
    direction: gst::PadDirection,
    caps: &gst::Caps,
    others: gst::Caps,
    turn: Turn,
    is_untouched: bool,
) -> gst::Caps {
    if is_untouched && others.can_intersect(caps) {
        let mut same = others.intersect_with_mode(caps, gst::CapsIntersectMode::First);
        same.fixate();
        return same;
    }
    let memory = Memory::of_caps(caps);
    let of_same_memory = others.iter_with_features().position(|(_, features)| Memory::of(features) == memory);
    let index = of_same_memory.unwrap_or(0);
    let (Some(structure), Some(features)) = (others.structure(index), others.features(index)) else {
        return others;
    };
    let mut structure = structure.to_owned();
    if Memory::of(features) != Some(Memory::Batch) {
        let given = gst_video::VideoInfo::from_caps(caps).ok().filter(|_| memory != Some(Memory::Batch));
        fill_in(&mut structure, given.as_ref(), turn, direction);
    }
    let mut fixed = gst::Caps::builder_full().structure_with_features(structure, features.to_owned()).build();
    fixed.fixate();
    fixed
}

/// Width and height of DeepStream's multiplexer where nobody says anything, as with batches of Slipstream's.
const DEFAULT_SIZE: (u32, u32) = (1920, 1080);

fn fill_in(
    structure: &mut gst::Structure,
    given: Option<&gst_video::VideoInfo>,
    turn: Turn,
    direction: gst::PadDirection,
) {
    let given_format = given.map_or(VideoFormat::I420, gst_video::VideoInfo::format);
    let given_size = given.map_or(DEFAULT_SIZE, |info| (info.width(), info.height()));
    if let Some(format) = nearest_format(structure, given_format) {
        structure.set("format", format.to_str());
    }
    let (width, height) = turn.size(given_size);
    // One of them given: the other follows, so that nothing is stretched.
    let number = |structure: &gst::Structure, name: &str| structure.get::<i32>(name).ok().filter(|&n| n > 0);
    let scaled = |n: u32, by: i32, of: u32| (u64::from(n) * by as u64 / u64::from(of.max(1))).max(1) as i32;
    match (number(structure, "width"), number(structure, "height")) {
        (Some(_), Some(_)) => {}
        (Some(w), None) => _ = structure.fixate_field_nearest_int("height", scaled(height, w, width)),
        (None, Some(h)) => _ = structure.fixate_field_nearest_int("width", scaled(width, h, height)),
        (None, None) => {
            structure.fixate_field_nearest_int("width", width as i32);
            structure.fixate_field_nearest_int("height", height as i32);
        }
    }
    let Some(given) = given else { return };
    let is_same_size = (number(structure, "width"), number(structure, "height"))
        == (Some(given.width() as i32), Some(given.height() as i32));
    let par = if is_same_size { given.par() } else { gst::Fraction::new(1, 1) };
    if structure.has_field("pixel-aspect-ratio") {
        structure.fixate_field_nearest_fraction("pixel-aspect-ratio", par);
    } else if is_same_size && par != gst::Fraction::new(1, 1) {
        structure.set("pixel-aspect-ratio", par);
    }
    let format = structure.get::<String>("format").ok().map(|name| VideoFormat::from_string(&name));
    let is_yuv = |format| VideoFormatInfo::from_format(format).is_yuv();
    if direction == gst::PadDirection::Sink
        && format.is_some_and(|format| is_yuv(format) && is_yuv(given_format))
    {
        let colorimetry = given.colorimetry();
        if !structure.has_field("colorimetry") && colorimetry.matrix() != gst_video::VideoColorMatrix::Unknown
        {
            structure.set("colorimetry", colorimetry.to_string());
        }
        if !structure.has_field("chroma-site") && !given.chroma_site().is_empty() {
            structure.set("chroma-site", given.chroma_site().to_str());
        }
    }
}

/// The format of `structure` that keeps most of what pictures of `given` show.
fn nearest_format(structure: &gst::Structure, given: VideoFormat) -> Option<VideoFormat> {
    let names: Vec<String> = match structure.value("format") {
        Ok(value) => match value.get::<gst::List>() {
            Ok(list) => list.iter().filter_map(|name| name.get().ok()).collect(),
            Err(_) => return None,
        },
        Err(_) => NVMM_FORMATS.iter().map(|format| format.to_str().to_string()).collect(),
    };
    let formats = names.iter().map(|name| VideoFormat::from_string(name));
    formats.filter(|&format| format != VideoFormat::Unknown).min_by_key(|&format| loss(given, format))
}

/// How much is lost between two formats, and then how much is added in vain.
fn loss(from: VideoFormat, to: VideoFormat) -> u32 {
    if from == to {
        return 0;
    }
    let (from, to) = (VideoFormatInfo::from_format(from), VideoFormatInfo::from_format(to));
    let first = |values: &[u32]| values.first().copied().unwrap_or(0);
    let chroma = |info: &VideoFormatInfo| {
        let coarsest = |subs: &[u32]| subs.iter().copied().max().unwrap_or(0);
        coarsest(info.w_sub()) + coarsest(info.h_sub())
    };
    let mut loss = 1;
    if to.is_gray() && !from.is_gray() {
        loss += 64;
    }
    if from.is_rgb() != to.is_rgb() {
        loss += 16;
    }
    loss += match first(to.depth()).cmp(&first(from.depth())) {
        std::cmp::Ordering::Less => 8,
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Greater => 2,
    };
    let (before, after) = (chroma(&from), chroma(&to));
    loss += if after > before { 8 * (after - before) } else { before - after };
    loss += match (from.has_alpha(), to.has_alpha()) {
        (true, false) => 4,
        (false, true) => 1,
        _ => 0,
    };
    loss
}
