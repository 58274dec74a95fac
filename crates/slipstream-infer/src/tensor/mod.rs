//! Pictures to tensors: crop, scale, convert and normalise in one pass over the picture.

mod color;
mod geometry;
mod kernel;
mod mean;

use std::path::PathBuf;

use color::Weights;
pub use geometry::Transform;
use geometry::Window;
use kernel::{Axis, Isa, Mix, RowPair, Rows};
use slipstream_meta::{ChannelOrder, Picture, PixelFormat, Rect, Size};

use crate::config::{ConfigError, Dims, InferConfig, Location, ModelColorFormat, TensorOrder};

/// Why pictures cannot be prepared for a network.
#[derive(Debug, thiserror::Error)]
pub enum PreprocessError {
    /// A file that the config names cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The network's channels are not those of the config.
    #[error(
        "{location}: model-color-format={format:?} has {expected} channels, but the network takes {channels} \
         (network-input-order={order:?})"
    )]
    Channels {
        /// Where the config sets the format.
        location: Location,
        /// The format.
        format: ModelColorFormat,
        /// Channels of the format.
        expected: u32,
        /// Channels of the network.
        channels: u32,
        /// Order of the tensor.
        order: TensorOrder,
    },
    /// `offsets` does not fit the network.
    #[error("{location}: offsets has {given} numbers, but the network has {channels} channels")]
    Offsets {
        /// Where the config sets them.
        location: Location,
        /// How many there are.
        given: usize,
        /// Channels of the network.
        channels: u32,
    },
    /// The mean picture cannot be used.
    #[error("{location}: mean-file {}: {problem}", path.display())]
    MeanFile {
        /// Where the config names it.
        location: Location,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The tensor does not hold what the network takes.
    #[error("the tensor holds {given} numbers, the network takes {needed}")]
    TensorLength {
        /// Numbers that it holds.
        given: usize,
        /// Numbers that are needed.
        needed: usize,
    },
}

/// Turns pictures into the numbers that a network takes.
///
/// The part of a picture that is asked for is cut out at even pixels, scaled bilinearly to the network's size (with the
/// aspect ratio kept if the config says so; the rest is black), converted to RGB, BGR or luma in 0…255 as the picture's
/// colorimetry tells, and normalised: `net-scale-factor · (x − mean)`. Values are not rounded to whole numbers on the way.
/// Gray pictures too are taken to be of the range that their colorimetry names.
#[derive(Debug, Clone)]
pub struct Preprocess {
    size: Size,
    format: ModelColorFormat,
    order: TensorOrder,
    maintain_aspect_ratio: bool,
    symmetric_padding: bool,
    scale: f32,
    /// −scale · offset, for each channel of the network.
    bias: [f32; 3],
    /// scale · mean of each number of the tensor in NCHW order; empty without a mean picture.
    mean: Vec<f32>,
    isa: Isa,
}

/// Working memory that is kept from picture to picture. One per thread.
#[derive(Debug, Default)]
pub struct Scratch {
    rows: Rows,
    line: Vec<f32>,
    /// Tables of the sizes met last, the newest last.
    tables: Vec<Tables>,
}

/// Where the samples of one size come from, on luma (or packed) planes and on chroma planes.
#[derive(Debug)]
struct Tables {
    from: Size,
    to: Size,
    full: [Axis; 2],
    half: [Axis; 2],
}

/// Sizes whose tables are kept: cameras have few.
const KEPT_TABLES: usize = 16;

impl Tables {
    fn new(from: Size, to: Size) -> Self {
        let half = Size::new(from.width.div_ceil(2), from.height.div_ceil(2));
        let axes = |from: Size| [Axis::new(from.width, to.width), Axis::new(from.height, to.height)];
        Self { from, to, full: axes(from), half: axes(half) }
    }
}

/// Position of the tables for scaling `from` to `to`.
fn tables_at(tables: &mut Vec<Tables>, from: Size, to: Size) -> usize {
    tables.iter().position(|t| t.from == from && t.to == to).unwrap_or_else(|| {
        if tables.len() == KEPT_TABLES {
            tables.remove(0);
        }
        tables.push(Tables::new(from, to));
        tables.len() - 1
    })
}

impl Preprocess {
    /// Preparation as `config` says for a network that takes `input`.
    ///
    /// # Errors
    /// If channels or offsets do not fit the network, or the mean picture cannot be used.
    pub fn new(config: &InferConfig, input: Dims) -> Result<Self, PreprocessError> {
        let format = config.model_color_format;
        let expected = if format == ModelColorFormat::Gray { 1 } else { 3 };
        if input.channels != expected {
            return Err(PreprocessError::Channels {
                location: config.location("model-color-format"),
                format,
                expected,
                channels: input.channels,
                order: config.network_input_order,
            });
        }
        let scale = config.net_scale_factor;
        let mut bias = [0.0; 3];
        if !config.offsets.is_empty() {
            if config.offsets.len() != input.channels as usize {
                return Err(PreprocessError::Offsets {
                    location: config.location("offsets"),
                    given: config.offsets.len(),
                    channels: input.channels,
                });
            }
            bias.iter_mut().zip(&config.offsets).for_each(|(bias, offset)| *bias = -scale * offset);
        }
        let mean = match &config.mean_file {
            Some(_) if !config.offsets.is_empty() => Vec::new(),
            Some(path) => read_mean(config, path, input, scale)?,
            None => Vec::new(),
        };
        Ok(Self {
            size: input.size(),
            format,
            order: config.network_input_order,
            maintain_aspect_ratio: config.maintain_aspect_ratio,
            symmetric_padding: config.symmetric_padding,
            scale,
            bias,
            mean,
            isa: Isa::detect(),
        })
    }

    /// The same with no instructions beyond those of the build, to compare with.
    #[doc(hidden)]
    #[must_use]
    pub fn without_simd(self) -> Self {
        Self { isa: Isa::Baseline, ..self }
    }

    fn channels(&self) -> usize {
        if self.format == ModelColorFormat::Gray { 1 } else { 3 }
    }

    /// How many numbers one picture becomes.
    pub fn tensor_len(&self) -> usize {
        self.channels() * self.size.width as usize * self.size.height as usize
    }

    /// Writes `region` of `picture` (`None`: all of it; in the picture's pixels) to `tensor` and says how it was mapped.
    ///
    /// # Errors
    /// If `tensor` does not hold [`Self::tensor_len`] numbers.
    pub fn run(
        &self,
        scratch: &mut Scratch,
        picture: &Picture<'_>,
        region: Option<&Rect>,
        tensor: &mut [f32],
    ) -> Result<Transform, PreprocessError> {
        self.run_in(scratch, picture, picture.size(), region, tensor)
    }

    /// As [`run`](Self::run) for a picture that stands for a frame of another size: `region` and the transform's source are
    /// in the frame's pixels, and the shape that `maintain-aspect-ratio` keeps is the one that the frame has.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_in(
        &self,
        scratch: &mut Scratch,
        picture: &Picture<'_>,
        frame: Size,
        region: Option<&Rect>,
        tensor: &mut [f32],
    ) -> Result<Transform, PreprocessError> {
        let needed = self.tensor_len();
        if tensor.len() != needed {
            return Err(PreprocessError::TensorLength { given: tensor.len(), needed });
        }
        let (whole, frame_area) = (Rect::of_size(picture.size()), Rect::of_size(frame));
        let is_scaled = frame != picture.size() && !frame_area.is_empty();
        let in_picture = region.filter(|_| is_scaled).map(|region| region.mapped(&frame_area, &whole));
        let source = geometry::crop(picture.size(), in_picture.as_ref().or(region));
        let shape = if is_scaled { geometry::crop(frame, region).size } else { source.size };
        let target = geometry::place(shape, self.size, self.maintain_aspect_ratio, self.symmetric_padding);
        if target.size != self.size {
            self.fill_black(tensor);
        }
        let tables = tables_at(&mut scratch.tables, source.size, target.size);
        let Scratch { rows, line, tables: kept } = scratch;
        if let Some(tables) = kept.get(tables) {
            let mixes = self.mixes(picture);
            for y in 0..target.size.height as usize {
                self.sample(rows, picture, &source, tables, y);
                self.write_row(rows, &mixes, line, &target, y, tensor);
            }
        }
        self.subtract_mean(tensor);
        let source = if is_scaled { source.rect().mapped(&whole, &frame_area) } else { source.rect() };
        Ok(Transform { source, target: target.rect() })
    }

    /// What black becomes.
    fn fill_black(&self, tensor: &mut [f32]) {
        match (self.order, self.channels()) {
            (_, 1) => tensor.fill(self.bias[0]),
            (TensorOrder::Nhwc, _) => tensor.chunks_exact_mut(3).for_each(|p| p.copy_from_slice(&self.bias)),
            (TensorOrder::Nchw, _) => {
                let plane = tensor.len() / 3;
                tensor.chunks_exact_mut(plane).zip(self.bias).for_each(|(plane, bias)| plane.fill(bias));
            }
        }
    }

    /// How the channels that [`Self::sample`] leaves become those of the network.
    fn mixes(&self, picture: &Picture<'_>) -> [Mix; 3] {
        let colorimetry = picture.colorimetry();
        let gray = color::gray_from_luma(colorimetry);
        let weights: [Weights; 3] = match (picture.format(), self.format) {
            (PixelFormat::Gray8, _) | (PixelFormat::I420 | PixelFormat::Nv12, ModelColorFormat::Gray) => {
                [gray; 3]
            }
            (PixelFormat::I420 | PixelFormat::Nv12, _) => color::rgb_from_yuv(colorimetry),
            (PixelFormat::Rgb(_) | PixelFormat::Rgba(_), ModelColorFormat::Gray) => {
                [color::gray_from_rgb(); 3]
            }
            (PixelFormat::Rgb(_) | PixelFormat::Rgba(_), _) => color::RGB,
        };
        let [red, green, blue] = weights;
        let weights =
            if self.format == ModelColorFormat::Bgr { [blue, green, red] } else { [red, green, blue] };
        std::array::from_fn(|channel| {
            let (weights, offset) = weights[channel];
            Mix { weights, offset, scale: self.scale, bias: self.bias[channel] }
        })
    }

    /// Samples the picture for row `y` of the target: Y, U, V or R, G, B or luma alone.
    fn sample(&self, rows: &mut Rows, picture: &Picture<'_>, source: &Window, tables: &Tables, y: usize) {
        let mut sample = |plane, halved, step, lanes: &[(usize, usize)]| {
            let [columns, lines] = if halved { &tables.half } else { &tables.full };
            let shift = u32::from(halved);
            if let Some(pair) = row_pair(picture, plane, source, shift, step, lines, y) {
                self.isa.sample(rows, pair, lanes, step, columns);
            }
        };
        let color = self.format != ModelColorFormat::Gray;
        match picture.format() {
            PixelFormat::Gray8 => sample(0, false, 1, &[(0, 0)]),
            PixelFormat::I420 => {
                sample(0, false, 1, &[(0, 0)]);
                if color {
                    sample(1, true, 1, &[(0, 1)]);
                    sample(2, true, 1, &[(0, 2)]);
                }
            }
            PixelFormat::Nv12 => {
                sample(0, false, 1, &[(0, 0)]);
                if color {
                    sample(1, true, 2, &[(0, 1), (1, 2)]);
                }
            }
            PixelFormat::Rgb(order) => sample(0, false, 3, lanes(order)),
            PixelFormat::Rgba(order) => sample(0, false, 4, lanes(order)),
        }
    }

    /// Writes the sampled row to row `y` of the target.
    fn write_row(
        &self,
        rows: &Rows,
        mixes: &[Mix; 3],
        line: &mut Vec<f32>,
        target: &Window,
        y: usize,
        tensor: &mut [f32],
    ) {
        let (network_width, width) = (self.size.width as usize, target.size.width as usize);
        let start = (target.top as usize + y) * network_width + target.left as usize;
        let luma_only = mixes.iter().all(|mix| mix.weights[1] == 0.0 && mix.weights[2] == 0.0);
        if self.channels() == 1 {
            if let Some(out) = tensor.get_mut(start..start + width) {
                kernel::mix1(rows, &mixes[0], out);
            }
            return;
        }
        line.resize(3 * width, 0.0);
        let planes = tensor.len() / 3;
        let (first, rest) = match self.order {
            TensorOrder::Nchw => tensor.split_at_mut(planes),
            TensorOrder::Nhwc => line.split_at_mut(width),
        };
        let plane = rest.len() / 2;
        let (second, third) = rest.split_at_mut(plane);
        let at = if self.order == TensorOrder::Nchw { start } else { 0 };
        let range = at..at + width;
        let (Some(first), Some(second), Some(third)) =
            (first.get_mut(range.clone()), second.get_mut(range.clone()), third.get_mut(range))
        else {
            return;
        };
        if luma_only {
            for (out, mix) in [first, second, third].into_iter().zip(mixes) {
                kernel::mix1(rows, mix, out);
            }
        } else {
            self.isa.mix3(rows, mixes, [first, second, third]);
        }
        if self.order == TensorOrder::Nhwc {
            let (red, rest) = line.split_at(width);
            let (green, blue) = rest.split_at(width);
            let pixels = tensor.chunks_exact_mut(3).skip(start).zip(red).zip(green).zip(blue);
            pixels.for_each(|(((pixel, &r), &g), &b)| pixel.copy_from_slice(&[r, g, b]));
        }
    }

    fn subtract_mean(&self, tensor: &mut [f32]) {
        if self.mean.is_empty() {
            return;
        }
        let channels = self.channels();
        let plane = tensor.len() / channels;
        match self.order {
            TensorOrder::Nchw => tensor.iter_mut().zip(&self.mean).for_each(|(x, mean)| *x -= mean),
            TensorOrder::Nhwc => {
                for (channel, mean) in self.mean.chunks_exact(plane).enumerate() {
                    let values = tensor.iter_mut().skip(channel).step_by(channels);
                    values.zip(mean).for_each(|(x, mean)| *x -= mean);
                }
            }
        }
    }
}

/// Lanes of packed pixels and the channels (red, green, blue) that they are.
fn lanes(order: ChannelOrder) -> &'static [(usize, usize)] {
    match order {
        ChannelOrder::Rgb => &[(0, 0), (1, 1), (2, 2)],
        ChannelOrder::Bgr => &[(0, 2), (1, 1), (2, 0)],
    }
}

/// The two rows of `plane` between which sample `y` lies, cut to `source`, whose pixels are halved `shift` times.
fn row_pair<'a>(
    picture: &Picture<'a>,
    plane: usize,
    source: &Window,
    shift: u32,
    step: usize,
    lines: &Axis,
    y: usize,
) -> Option<RowPair<'a>> {
    let (index, weight) = lines.row(y)?;
    let start = (source.left >> shift) as usize * step;
    let length = source.size.width.div_ceil(1 << shift) as usize * step;
    let last = source.size.height.div_ceil(1 << shift) as usize - 1;
    let top = (source.top >> shift) as usize;
    let row = |index: usize| picture.row(plane, top + index.min(last)).get(start..start + length);
    Some(RowPair { first: row(index)?, second: row(index + 1)?, weight })
}

/// Reads the mean picture as NCHW numbers, multiplied by `scale`.
fn read_mean(
    config: &InferConfig,
    path: &PathBuf,
    input: Dims,
    scale: f32,
) -> Result<Vec<f32>, PreprocessError> {
    let bytes = std::fs::read(path).map_err(|source| config.file_error("mean-file", path, source))?;
    let wrong = |problem: String| PreprocessError::MeanFile {
        location: config.location("mean-file"),
        path: path.clone(),
        problem,
    };
    let pnm = mean::parse(&bytes).map_err(|problem| wrong(problem.to_owned()))?;
    let channels = input.channels as usize;
    if pnm.size != input.size() || pnm.channels != channels {
        return Err(wrong(format!(
            "the picture has {} pixels of {} channels, the network takes {} of {channels}",
            pnm.size,
            pnm.channels,
            input.size()
        )));
    }
    let reversed = config.model_color_format == ModelColorFormat::Bgr;
    let mut mean = Vec::with_capacity(pnm.pixels.len());
    for channel in 0..channels {
        let channel = if reversed { channels - 1 - channel } else { channel };
        mean.extend(pnm.pixels.iter().skip(channel).step_by(channels).map(|&x| f32::from(x) * scale));
    }
    Ok(mean)
}
