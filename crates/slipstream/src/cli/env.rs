//! `slipstream env`: what a shell has to know so that GStreamer finds our elements, DeepStream's names included, and
//! Python finds pyds.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::app::samples;
use crate::models::folders::ModelFolders;

/// What is to be printed or made.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  eval \"$(slipstream env)\"
  slipstream env --shell fish | source
  sudo slipstream env --link-opt

After that, gst-launch-1.0 lines, Python programs and deepstream-app config files made for NVIDIA DeepStream run.")]
pub struct EnvArgs {
    /// Whose language to print
    #[arg(long, value_enum, default_value_t = Shell::Sh)]
    shell: Shell,

    /// Make a folder tree like that of an installed DeepStream, for programs that name its files: models, configs, drawn
    /// sample videos
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "/opt/nvidia/deepstream")]
    link_opt: Option<PathBuf>,
}

/// A shell's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Shell {
    /// POSIX: sh, bash, dash, zsh
    Sh,
    /// fish
    Fish,
}

/// Prints the lines, or makes the tree.
pub fn run(arguments: &EnvArgs) -> ExitCode {
    if let Some(folder) = &arguments.link_opt {
        return match link(folder) {
            Ok(()) => {
                println!("{} is there; to remove it: rm -r {}", folder.display(), folder.display());
                ExitCode::SUCCESS
            }
            Err(reason) => {
                eprintln!("error: {reason}");
                ExitCode::FAILURE
            }
        };
    }
    let places = Places::of_this_program();
    for variable in places.variables() {
        println!("{}", variable.line(arguments.shell));
    }
    if places.plugins.is_empty() {
        eprintln!(
            "libgstnvslipstream.so is not there: GStreamer does not find DeepStream's names. Run: make build"
        );
    }
    if places.python.is_none() {
        eprintln!("pyds is not built: Python programs do not find it. Run: make python");
    }
    ExitCode::SUCCESS
}

/// Where things lie.
#[derive(Debug, Default)]
struct Places {
    /// Folders of GStreamer plugins.
    plugins: Vec<PathBuf>,
    /// Folder of pyds and of what programs import beside it.
    python: Option<PathBuf>,
    /// Folder of the programs.
    programs: Option<PathBuf>,
    /// ONNX Runtime, where a plugin would not find it by itself.
    runtime: Option<PathBuf>,
    /// The user's folder for what can be made again.
    cache: Option<PathBuf>,
}

/// Our plugins, and where they lie below the folder of a prefix's libraries.
const PLUGINS: [(&str, &[&str]); 2] =
    [("libgstslipstream.so", &["gstreamer-1.0"]), ("libgstnvslipstream.so", &["slipstream/nv"])];

impl Places {
    fn of_this_program() -> Self {
        let program = std::env::current_exe().and_then(|path| path.canonicalize()).unwrap_or_default();
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
        Self { cache, ..Self::new(&program, Path::new(env!("CARGO_MANIFEST_DIR"))) }
    }

    /// Those of the executable `program`, whose crate lies in `built_in`.
    fn new(program: &Path, built_in: &Path) -> Self {
        let Some(folder) = program.parent() else { return Self::default() };
        let lib = folder.parent().map(|prefix| prefix.join("lib")).unwrap_or_default();
        let mut plugins = Vec::new();
        for (file, below_lib) in PLUGINS {
            // Beside the program in a build folder; below the prefix of an installed one.
            let places = below_lib.iter().map(|below| lib.join(below)).chain([folder.to_owned()]);
            let found = places.into_iter().find(|place| place.join(file).is_file());
            plugins.extend(found.filter(|place| !plugins.contains(place)));
        }
        let python = [lib.join("slipstream/python"), folder.join("python"), folder.join("../release/python")];
        let python = python.into_iter().find(|place| place.join("common").is_dir());
        let runtime =
            built_in.ancestors().nth(2).map(|tree| tree.join(".deps/onnxruntime/libonnxruntime.so"));
        let runtime =
            runtime.filter(|library| library.is_file() && !folder.join("../lib/slipstream").is_dir());
        let python = python.map(|place| place.canonicalize().unwrap_or(place));
        Self { plugins, python, programs: Some(folder.to_owned()), runtime, cache: None }
    }

    fn variables(&self) -> Vec<Variable> {
        let front = |name, places: &[PathBuf]| {
            let value: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
            (!value.is_empty()).then(|| Variable { name, value: value.join(":"), goes_in_front: true })
        };
        let is = |name, place: Option<PathBuf>| {
            place.map(|place| Variable { name, value: place.display().to_string(), goes_in_front: false })
        };
        let one = |place: &Option<PathBuf>| place.iter().cloned().collect::<Vec<_>>();
        let registry = format!("slipstream/gstreamer-registry.{}.bin", std::env::consts::ARCH);
        [
            front("PATH", &one(&self.programs)),
            front("GST_PLUGIN_PATH", &self.plugins),
            // Of its own: GStreamer would read all plugins anew whenever these come or go.
            is("GST_REGISTRY", self.cache.as_ref().map(|cache| cache.join(registry))),
            front("PYTHONPATH", &one(&self.python)),
            is(
                "ORT_DYLIB_PATH",
                self.runtime.clone().filter(|_| std::env::var_os("ORT_DYLIB_PATH").is_none()),
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Variable {
    name: &'static str,
    value: String,
    /// Whether what the variable holds stays, behind this.
    goes_in_front: bool,
}

impl Variable {
    fn line(&self, shell: Shell) -> String {
        let Self { name, value, goes_in_front } = self;
        match shell {
            Shell::Sh => {
                let value = value.replace('\'', r"'\''");
                let rest = if *goes_in_front { format!("${{{name}:+:${name}}}") } else { String::new() };
                format!("export {name}='{value}'{rest}")
            }
            Shell::Fish => {
                let value = value.replace('\\', r"\\").replace('\'', r"\'");
                let rest = if !goes_in_front {
                    String::new()
                } else if *name == "PATH" {
                    " $PATH".to_owned()
                } else {
                    format!("(test -n \"${name}\" && printf ':%s' \"${name}\")")
                };
                format!("set -gx {name} '{value}'{rest}")
            }
        }
    }
}

/// The version that the tree calls itself, and those whose names lead to it.
const VERSION: &str = "deepstream-7.1";
const OTHER_VERSIONS: [&str; 10] = [
    "deepstream",
    "deepstream-5.0",
    "deepstream-5.1",
    "deepstream-6.0",
    "deepstream-6.1",
    "deepstream-6.2",
    "deepstream-6.3",
    "deepstream-6.4",
    "deepstream-7.0",
    "deepstream-8.0",
];
/// Sample videos that programs name most.
const STREAMS: [&str; 4] = ["sample_720p.h264", "sample_720p.mp4", "sample_1080p_h264.mp4", "sample_qHD.mp4"];

/// Makes a tree like that of an installed DeepStream.
fn link(folder: &Path) -> Result<(), String> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| match error.kind() {
            io::ErrorKind::PermissionDenied => {
                format!("{path} cannot be written to. Run it as root: sudo slipstream env --link-opt")
            }
            _ => format!("{path}: {error}"),
        }
    };
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(format!("{} is there already; it is left as it is", folder.display()));
    }
    if let Err(error) = gst::init() {
        return Err(format!("GStreamer does not start: {error}"));
    }
    let root = folder.join(VERSION);
    let samples = root.join("samples");
    let apps = root.join("sources/deepstream_python_apps/apps");
    for made in [&samples.join("configs"), &samples.join("streams"), &apps] {
        fs::create_dir_all(made).map_err(failed(made))?;
    }
    for version in OTHER_VERSIONS {
        let path = folder.join(version);
        symlink(VERSION, &path).map_err(failed(&path))?;
    }
    let common = Places::of_this_program().python.map(|python| python.join("common"));
    for (target, path) in [
        (ModelFolders::of_this_program().of_program, samples.join("models")),
        (samples::config_folder(), samples.join("configs/deepstream-app")),
        (common, apps.join("common")),
    ] {
        if let Some(target) = target {
            symlink(target, &path).map_err(failed(&path))?;
        }
    }
    for name in STREAMS {
        let path = samples.join("streams").join(name);
        samples::draw_stream(&path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_what_is_there_and_survive_quotes() {
        let variable = Variable { name: "GST_PLUGIN_PATH", value: "/it's/a b".into(), goes_in_front: true };
        let line = variable.line(Shell::Sh);
        for (before, expected) in [(None, "/it's/a b"), (Some("/old"), "/it's/a b:/old")] {
            let mut shell = std::process::Command::new("sh");
            shell
                .args(["-c", &format!("{line}; printf %s \"$GST_PLUGIN_PATH\"")])
                .env_remove("GST_PLUGIN_PATH");
            if let Some(before) = before {
                shell.env("GST_PLUGIN_PATH", before);
            }
            assert_eq!(String::from_utf8(shell.output().unwrap().stdout).unwrap(), expected);
        }
    }

    #[test]
    fn an_installed_program_names_the_folders_of_its_prefix() {
        let folder = tempfile::tempdir().unwrap();
        let prefix = folder.path().canonicalize().unwrap();
        for file in [
            "bin/slipstream",
            "lib/gstreamer-1.0/libgstslipstream.so",
            "lib/slipstream/nv/libgstnvslipstream.so",
            "lib/slipstream/python/common/bus_call.py",
        ] {
            let file = prefix.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let places = Places::new(&prefix.join("bin/slipstream"), Path::new("/nowhere/crates/slipstream"));
        assert_eq!(places.plugins, [prefix.join("lib/gstreamer-1.0"), prefix.join("lib/slipstream/nv")]);
        assert_eq!(places.python, Some(prefix.join("lib/slipstream/python")));
        assert_eq!(places.runtime, None);
    }
}
