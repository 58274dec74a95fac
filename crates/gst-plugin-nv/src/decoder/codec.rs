//! Codecs, who decodes them, and which of their pictures others do not depend on.

/// What a stream is coded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    H264,
    H265,
    Jpeg,
    Vp8,
    Vp9,
    Av1,
    Mpeg4,
    Mpeg2,
    H263,
}

impl Codec {
    /// What caps say.
    pub(super) fn of_caps(caps: &gst::CapsRef) -> Option<Self> {
        let structure = caps.structure(0)?;
        Some(match structure.name().as_str() {
            "video/x-h264" => Self::H264,
            "video/x-h265" => Self::H265,
            "image/jpeg" => Self::Jpeg,
            "video/x-vp8" => Self::Vp8,
            "video/x-vp9" => Self::Vp9,
            "video/x-av1" => Self::Av1,
            "video/x-h263" => Self::H263,
            "video/mpeg" => match structure.get::<i32>("mpegversion") {
                Ok(4) => Self::Mpeg4,
                _ => Self::Mpeg2,
            },
            _ => return None,
        })
    }

    /// GStreamer's decoders, the fastest first.
    pub(super) fn decoders(self) -> &'static [&'static str] {
        match self {
            Self::H264 => &["avdec_h264", "openh264dec"],
            Self::H265 => &["avdec_h265", "libde265dec"],
            Self::Jpeg => &["jpegdec", "avdec_mjpeg"],
            Self::Vp8 => &["vp8dec", "avdec_vp8"],
            Self::Vp9 => &["vp9dec", "avdec_vp9"],
            Self::Av1 => &["dav1ddec", "avdec_av1", "av1dec"],
            Self::Mpeg4 => &["avdec_mpeg4"],
            Self::Mpeg2 => &["avdec_mpeg2video", "mpeg2dec"],
            Self::H263 => &["avdec_h263"],
        }
    }

    /// Whether no other picture needs this one, as far as its first bytes tell. `data` is one picture, for H.264 and H.265 as
    /// a byte stream.
    pub(super) fn is_disposable(self, data: &[u8]) -> bool {
        let mut units = units(data);
        let found = match self {
            // ITU-T H.264 §7.4.1: types 1…5 are slices; nal_ref_idc is 0 if nothing refers to them.
            Self::H264 => units.find_map(|unit| {
                let header = *unit.first()?;
                matches!(header & 0x1f, 1..=5).then_some(header & 0x60 == 0)
            }),
            // ITU-T H.265 table 7-1: types below 32 are slices, even ones up to 14 non-reference pictures of their layer.
            Self::H265 => units.find_map(|unit| {
                let kind = (*unit.first()? >> 1) & 0x3f;
                (kind < 32).then_some(kind <= 14 && kind % 2 == 0)
            }),
            // ISO/IEC 14496-2 §6.2.5: vop_start_code, then vop_coding_type, 2 being bidirectional.
            Self::Mpeg4 => units.find_map(|unit| match *unit {
                [0xb6, kind, ..] => Some(kind >> 6 == 2),
                _ => None,
            }),
            // ITU-T H.262 §6.2.3: picture_start_code, 10 bits temporal_reference, 3 bits coding type, 3 being bidirectional.
            Self::Mpeg2 => units.find_map(|unit| match *unit {
                [0, _, kind, ..] => Some((kind >> 3) & 7 == 3),
                _ => None,
            }),
            _ => None,
        };
        found.unwrap_or(false)
    }
}

/// What follows each start code (00 00 01), to the end of the data.
fn units(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts = data.windows(3).enumerate().filter(|(_, bytes)| *bytes == [0, 0, 1]);
    starts.filter_map(|(at, _)| data.get(at + 3..))
}

/// What goes in: for H.264 and H.265 what parsers make of any stream, as DeepStream has it.
pub(super) fn sink_caps() -> gst::Caps {
    let mut caps = gst::Caps::new_empty();
    let target = caps.make_mut();
    for name in ["video/x-h264", "video/x-h265"] {
        let parsed =
            gst::Structure::builder(name).field("stream-format", "byte-stream").field("alignment", "au");
        target.append_structure(parsed.build());
    }
    let mpeg = |versions: gst::List| {
        gst::Structure::builder("video/mpeg").field("mpegversion", versions).field("systemstream", false)
    };
    target.append_structure(mpeg(gst::List::new([4i32])).field("parsed", true).build());
    target.append_structure(mpeg(gst::List::new([1i32, 2])).field("parsed", true).build());
    target.append_structure(gst::Structure::builder("image/jpeg").build());
    for name in ["video/x-vp8", "video/x-vp9", "video/x-h263"] {
        target.append_structure(gst::Structure::new_empty(name));
    }
    let av1 = gst::Structure::builder("video/x-av1").field("stream-format", "obu-stream");
    target.append_structure(av1.field("alignment", gst::List::new(["frame", "tu"])).build());
    caps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disposable_pictures_are_known_by_their_headers() {
        let delimiter = [0, 0, 0, 1, 0x09, 0x30];
        let with = |slice: &[u8]| [&delimiter, [0, 0, 1].as_slice(), slice].concat();
        assert!(Codec::H264.is_disposable(&with(&[0x01, 0x9a])), "nal_ref_idc 0");
        assert!(!Codec::H264.is_disposable(&with(&[0x41, 0x9a])), "nal_ref_idc 2");
        assert!(!Codec::H264.is_disposable(&with(&[0x65, 0x88])), "IDR");
        assert!(Codec::H265.is_disposable(&[0, 0, 1, 0x00, 0x01]), "TRAIL_N");
        assert!(!Codec::H265.is_disposable(&[0, 0, 1, 0x02, 0x01]), "TRAIL_R");
        assert!(!Codec::H265.is_disposable(&[0, 0, 1, 0x26, 0x01]), "IDR_W_RADL");
        assert!(Codec::Mpeg4.is_disposable(&[0, 0, 1, 0xb6, 0x80]));
        assert!(!Codec::Mpeg4.is_disposable(&[0, 0, 1, 0xb6, 0x40]));
        assert!(Codec::Mpeg2.is_disposable(&[0, 0, 1, 0, 0x00, 0x18, 0]));
        assert!(!Codec::Mpeg2.is_disposable(&[0, 0, 1, 0, 0x00, 0x10, 0]));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_can_be_looked_at(data: Vec<u8>) {
            for codec in [Codec::H264, Codec::H265, Codec::Mpeg4, Codec::Mpeg2, Codec::Vp8] {
                codec.is_disposable(&data);
            }
        }
    }
}
