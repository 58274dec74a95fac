#!/usr/bin/env python3
"""Counts what the detector finds on each frame of a file, writes the counts onto the picture, and saves what it is surest of.

    eval "$(slipstream env)"
    python3 examples/python/count_objects.py CONFIG VIDEO OUT.mkv [CROP.jpg]

CONFIG is a config file of nvinfer, as models/street.ini. Uses DeepStream's names only: it runs there as well.
"""

import collections
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst

import pyds


def items(node, cast):
    """What is in a list of metadata."""
    while node is not None:
        yield cast(node.data)
        node = node.next


class Counter:
    """Probe that counts objects."""

    def __init__(self, crop):
        self.crop = crop
        self.encoder = pyds.nvds_obj_enc_create_context(0)
        self.surest = 0.0

    def probe(self, _pad, info):
        buffer = info.get_buffer()
        batch = pyds.gst_buffer_get_nvds_batch_meta(hash(buffer))
        for frame in items(batch.frame_meta_list, pyds.NvDsFrameMeta.cast):
            counts = collections.Counter()
            for thing in items(frame.obj_meta_list, pyds.NvDsObjectMeta.cast):
                counts[thing.obj_label or str(thing.class_id)] += 1
                if self.crop and thing.confidence > self.surest:
                    self.surest = thing.confidence
                    self.save(buffer, thing, frame)
            text = f"frame {frame.frame_num}: " + ", ".join(f"{n} {label}" for label, n in sorted(counts.items()))
            print(text)
            self.write(batch, frame, text)
        return Gst.PadProbeReturn.OK

    def save(self, buffer, thing, frame):
        arguments = pyds.NvDsObjEncUsrArgs()
        arguments.saveImg, arguments.fileNameImg, arguments.quality = True, self.crop, 90
        pyds.nvds_obj_enc_process(self.encoder, arguments, hash(buffer), thing, frame)
        pyds.nvds_obj_enc_finish(self.encoder)

    @staticmethod
    def write(batch, frame, text):
        display = pyds.nvds_acquire_display_meta_from_pool(batch)
        display.num_labels = 1
        label = display.text_params[0]
        label.display_text, label.x_offset, label.y_offset = text, 10, 12
        label.font_params.font_name, label.font_params.font_size = "Serif", 12
        label.font_params.font_color.set(1.0, 1.0, 1.0, 1.0)
        label.set_bg_clr = 1
        label.text_bg_clr.set(0.0, 0.0, 0.0, 0.7)
        pyds.nvds_add_display_meta_to_frame(frame, display)


def main(config, video, out, crop=None):
    Gst.init(None)
    pipeline = Gst.parse_launch(
        "nvstreammux name=mux batch-size=1 width=1280 height=720 ! nvinfer name=infer ! nvvideoconvert "
        "! nvdsosd name=osd ! nvvideoconvert ! nvv4l2h264enc ! h264parse ! matroskamux ! filesink name=out "
        "uridecodebin name=source ! mux.sink_0"
    )
    pipeline.get_by_name("infer").set_property("config-file-path", config)
    pipeline.get_by_name("source").set_property("uri", Gst.filename_to_uri(video))
    pipeline.get_by_name("out").set_property("location", out)
    counter = Counter(crop)
    pipeline.get_by_name("osd").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, counter.probe)
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(
        Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR
    )
    pipeline.set_state(Gst.State.NULL)
    pyds.nvds_obj_enc_destroy_context(counter.encoder)
    if message.type == Gst.MessageType.ERROR:
        sys.exit(f"count_objects: {message.parse_error().gerror.message}")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__.strip())
    main(*sys.argv[1:])
