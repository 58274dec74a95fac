//! Parsers in shared libraries: the example, and libraries that are not what they should be.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use slipstream_infer::InferConfig;
use slipstream_infer::parse::{Choice, OutputTensor, ParseContext, ParseError, TensorInfo, choose};
use slipstream_meta::{Rect, Size};

const NETWORK: Size = Size::new(64, 32);

/// Class, confidence, and left, top, right, bottom.
type Found = (u32, f32, [f32; 4]);

/// Builds a library from `source`; `None`, loudly, without a C compiler.
fn build(folder: &Path, source: &str) -> Option<PathBuf> {
    let (file, library) = (folder.join("source.c"), folder.join("libtest.so"));
    std::fs::write(&file, source).unwrap();
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compiler.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC", "-o"]).arg(&library);
    match compiler.arg("-I").arg(common::root().join("include")).arg(&file).output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(library)
        }
        Err(error) => {
            common::skip(format!("no C compiler: {error}"));
            None
        }
    }
}

fn ask(library: &Path, function: &str) -> Result<Choice, ParseError> {
    let text = format!(
        "[property]\nonnx-file=mine.onnx\ncustom-lib-path={}\nparse-bbox-func-name={function}\n",
        library.display()
    );
    let (config, notices) = InferConfig::parse(&text, "/etc/mine.ini").unwrap();
    assert!(notices.is_empty(), "{notices:?}");
    let info =
        TensorInfo { name: "detections".to_owned(), dims: vec![None, Some(6)], element: "f32".to_owned() };
    choose(&config, &[info], NETWORK)
}

fn run(choice: &Choice, dims: &[usize], data: &[f32]) -> Result<(usize, Vec<Found>), ParseError> {
    let outputs = [OutputTensor { name: "detections", dims, data }];
    let context = ParseContext { network: NETWORK, image: Rect::of_size(NETWORK), thresholds: &[0.5, 0.25] };
    let mut boxes = Vec::new();
    let skipped = choice.parser.parse(&outputs, &context, &mut boxes)?;
    let edges = |rect: &Rect| [rect.left, rect.top, rect.right(), rect.bottom()];
    Ok((skipped, boxes.iter().map(|b| (b.class_id, b.confidence, edges(&b.rect))).collect()))
}

#[test]
fn the_example_reads_its_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let source = std::fs::read_to_string(common::root().join("examples/parser/mine.c")).unwrap();
    let Some(library) = build(folder.path(), &source) else { return };
    let choice = ask(&library, "my_parser").unwrap();
    assert_eq!(choice.name, "my_parser");
    let rows = [
        [0.0, 0.75, 0.5, 0.5, 0.25, 0.5],
        // below its class's threshold, and just reaching it
        [0.0, 0.4, 0.5, 0.5, 0.25, 0.5],
        [1.0, 0.25, 0.0, 0.5, 0.5, 0.25],
        // no such class, no number
        [7.0, 0.9, 0.5, 0.5, 0.25, 0.5],
        [1.0, 0.9, f32::NAN, 0.5, 0.25, 0.5],
    ];
    let (skipped, found) = run(&choice, &[5, 6], rows.as_flattened()).unwrap();
    assert_eq!(found, [(0, 0.75, [24.0, 8.0, 40.0, 24.0]), (1, 0.25, [0.0, 12.0, 16.0, 20.0])]);
    assert_eq!(skipped, 1);
    let error = run(&choice, &[1, 5], &[0.0; 5]).unwrap_err().to_string();
    assert!(error.contains("my_parser of") && error.contains("returned -1"), "{error}");
}

#[test]
fn a_function_of_a_library_may_not_lie_about_its_boxes() {
    let folder = tempfile::tempdir().unwrap();
    let source = "
        #include <slipstream_parser.h>
        SLIPSTREAM_PARSER
        SLIPSTREAM_PARSER_EXPORT int64_t many(const slipstream_tensor *t, uint64_t n, const slipstream_parse_info *i,
                                              slipstream_box *b, uint64_t capacity) {
            (void)t; (void)n; (void)i; (void)b;
            return (int64_t)capacity + 1;
        }";
    let Some(library) = build(folder.path(), source) else { return };
    let error = run(&ask(&library, "many").unwrap(), &[0, 6], &[]).unwrap_err().to_string();
    assert!(error.contains("returned 4097 boxes, there is room for 4096"), "{error}");
    let error = ask(&library, "few").unwrap_err().to_string();
    assert!(error.starts_with("/etc/mine.ini:3: custom-lib-path="), "{error}");
    assert!(error.contains("has no function few (parse-bbox-func-name)"), "{error}");
}

#[test]
fn libraries_for_something_else_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let Some(other) = build(folder.path(), "int NvDsInferParseMine(void) { return 1; }") else { return };
    let error = ask(&other, "NvDsInferParseMine").unwrap_err().to_string();
    assert!(error.contains("does not have the function slipstream_parser_abi"), "{error}");
    assert!(error.contains("rebuilt") && error.contains("include/slipstream_parser.h"), "{error}");
    // functions that are built in need no library, whatever it is
    let choice = ask(&folder.path().join("libnvdsinfer_custom_impl_Yolo.so"), "NvDsInferParseYolo").unwrap();
    assert_eq!(choice.name, "deepstream-yolo");
    let [notice] = choice.notices.as_slice() else { panic!("{:?}", choice.notices) };
    assert!(notice.contains("is not loaded: NvDsInferParseYolo is built in"), "{notice}");

    let newer = "#include <stdint.h>\nuint32_t slipstream_parser_abi(void) { return 2; }";
    let folder = tempfile::tempdir().unwrap();
    let newer = build(folder.path(), newer).unwrap();
    let error = ask(&newer, "mine").unwrap_err().to_string();
    assert!(error.contains("version 2 of the interface, this program has version 1"), "{error}");
    let error = ask(&folder.path().join("libnone.so"), "mine").unwrap_err().to_string();
    assert!(error.contains("libnone.so: cannot be loaded: No such file"), "{error}");
    std::fs::write(folder.path().join("text.so"), "no library").unwrap();
    let error = ask(&folder.path().join("text.so"), "mine").unwrap_err().to_string();
    assert!(error.contains("cannot be loaded") && error.contains("docs/models.md"), "{error}");
}
