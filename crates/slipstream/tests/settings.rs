//! Flags and environment variables.

use std::process::Command;

use clap::Parser;
use slipstream::settings::{Codec, EncoderChoice, Interval, RunSettings};

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    settings: RunSettings,
}

fn parse(arguments: &[&str]) -> Result<RunSettings, String> {
    Program::try_parse_from([&["slipstream"], arguments].concat())
        .map(|program| program.settings)
        .map_err(|error| error.to_string())
}

/// In a process of its own, so that variables do not disturb other tests.
fn with_variables(variables: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipstream"));
    for variable in ["RTSPINPUT", "RTSPOUTPUTPORTNUM", "RTSPOUTPUTPATH", "SLIPSTREAM_LOG"] {
        command.env_remove(variable);
    }
    let output = command.args(arguments).envs(variables.iter().copied()).output().unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), text)
}

#[test]
fn the_articles_defaults() {
    let settings = parse(&["rtsp://a/1"]).unwrap();
    let job = &settings.job;
    assert_eq!((job.encoder.codec, job.encoder.bitrate.bits()), (Codec::H264, 4_000_000));
    assert_eq!((job.address.port, job.address.path.as_str()), (8554, "/ds"));
    assert_eq!((job.picture.width, job.picture.height, job.show_frames), (1200, 600, true));
    assert_eq!((job.detector.interval, &job.encoder.encoder), (Interval::Auto, &EncoderChoice::Auto));
    assert_eq!((job.tracking.tracker.to_string().as_str(), job.tracking.trails), ("slip", 0));
    assert!(job.address.credentials().is_none() && job.ip_address.is_none());
}

#[test]
fn every_setting_is_a_flag() {
    let settings = parse(&[
        "--codec",
        "h265",
        "--bitrate",
        "2500k",
        "--port",
        "9000",
        "--path",
        "/house/door",
        "--ip-address",
        "box.lan",
        "--show-frames",
        "no",
        "--output-width",
        "1920",
        "--output-height",
        "1080",
        "--arch",
        "arm64",
        "--output-user",
        "me",
        "--output-password",
        "x",
        "--interval",
        "3",
        "--tracker",
        "yard/config_tracker.yml",
        "--trails",
        "50",
        "--loop",
        "--frame-timeout",
        "2.5",
        "--rows",
        "2",
        "--columns",
        "3",
        "--encoder",
        "openh264enc",
        "--bind",
        "::1",
        "--inputs",
        "rtsp://a/1,/v/b.mp4",
    ])
    .unwrap();
    let job = &settings.job;
    assert_eq!((job.encoder.codec, job.encoder.bitrate.bits()), (Codec::H265, 2_500_000));
    assert_eq!((job.address.port, job.address.path.as_str()), (9000, "/house/door"));
    assert_eq!((job.picture.width, job.picture.height, job.show_frames), (1920, 1080, false));
    assert_eq!(job.address.credentials().unwrap().user, "me");
    assert_eq!((job.detector.interval, job.source.repeat), (Interval::Skip(3), true));
    assert_eq!((job.tracking.tracker.given(), job.tracking.trails), (Some("yard/config_tracker.yml"), 50));
    assert_eq!(job.source.frame_timeout.as_millis(), 2500);
    assert_eq!(settings.input.inputs().len(), 2);
    assert!(!format!("{settings:?}").contains("\"x\""));
}

#[test]
fn wrong_values_are_named_with_what_is_allowed() {
    for (arguments, expected) in [
        (["--codec", "MPEG2"], "\"MPEG2\" is no codec: allowed are H264 and H265"),
        (["--bitrate", "4000"], "bits per second are meant, at least 64000; for 4000 kbit/s write 4000k"),
        (["--bitrate", "fast"], "allowed are 64000 to 100000000 bits per second"),
        (["--bitrate", "9000M"], "allowed are 64000 to 100000000 bits per second"),
        (["--path", "ds"], "it begins with a slash, as in \"/ds\""),
        (["--path", "/"], "every slash is followed by a name"),
        (["--path", "/a b"], "allowed are letters, digits"),
        (["--output-width", "601"], "it has to be even, as 600 or 602"),
        (["--output-width", "0"], "allowed are even numbers from 64 to 8192"),
        (["--output-height", "100000"], "allowed are even numbers from 64 to 8192"),
        (["--output-height", "tall"], "allowed are even numbers from 64 to 8192"),
        (["--port", "70000"], "70000"),
        (["--interval", "-1"], "\"auto\""),
        (["--tracker", "guess"], "\"guess\" is no tracker: allowed are slip, iou"),
        (["--trails", "-1"], "0..=1800"),
        (["--frame-timeout", "0"], "allowed are 0.1 to 86400 seconds"),
        (["--rows", "0"], "1..=64"),
        (["--encoder", "x264 enc"], "name of a GStreamer element"),
        (["--transport", "pigeon"], "auto, tcp, udp"),
        (["--bind", "everywhere"], "everywhere"),
        (["--output-user", "me"], "--output-password"),
    ] {
        let error = parse(&[&format!("{}={}", arguments[0], arguments[1])]).unwrap_err();
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}

#[test]
fn variables_count_unless_empty_and_flags_win() {
    let file = "/no/such/picture.png";
    let (code, text) = with_variables(&[("RTSPOUTPUTPATH", "ds")], &["snapshot", file]);
    assert_eq!((code, text.contains("it begins with a slash")), (Some(2), true), "{text}");
    // Port 1 is closed everywhere.
    let (code, text) =
        with_variables(&[("RTSPOUTPUTPATH", ""), ("RTSPOUTPUTPORTNUM", "1")], &["snapshot", file]);
    assert_eq!((code, text.contains("rtsp://127.0.0.1:1/ds: connection refused")), (Some(1), true), "{text}");
    let (code, text) = with_variables(&[("RTSPOUTPUTPORTNUM", "2")], &["snapshot", file, "--port", "1"]);
    assert_eq!((code, text.contains("rtsp://127.0.0.1:1/ds: connection refused")), (Some(1), true), "{text}");

    let (code, text) = with_variables(&[("RTSPINPUT", "")], &["check"]);
    assert_eq!((code, text.contains("nothing to check")), (Some(2), true), "{text}");
    let (code, text) = with_variables(&[("RTSPINPUT", "/no/1.mp4,/no/2.mp4")], &["check"]);
    assert_eq!((code, text.as_str()), (Some(1), "/no/1.mp4: file not found\n/no/2.mp4: file not found\n"));
    let (_, text) = with_variables(&[("RTSPINPUT", "/no/1.mp4")], &["check", "/no/3.mp4"]);
    assert_eq!(text, "/no/3.mp4: file not found\n");
}

#[test]
fn complaints_and_help_show_no_password() {
    for arguments in
        [&["check", "ftp://visitor:hush@host/x"][..], &["check", "rtsp://visitor:hush@host:99999/x"]]
    {
        let (code, text) = with_variables(&[], arguments);
        assert_eq!(code, Some(2), "{text}");
        assert!(!text.contains("hush") && !text.contains("visitor"), "{text}");
    }
    let variables = [
        ("RTSPINPUT", "rtsp://visitor:hush@host/x"),
        ("SLIPSTREAM_OUTPUT_USER", "visitor"),
        ("SLIPSTREAM_OUTPUT_PASSWORD", "hush"),
    ];
    for command in ["check", "snapshot"] {
        let (code, text) = with_variables(&variables, &[command, "--help"]);
        assert_eq!(code, Some(0), "{text}");
        assert!(!text.contains("hush") && !text.contains("visitor"), "{text}");
    }
    let (code, text) = with_variables(&[], &[]);
    assert_eq!((code, text.contains("Usage: slipstream")), (Some(2), true), "{text}");
}
