//! Every `gst-launch-1.0` line of the documentation is run as it stands, but for screens, which tests do not have, and files.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::common::*;

/// Documents with lines to be run.
const DOCUMENTS: [&str; 8] = [
    "docs/elements.md",
    "crates/gst-plugin-slipstream/src/mux/mod.rs",
    "crates/gst-plugin-slipstream/src/infer/mod.rs",
    "crates/gst-plugin-slipstream/src/track/mod.rs",
    "crates/gst-plugin-slipstream/src/tiler/mod.rs",
    "crates/gst-plugin-slipstream/src/osd/mod.rs",
    "crates/gst-plugin-slipstream/src/demux/mod.rs",
    "crates/gst-plugin-slipstream/src/scenesrc/mod.rs",
];
const FRAMES: u32 = 15;

/// The lines of a document, each without its line breaks.
fn lines(text: &str) -> Vec<String> {
    let text: Vec<_> = text.lines().map(|line| line.trim_start_matches("//!").trim()).collect();
    let mut lines = Vec::new();
    let mut rest = text.iter();
    while let Some(first) = rest.find(|line| line.starts_with("gst-launch-1.0 ")) {
        let mut line = (*first).to_owned();
        while line.ends_with('\\') {
            line.truncate(line.len() - 1);
            line += rest.next().expect("a line goes on after its backslash");
        }
        lines.push(line);
    }
    lines
}

/// A folder with the plugin alone, and a registry of GStreamer's beside it; `None` where the plugin was not built.
fn plugin(folder: &Path) -> Option<PathBuf> {
    let beside = std::env::current_exe().unwrap();
    let built = beside.ancestors().skip(1).take(2).map(|folder| folder.join("libgstslipstream.so"));
    let Some(built) = built.into_iter().find(|path| path.is_file()) else {
        skip("libgstslipstream.so is not there; build the workspace first");
        return None;
    };
    let plugins = folder.join("plugins");
    std::fs::create_dir_all(&plugins).unwrap();
    std::fs::copy(built, plugins.join("libgstslipstream.so")).unwrap();
    Some(plugins)
}

/// Runs a tool with the plugin; `None`, loudly, where the tool is not installed.
fn run(tool: &str, arguments: &[String], folder: &Path, plugins: &Path) -> Option<String> {
    let output = folder.join("output");
    let file = std::fs::File::create(&output).unwrap();
    let child = Command::new(tool)
        .args(arguments)
        .env("GST_PLUGIN_PATH", plugins)
        .env("GST_REGISTRY", folder.join("registry"))
        .env("G_DEBUG", "fatal-criticals")
        .env("LC_ALL", "C")
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
            skip(format_args!("{tool} is not installed"));
            return None;
        }
        Err(err) => panic!("{tool}: {err}"),
    };
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status.success(),
            None if start.elapsed() > NEVER => {
                child.kill().unwrap();
                child.wait().unwrap();
                break false;
            }
            None => std::thread::sleep(std::time::Duration::from_millis(10)),
        }
    };
    let text = std::fs::read_to_string(&output).unwrap();
    assert!(status, "{tool} {}\n{text}", arguments.join(" "));
    Some(text)
}

/// A classifier of what [`detector`] finds, beside it: names colours.
fn classifier(folder: &Path) {
    let data = root().join("crates/slipstream-infer/tests/data");
    for file in ["colors.onnx", "colors.labels.txt"] {
        std::fs::copy(data.join(file), folder.join(file)).unwrap();
    }
    let text = "[property]\ngie-unique-id=8\nprocess-mode=2\nnetwork-type=1\nonnx-file=colors.onnx\n\
        labelfile-path=colors.labels.txt\nnet-scale-factor=0.00392156862745098\n";
    std::fs::write(folder.join("classifier.ini"), text).unwrap();
}

/// The same line for a machine without a screen: files are those given, and test pictures end.
fn for_test(line: &str, clip: &Path, config: &Path, folder: &Path) -> Vec<String> {
    let mut arguments = Vec::new();
    for word in line.split_whitespace().skip(1) {
        let word = word
            .replace("autovideosink", "fakesink")
            .replace("/video.mp4", clip.to_str().unwrap())
            .replace("detector.ini", config.to_str().unwrap())
            .replace("classifier.ini", config.with_file_name("classifier.ini").to_str().unwrap())
            .replace("annotated.mp4", folder.join("annotated.mp4").to_str().unwrap());
        // as a shell would
        let bare: String = word.chars().filter(|c| !matches!(c, '"' | '\'')).collect();
        let is_test_source = ["videotestsrc", "slipscenesrc"].contains(&&*bare);
        arguments.push(bare);
        if is_test_source && !line.contains("num-buffers") {
            arguments.push(format!("num-buffers={FRAMES}"));
        }
    }
    arguments
}

#[test]
fn the_launch_lines_of_the_documentation_run() {
    let folder = tempfile::tempdir().unwrap();
    let Some(clip) = clip(folder.path(), FRAMES) else { return };
    let config = detector(folder.path(), "");
    classifier(folder.path());
    let Some(plugins) = plugin(folder.path()) else { return };
    for document in DOCUMENTS {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        let lines = lines(&text);
        assert!(!lines.is_empty(), "{document} has an example");
        for line in lines {
            let arguments = for_test(&line, &clip, &config, folder.path());
            let Some(output) = run("gst-launch-1.0", &arguments, folder.path(), &plugins) else { return };
            assert!(output.contains("Got EOS from element"), "{document}: {line}\n{output}");
            for bad in ["ERROR", "WARNING", "CRITICAL"] {
                assert!(!output.contains(bad), "{document}: {line}\n{output}");
            }
        }
    }
}

#[test]
fn gst_inspect_shows_what_the_page_of_the_elements_says() {
    let folder = tempfile::tempdir().unwrap();
    let Some(plugins) = plugin(folder.path()) else { return };
    let page = std::fs::read_to_string(root().join("docs/elements.md")).unwrap();
    for element in ["slipmux", "slipinfer", "sliptrack", "sliptiler", "sliposd", "slipdemux"] {
        let Some(text) = run("gst-inspect-1.0", &[element.into()], folder.path(), &plugins) else { return };
        let section = page.split("\n## ").find(|section| section.starts_with(&format!("`{element}`")));
        let section = section.unwrap_or_else(|| panic!("docs/elements.md has a section on {element}"));
        // name, type, default, meaning
        let rows = section.lines().filter(|line| line.matches('|').count() == 5);
        let properties = rows.filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let properties: Vec<_> = properties.map(|(name, _)| name).collect();
        for name in &properties {
            // those of its pads are not in this list
            let of_pad =
                element == "slipmux" && ["source-name", "status", "frames", "dropped"].contains(name);
            // names are followed by blanks, unless they are long
            let is_shown = [" ", ":"].iter().any(|end| text.contains(&format!("\n  {name}{end}")));
            assert!(of_pad || is_shown, "{element}.{name}\n{text}");
        }
        let own = text.split("Element Properties:").nth(1).unwrap_or_default();
        for name in own
            .lines()
            .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
            .filter_map(|line| line.split_once(':').map(|(name, _)| name.trim()))
        {
            let common = ["name", "parent", "qos", ""].contains(&name) || name.contains(' ');
            assert!(
                common || properties.contains(&name),
                "docs/elements.md says nothing of {element}.{name}"
            );
        }
    }
}
