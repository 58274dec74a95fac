"""Memory, messages, network outputs, past tracks, analytics, pictures, events: what programs do with each."""

import ctypes
import gc
import os
import sys
import tempfile
import unittest

import pyds
from common import Gst, Pipeline, add_object, batch_with_frame, walk


class Memory(unittest.TestCase):
    def test_blocks_are_real_memory(self):
        address = pyds.alloc_buffer(33)
        self.assertEqual(ctypes.string_at(address, 33), bytes(33))
        pyds.generate_ts_rfc3339(address, 33)
        text = ctypes.string_at(address).decode()
        self.assertRegex(text, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(pyds.get_string(address), text)
        copy = pyds.memdup(address, 33)
        self.assertNotEqual(copy, address)
        self.assertEqual(pyds.get_string(copy), text)
        ctypes.memset(address, ord("x"), 4)
        self.assertEqual(pyds.get_string(address)[:5], "xxxx-")
        self.assertEqual(pyds.get_string(copy), text)
        again = pyds.strdup(copy)
        self.assertEqual(pyds.strdup2str(again), text)
        for block in (address, copy, again):
            pyds.free_buffer(block)
            self.assertRaises(ValueError, pyds.get_string, block)

    def test_time_is_now(self):
        import datetime
        address = pyds.alloc_char_buffer(32)
        pyds.generate_ts_rfc3339(address, 32)
        written = datetime.datetime.strptime(pyds.get_string(address), "%Y-%m-%dT%H:%M:%S.%f%z")
        now = datetime.datetime.now(datetime.timezone.utc)
        self.assertLess(abs((now - written).total_seconds()), 60)
        pyds.generate_ts_rfc3339(address, 5)
        self.assertEqual(len(pyds.get_string(address)), 4)
        pyds.free_buffer(address)

    def test_unknown_addresses_are_errors(self):
        self.assertIsNone(pyds.get_string(0))
        pyds.free_buffer(0)
        self.assertEqual(pyds.strdup(0), 0)
        for wrong in (1, 0xdeadbeef, 2**63, id(self)):
            for function in (pyds.get_string, pyds.free_buffer, pyds.strdup):
                self.assertRaises(ValueError, function, wrong)
            self.assertRaises(ValueError, pyds.memdup, wrong, 8)
            self.assertRaises(ValueError, pyds.NvDsEventMsgMeta.cast, wrong)
        self.assertRaises(ValueError, pyds.alloc_buffer, 1 << 40)
        self.assertRaises(TypeError, pyds.get_string, object())

    def test_structures_by_address(self):
        vehicle = pyds.alloc_nvds_vehicle_object()
        vehicle.type, vehicle.color = "sedan", "blue"
        copy = pyds.NvDsVehicleObject.cast(pyds.memdup(pyds.get_ptr(vehicle), sys.getsizeof(pyds.NvDsVehicleObject)))
        vehicle.color = "red"
        self.assertEqual(pyds.get_string(copy.color), "blue")
        self.assertEqual(pyds.get_string(copy.type), "sedan")
        self.assertRaises(TypeError, pyds.NvDsPersonObject.cast, pyds.get_ptr(copy))
        pyds.free_gbuffer(copy)
        pyds.free_gbuffer(None)


class Messages(unittest.TestCase):
    def filled(self, event):
        event.type = pyds.NvDsEventType.NVDS_EVENT_MOVING
        event.objType = pyds.NvDsObjectType.NVDS_OBJECT_TYPE_VEHICLE
        event.bbox.left, event.bbox.top, event.bbox.width, event.bbox.height = 1, 2, 3, 4
        event.location.lat, event.coordinate.z = 52.5, -1.0
        event.sensorId, event.placeId, event.frameId, event.objClassId = 5, 6, 7, 8
        event.moduleId = event.componentId = 1
        event.confidence, event.trackingId = 0.5, 2**64 - 1
        event.sensorStr, event.objectId, event.otherAttrs, event.videoPath = "sensor-5", "o", "a", "v"
        event.ts = pyds.alloc_buffer(33)
        pyds.generate_ts_rfc3339(event.ts, 33)
        vehicle = pyds.alloc_nvds_vehicle_object()
        vehicle.type, vehicle.make, vehicle.license = "sedan", "Bugatti", "XX1234"
        event.extMsg, event.extMsgSize = vehicle, sys.getsizeof(pyds.NvDsVehicleObject)
        return event

    def attached(self):
        batch, frame = batch_with_frame()
        user = pyds.nvds_acquire_user_meta_from_pool(batch)
        event = self.filled(pyds.alloc_nvds_event_msg_meta(user))
        user.user_meta_data = event
        user.base_meta.meta_type = pyds.NvDsMetaType.NVDS_EVENT_MSG_META
        pyds.nvds_add_user_meta_to_frame(frame, user)
        return batch, frame, event

    def test_an_event_is_found_as_it_was_attached(self):
        _, frame, event = self.attached()
        (user,) = walk(frame.frame_user_meta_list, pyds.NvDsUserMeta.cast)
        self.assertEqual(user.base_meta.meta_type, pyds.NvDsMetaType.NVDS_EVENT_MSG_META)
        found = pyds.NvDsEventMsgMeta.cast(user.user_meta_data)
        self.assertEqual(found, event)
        self.assertEqual(pyds.glist_get_nvds_event_msg_meta(user.user_meta_data), event)
        self.assertEqual((found.bbox.left, found.bbox.height, found.trackingId), (1, 4, 2**64 - 1))
        self.assertEqual(pyds.get_string(found.sensorStr), "sensor-5")
        vehicle = pyds.NvDsVehicleObject.cast(found.extMsg)
        self.assertEqual(pyds.get_string(vehicle.make), "Bugatti")

    def test_copies_have_texts_and_objects_of_their_own(self):
        batch, frame, event = self.attached()
        copy_batch, copy_frame = batch_with_frame()
        pyds.nvds_copy_frame_user_meta_list(frame.frame_user_meta_list, copy_frame)
        (user,) = walk(copy_frame.frame_user_meta_list, pyds.NvDsUserMeta.cast)
        copy = pyds.NvDsEventMsgMeta.cast(user.user_meta_data)
        self.assertNotEqual(copy, event)
        self.assertNotEqual(copy.ts, event.ts)
        self.assertEqual(pyds.get_string(copy.ts), pyds.get_string(event.ts))
        pyds.NvDsVehicleObject.cast(event.extMsg).make = "other"
        self.assertEqual(pyds.get_string(pyds.NvDsVehicleObject.cast(copy.extMsg).make), "Bugatti")
        ts = event.ts
        pyds.nvds_clear_frame_user_meta_list(frame, frame.frame_user_meta_list)
        gc.collect()
        self.assertRaises(ValueError, pyds.get_string, ts)
        self.assertIn("T", pyds.get_string(copy.ts))

    def test_without_a_user_meta_as_in_early_releases(self):
        event = self.filled(pyds.alloc_nvds_event_msg_meta())
        copy = pyds.NvDsEventMsgMeta.cast(pyds.memdup(pyds.get_ptr(event), sys.getsizeof(pyds.NvDsEventMsgMeta)))
        copy.ts = pyds.memdup(event.ts, 33)
        copy.sensorStr = pyds.get_string(event.sensorStr)
        pyds.free_buffer(event.ts)
        self.assertIn("T", pyds.get_string(copy.ts))
        pyds.free_buffer(copy.sensorStr)
        pyds.free_gbuffer(copy.extMsg)

    def test_the_other_structures(self):
        person = pyds.alloc_nvds_person_object()
        person.gender, person.hair, person.cap, person.apparel, person.age = "f", "dark", "none", "formal", 45
        self.assertEqual((pyds.get_string(person.apparel), person.age), ("formal", 45))
        face = pyds.alloc_nvds_face_object()
        face.eyecolor, face.facialhair, face.glasses, face.name = "green", "no", "yes", "N."
        self.assertEqual(pyds.get_string(face.eyecolor), "green")
        event, payload = pyds.alloc_nvds_event(), pyds.alloc_nvds_payload()
        event.eventType = pyds.NvDsEventType.NVDS_EVENT_CUSTOM
        event.metadata = pyds.alloc_nvds_event_msg_meta()
        self.assertIsInstance(event.metadata, pyds.NvDsEventMsgMeta)
        payload.payload, payload.payloadSize, payload.componentId = b"{}", 2, 1
        self.assertEqual((payload.payload, payload.payloadSize), (b"{}", 2))
        extended = pyds.NvDsVehicleObjectExt()
        extended.type = "van"
        self.assertEqual(extended.type, "van")
        self.assertEqual(int(pyds.NvDsPayloadType.NVDS_PAYLOAD_CUSTOM), 257)
        with self.assertRaises(TypeError):
            person.age = -1
        with self.assertRaises(TypeError):
            face.name = 5

    def test_the_sample_of_a_structure_of_ones_own(self):
        batch, frame = batch_with_frame()
        user = pyds.nvds_acquire_user_meta_from_pool(batch)
        data = pyds.alloc_custom_struct(user)
        data.structId, data.message, data.sampleInt = 3, "text", 4
        user.user_meta_data = data
        user.base_meta.meta_type = pyds.NvDsMetaType.NVDS_USER_META
        pyds.nvds_add_user_meta_to_frame(frame, user)
        (user,) = walk(frame.frame_user_meta_list, pyds.NvDsUserMeta.cast)
        found = pyds.CustomDataStruct.cast(user.user_meta_data)
        self.assertEqual((found.structId, pyds.get_string(found.message), found.sampleInt), (3, "text", 4))


class Plain(unittest.TestCase):
    """Structures that elements fill and programs may make."""

    def test_analytics(self):
        info = pyds.NvDsAnalyticsObjInfo()
        self.assertEqual((info.roiStatus, info.dirStatus), ([], ""))
        info.roiStatus, info.lcStatus, info.dirStatus = ["RF"], ["Entry", "Exit"], "South"
        self.assertEqual((info.roiStatus, info.lcStatus, info.dirStatus), (["RF"], ["Entry", "Exit"], "South"))
        frame = pyds.NvDsAnalyticsFrameMeta()
        frame.objInROIcnt, frame.ocStatus, frame.objCnt = {"RF": 2}, {"OC": True}, {-1: 3}
        frame.objLCCurrCnt, frame.objLCCumCnt = {"Entry": 1}, {"Entry": 2**40}
        self.assertEqual((frame.objInROIcnt["RF"], frame.ocStatus["OC"], frame.objCnt), (2, True, {-1: 3}))
        self.assertEqual(frame.objLCCumCnt, {"Entry": 2**40})
        with self.assertRaises(TypeError):
            frame.objInROIcnt = {"RF": "many"}

    def test_tracker_and_flow(self):
        batch = pyds.NvDsPastFrameObjBatch()
        self.assertEqual(list(pyds.NvDsTargetMiscDataBatch.list(batch)), [])
        frame = pyds.NvDsTargetMiscDataFrame()
        frame.tBbox.left = 4
        self.assertEqual(frame.tBbox.left, 4)
        self.assertEqual(len(pyds.NvDsObjReid().get_host_reid_vector()), 0)
        import numpy
        flow = pyds.NvDsOpticalFlowMeta()
        flow.rows, flow.cols, flow.mv_size = 1, 2, 4
        self.assertRaises(RuntimeError, pyds.get_optical_flow_vectors, flow)
        flow.data = numpy.array([1, -2, 3, -4], "int16")
        self.assertEqual(pyds.get_optical_flow_vectors(flow).tolist(), [1.0, -2.0, 3.0, -4.0])
        flow.rows = 2
        self.assertRaises(ValueError, pyds.get_optical_flow_vectors, flow)
        vector, region = pyds.NvOFFlowVector(), pyds.RectDim()
        vector.flowx, region.roi_status = -32768, int(pyds.INSIDE_AISLE_360D)
        self.assertEqual((vector.flowx, region.roi_status), (-32768, 4))

    def test_network_outputs(self):
        self.assertEqual(pyds.NvDsInferTensorMeta().num_output_layers, 0)
        self.assertRaises(IndexError, pyds.get_nvds_LayerInfo, pyds.NvDsInferTensorMeta(), 0)
        self.assertRaises(TypeError, pyds.get_nvds_LayerInfo, 5, 0)
        self.assertRaises(TypeError, pyds.get_detections, 5, 0)
        self.assertRaises(RuntimeError, pyds.get_segmentation_masks, pyds.NvDsInferSegmentationMeta())
        found = pyds.NvDsInferObjectDetectionInfo()
        found.classId, found.left, found.detectionConfidence = 2, 1.5, 0.25
        self.assertEqual((found.classId, found.left, found.detectionConfidence), (2, 1.5, 0.25))
        self.assertEqual(pyds.NvDsInferDims().d.tolist(), [0] * 8)
        self.assertEqual(pyds.NvDsInferAttribute().atttributeIndex, 0)


MUX = "nvstreammux name=mux batch-size=1 width=640 height=360 ! identity name=look ! fakesink name=out "
SOURCE = (
    "videotestsrc num-buffers={} pattern=red ! video/x-raw,format=I420,width=320,height=180 ! nvvideoconvert "
    "! video/x-raw(memory:NVMM) ! mux.sink_0"
)


@unittest.skipUnless(Gst.ElementFactory.find("nvstreammux"), "the plugins are not built")
class Buffers(unittest.TestCase):
    def test_objects_as_jpeg(self):
        import numpy
        pictures = []

        def look(batch, buffer):
            frame = pyds.NvDsFrameMeta.cast(batch.frame_meta_list.data)
            thing = add_object(batch, frame, 0)
            rect = thing.rect_params
            rect.left, rect.top, rect.width, rect.height = 100, 100, 200, 100
            context = pyds.nvds_obj_enc_create_context(0)
            arguments = pyds.NvDsObjEncUsrArgs()
            arguments.saveImg, arguments.attachUsrMeta, arguments.quality = True, True, 95
            arguments.fileNameImg = os.path.join(folder, "thing.jpg")
            self.assertTrue(pyds.nvds_obj_enc_process(context, arguments, hash(buffer), thing, frame))
            pyds.nvds_obj_enc_finish(context)
            # All of the frame, in the size asked for.
            whole = pyds.NvDsObjEncUsrArgs()
            whole.isFrame = whole.attachUsrMeta = whole.scaleImg = True
            whole.scaledWidth, whole.scaledHeight = 160, 90
            self.assertTrue(pyds.nvds_obj_enc_process(context, whole, hash(buffer), None, frame))
            (user,) = walk(frame.frame_user_meta_list, pyds.NvDsUserMeta.cast)
            jpeg = pyds.NvDsObjEncOutParams.cast(user.user_meta_data).outBuffer().tobytes()
            # Height and width stand behind the marker of a baseline frame and three more bytes.
            size = jpeg[jpeg.index(b"\xff\xc0") + 5 :][:4]
            self.assertEqual(size, bytes((0, 90, 0, 160)))
            whole.isFrame = False
            with self.assertRaises(ValueError):
                pyds.nvds_obj_enc_process(context, whole, hash(buffer), None, frame)
            arguments.quality = 101
            with self.assertRaises(ValueError):
                pyds.nvds_obj_enc_process(context, arguments, hash(buffer), thing, frame)
            pyds.nvds_obj_enc_destroy_context(context)
            (user,) = walk(thing.obj_user_meta_list, pyds.NvDsUserMeta.cast)
            self.assertEqual(user.base_meta.meta_type, pyds.NVDS_CROP_IMAGE_META)
            pictures.append(pyds.NvDsObjEncOutParams.cast(user.user_meta_data).outBuffer())

        with tempfile.TemporaryDirectory() as folder:
            Pipeline(MUX + SOURCE.format(1), look=look).run()
            with open(os.path.join(folder, "thing.jpg"), "rb") as file:
                saved = file.read()
            self.assertEqual(pictures[0].tobytes(), saved)
            # An independent decoder: GStreamer's.
            decoder = Gst.parse_launch(
                f"filesrc location={folder}/thing.jpg ! jpegdec ! videoconvert ! video/x-raw,format=RGB ! appsink name=out"
            )
            decoder.set_state(Gst.State.PLAYING)
            sample = decoder.get_by_name("out").emit("pull-sample")
            decoder.set_state(Gst.State.NULL)
        structure = sample.get_caps().get_structure(0)
        # The picture of the camera is half as large as the metadata says.
        self.assertEqual((structure.get_value("width"), structure.get_value("height")), (100, 50))
        _, mapped = sample.get_buffer().map(Gst.MapFlags.READ)
        middle = numpy.frombuffer(mapped.data, "uint8")[25 * 300 + 150 : 25 * 300 + 153].tolist()
        self.assertTrue(middle[0] > 240 and middle[1] < 15 and middle[2] < 15, middle)

    def test_pixels_lie_where_positions_say(self):
        """Frames that come to the multiplexer in RGBA, half as large as the metadata says."""
        def look(batch, buffer):
            frame = pyds.NvDsFrameMeta.cast(batch.frame_meta_list.data)
            pixels = pyds.get_nvds_buf_surface(hash(buffer), frame.batch_id)
            self.assertEqual(pixels.shape, (360, 640, 4))
            self.assertEqual(pixels[359, 639].tolist(), [255, 0, 0, 255])
            pixels[200:220, 500:520] = (0, 0, 255, 255)
            again = pyds.get_nvds_buf_surface(hash(buffer), frame.batch_id)
            self.assertEqual(again[210, 510].tolist(), [0, 0, 255, 255])
            pyds.unmap_nvds_buf_surface(hash(buffer), frame.batch_id)

        picture = Pipeline(
            "videotestsrc num-buffers=1 pattern=red ! video/x-raw,format=RGBA,width=320,height=180 ! nvvideoconvert "
            "! video/x-raw(memory:NVMM),format=RGBA ! mux.sink_0 nvstreammux name=mux batch-size=1 width=640 height=360 "
            "! identity name=look ! nvvideoconvert ! video/x-raw,format=RGBA ! appsink name=out sync=false",
            look=look,
        ).sample("out")
        self.assertEqual(len(picture), 640 * 360 * 4)
        blue = {(x, y) for y in range(0, 360, 10) for x in range(0, 640, 10)
                if picture[(y * 640 + x) * 4:][:3] == bytes((0, 0, 255))}
        self.assertEqual(blue, {(x, y) for y in (200, 210) for x in (500, 510)})

    def test_latency(self):
        counts = []

        def look(_, buffer):
            counts.append(pyds.nvds_measure_buffer_latency(hash(buffer)))
            os.environ["NVDS_ENABLE_LATENCY_MEASUREMENT"] = "1"
            counts.append(pyds.nvds_measure_buffer_latency(hash(buffer)))
            del os.environ["NVDS_ENABLE_LATENCY_MEASUREMENT"]

        Pipeline(MUX + SOURCE.format(1), look=look).run()
        self.assertEqual(counts, [0, 1])

    def test_elements(self):
        seen = []
        pipeline = Pipeline(MUX + SOURCE.format("1000000 is-live=true"))
        element = pipeline.pipeline.get_by_name("look")
        sink = pipeline.pipeline.get_by_name("out")

        def probe(_, info):
            structure = info.get_event().get_structure()
            if structure is not None:
                seen.append(structure.to_string())
            return Gst.PadProbeReturn.OK

        pad = sink.get_static_pad("sink")
        pad.add_probe(Gst.PadProbeType.EVENT_DOWNSTREAM, probe)
        # They go through in order with the buffers, so these have to flow.
        pipeline.pipeline.set_state(Gst.State.PLAYING)
        pipeline.pipeline.get_state(Gst.CLOCK_TIME_NONE)
        pyds.gst_element_send_nvevent_new_stream_reset(hash(element), 3)
        pyds.gst_element_send_nvevent_interval_update(element, "0", 2)
        pipeline.stop()
        text = "\n".join(seen)
        self.assertRegex(text, r"nv-stream-reset, source-id=\(uint\)3")
        self.assertRegex(text, r"nv-infer-interval-update, stream_id=\(string\)0, interval=\(uint\)2")
        self.assertRaises(ValueError, pyds.gst_element_send_nvevent_new_stream_reset, 0xdeadbeef, 0)
        self.assertRaises(TypeError, pyds.configure_source_for_ntp_sync, object())

    def test_camera_time(self):
        source = Gst.ElementFactory.make("rtspsrc")
        if source is None or source.find_property("add-reference-timestamp-meta") is None:
            self.skipTest("rtspsrc has no add-reference-timestamp-meta here")
        pyds.configure_source_for_ntp_sync(hash(source))
        self.assertTrue(source.props.add_reference_timestamp_meta)
        source = Gst.ElementFactory.make("uridecodebin")
        source.props.uri = "rtsp://127.0.0.1:9/none"
        pyds.configure_source_for_ntp_sync(hash(source))


if __name__ == "__main__":
    unittest.main()
