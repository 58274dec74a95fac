//! The RTSP output, as viewers see it.

mod common;

use common::{Studio, Viewer, output_settings};
use slipstream::settings::Codec;

#[test]
fn viewers_over_tcp_and_udp_share_one_stream() {
    let studio = Studio::start(output_settings(0, Codec::H264));
    let viewers: Vec<_> =
        ["tcp", "udp", "tcp", "udp"].iter().map(|protocol| Viewer::start(&studio.url(), protocol)).collect();
    for viewer in &viewers {
        let t = viewer.wait_for(25);
        println!("{t:?}");
    }
    assert_eq!(studio.output.viewers(), 4);
}
