//! `slipstream track` on files of the MOTChallenge.

mod common;

use std::io::Write;

use common::program::{run, slipstream};

/// One box that walks to the right.
fn walker(frames: std::ops::RangeInclusive<u32>) -> String {
    frames.map(|frame| format!("{frame},-1,{},50,40,90,0.9,-1,-1,-1\n", 100 + 4 * frame)).collect()
}

#[test]
fn detections_become_tracks() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("det.txt"), folder.path().join("tracks.txt"));
    std::fs::write(&input, walker(1..=20)).unwrap();
    for tracker in ["slip", "iou", "sort", "bytetrack", "ocsort"] {
        let (code, out, err) =
            run(slipstream().arg("track").arg(&input).arg("--out").arg(&output).args(["--tracker", tracker]));
        assert_eq!((code, out.as_str()), (Some(0), ""), "{tracker}: {err}");
        let text = std::fs::read_to_string(&output).unwrap();
        let last: Vec<_> = text.lines().last().unwrap().split(',').collect();
        assert_eq!((last[0], last[1], last.len()), ("20", "1", 10), "{tracker}: {text}");
        let left: f32 = last[2].parse().unwrap();
        assert!((left - 180.0).abs() < 5.0, "{tracker}: {text}");
    }
}

#[test]
fn a_deepstream_file_chooses_the_tracker_and_what_it_cannot_do_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (input, config) = (folder.path().join("det.txt"), folder.path().join("tracker.yml"));
    std::fs::write(&input, walker(1..=20)).unwrap();
    std::fs::write(&config, "TargetManagement:\n  probationAge: 5\n  outputShadowTracks: 1\n").unwrap();
    let (code, out, err) = run(slipstream().arg("track").arg(&input).arg("--tracker").arg(&config));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.starts_with("6,1,"), "{out}");
    assert!(err.contains("tracker.yml:3: TargetManagement: outputShadowTracks changes nothing"), "{err}");
}

#[test]
fn what_is_wrong_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("det.txt");
    let mut file = std::fs::File::create(&input).unwrap();
    writeln!(file, "{}7,-1,ten,20,30,40,1", walker(1..=6)).unwrap();
    let fails = |arguments: &[&str]| {
        let (code, out, err) = run(slipstream().arg("track").arg(&input).args(arguments));
        assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
        err
    };
    assert!(fails(&[]).contains("det.txt:7: left is \"ten\"; expected a number"));
    assert!(fails(&["--tracker", "sorted"]).contains("there are slip, iou, sort, bytetrack, ocsort"));
}
