use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<(AppConfig, Vec<Notice>), ConfigError> {
    AppConfig::parse(text, Path::new("/cfg/app.txt"))
}

/// A file with every group that the program acts on, and with what is usual in files of this kind: comments, blank
/// lines, blanks at the end of values, lists with and without a last `;`.
const WHOLE: &str = "\
# a comment
[application]
enable-perf-measurement=1
perf-measurement-interval-sec=2 
kitti-track-output-dir=tracks

[source0]
enable=1
#Type - 2=URI
type=3
uri=file://../clips/c%02d.mp4
num-sources=2
drop-frame-interval=2
gpu-id=0

[source1]
enable=0
type=nonsense

[source2]
enable=1
type=4
uri=rtsp://camera/live
rtsp-reconnect-interval-sec=10
rtsp-reconnect-attempts=-1
no-such-key=1

[streammux]
batch-size=3
width=1280
height=720
batched-push-timeout=40000
live-source=0

[primary-gie]
enable=1
config-file=detector.txt
bbox-border-color0=1;0;0;1
bbox-border-color2=0;0;1;0.5;
bbox-bg-color=0;1;0;0.2
interval=4

[tracker]
enable=1
ll-config-file=a.yml;b.yml
display-tracking-id=0

[osd]
enable=1
text-color=1;1;1;1;

[tiled-display]
enable=1
rows=1
columns=3

[sink0]
enable=1
type=3
codec=2
container=2
output-file=out.mkv

[dewarper0]
enable=1

[what-is-this]
key=1
";

#[test]
fn a_whole_file_is_read() {
    let (config, notices) = parse(WHOLE).unwrap();
    assert_eq!(config.application.perf_interval, Some(2));
    assert_eq!(config.application.kitti_track_output_dir.as_deref(), Some(Path::new("/cfg/tracks")));
    let places: Vec<_> = config.inputs().into_iter().map(|input| (input.pad, input.place)).collect();
    let uri = |text: &str| Place::Uri(text.to_owned());
    assert_eq!(
        places,
        [
            (0, uri("file:///cfg/../clips/c00.mp4")),
            (1, uri("file:///cfg/../clips/c01.mp4")),
            (2, uri("rtsp://camera/live")),
        ]
    );
    assert_eq!(config.sources[0].decoder, [("drop-frame-interval", "2".to_owned())]);
    assert_eq!(config.sources[1].reconnect, Reconnect { interval: 10, first_interval: 0, attempts: None });
    let gie = config.primary_gie.unwrap();
    assert_eq!(gie.config_file, Path::new("/cfg/detector.txt"));
    assert_eq!(gie.interval, Some(4));
    assert_eq!(gie.batch_size, None);
    assert_eq!(gie.border(0), Color::rgb(255, 0, 0));
    assert_eq!(gie.border(1), Color::rgb(255, 0, 0));
    assert_eq!(gie.border(2), Color::rgb(0, 0, 255).with_alpha(128));
    assert_eq!(gie.fill(7), Some(Color::rgb(0, 255, 0).with_alpha(51)));
    let tracker = config.tracker.unwrap();
    assert_eq!(tracker.ll_config_files, [Path::new("/cfg/a.yml"), Path::new("/cfg/b.yml")]);
    assert!(!tracker.display_tracking_id);
    let sink = &config.sinks[0];
    assert_eq!((sink.kind, sink.encoding.codec), (SinkKind::File, Codec::H265));
    assert_eq!(sink.output_file.as_deref(), Some(Path::new("out.mkv")));
    let said: Vec<_> = notices.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "/cfg/app.txt:26: Unknown key 'no-such-key' for group [source2]",
            "/cfg/app.txt:64: [dewarper0] is not supported and is left out",
        ]
    );
}

#[test]
fn yaml_of_the_same_names_reads_alike_and_takes_sources_from_a_csv_file() {
    let folder = tempfile::tempdir().unwrap();
    let csv =
        "enable,type,uri,num-sources,gpu-id,cudadec-memtype\n1,3,file://c.mp4,2,0,0\n0,2,file://no.mp4,,0,\n";
    std::fs::write(folder.path().join("sources.csv"), csv).unwrap();
    let path = folder.path().join("app.yml");
    let text = "\
source:
  csv-file-path: sources.csv
sink0:
  enable: 1
  type: 1
  sync: 0
osd:
  enable: 1
  text-color: 1;1;1;1
primary-gie:
  enable: 1
  config-file: detector.yml
  operate-on-class-ids: 0;2
";
    let (config, notices) = AppConfig::parse(text, &path).unwrap();
    assert!(notices.is_empty(), "{notices:?}");
    let expected = Place::Uri(url::Url::from_file_path(folder.path().join("c.mp4")).unwrap().into());
    let places: Vec<_> = config.inputs().into_iter().map(|input| input.place).collect();
    assert_eq!(places, [expected.clone(), expected]);
    assert_eq!(config.primary_gie.unwrap().operate_on_class_ids, [0, 2]);
    assert_eq!(config.osd.unwrap().text_color, Some(Color::WHITE));
}

#[test]
fn a_list_of_sources_takes_what_all_have_and_single_changes() {
    let (config, _) = parse(
        "[source-list]\nnum-source-bins=2\nlist=rtsp://a/1;file:///b.mp4;usb:3\n[source-attr-all]\nenable=1\ntype=3\nlatency=300\n\
         [source1]\nlatency=7\n",
    )
    .unwrap();
    let seen: Vec<_> = config.inputs().into_iter().map(|i| (i.place, i.source.latency)).collect();
    let uri = |text: &str| Place::Uri(text.to_owned());
    assert_eq!(seen, [(uri("rtsp://a/1"), 300), (uri("file:///b.mp4"), 7)]);
}

#[test]
fn errors_name_the_line_and_what_is_allowed() {
    for (text, expected) in [
        ("[sink0]\nenable=1\ntype=42\n", "/cfg/app.txt:3: [sink0] type=42: expected 1 nowhere, 2 window"),
        (
            "[source0]\nenable=1\ntype=5\n",
            "[source0] type=5: CSI cameras need the hardware of NVIDIA's Jetson",
        ),
        ("[source0]\nenable=1\ntype=2\n", "app.txt:1: [source0] uri=: the key is missing; expected file://"),
        ("[source0]\nenable=yes\n", "app.txt:2: [source0] enable=yes: expected 0 or 1"),
        ("[sourceX]\nenable=1\n", "app.txt:1: group [sourceX] is not in the form [sourceN]"),
        ("[primary-gie]\nenable=1\n", "[primary-gie] config-file=: the key is missing"),
        (
            "[osd]\nenable=1\ntext-color=1;2\n",
            "app.txt:3: [osd] text-color=1;2: expected a colour as red;green",
        ),
        ("[sink1]\nenable=1\ntype=3\n", "[sink1] output-file=: the key is missing"),
        (
            "[sink1]\nenable=1\ntype=4\ncodec=3\n",
            "app.txt:4: [sink1] codec=3: an RTSP sink takes 1 H.264, 2 H.265",
        ),
        ("[streammux]\nwidth=wide\n", "app.txt:2: [streammux] width=wide: expected a whole number from 0"),
        ("[source-list]\nlist=a\n", "needs a group [source-attr-all]"),
        ("key=1\n", "app.txt:1: \"key\" stands before the first [group]"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn recording_is_asked_for_in_full_and_what_will_not_be_recorded_is_said() {
    let text = "[source0]\nenable=1\ntype=4\nuri=rtsp://a/b\nsmart-record=2\nsmart-rec-dir-path=films\n\
                smart-rec-file-prefix=door\nsmart-rec-video-cache=15\nsmart-rec-container=1\nsmart-rec-default-duration=5\n\
                smart-rec-start-time=2\nsmart-rec-duration=3\nsmart-rec-interval=7\nsmart-rec-mode=1\n";
    let (config, notices) = parse(text).unwrap();
    assert!(notices.is_empty(), "{notices:?}");
    let record = &config.sources[0].smart_record;
    assert_eq!(record.trigger, Trigger::MessagesAndIntervals);
    assert_eq!((record.start_time, record.duration, record.interval), (2, 3, Some(7)));
    let given: Vec<_> = record.properties.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let folder = config.path.parent().unwrap().join("films");
    assert_eq!(
        given,
        [
            &format!("smart-rec-dir-path={}", folder.display()),
            "smart-rec-file-prefix=door",
            "smart-rec-cache=15",
            "smart-rec-container=1",
            "smart-rec-default-duration=5"
        ]
    );
    for (text, expected) in [
        ("type=4\nuri=rtsp://a/b\nsmart-record=1\n", "smart-record=1 waits for messages from a broker"),
        (
            "type=2\nuri=file:///a.mp4\nsmart-record=2\n",
            "smart-record is for RTSP cameras: nothing is recorded",
        ),
    ] {
        let (_, notices) = parse(&format!("[source0]\nenable=1\n{text}")).unwrap();
        assert!(notices.iter().any(|notice| notice.to_string().contains(expected)), "{notices:?}");
    }
    let error =
        parse("[source0]\nenable=1\ntype=4\nuri=rtsp://a\nsmart-rec-container=3\n").unwrap_err().to_string();
    assert!(error.contains("smart-rec-container=3: expected 0 MP4, 1 MKV"), "{error}");
}

#[test]
fn second_stages_need_no_number() {
    let gie = "\nenable=1\nconfig-file=b.txt\n";
    let (config, _) = parse(&format!("[secondary-gie]{gie}[secondary-gie7]{gie}")).unwrap();
    assert_eq!(config.secondary_gies.len(), 2);
}

#[test]
fn numbers_go_into_uris_as_printf_writes_them() {
    let (config, _) =
        parse("[source0]\nenable=1\ntype=3\nnum-sources=11\nuri=http://h/%41/s%d.mp4\n").unwrap();
    let last = config.inputs().pop().unwrap();
    assert_eq!((last.pad, last.place), (10, Place::Uri("http://h/%41/s10.mp4".into())));
}

#[test]
fn paths_of_a_config_named_without_a_folder_start_where_the_program_runs() {
    let text = "[source0]\nenable=1\ntype=2\nuri=file://no-such.mp4\n";
    let (config, _) = AppConfig::parse(text, Path::new("app.txt")).unwrap();
    let expected = std::env::current_dir().unwrap().join("no-such.mp4");
    assert_eq!(config.inputs()[0].file(), Some(expected));
}

proptest! {
    /// Whatever stands in a file, it is read or refused.
    #[test]
    fn nothing_panics(
        groups in prop::collection::vec(
            (
                prop::sample::select(vec![
                    "application", "tests", "source0", "source7", "source-list", "source-attr-all", "streammux", "sink0",
                    "primary-gie", "secondary-gie0", "tracker", "osd", "tiled-display", "segvisual", "nvds-analytics",
                    "source", "dewarper0",
                ]),
                prop::collection::vec(
                    (
                        prop::sample::select(vec![
                            "enable", "type", "uri", "num-sources", "list", "num-source-bins", "config-file", "rows", "columns",
                            "bbox-border-color1", "text-color", "ll-config-file", "batch-size", "frame-duration",
                            "latency", "camera-width", "csv-file-path", "udp-port", "profile", "bitrate",
                        ]),
                        prop_oneof![
                            Just("1".to_owned()),
                            "[-0-9;.%d/a:]{0,12}",
                            "file://%[0-9]{0,3}[du]?.*",
                            any::<String>(),
                        ],
                    ),
                    0..8,
                ),
            ),
            0..6,
        ),
        yaml in any::<bool>(),
    ) {
        let mut text = String::new();
        for (name, entries) in &groups {
            text += &if yaml { format!("{name}:\n") } else { format!("[{name}]\n") };
            for (key, value) in entries {
                text += &if yaml { format!("  {key}: {value}\n") } else { format!("{key}={value}\n") };
            }
        }
        let path = if yaml { "/cfg/app.yml" } else { "/cfg/app.txt" };
        if let Ok((config, _)) = AppConfig::parse(&text, Path::new(path)) {
            for (number, input) in config.inputs().into_iter().enumerate() {
                prop_assert_eq!(input.pad, number);
                let _ = (input.file(), input.is_rtsp());
            }
        }
    }
}
