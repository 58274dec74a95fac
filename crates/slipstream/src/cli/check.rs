//! `slipstream check`: what is to be had from each camera, or what is wrong with it.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use crate::examine::{Findings, examine};
use crate::fault::Fault;
use crate::settings::{InputArgs, Transport, parse_seconds};
use crate::uri::Input;

/// What `slipstream check` can be told.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  slipstream check rtsp://192.168.1.20/stream1 rtsp://me:secret@192.168.1.21:8554/live
  RTSPINPUT=rtsp://192.168.1.20/stream1 slipstream check --json

The exit code is 0 if every input is good, and 1 if one is not.")]
pub struct CheckArgs {
    #[command(flatten)]
    input: InputArgs,

    /// How long to wait for each input; all are checked at the same time
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    timeout: Duration,

    /// How video travels from the cameras; auto is TCP, and UDP where a camera refuses TCP
    #[arg(long, value_name = "HOW", default_value = "auto")]
    transport: Transport,

    /// One JSON object per input
    #[arg(long)]
    json: bool,
}

/// What came out for one input.
#[derive(Serialize)]
struct Report<'a> {
    input: String,
    ok: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    findings: Option<&'a Findings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.codec)?;
        if let Some(profile) = &self.profile {
            write!(f, " {profile}")?;
        }
        write!(f, ", {}x{}", self.width, self.height)?;
        match self.fps {
            Some(fps) => write!(f, ", {fps:.1} fps")?,
            None => write!(f, ", rate unknown")?,
        }
        if let Some(transport) = self.transport {
            write!(f, ", {transport}")?;
        }
        write!(f, ", first frame after {:.2} s", self.first_frame_seconds)
    }
}

/// Checks all inputs at once and prints one line each, in their order.
pub fn run(arguments: &CheckArgs) -> ExitCode {
    let inputs = arguments.input.inputs();
    if inputs.is_empty() {
        eprintln!("error: nothing to check; give URIs or set RTSPINPUT");
        return ExitCode::from(super::USAGE);
    }
    let mut all_good = true;
    std::thread::scope(|scope| {
        let checks: Vec<_> = inputs
            .iter()
            .map(|input| scope.spawn(|| examine(input, arguments.transport, arguments.timeout)))
            .collect();
        for (input, check) in inputs.iter().zip(checks) {
            let result = check.join().unwrap_or_else(|_| Err(Fault::Other("the check itself failed".into())));
            all_good &= result.is_ok();
            print(input, &result, arguments.json);
        }
    });
    if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(input: &Input, result: &Result<Findings, Fault>, as_json: bool) {
    let line = if as_json {
        let report = Report {
            input: input.to_string(),
            ok: result.is_ok(),
            findings: result.as_ref().ok(),
            fault: result.as_ref().err().map(Fault::code),
            message: result.as_ref().err().map(ToString::to_string),
        };
        // Strings and numbers always make JSON.
        serde_json::to_string(&report).unwrap_or_default()
    } else {
        match result {
            Ok(findings) => format!("{input}: {findings}"),
            Err(fault) => format!("{input}: {fault}"),
        }
    };
    // Nobody is left to tell if standard output is closed.
    let _ = writeln!(std::io::stdout(), "{line}");
}
