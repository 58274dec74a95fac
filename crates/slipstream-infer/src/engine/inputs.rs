//! The inputs of a model in ONNX Runtime: the picture, and what some models want to know beside it.

use std::borrow::Cow;

use half::f16;
use half::slice::HalfFloatSliceExt;
use ort::memory::Allocator;
use ort::session::{SessionInputValue, SessionInputs};
use ort::value::{DynValue, Tensor};

use super::spec::{InputSpec, Number, SideInput};
use crate::config::TensorOrder;

/// The buffers that a session reads.
#[derive(Debug)]
pub(super) struct Inputs {
    name: String,
    picture: Tensor<f32>,
    /// The picture again, for models that take 16-bit numbers.
    half: Option<Tensor<f16>>,
    /// Never changed.
    others: Vec<(String, DynValue)>,
}

impl Inputs {
    pub(super) fn new(spec: &InputSpec, order: TensorOrder) -> ort::Result<Self> {
        let (allocator, shape) = (Allocator::default(), spec.shape(order));
        let mut picture = Tensor::<f32>::new(&allocator, shape)?;
        picture.extract_tensor_mut().1.fill(0.0);
        let half = (spec.number == Number::F16).then(|| Tensor::<f16>::new(&allocator, shape)).transpose()?;
        let others = spec.others.iter().map(|other| Ok((other.name.clone(), constant(spec.images, other)?)));
        let others = others.collect::<ort::Result<_>>()?;
        Ok(Self { name: spec.name.clone(), picture, half, others })
    }

    /// The picture's numbers.
    pub(super) fn picture(&mut self) -> &mut [f32] {
        self.picture.extract_tensor_mut().1
    }

    /// What a run takes.
    pub(super) fn values(&mut self) -> SessionInputs<'_, '_> {
        let picture = match &mut self.half {
            None => SessionInputValue::from(&self.picture),
            Some(half) => {
                half.extract_tensor_mut().1.convert_from_f32_slice(self.picture.extract_tensor().1);
                SessionInputValue::from(&*half)
            }
        };
        let named = |(name, value)| (Cow::Borrowed(name), value);
        let others = self.others.iter().map(|(name, value)| (name.as_str(), SessionInputValue::from(value)));
        let all = std::iter::once((self.name.as_str(), picture)).chain(others);
        SessionInputs::from(all.map(named).collect::<Vec<_>>())
    }
}

/// The same pair of numbers for each image.
fn constant(images: usize, other: &SideInput) -> ort::Result<DynValue> {
    let shape = [i64::try_from(images).unwrap_or(1), 2];
    let pairs = other.values.iter().copied().cycle().take(2 * images);
    Ok(match other.number {
        Number::I64 => {
            Tensor::from_array((shape, pairs.map(|value| value as i64).collect::<Vec<_>>()))?.into_dyn()
        }
        Number::I32 => {
            Tensor::from_array((shape, pairs.map(|value| value as i32).collect::<Vec<_>>()))?.into_dyn()
        }
        Number::F16 => Tensor::from_array((shape, pairs.map(f16::from_f32).collect::<Vec<_>>()))?.into_dyn(),
        Number::F32 => Tensor::from_array((shape, pairs.collect::<Vec<_>>()))?.into_dyn(),
    })
}
