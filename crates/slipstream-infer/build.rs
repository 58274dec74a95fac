//! Compiles the message definitions in `proto/` to Rust, without `protoc`.

use std::error::Error;
use std::path::PathBuf;

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let output = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let caffe = protox::compile(["caffe.proto"], ["proto"])?;
    // Text files are read by the names of the fields, which the generated types do not have.
    std::fs::write(output.join("caffe.bin"), caffe.encode_to_vec())?;
    prost_build::compile_fds(caffe)?;
    prost_build::compile_fds(protox::compile(["onnx.proto"], ["proto"])?)?;
    Ok(())
}
