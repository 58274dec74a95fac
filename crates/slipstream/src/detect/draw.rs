//! Pictures of what was found.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gst_video::prelude::*;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ImageError, RgbImage};
use slipstream_draw::{Overlay, OverlayStyle};
use slipstream_infer::objects::whole_frame;
use slipstream_meta::{ChannelOrder, Colorimetry, FrameMeta, PictureMut, PixelFormat, PlaneMut, Size};

use super::read::Pixels;
use super::{InputFile, SeenFrame};

/// Quality of JPEG files in 1…100: no blocks are to be seen.
const JPEG_QUALITY: u8 = 90;

/// A picture cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum GalleryError {
    /// The folder cannot be made.
    #[error("cannot make the folder {}: {reason}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// It would take the place of an input.
    #[error("{} is an input and would be overwritten: choose another folder", .0.display())]
    Input(PathBuf),
    /// The file cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: ImageError,
    },
    /// A video frame cannot be turned into RGB.
    #[error("a frame of {} cannot be drawn: {reason}", path.display())]
    Convert {
        /// The video.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// A folder for annotated pictures.
#[derive(Debug)]
pub struct Gallery {
    folder: PathBuf,
    inputs: HashSet<PathBuf>,
}

impl Gallery {
    /// Makes the folder if there is none. Pictures never take the place of one of `files`.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn open(folder: &Path, files: &[InputFile]) -> Result<Self, GalleryError> {
        let failed = |reason| GalleryError::Folder { path: folder.to_owned(), reason };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let folder = folder.canonicalize().map_err(failed)?;
        // Files that are not there cannot be overwritten.
        let inputs = files.iter().filter_map(|file| file.path.canonicalize().ok()).collect();
        Ok(Self { folder, inputs })
    }

    /// Where the picture of a frame goes: PNG files become PNG files, everything else JPEG; frames of videos are numbered.
    fn place(&self, file: &InputFile, frame: &SeenFrame, is_video: bool) -> Result<PathBuf, GalleryError> {
        let is_png = file.path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
        let name = match (is_video, is_png) {
            (true, _) => format!("{}-{:06}.jpg", file.stem, frame.number),
            (false, true) => format!("{}.png", file.stem),
            (false, false) => format!("{}.jpg", file.stem),
        };
        let path = self.folder.join(name);
        if self.inputs.contains(&path) { Err(GalleryError::Input(path)) } else { Ok(path) }
    }
}

/// Draws one frame at a time.
pub(super) struct Artist {
    overlay: Overlay,
    /// For the format of the frame before, which is most likely that of the next.
    converter: Option<Converter>,
}

/// From one format of video frames to RGB.
struct Converter {
    from: gst_video::VideoInfo,
    to: gst_video::VideoInfo,
    convert: gst_video::VideoConverter,
}

impl Artist {
    pub(super) fn new() -> Self {
        // No bar: there is nothing that it would tell of a single picture.
        let overlay =
            OverlayStyle { display_stats: false, display_confidence: true, ..OverlayStyle::default() };
        Self { overlay: Overlay::new(overlay), converter: None }
    }

    /// Draws what was found and writes the file.
    pub(super) fn draw(
        &mut self,
        gallery: &Gallery,
        file: &InputFile,
        frame: &SeenFrame,
        pixels: Pixels,
    ) -> Result<(), GalleryError> {
        let path = gallery.place(file, frame, matches!(pixels, Pixels::Video { .. }))?;
        let mut image = match pixels {
            Pixels::Image(image) => image,
            Pixels::Video { buffer, info } => self
                .convert(&buffer, &info)
                .map_err(|reason| GalleryError::Convert { path: file.path.clone(), reason })?,
        };
        self.annotate(&mut image, frame);
        save(&image, &path).map_err(|reason| GalleryError::Write { path, reason })
    }

    fn annotate(&mut self, image: &mut RgbImage, frame: &SeenFrame) {
        let size = Size::new(image.width(), image.height());
        let mut meta = FrameMeta::new(0, Arc::from(""), frame.number, size);
        meta.objects.clone_from(&frame.seen.objects);
        meta.objects.extend(whole_frame(frame.seen.classifications.clone(), meta.viewport));
        meta.segmentations.extend(frame.seen.segmentation.clone());
        let plane = PlaneMut { stride: size.width as usize * 3, data: image };
        let planes = [plane, PlaneMut::default(), PlaneMut::default()];
        let format = PixelFormat::Rgb(ChannelOrder::Rgb);
        match PictureMut::new(format, size, Colorimetry::default(), planes) {
            Ok(mut picture) => self.overlay.draw_frame(&mut picture, &meta),
            Err(error) => tracing::debug!("nothing drawn: {error}"),
        }
    }

    fn convert(&mut self, buffer: &gst::BufferRef, info: &gst_video::VideoInfo) -> Result<RgbImage, String> {
        let converter = match self.converter.take().filter(|converter| converter.from == *info) {
            Some(converter) => converter,
            None => Converter::new(info).map_err(|error| error.to_string())?,
        };
        let image = converter.run(buffer);
        self.converter = Some(converter);
        image.ok_or_else(|| "it cannot be mapped".to_owned())
    }
}

impl Converter {
    fn new(from: &gst_video::VideoInfo) -> Result<Self, gst::glib::BoolError> {
        let to = gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgb, from.width(), from.height())
            .fps(from.fps())
            .build()?;
        let convert = gst_video::VideoConverter::new(from, &to, None)?;
        Ok(Self { from: from.clone(), to, convert })
    }

    fn run(&self, buffer: &gst::BufferRef) -> Option<RgbImage> {
        let source = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &self.from).ok()?;
        let mut target = gst::Buffer::with_size(self.to.size()).ok()?;
        let mut target =
            gst_video::VideoFrameRef::from_buffer_ref_writable(target.get_mut()?, &self.to).ok()?;
        self.convert.frame_ref(&source, &mut target);
        let (width, height) = (self.to.width(), self.to.height());
        let stride = usize::try_from(*target.plane_stride().first()?).ok()?;
        let row = width as usize * 3;
        let mut pixels = Vec::with_capacity(row * height as usize);
        for line in target.plane_data(0).ok()?.chunks(stride).take(height as usize) {
            pixels.extend_from_slice(line.get(..row)?);
        }
        RgbImage::from_raw(width, height, pixels)
    }
}

fn save(image: &RgbImage, path: &Path) -> Result<(), ImageError> {
    let mut file = BufWriter::new(File::create(path)?);
    if path.extension().is_some_and(|ending| ending == "png") {
        image.write_with_encoder(PngEncoder::new(&mut file))?;
    } else {
        image.write_with_encoder(JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY))?;
    }
    io::Write::flush(&mut file)?;
    Ok(())
}
