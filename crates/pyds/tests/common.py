"""What the tests share: batches that Python made, and pipelines with a probe."""

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst

import pyds

Gst.init(None)


def batch_with_frame(objects=0):
    """A batch of one frame, which carries a number of objects of classes 0, 1, ..."""
    batch = pyds.nvds_create_batch_meta(4)
    frame = pyds.nvds_acquire_frame_meta_from_pool(batch)
    pyds.nvds_add_frame_meta_to_batch(batch, frame)
    for number in range(objects):
        add_object(batch, frame, number)
    return batch, frame


def add_object(batch, frame, class_id, parent=None):
    thing = pyds.nvds_acquire_obj_meta_from_pool(batch)
    thing.class_id = class_id
    pyds.nvds_add_obj_meta_to_frame(frame, thing, parent)
    return thing


def walk(node, cast):
    """Walks a list as DeepStream's programs do."""
    while node is not None:
        yield cast(node.data)
        node = node.next


def objects_of(frame):
    return list(walk(frame.obj_meta_list, pyds.NvDsObjectMeta.cast))


class Pipeline:
    """A pipeline that calls functions with the batch metadata (and the buffer) where elements named after them are."""

    def __init__(self, description, **probes):
        self.pipeline = Gst.parse_launch(description)
        self.errors = []
        for name, function in probes.items():
            pad = self.pipeline.get_by_name(name).get_static_pad("src")
            pad.add_probe(Gst.PadProbeType.BUFFER, self.probe, function)

    def probe(self, _pad, info, function):
        buffer = info.get_buffer()
        try:
            function(pyds.gst_buffer_get_nvds_batch_meta(hash(buffer)), buffer)
        except BaseException as error:  # A test is to see it, PyGObject would print it.
            self.errors.append(error)
        return Gst.PadProbeReturn.OK

    def run(self):
        """Runs to the end; raises what a probe raised or an element said."""
        self.pipeline.set_state(Gst.State.PLAYING)
        wanted = Gst.MessageType.EOS | Gst.MessageType.ERROR
        message = self.pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, wanted)
        self.stop()
        if message.type == Gst.MessageType.ERROR:
            raise RuntimeError(message.parse_error())

    def sample(self, name):
        """The first picture that arrives at an appsink: its bytes."""
        self.pipeline.set_state(Gst.State.PLAYING)
        sample = None
        while sample is None:
            sample = self.pipeline.get_by_name(name).emit("try-pull-sample", Gst.SECOND)
            message = self.pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR | Gst.MessageType.EOS)
            if sample is None and message is not None:
                self.stop()
                raise RuntimeError(f"no picture: {message.get_structure().to_string()}")
        buffer = sample.get_buffer()
        found, memory = buffer.map(Gst.MapFlags.READ)
        assert found
        picture = bytes(memory.data)
        buffer.unmap(memory)
        self.stop()
        return picture

    def stop(self):
        self.pipeline.set_state(Gst.State.NULL)
        if self.errors:
            raise self.errors[0]
