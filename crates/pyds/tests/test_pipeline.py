"""Probes in pipelines: what Python adds is drawn, travels with copies, and outlives nothing that it should not."""

import pathlib
import tempfile
import unittest

import common
import pyds
from common import Gst, Pipeline, objects_of, walk

SOURCE = (
    "videotestsrc num-buffers={buffers} pattern=black ! video/x-raw,format=I420,width=320,height=240 ! mux.sink_0 "
    "slipmux name=mux ! identity name=before "
)
DRAWN = SOURCE + "! sliptiler width=320 height=240 ! sliposd ! videoconvert ! video/x-raw,format=RGBA ! identity name=after ! "


def pixel(picture, x, y):
    return tuple(picture[(y * 320 + x) * 4:][:3])


def frames(batch):
    return walk(batch.frame_meta_list, pyds.NvDsFrameMeta.cast)


class Probes(unittest.TestCase):
    def test_what_python_adds_is_drawn(self):
        def add(batch, _):
            for frame in frames(batch):
                display = pyds.nvds_acquire_display_meta_from_pool(batch)
                display.num_rects = 1
                box = display.rect_params[0]
                box.left, box.top, box.width, box.height, box.has_bg_color = 10, 10, 50, 50, 1
                box.bg_color.set(1, 0, 0, 1)
                pyds.nvds_add_display_meta_to_frame(frame, display)
                thing = common.add_object(batch, frame, 0)
                # Changed after it was added: the buffer changes at once.
                box = thing.rect_params
                box.left, box.top, box.width, box.height, box.has_bg_color = 200, 100, 60, 60, 1
                box.bg_color.set(0, 0, 1, 1)

        picture = Pipeline(DRAWN.format(buffers=1) + "appsink name=out sync=false", before=add).sample("out")
        red, blue, black = pixel(picture, 30, 30), pixel(picture, 230, 130), pixel(picture, 120, 200)
        self.assertTrue(red[0] > 200 and max(red[1:]) < 60, red)
        self.assertTrue(blue[2] > 200 and max(blue[:2]) < 60, blue)
        self.assertLess(max(black), 30)

    def test_a_later_probe_reads_what_an_earlier_one_wrote(self):
        seen = []

        def write(batch, _):
            frame = next(frames(batch))
            frame.misc_frame_info[0] = frame.frame_num + 5
            thing = common.add_object(batch, frame, 3)
            thing.rect_params.border_color.set(0.3, 0.6, 0.9, 1)
            thing.text_params.display_text = f"number {frame.frame_num}"
            thing.misc_obj_info[1] = 8

        def read(batch, _):
            frame = next(frames(batch))
            thing = objects_of(frame)[0]
            color = thing.rect_params.border_color
            seen.append((frame.misc_frame_info[0] - frame.frame_num, thing.class_id, color.red, thing.misc_obj_info[1]))

        Pipeline(SOURCE.format(buffers=3) + "! identity name=after ! fakesink", before=write, after=read).run()
        self.assertEqual(seen, [(5, 3, 0.3, 8)] * 3)

    def test_handles_keep_their_buffer(self):
        kept = []

        def keep(batch, _):
            frame = next(frames(batch))
            kept.append((batch, frame, common.add_object(batch, frame, frame.frame_num)))

        Pipeline(DRAWN.format(buffers=4) + "fakesink", before=keep).run()
        self.assertEqual([thing.class_id for _, _, thing in kept], [0, 1, 2, 3])
        for batch, frame, thing in kept:
            pyds.nvds_remove_obj_meta_from_frame(frame, thing)
            self.assertEqual(batch.num_frames_in_batch, 1)

    def test_user_metadata_is_copied_and_released_by_elements(self):
        copied, released = [], []

        def add(batch, _):
            frame = next(frames(batch))
            user = pyds.nvds_acquire_user_meta_from_pool(batch)
            user.user_meta_data = {"number": frame.frame_num}
            pyds.user_copyfunc(user, copy)
            pyds.user_releasefunc(user, lambda meta, _: released.append(meta.user_meta_data["number"]))
            pyds.nvds_add_user_meta_to_frame(frame, user)

        def copy(meta, _):
            copied.append(meta.user_meta_data["number"])
            return dict(meta.user_meta_data)

        seen = []

        def read(batch, _):
            metas = walk(next(frames(batch)).frame_user_meta_list, pyds.NvDsUserMeta.cast)
            seen.extend(meta.user_meta_data["number"] for meta in metas)

        # Both branches own the buffer: whoever changes it first gets a copy.
        branches = (
            "! tee name=t t. ! queue ! sliptiler width=64 height=64 ! identity name=after ! fakesink sync=false "
            "t. ! queue ! sliptiler width=32 height=32 ! fakesink sync=false"
        )
        Pipeline(SOURCE.format(buffers=4) + branches, before=add, after=read).run()
        self.assertEqual(seen, [0, 1, 2, 3])
        for number in range(4):
            self.assertEqual(released.count(number), copied.count(number) + 1)

    def test_what_objects_look_like_to_the_tracker(self):
        model = pathlib.Path(__file__).resolve().parents[2] / "slipstream-infer/tests/data/colors.onnx"
        vectors = []

        def add(batch, _):
            frame = next(frames(batch))
            frame.bInferDone = 1
            thing = common.add_object(batch, frame, 0)
            box = thing.rect_params
            box.left, box.top, box.width, box.height, thing.confidence = 50, 50, 60, 80, 0.9

        def read(batch, _):
            for thing in objects_of(next(frames(batch))):
                for meta in walk(thing.obj_user_meta_list, pyds.NvDsUserMeta.cast):
                    if meta.base_meta.meta_type == pyds.NvDsMetaType.NVDS_TRACKER_OBJ_REID_META:
                        reid = pyds.NvDsObjReid.cast(meta.user_meta_data)
                        vectors.append((reid.featureSize, [round(float(x), 1) for x in reid.get_host_reid_vector()]))

        with tempfile.NamedTemporaryFile("w", suffix=".yml") as config:
            config.write(
                "Slipstream:\n  tracker: slip\nReID:\n  reidType: 1\n  inferDims: [3, 8, 8]\n  outputReidTensor: 1\n"
                f"  netScaleFactor: 0.00392156862745098\n  onnxFile: {model}\n"
            )
            config.flush()
            track = f"! sliptrack ll-config-file={config.name} ! identity name=after ! fakesink"
            Pipeline(SOURCE.format(buffers=3).replace("black", "red") + track, before=add, after=read).run()
        self.assertEqual(vectors, [(3, [1.0, 0.0, 0.0])] * 3)

    def test_pixels(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("NumPy is not installed")

        def paint(batch, buffer):
            pixels = pyds.get_nvds_buf_surface(hash(buffer), next(frames(batch)).batch_id)
            assert pixels.shape == (240, 320, 4) and pixels.dtype == numpy.uint8, pixels.shape
            pixels[50:60, 70:80] = (1, 2, 3, 255)
            pyds.unmap_nvds_buf_surface(hash(buffer), 0)

        picture = Pipeline(DRAWN.format(buffers=1) + "appsink name=out sync=false", after=paint).sample("out")
        self.assertEqual(pixel(picture, 75, 55), (1, 2, 3))
        self.assertNotEqual(pixel(picture, 85, 55), (1, 2, 3))

    def test_pixels_of_other_formats(self):
        try:
            import numpy  # noqa: F401
        except ImportError:
            self.skipTest("NumPy is not installed")

        def look(_, buffer):
            with self.assertRaisesRegex(RuntimeError, "only support RGBA/RGB"):
                pyds.get_nvds_buf_surface(hash(buffer), 0)
            with self.assertRaisesRegex(RuntimeError, "no picture 7"):
                pyds.get_nvds_buf_surface(hash(buffer), 7)

        Pipeline(SOURCE.format(buffers=1) + "! fakesink", before=look).run()


@unittest.skipUnless(Gst.ElementFactory.find("nvstreammux"), "the plugin with DeepStream's element names is not there")
class DeepStream(unittest.TestCase):
    """Pipelines as NVIDIA's sample programs make them."""

    BATCH = (
        "{source} ! nvvideoconvert ! video/x-raw(memory:NVMM) ! mux.sink_0 {source} ! nvvideoconvert ! "
        "video/x-raw(memory:NVMM) ! mux.sink_1 nvstreammux name=mux batch-size=2 width=320 height=240 "
        "batched-push-timeout=4000000 ! identity name=before ! nvvideoconvert ! video/x-raw(memory:NVMM),format=RGBA ! "
        "identity name=rgba ! nvmultistreamtiler rows=1 columns=2 width=640 height=240 ! identity name=tiled ! nvvideoconvert "
        "! nvdsosd ! nvvideoconvert ! video/x-raw,format=RGBA ! "
    ).format(source="videotestsrc num-buffers=2 pattern=black ! video/x-raw,width=160,height=120,framerate=10/1")

    def test_drawing_and_pixels_of_each_source(self):
        numbers = set()

        def draw(batch, _):
            assert batch.num_frames_in_batch == 2, batch.num_frames_in_batch
            for frame in frames(batch):
                assert (frame.source_frame_width, frame.source_frame_height) == (160, 120)
                numbers.add((frame.pad_index, frame.source_id))
                display = pyds.nvds_acquire_display_meta_from_pool(batch)
                display.num_rects = 1
                box = display.rect_params[0]
                box.left, box.top, box.width, box.height, box.has_bg_color = 40, 40, 40, 40, 1
                box.bg_color.set(0, 1, 0, 1)
                pyds.nvds_add_display_meta_to_frame(frame, display)

        def paint(batch, buffer):
            for frame in frames(batch):
                pixels = pyds.get_nvds_buf_surface(hash(buffer), frame.batch_id)
                height, width, _ = pixels.shape
                # The lower half of the second source becomes red.
                if frame.pad_index == 1:
                    pixels[height // 2:, :] = (255, 0, 0, 255)

        def look(batch, _):
            tiled = list(frames(batch))
            assert len(tiled) == 1 and tiled[0].source_id == 0, len(tiled)
            assert sum(meta.num_rects for meta in tiled[0].display_meta_list) == 2

        pipeline = Pipeline(self.BATCH + "appsink name=out sync=false", before=draw, rgba=paint, tiled=look)
        picture = pipeline.sample("out")
        at = lambda x, y: tuple(picture[(y * 640 + x) * 4:][:3])
        self.assertEqual(numbers, {(0, 0), (1, 1)})
        for x in (60, 380):
            self.assertTrue(at(x, 60)[1] > 200 and at(x, 60)[0] < 60, at(x, 60))
        self.assertTrue(at(480, 200)[0] > 200 and at(480, 200)[1] < 60, at(480, 200))
        self.assertLess(max(at(160, 200)), 30)


if __name__ == "__main__":
    unittest.main()
