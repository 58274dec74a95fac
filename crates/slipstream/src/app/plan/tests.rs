use std::path::Path;

use super::*;

/// A machine with all but what is named.
struct Lacks(&'static [&'static str]);

impl Machine for Lacks {
    fn has(&self, factory: &str) -> bool {
        !self.0.contains(&factory)
    }

    fn has_display(&self) -> bool {
        !self.0.contains(&"display")
    }
}

fn plan_on(text: &str, lacks: &'static [&'static str]) -> Result<Plan, PlanError> {
    let (config, _) = AppConfig::parse(text, Path::new("/cfg/app.txt")).unwrap();
    Plan::new(&config, &Lacks(lacks))
}

fn plan(text: &str) -> Plan {
    plan_on(text, &["nvinferserver"]).unwrap()
}

/// The elements on the way from `from` to where the way ends or forks, queues left out.
fn way(plan: &Plan, from: &str) -> Vec<&'static str> {
    let mut way = Vec::new();
    let mut at = from.to_owned();
    loop {
        let element = plan.elements.iter().find(|element| element.name == at).unwrap();
        if element.factory != "queue" {
            way.push(element.factory);
        }
        let mut next = plan.links.iter().filter(|link| link.from == at);
        match (next.next(), next.next()) {
            (Some(link), None) => at.clone_from(&link.to),
            _ => return way,
        }
    }
}

fn property<'a>(plan: &'a Plan, element: &str, name: &str) -> Option<&'a str> {
    let element = plan.elements.iter().find(|e| e.name == element).unwrap();
    element.properties.iter().find(|property| property.name == name).map(|property| property.value.as_str())
}

const SOURCES: &str =
    "[source0]\nenable=1\ntype=3\nnum-sources=4\nuri=file:///a.mp4\n[streammux]\nwidth=1920\nheight=1080\n";
const FAKE: &str = "[sink0]\nenable=1\ntype=1\n";

#[test]
fn the_usual_sample_becomes_the_usual_pipeline() {
    let plan = plan(&format!(
        "{SOURCES}{FAKE}[primary-gie]\nenable=1\nconfig-file=d.txt\ngie-unique-id=1\nbatch-size=4\n[tracker]\nenable=1\nll-config-file=t.yml\n\
         [secondary-gie0]\nenable=1\nconfig-file=b.txt\ngie-unique-id=5\noperate-on-gie-id=4\n\
         [secondary-gie1]\nenable=1\nconfig-file=a.txt\ngie-unique-id=4\noperate-on-gie-id=1\noperate-on-class-ids=0;2;\n\
         [osd]\nenable=1\nshow-clock=1\nclock-color=1;0;0;0\n[tiled-display]\nenable=1\nrows=2\ncolumns=2\nwidth=1280\nheight=720\n\
         [sink1]\nenable=1\ntype=3\noutput-file=o.mp4\nbitrate=2000000\n"
    ));
    assert_eq!(
        way(&plan, MUX),
        [
            "nvstreammux",
            "nvinfer",
            "nvtracker",
            "nvinfer",
            "nvinfer",
            "nvmultistreamtiler",
            "nvvideoconvert",
            "nvdsosd",
            "tee"
        ]
    );
    assert_eq!(way(&plan, "sink_sub_bin_queue0"), ["fakesink"]);
    assert_eq!(
        way(&plan, "sink_sub_bin_queue1"),
        ["nvvideoconvert", "capsfilter", "nvv4l2h264enc", "h264parse", "qtmux", "filesink"]
    );
    assert_eq!(property(&plan, MUX, "batch-size"), Some("4"));
    assert_eq!(property(&plan, "primary_gie", "config-file-path"), Some("/cfg/d.txt"));
    assert_eq!(property(&plan, "primary_gie", "unique-id"), Some("1"));
    assert_eq!(property(&plan, "primary_gie", "interval"), None);
    // The one that looks at the other's objects comes behind it, whatever the file's order.
    assert_eq!(property(&plan, "secondary_gie_0", "config-file-path"), Some("/cfg/a.txt"));
    assert_eq!(property(&plan, "secondary_gie_0", "infer-on-class-ids"), Some("0:2"));
    assert_eq!(property(&plan, "secondary_gie_0", "process-mode"), Some("2"));
    assert_eq!(property(&plan, "secondary_gie_1", "config-file-path"), Some("/cfg/b.txt"));
    assert_eq!(property(&plan, "tracking_tracker", "ll-config-file"), Some("/cfg/t.yml"));
    assert_eq!(property(&plan, "tiled_osd", "clock-color"), Some("4278190080"));
    assert_eq!(property(&plan, "sink_sub_bin_encoder1", "bitrate"), Some("2000000"));
    assert_eq!(plan.inputs.len(), 4);
    assert_eq!(plan.perf, Some(Tap { element: "tiled_display_tiler".into(), pad: "sink" }));
    assert!(plan.notices.is_empty(), "{:?}", plan.notices);
    assert!(
        plan.to_string().contains("nvstreammux name=src_bin_muxer batch-size=4 width=1920 height=1080\n")
    );
}

#[test]
fn without_tiles_each_source_that_a_sink_wants_goes_its_own_way() {
    let plan = plan(&format!(
        "{SOURCES}{FAKE}source-id=2\n[sink1]\nenable=1\ntype=4\nsource-id=2\ncodec=2\nrtsp-port=8600\n[sink3]\nenable=1\ntype=1\nsource-id=9\n"
    ));
    let pads: Vec<_> = plan.links.iter().filter_map(|link| link.from_pad.as_deref()).collect();
    assert_eq!(pads, ["src_2"]);
    assert_eq!(way(&plan, "source2_queue"), ["tee"]);
    assert_eq!(plan.servers.len(), 1);
    assert_eq!((plan.servers[0].port, plan.servers[0].codec), (8600, crate::settings::Codec::H265));
    assert_eq!(plan.perf, Some(Tap { element: "demuxer".into(), pad: "sink" }));
    assert_eq!(
        plan.notices,
        ["[sink3] source-id=9: there is no such source, and the sink is left out; sources are 0 to 3"]
    );
}

#[test]
fn tiles_and_one_source_in_full() {
    let plan = plan(&format!(
        "{SOURCES}{FAKE}[sink1]\nenable=1\ntype=1\nlink-to-demux=1\nsource-id=3\n[tiled-display]\nenable=2\nrows=1\ncolumns=1\n"
    ));
    assert_eq!(way(&plan, "demuxer"), ["nvstreamdemux", "tee", "fakesink"]);
    assert_eq!(way(&plan, "tiled_display_queue"), ["nvmultistreamtiler", "tee", "fakesink"]);
    assert_eq!(plan.notices, ["Num of Tiles less than number of sources, readjusting to 4 rows, 1 columns"]);
}

#[test]
fn what_is_missing_is_replaced_left_out_or_an_error() {
    let text = format!(
        "{SOURCES}[sink0]\nenable=1\ntype=2\n[sink1]\nenable=1\ntype=3\noutput-file=a.mkv\ncontainer=2\nbitrate=500000\n\
         [sink2]\nenable=1\ntype=6\n[nvds-analytics]\nenable=1\nconfig-file=a.txt\n[tiled-display]\nenable=1\n"
    );
    let plan = plan_on(&text, &["display", "nvv4l2h264enc", "nvdsanalytics"]).unwrap();
    assert_eq!(way(&plan, "sink_sub_bin_queue0"), ["fakesink"]);
    assert_eq!(
        way(&plan, "sink_sub_bin_queue1"),
        ["nvvideoconvert", "capsfilter", "x264enc", "h264parse", "matroskamux", "filesink"]
    );
    assert_eq!(property(&plan, "sink_sub_bin_encoder1", "bitrate"), Some("500"));
    assert_eq!(
        plan.notices,
        [
            "[nvds-analytics] is not supported and is left out",
            "Num of Tiles less than number of sources, readjusting to 2 rows, 2 columns",
            "[sink2] type=6: messages to brokers are not supported; the sink is left out",
            "[sink0] there is no screen (neither DISPLAY nor WAYLAND_DISPLAY is set): its pictures are not shown",
            "Could not create HW encoder. Falling back to SW encoder",
        ]
    );
    for (text, lacks, expected) in [
        ("[sink0]\nenable=1\ntype=1\n".to_owned(), &[][..], "no source"),
        (SOURCES.to_owned(), &[], "no sink"),
        (format!("{SOURCES}{FAKE}"), &["nvstreammux"], "[streammux] needs the element nvstreammux"),
        (
            format!("{SOURCES}{FAKE}[primary-gie]\nenable=1\nplugin-type=1\nconfig-file=a.txt\n"),
            &["nvinferserver"],
            "/cfg/app.txt:15: [primary-gie] plugin-type=1: nvinferserver (Triton) is not supported",
        ),
    ] {
        let error = plan_on(&text, lacks).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
