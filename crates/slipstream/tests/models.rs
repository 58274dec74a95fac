//! Finding models by name, and pulling them from a server that has bad days.

mod common;
#[path = "models/server.rs"]
mod server;

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use common::program::slipstream;
use server::{Answer, Server};
use slipstream::models::catalogue::{CATALOGUE, Network, Release};
use slipstream::models::download::{DownloadError, Patience, Progress, hash};
use slipstream::models::folders::ModelFolders;
use slipstream::models::pull::{Outcome, PullError, PullOptions, Pulled, pull};
use slipstream::models::{DEFAULT_MODEL, ModelError, find_config};
use slipstream_infer::engine::EngineError;
use slipstream_infer::{Detector, DetectorError, InferConfig};
use slipstream_meta::{ChannelOrder, Colorimetry, Picture, PixelFormat, Plane, Size};
use tempfile::TempDir;

fn tiny_onnx() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../slipstream-infer/tests/data/tiny.onnx")).unwrap()
}

/// Some file of several chunks.
fn bytes() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..300_000).map(|_| random.u8(..)).collect()
}

/// A release of `file`, as a detector for pictures of 48 × 32 pixels.
fn release(file: &[u8]) -> Release {
    Release {
        name: "tiny",
        base_url: "https://invalid.example/release",
        file: "original.onnx",
        size: Some(file.len() as u64),
        sha256: String::leak(hash(file).unwrap()),
        network: Network {
            input: Size::new(48, 32),
            parser: "detectnet",
            scale: 1.0 / 255.0,
            offsets: [0.0; 3],
            is_bgr: true,
            is_padded: false,
            threshold: 0.6,
            nms_iou: 0.5,
        },
        labels: &["cell"],
        licence: "Apache-2.0",
        copyright: "Copyright (c) nobody",
        project: "https://invalid.example/project",
        about: "nothing",
    }
}

struct Place {
    folder: TempDir,
    release: Release,
}

impl Place {
    fn new(file: &[u8]) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), release: release(file) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        names(self.folder.path())
    }

    fn pull(&self, server: &Server, patience: Patience) -> Result<Pulled, PullError> {
        self.pull_watched(server, patience, &mut |_| {})
    }

    fn pull_watched(
        &self,
        server: &Server,
        patience: Patience,
        watch: &mut dyn FnMut(Progress),
    ) -> Result<Pulled, PullError> {
        let options = PullOptions { base_url: Some(format!("{}/release/", server.address)), patience };
        pull(&self.release, self.folder.path(), &options, watch)
    }

    /// Names of the models that the folder seems to hold.
    fn models(&self) -> Vec<String> {
        let folders =
            ModelFolders { of_program: None, is_installed: false, of_user: Some(self.folder.path().into()) };
        folders.models().into_iter().map(|model| model.name).collect()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const FILES: [&str; 4] = ["tiny.LICENSE.txt", "tiny.ini", "tiny.labels.txt", "tiny.onnx"];

/// Attempts without waits between them.
fn attempts(attempts: u32) -> Patience {
    Patience { silence: common::NEVER, attempts, back_off: Duration::ZERO }
}

fn download_error(result: Result<Pulled, PullError>) -> DownloadError {
    match result {
        Err(PullError::Download(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pulled_model_detects() {
    let place = Place::new(&tiny_onnx());
    let server = Server::start(&tiny_onnx(), &[Answer::Good]);
    let mut steps = Vec::new();
    let pulled = place.pull_watched(&server, attempts(1), &mut |step| steps.push(step)).unwrap();
    assert_eq!(pulled, Pulled { config: place.path("tiny.ini"), outcome: Outcome::Pulled });
    assert_eq!(place.names(), FILES);
    assert_eq!(*server.requests.lock(), [("/release/original.onnx".to_owned(), None)]);
    assert_eq!(steps.first(), Some(&Progress::At(0)));
    assert_eq!(steps.last(), place.release.size.map(Progress::At).as_ref());
    let note = fs::read_to_string(place.path("tiny.LICENSE.txt")).unwrap();
    assert!(note.contains("Copyright (c) nobody") && note.contains("TERMS AND CONDITIONS"), "{note}");

    let (config, notices) = InferConfig::load(&pulled.config).unwrap();
    assert!(notices.is_empty(), "{notices:?}");
    let mut detector = match Detector::new(config, None) {
        Err(DetectorError::Engine(error @ EngineError::Library { .. })) => {
            println!("SKIPPED: {error}");
            return;
        }
        detector => detector.unwrap(),
    };
    // The model finds each bright cell of 16 × 16 pixels: the second of the upper row.
    let mut pixels = vec![0; 48 * 32 * 3];
    for y in 0..16 {
        pixels[(y * 48 + 16) * 3..(y * 48 + 32) * 3].fill(255);
    }
    let planes = [Plane { data: &pixels, stride: 48 * 3 }, Plane::default(), Plane::default()];
    let format = PixelFormat::Rgb(ChannelOrder::Rgb);
    let picture = Picture::new(format, Size::new(48, 32), Colorimetry::default(), planes).unwrap();
    let found = detector.detect(&[picture]).unwrap();
    let [object] = &found[0][..] else { panic!("{found:?}") };
    let edges = [object.rect.left, object.rect.top, object.rect.right(), object.rect.bottom()];
    assert_eq!(edges.map(f32::round), [16.0, 0.0, 32.0, 16.0]);
    assert_eq!(detector.labels().class(object.class_id).map(|label| &**label), Some("cell"));
}

#[test]
fn a_cut_connection_goes_on_where_it_was() {
    let file = bytes();
    let place = Place::new(&file);
    let server = Server::start(&file, &[Answer::Cut(100_000), Answer::Cut(50_000), Answer::Good]);
    let mut retries = 0;
    // Attempts that bring something do not count against the two.
    place
        .pull_watched(&server, attempts(2), &mut |step| {
            retries += u32::from(matches!(step, Progress::Retry { .. }));
        })
        .unwrap();
    assert_eq!(server.ranges(), [None, Some("100000-".into()), Some("150000-".into())]);
    assert_eq!(fs::read(place.path("tiny.onnx")).unwrap(), file);
    assert_eq!(retries, 2);
}

#[test]
fn the_next_pull_goes_on_where_the_last_was_cut() {
    let file = bytes();
    let place = Place::new(&file);
    let server = Server::start(&file, &[Answer::Cut(120_000), Answer::Good]);
    let error = download_error(place.pull(&server, attempts(1)));
    assert!(matches!(error, DownloadError::Broken { kept: 120_000, attempts: 1, .. }), "{error:?}");
    // Nothing that looks like a model.
    assert_eq!(place.names(), ["tiny.onnx.part"]);
    assert!(place.models().is_empty());
    place.pull(&server, attempts(1)).unwrap();
    assert_eq!(server.ranges(), [None, Some("120000-".into())]);
    assert_eq!(fs::read(place.path("tiny.onnx")).unwrap(), file);
    assert_eq!(place.names(), FILES);
    assert_eq!(place.models(), ["tiny"]);
}

#[test]
fn damaged_beginnings_are_downloaded_again() {
    let file = bytes();
    // Too much, wrong bytes, and all of the wrong bytes.
    for (left, ranges) in [
        (vec![1; 400_000], vec![None]),
        (vec![1; 1000], vec![Some("1000-".to_owned()), None]),
        (vec![1; 300_000], vec![None]),
    ] {
        let place = Place::new(&file);
        fs::write(place.path("tiny.onnx.part"), &left).unwrap();
        let server = Server::start(&file, &[Answer::Good]);
        place.pull(&server, attempts(2)).unwrap();
        assert_eq!(server.ranges(), ranges, "{} bytes", left.len());
        assert_eq!(fs::read(place.path("tiny.onnx")).unwrap(), file);
    }
}

#[test]
fn servers_without_ranges_start_over() {
    let file = bytes();
    let place = Place::new(&file);
    let server =
        Server::start(&file, &[Answer::CutNoRanges(200_000), Answer::CutNoRanges(1000), Answer::NoRanges]);
    place.pull(&server, attempts(3)).unwrap();
    assert_eq!(server.ranges(), [None, Some("200000-".into()), Some("1000-".into())]);
    assert_eq!(fs::read(place.path("tiny.onnx")).unwrap(), file);
    // One that is always cut at the same place ends the matter.
    let place = Place::new(&file);
    let server = Server::start(&file, &[Answer::CutNoRanges(1000)]);
    let error = download_error(place.pull(&server, attempts(3)));
    assert!(matches!(error, DownloadError::Broken { attempts: 3, .. }), "{error:?}");
}

#[test]
fn strange_ranges_are_not_used() {
    let file = bytes();
    for strange in [Answer::OtherRange, Answer::Status("416 Range Not Satisfiable")] {
        let place = Place::new(&file);
        let server = Server::start(&file, &[Answer::Cut(1000), strange, Answer::Good]);
        place.pull(&server, attempts(5)).unwrap();
        assert_eq!(server.ranges(), [None, Some("1000-".into()), None]);
        assert_eq!(fs::read(place.path("tiny.onnx")).unwrap(), file);
    }
}

#[test]
fn files_that_are_not_the_right_one_are_not_kept() {
    let file = bytes();
    let mut changed = file.clone();
    changed[123_456] ^= 1;
    let place = Place::new(&file);
    let error = download_error(place.pull(&Server::start(&changed, &[Answer::Good]), attempts(3)));
    let found = hash(&changed[..]).unwrap();
    assert!(matches!(&error, DownloadError::Hash { found: said, .. } if *said == found), "{error:?}");
    assert!(error.to_string().contains("wrong SHA-256"), "{error}");
    assert_eq!(place.names(), [""; 0]);

    // Too long as the head says, too long without a word, too short as the head says.
    let long: Vec<_> = file.iter().copied().chain([0]).collect();
    let short = &file[..299_999];
    for (other, answer) in [(&long[..], Answer::Good), (&long, Answer::NoLength), (short, Answer::Good)] {
        let server = Server::start(other, &[answer]);
        let error = download_error(place.pull(&server, attempts(3)));
        assert!(matches!(error, DownloadError::Size { expected: 300_000, .. }), "{error:?}");
        assert_eq!(place.names(), [""; 0]);
        assert_eq!(server.ranges().len(), 1);
    }
    // In a range of a file that is another one by now.
    let server = Server::start(&file, &[Answer::Cut(5)]);
    download_error(place.pull(&server, attempts(1)));
    let error = download_error(place.pull(&Server::start(&long, &[Answer::Good]), attempts(1)));
    assert!(matches!(error, DownloadError::Size { found: 300_001, .. }), "{error:?}");
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn refusals_are_final_and_troubles_pass() {
    let file = bytes();
    let place = Place::new(&file);
    for status in ["404 Not Found", "403 Forbidden"] {
        let server = Server::start(&file, &[Answer::Status(status)]);
        let error = download_error(place.pull(&server, attempts(3)));
        assert!(error.to_string().contains(status), "{error}");
        assert_eq!((server.ranges().len(), place.names().len()), (1, 0));
    }
    let troubles = [Answer::Status("503 Service Unavailable"), Answer::Status("429 Too Many Requests")];
    let server = Server::start(&file, &[troubles[0], troubles[1], Answer::Good]);
    place.pull(&server, attempts(3)).unwrap();
    assert_eq!(server.ranges().len(), 3);
}

#[test]
fn a_server_that_is_not_there_is_tried_again_and_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let place = Place::new(&bytes());
    let server = Server { address: address.clone(), requests: Arc::default() };
    let mut retries = 0;
    let error = download_error(place.pull_watched(&server, attempts(3), &mut |step| {
        retries += u32::from(matches!(step, Progress::Retry { .. }));
    }));
    assert!(matches!(error, DownloadError::Broken { attempts: 3, kept: 0, .. }), "{error:?}");
    assert!(error.to_string().contains(&address) && error.to_string().contains("refused"), "{error}");
    assert_eq!((retries, place.names().len()), (2, 0));
}

#[test]
fn redirects_are_followed_with_the_range() {
    let file = bytes();
    let place = Place::new(&file);
    let redirect = Answer::Redirect("/elsewhere");
    let server = Server::start(&file, &[redirect, Answer::Cut(1000), redirect, Answer::Good]);
    place.pull(&server, attempts(2)).unwrap();
    let paths: Vec<_> = server.requests.lock().iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(paths, ["/release/original.onnx", "/elsewhere", "/release/original.onnx", "/elsewhere"]);
    assert_eq!(server.ranges()[3], Some("1000-".into()));
    assert_eq!(fs::read(place.path("tiny.onnx")).unwrap(), file);

    let place = Place::new(&file);
    let server = Server::start(&file, &[redirect]);
    let error = download_error(place.pull(&server, attempts(3)));
    assert!(matches!(error, DownloadError::Request { .. }), "{error:?}");
}

#[test]
fn silence_is_not_waited_out() {
    let file = bytes();
    let place = Place::new(&file);
    let server = Server::start(&file, &[Answer::Silence(1000), Answer::Good]);
    let mut reasons = Vec::new();
    // More attempts than a busy machine can use up.
    let patience = Patience { silence: Duration::from_millis(500), attempts: 50, back_off: Duration::ZERO };
    place
        .pull_watched(&server, patience, &mut |step| {
            if let Progress::Retry { reason, .. } = step {
                reasons.push(reason);
            }
        })
        .unwrap();
    assert!(reasons.first().is_some_and(|reason| reason.contains("timeout")), "{reasons:?}");
    assert_eq!(server.ranges()[..2], [None, Some("1000-".into())]);
    assert_eq!(fs::read(place.path("tiny.onnx")).unwrap(), file);
}

#[test]
fn what_is_there_is_verified_and_left_alone() {
    let file = tiny_onnx();
    let place = Place::new(&file);
    let server = Server::start(&file, &[Answer::Good]);
    place.pull(&server, attempts(1)).unwrap();
    fs::write(place.path("tiny.ini"), "# mine").unwrap();
    fs::remove_file(place.path("tiny.labels.txt")).unwrap();

    assert_eq!(place.pull(&server, attempts(1)).unwrap().outcome, Outcome::Already);
    assert_eq!(server.ranges().len(), 1);
    assert_eq!(fs::read_to_string(place.path("tiny.ini")).unwrap(), "# mine");
    assert_eq!(place.names(), FILES);

    fs::write(place.path("tiny.onnx"), &file[1..]).unwrap();
    assert_eq!(place.pull(&server, attempts(1)).unwrap().outcome, Outcome::Repaired);
    assert_eq!(fs::read(place.path("tiny.onnx")).unwrap(), file);
    assert_eq!(server.ranges().len(), 2);
}

#[test]
fn two_pulls_do_not_write_to_one_file() {
    let file = bytes();
    let place = Place::new(&file);
    let part = fs::File::create(place.path("tiny.onnx.part")).unwrap();
    part.lock().unwrap();
    let server = Server::start(&file, &[Answer::Good]);
    let error = download_error(place.pull(&server, attempts(3)));
    assert!(matches!(error, DownloadError::Busy { .. }), "{error:?}");
    drop(part);
    place.pull(&server, attempts(1)).unwrap();
}

#[test]
fn folders_that_cannot_be_written_to_are_named() {
    let file = tiny_onnx();
    let place = Place::new(&file);
    let server = Server::start(&file, &[Answer::Good]);
    let options = PullOptions { base_url: Some(server.address.clone()), patience: attempts(1) };
    fs::write(place.path("file"), "").unwrap();
    let folder = place.path("file").join("models");
    let error = pull(&place.release, &folder, &options, &mut |_| {}).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot write {}: ", folder.display())), "{error}");

    // Nor may a user without the right to.
    let data = place.path("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o555)).unwrap();
    fs::set_permissions(place.folder.path(), Permissions::from_mode(0o755)).unwrap();
    let mut command = slipstream();
    command.env("XDG_DATA_HOME", &data).args(["model", "pull", "yolox-nano", "--base-url", &server.address]);
    if fs::metadata(&data).unwrap().uid() == 0 {
        // Root may write everywhere; this is Debian's "nobody".
        command.uid(65_534).gid(65_534);
    }
    let output = match command.output() {
        Err(error) => {
            println!("SKIPPED: another user cannot run the program: {error}");
            return;
        }
        Ok(output) => output,
    };
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("cannot write") && error.contains("Permission denied"), "{error}");
    assert_eq!((server.ranges().len(), names(&data).len()), (0, 0));
}

fn touch(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "").unwrap();
}

#[test]
fn folders_are_those_of_the_installation_the_tree_and_the_user() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    let home = || Some(at("home").into_os_string());
    touch(&at("usr/share/slipstream/models/street.ini"));
    touch(&at("tree/crates/slipstream/Cargo.toml"));
    touch(&at("tree/models/street.ini"));
    // Installed: also where the tree that it was built in is still there.
    let folders = ModelFolders::new(&at("usr/bin/slipstream"), &at("tree"), None, home());
    assert_eq!(folders.of_program, Some(at("usr/share/slipstream/models")));
    assert_eq!(folders.of_user, Some(at("home/.local/share/slipstream/models")));
    assert_eq!(folders.for_pulling(), Some(&*at("usr/share/slipstream/models")));
    // In the tree, with its own build folder or another; what is pulled does not go there.
    for program in ["tree/target/debug/slipstream", "elsewhere/release/slipstream"] {
        let folders = ModelFolders::new(&at(program), &at("tree"), None, home());
        assert_eq!(folders.of_program, Some(at("tree/models")));
        assert_eq!(folders.for_pulling(), folders.of_user.as_deref());
    }
    // Neither: a folder "models" that happens to be there is none of ours.
    touch(&at("opt/models/street.ini"));
    let folders = ModelFolders::new(&at("opt/bin/slipstream"), &at("gone"), Some(at("data").into()), home());
    assert_eq!((folders.of_program, folders.of_user), (None, Some(at("data/slipstream/models"))));
    // The specification has relative paths ignored.
    let folders = ModelFolders::new(&at("x"), &at("gone"), Some("data".into()), None);
    assert_eq!(folders.for_pulling(), None);
}

#[test]
fn models_are_found_by_name_and_by_path() {
    let root = tempfile::tempdir().unwrap();
    let (program, user) = (root.path().join("program"), root.path().join("user"));
    let default = program.join(format!("{DEFAULT_MODEL}.ini"));
    let (own, yaml) = (user.join("own.ini"), user.join("other.yml"));
    for path in
        [&default, &own, &yaml, &user.join(format!("{DEFAULT_MODEL}.ini")), &user.join("own.labels.txt")]
    {
        touch(path);
    }
    let folders =
        ModelFolders { of_program: Some(program.clone()), is_installed: false, of_user: Some(user.clone()) };
    let find = |chosen: &str| find_config(&folders, Some(Path::new(chosen)));
    // The user's folder does not change what the program comes with.
    assert_eq!(find_config(&folders, None), Ok(default.clone()));
    assert_eq!(find(DEFAULT_MODEL), Ok(default));
    assert_eq!(find("own"), Ok(own.clone()));
    assert_eq!(find("own.ini"), Ok(own.clone()));
    assert_eq!(find("other"), Ok(yaml));
    assert_eq!(find(own.to_str().unwrap()), Ok(own));

    assert_eq!(find("yolox-s"), Err(ModelError::NotPulled("yolox-s".into())));
    for chosen in ["street", "./own", "/own.ini", "own.labels.txt", ""] {
        let error = find(chosen).unwrap_err();
        assert!(matches!(error, ModelError::NotFound { .. }), "{chosen}: {error:?}");
        let text = error.to_string();
        assert!(text.contains("at hand: street-int8, other, own; to be pulled: yolox-nano"), "{text}");
    }
    // Without any of that name, the error names the folders.
    for folder in [&program, &user] {
        fs::remove_file(folder.join(format!("{DEFAULT_MODEL}.ini"))).unwrap();
    }
    assert_eq!(find_config(&folders, None), Err(ModelError::Missing(vec![program, user])));
}

#[test]
fn the_catalogue_is_well_formed() {
    let folder = tempfile::tempdir().unwrap();
    for (i, release) in CATALOGUE.iter().enumerate() {
        assert!(
            CATALOGUE[..i].iter().all(|other| other.name != release.name && other.sha256 != release.sha256)
        );
        assert!(release.url().starts_with("https://") && release.url().ends_with(".onnx"));
        let digits = release.sha256.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        assert!(digits && release.sha256.len() == 64 && release.size.is_none_or(|size| size > 1_000_000));
        assert!(release.licence_text().contains("END OF TERMS AND CONDITIONS"), "{}", release.licence);

        let path = folder.path().join(release.config_name());
        let (config, notices) = InferConfig::parse(&release.config_text(), &path).unwrap();
        assert!(notices.is_empty(), "{notices:?}");
        fs::write(folder.path().join(release.labels_name()), release.labels_text()).unwrap();
        let labels = config.read_labels().unwrap();
        assert_eq!(
            (labels.len(), config.num_detected_classes as usize),
            (release.labels.len(), labels.len())
        );
        assert_eq!(labels.class(0).map(|label| &**label), Some("person"));
    }
}

#[test]
fn a_length_that_only_the_server_knows_is_believed_and_the_hash_decides() {
    let file = bytes();
    let mut place = Place::new(&file);
    place.release.size = None;
    let server = Server::start(&file, &[Answer::Cut(100_000), Answer::Good]);
    place.pull_watched(&server, attempts(2), &mut |_| {}).unwrap();
    assert_eq!(server.ranges(), [None, Some("100000-".into())]);
    assert_eq!(fs::read(place.path("tiny.onnx")).unwrap(), file);

    // what an earlier pull left whole is asked for once more, and verified
    let mut place = Place::new(&file);
    place.release.size = None;
    fs::write(place.path("tiny.onnx.part"), &file).unwrap();
    let server = Server::start(&file, &[Answer::Good, Answer::Good]);
    place.pull_watched(&server, attempts(2), &mut |_| {}).unwrap();
    assert_eq!(fs::read(place.path("tiny.onnx")).unwrap(), file);

    let mut place = Place::new(&file);
    place.release.size = None;
    let server = Server::start(&file[1..], &[Answer::NoLength]);
    let error = download_error(place.pull_watched(&server, attempts(1), &mut |_| {}));
    assert!(matches!(error, DownloadError::Hash { .. }), "{error}");
    assert_eq!(place.names(), [""; 0]);
}

/// What the program says, with models of the user in `data`.
fn program(data: &Path, arguments: &[&str]) -> (Output, String, String) {
    let output = slipstream().env("XDG_DATA_HOME", data).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

#[test]
fn the_program_lists_what_there_is() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("slipstream/models");
    let (own, nano) = (release(&tiny_onnx()), &CATALOGUE[0]);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("tiny.onnx"), tiny_onnx()).unwrap();
    fs::write(folder.join("tiny.ini"), own.config_text()).unwrap();
    fs::write(folder.join("tiny.labels.txt"), own.labels_text()).unwrap();
    // Its file got lost.
    fs::write(folder.join(nano.config_name()), nano.config_text()).unwrap();

    let (output, out, _) = program(data.path(), &["model", "list", "--json"]);
    assert!(output.status.success());
    let rows: Vec<serde_json::Value> = serde_json::from_str(&out).unwrap();
    let row =
        |name: &str| rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name}: {out}"));
    let tiny = row("tiny");
    assert_eq!((&tiny["state"], &tiny["classes"]), (&"own".into(), &serde_json::json!(["cell"])));
    assert_eq!((&tiny["width"], &tiny["height"], &tiny["size"]), (&48.into(), &32.into(), &465.into()));
    assert_eq!(tiny["config"], folder.join("tiny.ini").to_str().unwrap());
    assert_eq!(tiny["error"], serde_json::Value::Null);
    let broken = row(nano.name);
    assert_eq!((&broken["state"], &broken["size"]), (&"pulled".into(), &serde_json::Value::Null));
    assert!(broken["error"].as_str().unwrap().contains("onnx-file"), "{broken}");
    let other = row("yolox-s");
    assert_eq!((&other["state"], &other["size"]), (&"to-pull".into(), &35_858_002.into()));
    assert_eq!((&other["licence"], &other["class_count"]), (&"Apache-2.0".into(), &80.into()));
    let default: Vec<_> = rows.iter().filter(|row| row["default"] == true).map(|row| &row["state"]).collect();
    assert_eq!(default, ["in-the-box"]);

    let (_, out, _) = program(data.path(), &["model", "list"]);
    let line =
        |name: &str| out.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{out}"));
    assert!(line("tiny ").contains("yours") && line("tiny ").contains("48×32"), "{out}");
    assert!(line("yolox-s ").contains("to pull") && line("yolox-s ").contains("35.9 MB"), "{out}");
    assert!(out.contains("yolox-nano cannot be used: "), "{out}");
}

#[test]
fn the_program_keeps_no_wrong_file() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(&vec![0; CATALOGUE[0].size.unwrap() as usize], &[Answer::Good]);
    let (output, out, err) =
        program(data.path(), &["model", "pull", "yolox-nano", "--base-url", &server.address]);
    assert_eq!((output.status.code(), out.as_str()), (Some(1), ""));
    assert!(err.contains("wrong SHA-256") && err.contains(CATALOGUE[0].sha256), "{err}");
    assert_eq!(names(&data.path().join("slipstream/models")), [""; 0]);

    let (output, _, err) = program(data.path(), &["model", "pull", "yolo"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("\"yolo\"") && err.contains("yolox-nano, yolox-tiny, yolox-s"), "{err}");
    let (_, _, err) = program(data.path(), &["detect", "--model", "yolox-nano", "picture.png"]);
    assert!(err.contains("slipstream model pull yolox-nano"), "{err}");
}

#[test]
fn the_config_of_yolox_fits_its_network() {
    let (Some(onnx), Some(video)) =
        (common::asset("models/yolox_nano_416.onnx"), common::asset("videos/car-detection.mp4"))
    else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("slipstream/models");
    fs::create_dir_all(&folder).unwrap();
    let nano = &CATALOGUE[0];
    fs::write(folder.join(nano.onnx_name()), fs::read(onnx).unwrap()).unwrap();
    fs::write(folder.join(nano.config_name()), nano.config_text()).unwrap();
    fs::write(folder.join(nano.labels_name()), nano.labels_text()).unwrap();
    let video = video.to_str().unwrap();
    let (output, out, err) =
        program(data.path(), &["detect", "--model", "yolox-nano", "--every", "100", video]);
    if err.contains("ONNX Runtime") {
        println!("SKIPPED: {err}");
        return;
    }
    assert!(output.status.success(), "{err}");
    assert!(out.contains(r#""label":"car""#), "{out}\n{err}");
}
