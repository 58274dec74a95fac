//! The models that can be pulled: official releases under permissive licences whose outputs a parser of
//! [`slipstream_infer::parse`] reads, pinned by size and SHA-256.

use std::fmt::Write;

use slipstream_meta::Size;

/// A model in a release of its authors.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// Its name here, and of its files on this machine.
    pub name: &'static str,
    /// Folder of the release: an URL without the slash at the end.
    pub base_url: &'static str,
    /// Name of the file in the release.
    pub file: &'static str,
    /// Its length in bytes, if that is known beforehand.
    pub size: Option<u64>,
    /// SHA-256 of the file, in lower-case hexadecimal digits.
    pub sha256: &'static str,
    /// How it is fed and read.
    pub network: Network,
    /// Names of its classes.
    pub labels: &'static [&'static str],
    /// SPDX identifier of its licence.
    pub licence: &'static str,
    /// Whose it is, as its authors put it.
    pub copyright: &'static str,
    /// The authors' page.
    pub project: &'static str,
    /// What it was trained on, and how good its authors say it is.
    pub about: &'static str,
}

/// How a network is fed and read.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Size of its input.
    pub input: Size,
    /// `parse-bbox-func-name`: what reads its outputs.
    pub parser: &'static str,
    /// `net-scale-factor`: what pixels of 0…255 are multiplied by.
    pub scale: f32,
    /// `offsets`: what is taken from each channel before, in the network's order of channels.
    pub offsets: [f32; 3],
    /// Whether its channels are blue, green, red.
    pub is_bgr: bool,
    /// Whether pictures keep their aspect ratio and are padded right and below.
    pub is_padded: bool,
    /// Least confidence in 0…1.
    pub threshold: f32,
    /// Overlap (intersection over union) from which on the less confident of two boxes goes.
    pub nms_iou: f32,
}

/// All of them, from the fastest to the most accurate.
///
/// GitHub publishes no hashes for assets as old as these. The values are those which several independent public projects
/// pin for the same URL, and size with hash agree among all of them:
/// * `yolox_s.onnx`: the Git LFS pointer `models/object_detection_yolox/object_detection_yolox_2022nov.onnx` of
///   opencv/opencv_zoo, which distributes the same bytes;
/// * `yolox_tiny.onnx`, `yolox_nano.onnx`: download scripts and provenance notes that name the release, among them the
///   `sha256` and `size_bytes` of the `Weight` and `ModelSpec` tables in several of them;
/// * `nanodet-plus-m_416.onnx`: download scripts and licence notes of several projects. They pin its hash only, so its length
///   is what the server says.
pub const CATALOGUE: &[Release] = &[
    yolox(
        "yolox-nano",
        "yolox_nano.onnx",
        3_659_407,
        "c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d",
        416,
        "COCO 2017; AP 25.8 by its authors, 0.5 GMAC an image",
    ),
    yolox(
        "yolox-tiny",
        "yolox_tiny.onnx",
        20_219_662,
        "427cc366d34e27ff7a03e2899b5e3671425c262ea2291f88bb942bc1cc70b0f7",
        416,
        "COCO 2017; AP 32.8 by its authors, 3.2 GMAC an image",
    ),
    yolox(
        "yolox-s",
        "yolox_s.onnx",
        35_858_002,
        "c5c2d13e59ae883e6af3b45daea64af4833a4951c92d116ec270d9ddbe998063",
        640,
        "COCO 2017; AP 40.5 by its authors, 13.4 GMAC an image",
    ),
    Release {
        name: "nanodet-plus-m",
        base_url: "https://github.com/RangiLyu/nanodet/releases/download/v1.0.0-alpha-1",
        file: "nanodet-plus-m_416.onnx",
        size: None,
        sha256: "59d2f166088889c902f523bf08079391993491324f0d84847e3c4016a8f7cc3d",
        network: Network {
            input: Size::new(416, 416),
            parser: "nanodet",
            // Mean and deviation of config/nanodet-plus-m_416.yml; the factor is one over the mean of the deviations.
            scale: 3.0 / (57.375 + 57.12 + 58.395),
            offsets: [103.53, 116.28, 123.675],
            is_bgr: true,
            is_padded: false,
            // The defaults of the authors' own demo, and their configuration's NMS.
            threshold: 0.35,
            nms_iou: 0.6,
        },
        labels: &COCO,
        licence: "Apache-2.0",
        copyright: "Copyright 2020-2021 RangiLyu.",
        project: "https://github.com/RangiLyu/nanodet",
        about: "COCO 2017; AP 30.4 by its authors",
    },
];

/// A model of YOLOX's release 0.1.1rc0, the one with ONNX files; raw pixels in, undecoded cells out.
const fn yolox(
    name: &'static str,
    file: &'static str,
    size: u64,
    sha256: &'static str,
    input: u32,
    about: &'static str,
) -> Release {
    Release {
        name,
        base_url: "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0",
        file,
        size: Some(size),
        sha256,
        network: Network {
            input: Size::new(input, input),
            parser: "yolox",
            scale: 1.0,
            offsets: [0.0; 3],
            is_bgr: true,
            is_padded: true,
            // The defaults of the authors' own demo for ONNX Runtime.
            threshold: 0.3,
            nms_iou: 0.45,
        },
        labels: &COCO,
        licence: "Apache-2.0",
        copyright: "Copyright (c) 2021-2022 Megvii Inc. All rights reserved.",
        project: "https://github.com/Megvii-BaseDetection/YOLOX",
        about,
    }
}

/// The model called `name`.
pub fn find(name: &str) -> Option<&'static Release> {
    CATALOGUE.iter().find(|release| release.name == name)
}

/// Boxes that are kept of a picture, the most confident ones.
const TOP_K: u32 = 200;

impl Release {
    /// Where the file is.
    pub fn url(&self) -> String {
        self.url_at(self.base_url)
    }

    /// Where the file is in a mirror of the release.
    pub fn url_at(&self, base: &str) -> String {
        format!("{}/{}", base.trim_end_matches('/'), self.file)
    }

    /// Name of the model's file on this machine.
    pub fn onnx_name(&self) -> String {
        format!("{}.onnx", self.name)
    }

    /// Name of the label file.
    pub fn labels_name(&self) -> String {
        format!("{}.labels.txt", self.name)
    }

    /// Name of the note about licence and origin.
    pub fn licence_name(&self) -> String {
        format!("{}.LICENSE.txt", self.name)
    }

    /// Name of the config file.
    pub fn config_name(&self) -> String {
        format!("{}.ini", self.name)
    }

    /// The label file.
    pub fn labels_text(&self) -> String {
        self.labels.iter().flat_map(|label| [label, "\n"]).collect()
    }

    /// The config in nvinfer's format.
    pub fn config_text(&self) -> String {
        let network = &self.network;
        let Size { width, height } = network.input;
        let comment = format!("# {} from {} ({}).", self.name, self.project, self.licence);
        let keys: [(&str, &dyn std::fmt::Display); 15] = [
            ("gie-unique-id", &1),
            ("onnx-file", &self.onnx_name()),
            ("labelfile-path", &self.labels_name()),
            ("infer-dims", &format_args!("3;{height};{width}")),
            ("net-scale-factor", &network.scale),
            ("model-color-format", &u8::from(network.is_bgr)),
            ("maintain-aspect-ratio", &u8::from(network.is_padded)),
            ("symmetric-padding", &0),
            ("batch-size", &1),
            ("network-mode", &0),
            ("network-type", &0),
            ("process-mode", &1),
            ("num-detected-classes", &self.labels.len()),
            ("cluster-mode", &2),
            ("parse-bbox-func-name", &network.parser),
        ];
        let classes: [(&str, &dyn std::fmt::Display); 3] = [
            ("pre-cluster-threshold", &network.threshold),
            ("nms-iou-threshold", &network.nms_iou),
            ("topk", &TOP_K),
        ];
        let [a, b, c] = network.offsets;
        let mut text = format!("{comment}\n[property]\n");
        let mut put = |(key, value): &(&str, &dyn std::fmt::Display)| {
            // A String takes all that is written.
            let _ = writeln!(text, "{key}={value}");
        };
        keys.iter().for_each(&mut put);
        if network.offsets != [0.0; 3] {
            let _ = writeln!(text, "offsets={a};{b};{c}");
        }
        let _ = writeln!(text, "\n[class-attrs-all]");
        for (key, value) in classes {
            let _ = writeln!(text, "{key}={value}");
        }
        text
    }

    /// Origin and licence, with the licence's whole text, so that the folder can be handed on.
    pub fn licence_text(&self) -> String {
        let text = match self.licence {
            "Apache-2.0" => concat!("\n", include_str!("../../../../LICENSE-APACHE")),
            _ => "",
        };
        format!(
            "{}: {}\n{}\nLicence: {}\nProject: {}\nSHA-256: {}\nTrained on: {}\n{text}",
            self.onnx_name(),
            self.url(),
            self.copyright,
            self.licence,
            self.project,
            self.sha256,
            self.about,
        )
    }
}

/// The classes of COCO's detection task, in the order in which detectors number them.
pub const COCO: [&str; 80] = [
    "person",
    "bicycle",
    "car",
    "motorcycle",
    "airplane",
    "bus",
    "train",
    "truck",
    "boat",
    "traffic light",
    "fire hydrant",
    "stop sign",
    "parking meter",
    "bench",
    "bird",
    "cat",
    "dog",
    "horse",
    "sheep",
    "cow",
    "elephant",
    "bear",
    "zebra",
    "giraffe",
    "backpack",
    "umbrella",
    "handbag",
    "tie",
    "suitcase",
    "frisbee",
    "skis",
    "snowboard",
    "sports ball",
    "kite",
    "baseball bat",
    "baseball glove",
    "skateboard",
    "surfboard",
    "tennis racket",
    "bottle",
    "wine glass",
    "cup",
    "fork",
    "knife",
    "spoon",
    "bowl",
    "banana",
    "apple",
    "sandwich",
    "orange",
    "broccoli",
    "carrot",
    "hot dog",
    "pizza",
    "donut",
    "cake",
    "chair",
    "couch",
    "potted plant",
    "bed",
    "dining table",
    "toilet",
    "tv",
    "laptop",
    "mouse",
    "remote",
    "keyboard",
    "cell phone",
    "microwave",
    "oven",
    "toaster",
    "sink",
    "refrigerator",
    "book",
    "clock",
    "vase",
    "scissors",
    "teddy bear",
    "hair drier",
    "toothbrush",
];
