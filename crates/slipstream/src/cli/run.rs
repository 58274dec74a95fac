//! `slipstream run`: the main job.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use gst::prelude::*;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::USAGE;
use crate::address::advertised_host;
use crate::pipeline::{Happening, Job, JobError};
use crate::report::Reporter;
use crate::settings::{JobSettings, RunSettings};
use crate::source::CameraState;
use crate::uri::Input;

/// `slipstream run` takes all settings.
pub type RunArgs = RunSettings;

/// How often the report looks whether it is time.
const LOOK: Duration = Duration::from_millis(250);
/// The first picture, be it of cameras that are still connecting, is not waited for longer.
const FIRST_PICTURE: Duration = Duration::from_secs(2);
/// Exit code after a second signal, as of a program that was killed by the first.
const KILLED: i32 = 128 + SIGINT;
/// Cameras that do not say good-bye within this are left without.
const PATIENCE: Duration = Duration::from_millis(800);

/// Runs the job for the cameras that were given.
pub fn run(settings: &RunArgs) -> ExitCode {
    let inputs = settings.input.inputs();
    if inputs.is_empty() {
        eprintln!(
            "error: no camera given. Name them (slipstream run rtsp://…) or set RTSPINPUT; `slipstream demo` needs none."
        );
        return ExitCode::from(USAGE);
    }
    serve(&settings.job, inputs)
}

/// Runs the job until it ends or is told to.
pub fn serve(settings: &JobSettings, inputs: &[Input]) -> ExitCode {
    if let Err(err) = gstslipstream::plugin_register_static() {
        eprintln!("error: {err}");
        return ExitCode::FAILURE;
    }
    let job = match Job::start(settings, inputs) {
        Ok(job) => job,
        Err(err) => {
            eprintln!("error: {err}");
            return ExitCode::FAILURE;
        }
    };
    wait_for_picture(&job);
    announce(settings, inputs, &job);
    let mut reporter = Reporter::start(&job, settings.show_frames);
    let outcome = watch(&job, &mut reporter);
    if stop(job) {
        reporter.finish();
    }
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err}");
            ExitCode::FAILURE
        }
    }
}

/// Whoever connects to the address that is about to be printed shall see something.
fn wait_for_picture(job: &Job) {
    let started = Instant::now();
    while !job.output().is_ready() && started.elapsed() < FIRST_PICTURE {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The article's lines.
fn announce(settings: &JobSettings, inputs: &[Input], job: &Job) {
    let host = advertised_host(settings.ip_address.as_deref(), settings.bind);
    let list: String =
        inputs.iter().enumerate().map(|(index, input)| format!("  {index}: \"{input}\"\n")).collect();
    let text = format!(
        "\nUsing codec: {}, and bitrate: {}\nRTSP input streams ({}):\n{list}RTSP output stream: \"{}\"\n\n",
        settings.encoder.codec,
        settings.encoder.bitrate,
        inputs.len(),
        job.output().url(&host)
    );
    // Nobody has to read it.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    tracing::info!("{}", job.encoder());
}

/// Waits for the end of all inputs, a failure, or a signal.
fn watch(job: &Job, reporter: &mut Reporter) -> Result<(), JobError> {
    let told_to_stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The second one does not wait for anybody.
        let registered = flag::register_conditional_shutdown(signal, KILLED, told_to_stop.clone())
            .and_then(|_| flag::register(signal, told_to_stop.clone()));
        if let Err(err) = registered {
            tracing::warn!("signals are not handled: {err}");
        }
    }
    let Some(bus) = job.pipeline().bus() else { return Ok(()) };
    while !told_to_stop.load(Ordering::Relaxed) {
        let happening = bus
            .timed_pop(gst::ClockTime::from_mseconds(LOOK.as_millis() as u64))
            .and_then(|message| Job::handle(&message));
        match happening {
            Some(Happening::Failed(err)) => return Err(err),
            Some(Happening::Ended) => return ended(job),
            None => reporter.look(job),
        }
    }
    Ok(())
}

/// All files were shown, or could not be.
fn ended(job: &Job) -> Result<(), JobError> {
    let failed = job.cameras().iter().find_map(|camera| match camera.state() {
        CameraState::Failed { reason } => Some(format!("{}: {reason}", camera.input())),
        _ => None,
    });
    failed.map_or(Ok(()), |failed| Err(JobError::Failed(failed)))
}

/// Stops the job; whoever does not answer in time is left behind. Whether all did.
fn stop(job: Job) -> bool {
    let (done, finished) = sync_channel(1);
    let stopper = std::thread::Builder::new().name("stop".into()).spawn(move || {
        drop(job);
        // Nobody waits any more if this took too long.
        let _ = done.send(());
    });
    let in_time = stopper.is_ok() && finished.recv_timeout(PATIENCE).is_ok();
    if !in_time {
        tracing::debug!("not every camera said good-bye in time");
    }
    in_time
}
