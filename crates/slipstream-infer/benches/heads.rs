//! Time of parsing and clustering the outputs for one picture on one core.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use slipstream_infer::cluster::{Detection, cluster};
use slipstream_infer::config::{ClassAttrs, ClusterMode, InferConfig};
use slipstream_infer::parse::{OutputTensor, ParseContext, TensorInfo, choose};
use slipstream_meta::{Rect, Size};

const NETWORK: Size = Size::new(640, 640);
const CLASSES: usize = 80;
/// Objects in the picture, each seen by some candidates around it.
const OBJECTS: usize = 30;
const SEEN: usize = 20;

/// Numbers in 0…1 that look random (xorshift, Marsaglia 2003).
struct Random(u32);

impl Random {
    fn f32(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 8) as f32 / (1 << 24) as f32
    }
}

/// Numbers as a network gives them: hardly any candidate is sure of anything.
fn head(rows: usize, numbers: usize, first_score: usize) -> Vec<f32> {
    let mut random = Random(5);
    let mut data = Vec::with_capacity(rows * numbers);
    let (step, seen) = (rows / OBJECTS, SEEN.min(rows / OBJECTS / 2));
    for row in 0..rows {
        let object = (row % step < seen).then_some(row / step);
        let (x, y) = (random.f32(), random.f32());
        data.extend(match object {
            Some(object) => [object as f32 * 20.0 + x * 4.0, 300.0 + y * 4.0, 40.0, 60.0],
            None => [x * 640.0, y * 640.0, 40.0, 60.0],
        });
        for number in 4..numbers {
            // objectness, and one class
            let is_sure =
                object.is_some_and(|object| number < first_score || number == first_score + object % 5);
            data.push(if is_sure { 0.6 + random.f32() * 0.4 } else { random.f32() * 0.02 });
        }
    }
    data
}

fn transposed(data: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| data.iter().skip(column).step_by(columns).copied()).collect()
}

fn heads(c: &mut Criterion) {
    let plain = head(8400, 84, 4);
    let cases = [
        ("YOLOv5 [25200, 85]", vec![25200, 85], head(25200, 85, 5)),
        ("YOLOX [8400, 85]", vec![8400, 85], head(8400, 85, 5)),
        ("YOLOv8 [84, 8400]", vec![84, 8400], transposed(&plain, 84)),
        ("YOLOv8 [8400, 84]", vec![8400, 84], plain),
        ("YOLOv10 [300, 6]", vec![300, 6], head(300, 6, 4)),
    ];
    let attrs = ClassAttrs { nms_iou_threshold: 0.45, ..ClassAttrs::default() };
    for (name, dims, data) in cases {
        let dims: Vec<usize> = dims;
        let info = TensorInfo {
            name: "output".to_owned(),
            dims: dims.iter().copied().map(Some).collect(),
            element: "f32".to_owned(),
        };
        let parser = choose(&InferConfig::default(), &[info], NETWORK).unwrap().parser;
        let outputs = [OutputTensor { name: "output", dims: &dims, data: &data }];
        let context =
            ParseContext { network: NETWORK, image: Rect::of_size(NETWORK), thresholds: &[0.25; CLASSES] };
        let mut boxes = Vec::new();
        c.bench_function(&format!("{name}, parsed"), |b| {
            b.iter(|| {
                boxes.clear();
                parser.parse(&outputs, &context, &mut boxes).unwrap()
            });
        });
        let raw = boxes.clone();
        c.bench_function(&format!("{name}, {} boxes clustered", raw.len()), |b| {
            b.iter_batched_ref(
                || raw.clone(),
                |boxes| cluster(boxes, ClusterMode::Nms, CLASSES as u32, false, |_| &attrs),
                BatchSize::SmallInput,
            );
        });
    }
    // A threshold near 0, as for evaluation: one class, hardly any overlap.
    let mut random = Random(6);
    let many: Vec<_> = (0..5000)
        .map(|_| Detection {
            class_id: 0,
            confidence: random.f32(),
            rect: Rect::new(random.f32() * 600.0, random.f32() * 600.0, 8.0, 8.0),
        })
        .collect();
    let attrs = ClassAttrs { pre_cluster_threshold: 0.0, ..attrs };
    c.bench_function("5000 boxes of one class clustered", |b| {
        b.iter_batched_ref(
            || many.clone(),
            |boxes| cluster(boxes, ClusterMode::Nms, 1, false, |_| &attrs),
            BatchSize::SmallInput,
        );
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(std::time::Duration::from_secs(1)).warm_up_time(std::time::Duration::from_millis(200)).sample_size(20);
    targets = heads
}
criterion_main!(benches);
