//! Images per second of one core, in the model alone: here, and in ONNX Runtime called from Python on the same model.
//!
//! `cargo bench -p slipstream-infer --bench engines`. Needs the tests' Python (`make setup-test`); YOLOX-Nano is measured where
//! the assets folder is (`SLIPSTREAM_ASSETS`). Both sides are measured in turns, in processor time, and the
//! best of each counts: other programs on the machine take away, they never give. Where OpenVINO is (`SLIPSTREAM_OPENVINO`), it is
//! measured as well.

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::time::{ClockId, clock_gettime};
use slipstream_infer::engine::{Engine, EngineError};
use slipstream_infer::{InferConfig, model};

/// How often each side has its turn, and for how long, in seconds of processor time.
const TURNS: usize = 5;
const TURN: f64 = 2.0;
/// Runs before the first turn.
const WARM_UP: usize = 3;

/// The other side: how long a run takes, as one number a line, whenever a line is asked for.
const PYTHON: &str = "
import sys, time, numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.log_severity_level = 3
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=['CPUExecutionProvider'])
source = session.get_inputs()[0]
picture = numpy.fromfile(sys.argv[2], numpy.float32).reshape([1, *map(int, sys.argv[3:6])])
feed = {source.name: picture}
for _ in range(3): session.run(None, feed)
start = time.process_time(); runs = 0
while time.process_time() - start < float(sys.argv[6]): session.run(None, feed); runs += 1
print(runs / (time.process_time() - start))
";

fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Images per second of processor time.
fn turn(engine: &mut Engine) -> Result<f64, EngineError> {
    let Some(worker) = engine.workers().first_mut() else { return Ok(0.0) };
    let start = processor_time();
    let mut runs = 0u32;
    loop {
        worker.run(1, |_, _| Ok::<_, EngineError>(()))?;
        runs += 1;
        let spent = processor_time() - start;
        if spent >= TURN {
            return Ok(f64::from(runs) / spent);
        }
    }
}

fn engine(keys: &str, folder: &Path) -> Result<(InferConfig, Engine), Box<dyn Error>> {
    let (config, _) = InferConfig::parse(&format!("[property]\n{keys}\n"), folder.join("config.txt"))?;
    let engine = Engine::load(&config, NonZeroUsize::new(1))?;
    Ok((config, engine))
}

/// The model's input, which the engine is warmed up with.
fn warm_up(engine: &mut Engine) -> Result<Vec<f32>, EngineError> {
    let dims = engine.input();
    let count = (dims.channels * dims.height * dims.width) as usize;
    let picture: Vec<f32> = (0..count).map(|index| (index * 7919 % 256) as f32 / 255.0).collect();
    if let Some(worker) = engine.workers().first_mut() {
        worker.input(0).copy_from_slice(&picture);
        for _ in 0..WARM_UP {
            worker.run(1, |_, _| Ok::<_, EngineError>(()))?;
        }
    }
    Ok(picture)
}

fn measure(name: &str, keys: &str, folder: &Path, python: &Path) -> Result<(), Box<dyn Error>> {
    let (config, mut engine) = engine(&format!("{keys}\nengine=cpu"), folder)?;
    let picture = warm_up(&mut engine)?;
    let dims = engine.input();
    let loaded = model::load(&config)?;
    let file = match loaded.bytes {
        Some(bytes) => {
            let file = folder.join(format!("{name}.onnx"));
            std::fs::write(&file, bytes)?;
            file
        }
        None => loaded.path,
    };
    let input = folder.join("picture.f32");
    std::fs::write(&input, picture.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())?;
    let (mut ours, mut theirs) = (0f64, 0f64);
    for _ in 0..TURNS {
        ours = ours.max(turn(&mut engine)?);
        let sizes = [dims.channels, dims.height, dims.width].map(|dim| dim.to_string());
        let output = Command::new(python)
            .args(["-c", PYTHON])
            .args([&file, &input])
            .args(sizes)
            .arg(TURN.to_string())
            .output()?;
        theirs = theirs.max(String::from_utf8_lossy(&output.stdout).trim().parse()?);
    }
    drop(engine);
    let openvino = openvino(keys, folder)?.map_or("–".to_owned(), |images| format!("{images:.1}"));
    let difference = 100.0 * (ours / theirs - 1.0);
    let size = format!("{}×{}", dims.width, dims.height);
    println!("| {name} | {size} | {ours:.1} | {theirs:.1} | {difference:+.1} % | {openvino} |");
    Ok(())
}

/// The same with OpenVINO, if it is there.
fn openvino(keys: &str, folder: &Path) -> Result<Option<f64>, Box<dyn Error>> {
    if std::env::var_os("SLIPSTREAM_OPENVINO").is_none() {
        return Ok(None);
    }
    let (_, mut engine) = engine(&format!("{keys}\nengine=openvino"), folder)?;
    warm_up(&mut engine)?;
    let mut best = 0f64;
    for _ in 0..TURNS {
        best = best.max(turn(&mut engine)?);
    }
    Ok(Some(best))
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = std::env::var_os("SLIPSTREAM_PYTHON")
        .map_or_else(|| root.join(".deps/venv/bin/python"), PathBuf::from);
    let folder = tempfile::tempdir()?;
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let script = |name: &str, arguments: &[&Path]| -> Result<(), Box<dyn Error>> {
        let output = Command::new(&python).arg(scripts.join(name)).args(arguments).output()?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into()) }
    };
    script("caffe_nets.py", &[folder.path(), Path::new("resnet10")])?;
    let net = folder.path().join("resnet10");
    let caffe = "proto-file=resnet10/net.prototxt\nmodel-file=resnet10/net.caffemodel\nnet-scale-factor=0.0039215697906911373";
    let (config, _) =
        InferConfig::parse(&format!("[property]\n{caffe}\n"), folder.path().join("config.txt"))?;
    std::fs::write(net.join("net.onnx"), model::load(&config)?.bytes.unwrap_or_default())?;
    let size = [Path::new("368"), Path::new("640")];
    let [onnx, input, table] = ["net.onnx", "input.f32", "cal_trt.bin"].map(|name| net.join(name));
    script("caffe_table.py", &[&onnx, &input, &table, size[0], size[1]])?;

    println!("| model | input | images/s of a core | Python | | OpenVINO |\n|---|---|---|---|---|---|");
    measure("resnet10 FP32", caffe, folder.path(), &python)?;
    let int8 = format!("{caffe}\nnetwork-mode=1\nint8-calib-file=resnet10/cal_trt.bin");
    measure("resnet10 INT8", &int8, folder.path(), &python)?;
    let street = root.join("models/street-int8.onnx").canonicalize()?;
    measure(
        "street INT8",
        &format!("onnx-file={}\ninfer-dims=3;288;512", street.display()),
        folder.path(),
        &python,
    )?;
    let assets =
        std::env::var_os("SLIPSTREAM_ASSETS").map_or_else(|| root.join("../shared/assets"), PathBuf::from);
    let yolox = assets.join("models/yolox_nano_416.onnx");
    if yolox.exists() {
        measure("YOLOX-Nano FP32", &format!("onnx-file={}", yolox.display()), folder.path(), &python)?;
    } else {
        println!("SKIPPED: YOLOX-Nano, the assets folder is not there");
    }
    Ok(())
}
