//! The RTSP output, as viewers see it.

mod common;

use std::net::TcpListener;
use std::process::Command;

use common::{RawClient, Studio, Viewer, credentials, output_settings, wait_until};
use slipstream::output::{Limits, OutputSettings, RtspOutput};
use slipstream::settings::Codec;
use slipstream::uri::Credentials;

#[test]
fn viewers_over_tcp_and_udp_share_one_stream() {
    let studio = Studio::start(output_settings(0, Codec::H264));
    let viewers: Vec<_> =
        ["tcp", "udp", "tcp", "udp"].iter().map(|protocol| Viewer::start(&studio.url(), protocol)).collect();
    for viewer in &viewers {
        viewer.wait_for(25);
    }
    assert_eq!(studio.output.viewers(), 4);
    drop(viewers);
    wait_until("all to leave", || studio.output.viewers() == 0);
}

#[test]
fn h265_is_served_too() {
    let studio = Studio::start(output_settings(0, Codec::H265));
    Viewer::start_as(&studio.url(), "tcp", Codec::H265, None).wait_for(10);
}

#[test]
fn late_viewers_get_a_key_frame_at_once() {
    let studio = Studio::start(output_settings(0, Codec::H264));
    let early = Viewer::start(&studio.url(), "tcp");
    early.wait_for(10);
    for protocol in ["tcp", "udp"] {
        let asked = studio.key_frames_asked.load(std::sync::atomic::Ordering::Relaxed);
        let late = Viewer::start(&studio.url(), protocol);
        println!("first picture over {protocol} after {:?}", late.wait_for(1));
        assert!(studio.key_frames_asked.load(std::sync::atomic::Ordering::Relaxed) > asked);
    }
    // Left alone, the encoder makes one in 50 pictures.
    let key_frames = studio.key_frames.lock().clone();
    assert!(key_frames.windows(2).any(|pair| pair[1] - pair[0] < 50), "{key_frames:?}");
}

#[test]
fn the_output_outlives_its_viewers() {
    let studio = Studio::start(output_settings(0, Codec::H264));
    for round in 0..12 {
        let viewer = Viewer::start(&studio.url(), if round % 2 == 0 { "tcp" } else { "udp" });
        viewer.wait_for(2);
        if round % 3 == 0 {
            // The next comes before this one has gone.
            std::thread::spawn(move || drop(viewer));
        }
    }
    wait_until("all to leave", || studio.output.viewers() == 0);
    assert_eq!(studio.output.dropped(), 0);
}

#[test]
fn a_password_keeps_strangers_out() {
    let settings = OutputSettings { credentials: Some(credentials()), ..output_settings(0, Codec::H264) };
    let studio = Studio::start(settings);
    let wrong = Credentials { password: "guess".into(), ..credentials() };
    for login in [None, Some(&wrong)] {
        let end = Viewer::start_as(&studio.url(), "tcp", Codec::H264, login).wait_for_end();
        assert!(end.contains("401"), "{end}");
    }
    Viewer::start_as(&studio.url(), "tcp", Codec::H264, Some(&credentials())).wait_for(3);

    let mut client = RawClient::connect(&studio.url());
    client.send("DESCRIBE", "", "").unwrap();
    let answer = client.answer();
    assert!(answer.contains("Digest") && answer.contains("Basic"), "{answer}");
}

#[test]
fn a_port_in_use_is_named() {
    gst::init().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = RtspOutput::start(output_settings(port, Codec::H264)).err().unwrap().to_string();
    assert!(
        error.contains(&port.to_string()) && error.contains("127.0.0.1") && error.contains("in use"),
        "{error}"
    );

    let elsewhere = OutputSettings { bind: "192.0.2.1".parse().unwrap(), ..output_settings(0, Codec::H264) };
    let error = RtspOutput::start(elsewhere).err().unwrap().to_string();
    assert!(error.contains("192.0.2.1 is no address of this machine"), "{error}");
}

#[test]
fn the_port_is_free_again_after_a_stop() {
    let studio = Studio::start(output_settings(0, Codec::H264));
    let port = studio.output.port();
    let viewer = Viewer::start(&studio.url(), "tcp");
    viewer.wait_for(3);
    drop(studio);
    viewer.wait_for_end();
    let studio = Studio::start(output_settings(port, Codec::H264));
    Viewer::start(&studio.url(), "tcp").wait_for(3);
}

#[test]
fn without_pictures_viewers_are_told_so() {
    let studio = Studio::start(output_settings(0, Codec::H264));
    studio.stop_pictures();
    wait_until("the pictures to be old", || !studio.output.is_ready());
    for (method, status) in [("DESCRIBE", 503), ("SETUP", 400)] {
        let mut client = RawClient::connect(&studio.url());
        client.send(method, "", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n").unwrap();
        let answer = client.answer();
        assert!(answer.starts_with(&format!("RTSP/1.0 {status}")), "{answer}");
    }
}

#[test]
fn viewers_that_die_or_dawdle_harm_nobody() {
    let limits = Limits { handshake: std::time::Duration::from_millis(500), ..Limits::default() };
    let studio = Studio::start(OutputSettings { limits, ..output_settings(0, Codec::H264) });
    let steady = Viewer::start(&studio.url(), "tcp");
    steady.wait_for(5);

    // Dies in the middle of a request, and of the handshake.
    RawClient::connect(&studio.url()).send_half();
    let mut client = RawClient::connect(&studio.url());
    client.send("SETUP", "/stream=0", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n").unwrap();
    drop(client);
    // Plays and never reads.
    let mut deaf = RawClient::connect(&studio.url());
    deaf.play();
    // Says nothing, and half of something: the server hangs up.
    let mut silent = RawClient::connect(&studio.url());
    let mut halting = RawClient::connect(&studio.url());
    halting.send_half();
    assert_eq!(silent.answer(), "");
    assert_eq!(halting.answer(), "");

    steady.wait_for(steady.frames() + 50);
    Viewer::start(&studio.url(), "udp").wait_for(5);
    assert_eq!(studio.output.dropped(), 0);
}

#[test]
fn a_flood_of_setups_harms_nobody() {
    let limits = Limits { connections: 8, ..Limits::default() };
    let studio = Studio::start(OutputSettings { limits, ..output_settings(0, Codec::H264) });
    let steady = Viewer::start(&studio.url(), "tcp");
    steady.wait_for(5);

    let mut flood = RawClient::connect(&studio.url());
    let mut sessions = 0;
    for _ in 0..100 {
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
        if flood.send("SETUP", "/stream=0", transport).is_err() {
            break;
        }
        match flood.answer() {
            answer if answer.contains("Session:") => sessions += 1,
            answer if answer.is_empty() => break,
            _ => {}
        }
    }
    assert!(sessions <= 5, "{sessions} sessions in one connection");

    let mut crowd: Vec<_> = (0..50).map(|_| RawClient::connect(&studio.url())).collect();
    for client in &mut crowd {
        // Those at the front have been hung up on by now.
        let _ = client.send("SETUP", "/stream=0", "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n");
    }
    Viewer::start(&studio.url(), "tcp").wait_for(5);
    steady.wait_for(steady.frames() + 50);
    assert_eq!(studio.output.dropped(), 0);
}

#[test]
fn ffprobe_plays_it() {
    let studio = Studio::start(output_settings(0, Codec::H264));
    for transport in ["tcp", "udp"] {
        let probe = Command::new("ffprobe")
            .args([
                "-v",
                "error",
                "-rtsp_transport",
                transport,
                "-show_entries",
                "stream=codec_name,width,height",
            ])
            .args([
                "-of",
                "csv=p=0",
                "-read_intervals",
                "%+1",
                "-show_frames",
                "-show_entries",
                "frame=pict_type",
            ])
            .arg(studio.url())
            .output();
        let Ok(probe) = probe else {
            println!("SKIPPED: ffprobe is not installed");
            return;
        };
        let (out, errors) = (String::from_utf8_lossy(&probe.stdout), String::from_utf8_lossy(&probe.stderr));
        assert!(out.contains("h264,640,360"), "{out}\n{errors}");
        assert!(out.contains('I') && out.contains('P'), "{out}\n{errors}");
        // `ffprobe` is not quiet about slices, references or packets that it misses.
        assert!(errors.trim().is_empty(), "{errors}");
    }
}
