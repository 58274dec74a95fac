//! From the finished picture to the sinks.

use super::{Builder, Link, PlanError, Property, Server, Tap, asked, own};
use crate::app::config::{AppConfig, Codec, Container, EncoderKind, Osd, Sink, SinkKind};

/// Caps of pictures for DeepStream's encoders, and for others.
const FOR_NV: &str = "video/x-raw(memory:NVMM), format=(string)I420";
const FOR_SOFTWARE: &str = "video/x-raw, format=(string)I420";
/// x264enc's `speed-preset` where the file sets none: its own default needs three times the time of this one.
const VERY_FAST: u32 = 3;
/// x265enc's `tune` for short delay.
const ZERO_LATENCY: &str = "zerolatency";
/// Access units that wait for the RTSP server, which takes them at once.
const WAITING: u32 = 4;

impl Builder<'_> {
    /// Each source by itself.
    pub(super) fn branches(&mut self, config: &AppConfig) -> Result<(), PlanError> {
        self.need("nvstreamdemux", "tiled-display")?;
        self.queue("demuxer_queue");
        self.then("nvstreamdemux", "demuxer", Vec::new());
        self.plan.perf = Some(Tap { element: self.last.clone(), pad: "sink" });
        for sink in config.sinks.iter().filter(|sink| sink.source_id as usize >= self.plan.inputs.len()) {
            self.plan.notices.push(format!(
                "[sink{}] source-id={}: there is no such source, and the sink is left out; sources are 0 to {}",
                sink.number,
                sink.source_id,
                self.plan.inputs.len() - 1
            ));
        }
        let mut any = false;
        for source in 0..self.plan.inputs.len() {
            let sinks = config.sinks.iter().filter(|sink| sink.source_id as usize == source);
            any |= self.one_source(config, source, sinks)?;
        }
        if any { Ok(()) } else { Err(PlanError::NoSink) }
    }

    /// All sources in one picture.
    pub(super) fn tiled(&mut self, config: &AppConfig) -> Result<(), PlanError> {
        self.tiler(&config.tiled_display)?;
        let last = self.last.clone();
        let sinks = config.sinks.iter().filter(|sink| !sink.link_to_demux);
        if self.branch(config, "tiled", &last, None, sinks)? { Ok(()) } else { Err(PlanError::NoSink) }
    }

    /// The same, and beside it one source in full.
    pub(super) fn tiled_and_one(&mut self, config: &AppConfig) -> Result<(), PlanError> {
        self.then("tee", "tiler_tee", Vec::new());
        let tee = self.last.clone();
        let wanted = config.sinks.iter().find(|sink| sink.link_to_demux).map(|sink| sink.source_id);
        if let Some(source) = wanted.filter(|&source| (source as usize) < self.plan.inputs.len()) {
            self.need("nvstreamdemux", "tiled-display")?;
            self.queue("demuxer_queue");
            self.then("nvstreamdemux", "demuxer", Vec::new());
            let sinks = config.sinks.iter().filter(|sink| sink.link_to_demux && sink.source_id == source);
            self.one_source(config, source as usize, sinks)?;
        } else {
            self.say(
                "[tiled-display] enable=2, but no [sinkN] has link-to-demux=1 and a source-id that is there"
                    .into(),
            );
        }
        self.last = tee;
        self.tiled(config)
    }

    fn one_source<'s>(
        &mut self,
        config: &AppConfig,
        source: usize,
        sinks: impl Iterator<Item = &'s Sink>,
    ) -> Result<bool, PlanError> {
        self.branch(config, &format!("source{source}"), "demuxer", Some(format!("src_{source}")), sinks)
    }

    /// Drawing and sinks, fed by `from`. Whether there is any sink.
    fn branch<'s>(
        &mut self,
        config: &AppConfig,
        name: &str,
        from: &str,
        from_pad: Option<String>,
        sinks: impl Iterator<Item = &'s Sink>,
    ) -> Result<bool, PlanError> {
        let sinks: Vec<_> = sinks.filter(|sink| self.takes(sink)).collect();
        if sinks.is_empty() {
            return Ok(false);
        }
        let queue = format!("{name}_queue");
        self.last = String::new();
        self.queue(queue.clone());
        self.plan.links.push(Link { from: from.to_owned(), from_pad, to: queue });
        if let Some(osd) = &config.osd {
            self.need("nvvideoconvert", "osd")?;
            self.need("nvdsosd", "osd")?;
            self.then("nvvideoconvert", format!("{name}_osd_conv"), Vec::new());
            self.then("nvdsosd", format!("{name}_osd"), draw(osd));
            self.plan.overlays.push(Tap { element: self.last.clone(), pad: "sink" });
        }
        let tee = format!("{name}_tee");
        self.then("tee", tee.clone(), Vec::new());
        for sink in sinks {
            self.last.clone_from(&tee);
            self.sink(sink)?;
        }
        Ok(true)
    }

    /// Whether there is such a sink; says so if not.
    fn takes(&mut self, sink: &Sink) -> bool {
        let is_broker = sink.kind == SinkKind::Broker;
        if is_broker {
            self.say(format!(
                "[sink{}] type=6: messages to brokers are not supported; the sink is left out",
                sink.number
            ));
        }
        !is_broker
    }

    fn sink(&mut self, sink: &Sink) -> Result<(), PlanError> {
        let number = sink.number;
        let group = format!("sink{number}");
        self.queue(format!("sink_sub_bin_queue{number}"));
        let name = format!("sink_sub_bin_sink{number}");
        let common = |keys: &[(&str, String)]| -> Vec<Property> {
            let mut properties = vec![asked(&group, "sync", sink.sync), own("async", false)];
            properties.extend(keys.iter().map(|(name, value)| own(name, value)));
            properties
        };
        match sink.kind {
            SinkKind::Broker => {}
            SinkKind::Fake => {
                self.then(
                    "fakesink",
                    name,
                    common(&[("qos", sink.qos.to_string()), ("enable-last-sample", "false".into())]),
                );
            }
            SinkKind::Display => self.display(sink, name, common(&[("qos", sink.qos.to_string())]))?,
            SinkKind::File => {
                self.encode(sink, false)?;
                let muxer = match sink.encoding.container {
                    Container::Mp4 => "qtmux",
                    Container::Mkv => "matroskamux",
                };
                self.need(muxer, &group)?;
                self.then(muxer, format!("sink_sub_bin_mux{number}"), Vec::new());
                let path =
                    sink.output_file.as_deref().unwrap_or(std::path::Path::new("")).display().to_string();
                self.then("filesink", name, common(&[("location", path)]));
            }
            SinkKind::Rtsp => {
                self.encode(sink, true)?;
                let codec = match sink.encoding.codec {
                    Codec::H265 => crate::settings::Codec::H265,
                    Codec::H264 | Codec::Mpeg4 => crate::settings::Codec::H264,
                };
                let caps = format!(
                    "{}, stream-format=(string)byte-stream, alignment=(string)au",
                    codec.media_type()
                );
                self.then(
                    "appsink",
                    name.clone(),
                    common(&[("caps", caps), ("max-buffers", WAITING.to_string())]),
                );
                self.plan.servers.push(Server { element: name, codec, port: sink.rtsp_port });
            }
        }
        Ok(())
    }

    fn display(&mut self, sink: &Sink, name: String, mut properties: Vec<Property>) -> Result<(), PlanError> {
        let number = sink.number;
        if !self.machine.has_display() {
            self.say(format!(
                "[sink{number}] there is no screen (neither DISPLAY nor WAYLAND_DISPLAY is set): its pictures are not shown"
            ));
            self.then("fakesink", name, properties);
            return Ok(());
        }
        self.need("nvvideoconvert", "sink")?;
        let group = format!("sink{number}");
        self.then("nvvideoconvert", format!("sink_sub_bin_transform{number}"), Vec::new());
        if self.machine.has("nveglglessink") {
            properties.extend(sink.width.map(|side| asked(&group, "window-width", side)));
            properties.extend(sink.height.map(|side| asked(&group, "window-height", side)));
            self.then("nveglglessink", name, properties);
        } else {
            self.then("videoconvert", format!("sink_sub_bin_convert{number}"), Vec::new());
            self.then("autovideosink", name, properties);
        }
        Ok(())
    }

    /// Conversion, encoder and parser.
    fn encode(&mut self, sink: &Sink, is_live: bool) -> Result<(), PlanError> {
        let number = sink.number;
        let group = format!("sink{number}");
        let encoding = &sink.encoding;
        let (nv, software, parser) = match encoding.codec {
            Codec::H264 => ("nvv4l2h264enc", "x264enc", Some("h264parse")),
            Codec::H265 => ("nvv4l2h265enc", "x265enc", Some("h265parse")),
            // What this encoder makes needs no parser; GStreamer's takes times away from it.
            Codec::Mpeg4 => ("", "avenc_mpeg4", None),
        };
        let mut by_software = encoding.kind == EncoderKind::Software || nv.is_empty();
        if !by_software && !self.machine.has(nv) {
            self.say("Could not create HW encoder. Falling back to SW encoder".into());
            by_software = true;
        }
        let factory = if by_software { software } else { nv };
        self.need("nvvideoconvert", &group)?;
        self.need(factory, &group)?;
        if let Some(parser) = parser {
            self.need(parser, &group)?;
        }
        self.then("nvvideoconvert", format!("sink_sub_bin_transform{number}"), Vec::new());
        let caps = if by_software { FOR_SOFTWARE } else { FOR_NV };
        self.then("capsfilter", format!("sink_sub_bin_cap_filter{number}"), vec![own("caps", caps)]);

        let mut properties = Vec::new();
        let mut set = |name: &str, value: u32| {
            if value > 0 {
                properties.push(asked(&group, name, value));
            }
        };
        if !by_software {
            set("bitrate", encoding.bitrate);
            set("iframeinterval", encoding.iframe_interval);
            properties.extend(encoding.profile.map(|profile| asked(&group, "profile", profile)));
        } else if encoding.codec == Codec::Mpeg4 {
            set("bitrate", encoding.bitrate);
            set("gop-size", encoding.iframe_interval);
        } else {
            // These two count in thousands of bits.
            set("bitrate", encoding.bitrate / 1000);
            set("key-int-max", encoding.iframe_interval);
            set("speed-preset", if encoding.sw_preset > 0 { encoding.sw_preset } else { VERY_FAST });
            if is_live {
                properties.push(own("tune", ZERO_LATENCY));
            }
        }
        self.then(factory, format!("sink_sub_bin_encoder{number}"), properties);
        let repeated = if is_live { vec![own("config-interval", -1)] } else { Vec::new() };
        if let Some(parser) = parser {
            self.then(parser, format!("sink_sub_bin_parser{number}"), repeated);
        }
        Ok(())
    }
}

fn draw(osd: &Osd) -> Vec<Property> {
    let group = "osd";
    let mut properties: Vec<_> = [
        ("display-text", osd.display_text),
        ("display-bbox", osd.display_bbox),
        ("display-mask", osd.display_mask),
    ]
    .map(|(name, value)| asked(group, name, value))
    .into();
    properties.extend(osd.process_mode.map(|mode| asked(group, "process-mode", mode)));
    if osd.clock.show {
        properties.push(asked(group, "display-clock", true));
        properties.push(asked(group, "x-clock-offset", osd.clock.x));
        properties.push(asked(group, "y-clock-offset", osd.clock.y));
        properties.extend(osd.clock.size.map(|size| asked(group, "clock-font-size", size)));
        properties.extend(osd.font.as_ref().map(|font| asked(group, "clock-font", font)));
        let number = osd.clock.color.map(|c| u32::from_be_bytes([c.red, c.green, c.blue, c.alpha]));
        properties.extend(number.map(|number| asked(group, "clock-color", number)));
    }
    properties
}
