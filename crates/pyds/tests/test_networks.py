"""What a network says, from the detector to NumPy: class maps, and outputs by address."""

import ctypes
import pathlib
import shutil
import tempfile
import unittest

import pyds
from common import Gst, Pipeline, walk

DATA = pathlib.Path(__file__).resolve().parents[2] / "slipstream-infer/tests/data"
# Says which channel is the strongest in each block of 4 x 4 pixels of a picture of 48 x 32.
CONFIG = """[property]
gie-unique-id=3
onnx-file=segments.onnx
net-scale-factor=0.00392156862745098
network-type=2
num-detected-classes=3
segmentation-threshold=0.0
output-tensor-meta=1
"""
PIPELINE = (
    "videotestsrc num-buffers=1 pattern=red ! video/x-raw,format=I420,width=96,height=64 ! nvvideoconvert "
    "! video/x-raw(memory:NVMM) ! mux.sink_0 "
    "nvstreammux name=mux batch-size=1 width=96 height=64 ! nvinfer name=infer config-file-path={} ! {} fakesink"
)


@unittest.skipUnless(Gst.ElementFactory.find("nvinfer"), "the plugins are not built")
class Networks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        shutil.copy(DATA / "segments.onnx", folder.name)
        self.config = pathlib.Path(folder.name) / "config.txt"
        self.config.write_text(CONFIG)

    def play(self, then="", **probes):
        try:
            Pipeline(PIPELINE.format(self.config, then), **probes).run()
        except RuntimeError as error:
            if "ONNX Runtime" in str(error):
                self.skipTest("ONNX Runtime is not installed")
            raise

    def test_class_maps_and_outputs(self):
        import numpy
        seen = {}

        def look(batch, _):
            frame = pyds.NvDsFrameMeta.cast(batch.frame_meta_list.data)
            for user in walk(frame.frame_user_meta_list, pyds.NvDsUserMeta.cast):
                kind = user.base_meta.meta_type
                if kind == pyds.NvDsMetaType.NVDSINFER_SEGMENTATION_META:
                    meta = pyds.NvDsInferSegmentationMeta.cast(user.user_meta_data)
                    masks = numpy.array(pyds.get_segmentation_masks(meta), copy=True, order="C")
                    seen["map"] = (meta.classes, meta.width, meta.height, masks.dtype.name, masks.shape, masks.tolist())
                if kind == pyds.NvDsMetaType.NVDSINFER_TENSOR_OUTPUT_META:
                    meta = pyds.NvDsInferTensorMeta.cast(user.user_meta_data)
                    layer = pyds.get_nvds_LayerInfo(meta, 0)
                    dims = layer.inferDims
                    shape = [int(dims.d[i]) for i in range(dims.numDims)]
                    pointer = ctypes.cast(pyds.get_ptr(layer.buffer), ctypes.POINTER(ctypes.c_float))
                    values = numpy.ctypeslib.as_array(pointer, shape=shape).copy()
                    by_index = [pyds.get_detections(layer.buffer, i) for i in range(dims.numElements)]
                    self.assertEqual(values.flatten().tolist(), by_index)
                    self.assertRaises(IndexError, pyds.get_detections, layer.buffer, dims.numElements)
                    seen["layer"] = (meta.unique_id, meta.num_output_layers, layer.layerName, layer.isInput, shape)
                    self.assertEqual(layer.dataType, pyds.NvDsInferDataType.FLOAT)
                    seen["values"] = values

        self.play("identity name=look !", look=look)
        self.assertEqual(seen["map"], (3, 12, 8, "int32", (8, 12), [[0] * 12] * 8))
        self.assertEqual(seen["layer"], (3, 1, "pooled", 0, [3, 8, 12]))
        red, green, blue = seen["values"]
        self.assertTrue((red > 0.9).all() and (green < 0.1).all() and (blue < 0.1).all())

    def test_the_map_is_shown(self):
        import numpy
        seen = []

        def look(batch, buffer):
            frame = pyds.NvDsFrameMeta.cast(batch.frame_meta_list.data)
            pixels = pyds.get_nvds_buf_surface(hash(buffer), frame.batch_id)
            seen.append((pixels.shape, numpy.unique(pixels.reshape(-1, 4), axis=0)))

        self.play("nvsegvisual name=look width=64 height=48 ! ", look=look)
        ((shape, colors),) = seen
        self.assertEqual(shape, (48, 64, 4))
        # One class, in a colour of its own.
        self.assertEqual(len(colors), 1)
        self.assertTrue(colors[0][:3].any())


if __name__ == "__main__":
    unittest.main()
