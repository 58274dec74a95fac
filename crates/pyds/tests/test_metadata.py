"""Metadata that Python makes, changes and walks."""

import gc
import unittest

import common
import pyds
from common import add_object, batch_with_frame, objects_of, walk


class Fields(unittest.TestCase):
    def test_numbers_read_back(self):
        _, frame = batch_with_frame(1)
        for name, value in dict(pad_index=3, frame_num=7, buf_pts=1 << 40, ntp_timestamp=5, source_id=9, bInferDone=1,
                                num_surfaces_per_frame=4, source_frame_width=640, source_frame_height=480,
                                surface_type=2, surface_index=6, batch_id=2).items():
            setattr(frame, name, value)
            self.assertEqual(getattr(frame, name), value, name)
        thing = objects_of(frame)[0]
        for name, value in dict(unique_component_id=-2, class_id=-1, object_id=2**64 - 1, confidence=-0.5,
                                tracker_confidence=0.25, obj_label="Straße").items():
            setattr(thing, name, value)
            self.assertEqual(getattr(thing, name), value, name)

    def test_members_are_references(self):
        _, frame = batch_with_frame(1)
        thing = objects_of(frame)[0]
        box = thing.rect_params
        box.left, box.width, box.border_width, box.has_bg_color = 5, 7.5, 3, 1
        box.border_color.set(0.3, 0.2, 0.1, 1.0)
        box.bg_color.alpha = 0.4
        again = objects_of(frame)[0].rect_params
        self.assertEqual((again.left, again.width, again.border_width, again.has_bg_color), (5, 7.5, 3, 1))
        self.assertEqual((again.border_color.red, again.border_color.green, again.bg_color.alpha), (0.3, 0.2, 0.4))
        self.assertEqual(box, again)
        self.assertEqual(hash(box), hash(again))

    def test_assigning_a_structure_copies_it(self):
        _, frame = batch_with_frame(1)
        thing = objects_of(frame)[0]
        color = pyds.NvOSD_ColorParams()
        color.set(1, 0, 0, 1)
        thing.rect_params.border_color = color
        color.red = 0
        self.assertEqual(thing.rect_params.border_color.red, 1)
        box = pyds.NvOSD_RectParams()
        box.top = 4
        thing.rect_params = box
        self.assertEqual(thing.rect_params.top, 4)
        with self.assertRaisesRegex(TypeError, "NvOSD_RectParams.*NvOSD_ColorParams"):
            thing.rect_params = color

    def test_text(self):
        _, frame = batch_with_frame(1)
        text = objects_of(frame)[0].text_params
        text.display_text = "Fußgänger 3"
        text.x_offset, text.y_offset, text.set_bg_clr = 4, 5, 1
        text.font_params.font_name, text.font_params.font_size = "Sans", 12
        text.font_params.font_color.set(0.1, 0.2, 0.3, 0.9)
        text = objects_of(frame)[0].text_params
        self.assertIsInstance(text.display_text, int)
        self.assertNotEqual(text.display_text, 0)
        self.assertEqual(text.display_text, text.display_text)
        self.assertEqual((text.x_offset, text.y_offset, text.set_bg_clr, text.font_params.font_size), (4, 5, 1, 12))
        self.assertEqual(text.font_params.font_color.blue, 0.3)

    def test_wrong_numbers_are_type_errors(self):
        _, frame = batch_with_frame(1)
        thing = objects_of(frame)[0]
        for value in (-1, 1.5, "1", None, 2**32):
            with self.assertRaisesRegex(TypeError, "x_offset"):
                thing.text_params.x_offset = value
            with self.assertRaisesRegex(TypeError, "border_width"):
                thing.rect_params.border_width = value
        thing.rect_params.left = 3  # Floats take ints.
        self.assertIsInstance(thing.rect_params.left, float)

    def test_numbers_of_numpy_and_bytes_are_taken(self):
        import numpy
        _, frame = batch_with_frame(1)
        thing = objects_of(frame)[0]
        thing.rect_params.left, thing.confidence = numpy.float32(2.5), numpy.float64(0.25)
        thing.class_id, thing.object_id = numpy.int64(7), numpy.uint64(2**64 - 1)
        thing.text_params.x_offset, thing.rect_params.border_width = numpy.float32(40.9), numpy.uint8(3)
        frame.bInferDone = numpy.bool_(True)
        self.assertEqual((thing.rect_params.left, thing.confidence), (2.5, 0.25))
        self.assertEqual((thing.class_id, thing.object_id), (7, 2**64 - 1))
        self.assertEqual((thing.text_params.x_offset, thing.rect_params.border_width, frame.bInferDone), (40, 3, 1))
        for value in (numpy.float64(1.0), numpy.float32("nan"), numpy.float32(-1), numpy.int64(-1), thing):
            with self.assertRaisesRegex(TypeError, "x_offset"):
                thing.text_params.x_offset = value
        thing.obj_label, thing.text_params.display_text = b"car", "auto\N{SPARKLES}".encode()
        self.assertEqual(thing.obj_label, "car")
        self.assertEqual(pyds.get_string(thing.text_params.display_text), "auto\N{SPARKLES}")
        with self.assertRaisesRegex(TypeError, "UTF-8"):
            thing.obj_label = b"\xff"
        arguments = pyds.NvDsObjEncUsrArgs()
        arguments.fileNameImg = b"thing.jpg"
        self.assertEqual(arguments.fileNameImg, "thing.jpg")

    def test_boxes_of_components(self):
        _, frame = batch_with_frame(1)
        thing = objects_of(frame)[0]
        thing.detector_bbox_info.org_bbox_coords.left = 3
        thing.tracker_bbox_info.org_bbox_coords.height = 8
        self.assertEqual(thing.detector_bbox_info.org_bbox_coords.left, 3)
        self.assertEqual(thing.tracker_bbox_info.org_bbox_coords.height, 8)
        self.assertEqual(thing.tracker_bbox_info.org_bbox_coords.left, 0)

    def test_slots_of_programs(self):
        batch, frame = batch_with_frame(1)
        thing = objects_of(frame)[0]
        for owner, name in ((batch, "misc_batch_info"), (frame, "misc_frame_info"), (thing, "misc_obj_info"),
                            (thing, "reserved")):
            getattr(owner, name)[2] = 11
            self.assertEqual(list(getattr(owner, name)), [0, 0, 11, 0])
            setattr(owner, name, [1, 2, 3, 4])
            self.assertEqual(list(getattr(owner, name)), [1, 2, 3, 4])

    def test_mask(self):
        _, frame = batch_with_frame(1)
        mask = objects_of(frame)[0].mask_params
        mask.width, mask.height, mask.threshold, mask.size = 4, 3, 0.5, 4 * 3 * 4
        values = mask.alloc_mask_array()
        self.assertEqual(len(values), 12)
        mask = objects_of(frame)[0].mask_params
        self.assertEqual((mask.width, mask.height, mask.threshold, mask.size), (4, 3, 0.5, 48))
        self.assertEqual(len(mask.get_mask_array()), 12)


class Enumerations(unittest.TestCase):
    def test_members(self):
        self.assertEqual(pyds.NvDsMetaType.NVDS_USER_META, pyds.NVDS_USER_META)
        self.assertEqual(pyds.NvDsMetaType.NVDS_OBJ_META, 3)
        self.assertNotEqual(pyds.NvDsMetaType.NVDS_OBJ_META, 4)
        self.assertEqual(repr(pyds.NvDsMetaType.NVDS_OBJ_META), "<NvDsMetaType.NVDS_OBJ_META: 3>")
        self.assertEqual(hash(pyds.NVDS_OBJ_META), hash(3))
        self.assertEqual(int(pyds.NVBUF_MEM_CUDA_UNIFIED), 3)
        self.assertEqual(pyds.NvBufSurfaceColorFormat.NVBUF_COLOR_FORMAT_RGBA.value, 19)

    def test_numbers_without_a_name(self):
        _, frame = batch_with_frame()
        kind = pyds.nvds_get_user_meta_type("NVIDIA.DSANALYTICSOBJ.USER_META")
        self.assertGreater(kind, 8193)
        self.assertEqual(kind, pyds.nvds_get_user_meta_type("NVIDIA.DSANALYTICSOBJ.USER_META"))
        user = pyds.NvDsUserMeta()
        user.base_meta.meta_type = pyds.NvDsMetaType(kind)
        self.assertEqual(user.base_meta.meta_type, kind)
        self.assertEqual(frame.base_meta.meta_type, pyds.NvDsMetaType.NVDS_FRAME_META)


class Lists(unittest.TestCase):
    def test_walk(self):
        _, frame = batch_with_frame(3)
        self.assertEqual([thing.class_id for thing in objects_of(frame)], [0, 1, 2])
        self.assertEqual([thing.class_id for thing in frame.obj_meta_list], [0, 1, 2])
        self.assertEqual(frame.obj_meta_list.next.prev, frame.obj_meta_list)
        self.assertIsNone(frame.display_meta_list)
        self.assertEqual(frame.num_obj_meta, 3)

    def test_removing_while_walking(self):
        _, frame = batch_with_frame(4)
        node, seen = frame.obj_meta_list, []
        while node is not None:
            thing = pyds.glist_get_nvds_object_meta(node.data)
            seen.append(thing.class_id)
            pyds.nvds_remove_obj_meta_from_frame(frame, thing)
            node = node.next
        self.assertEqual(seen, [0, 1, 2, 3])
        self.assertEqual(frame.num_obj_meta, 0)
        self.assertIsNone(frame.obj_meta_list)

    def test_what_was_removed_says_so(self):
        _, frame = batch_with_frame(2)
        first, second = objects_of(frame)
        node = frame.obj_meta_list
        box = first.rect_params
        pyds.nvds_remove_obj_meta_from_frame(frame, first)
        for use in (lambda: first.class_id, lambda: box.left, lambda: node.data, lambda: setattr(box, "left", 1),
                    lambda: pyds.nvds_remove_obj_meta_from_frame(frame, first),
                    lambda: pyds.nvds_add_obj_meta_to_frame(frame, first, None)):
            self.assertRaisesRegex(RuntimeError, "removed", use)
        self.assertEqual(second.class_id, 1)

    def test_parents(self):
        batch, frame = batch_with_frame()
        car = add_object(batch, frame, 0)
        plate = add_object(batch, frame, 1, car)
        self.assertEqual(plate.parent, car)
        self.assertIsNone(car.parent)
        pyds.nvds_remove_obj_meta_from_frame(frame, car)
        self.assertIsNone(plate.parent)

    def test_classifiers(self):
        batch, frame = batch_with_frame(1)
        thing = objects_of(frame)[0]
        classifier = pyds.nvds_acquire_classifier_meta_from_pool(batch)
        classifier.unique_component_id = 4
        label = pyds.nvds_acquire_label_info_meta_from_pool(batch)
        label.result_label, label.result_class_id, label.result_prob = "red", 2, 0.75
        pyds.nvds_add_label_info_meta_to_classifier(classifier, label)
        pyds.nvds_add_classifier_meta_to_object(thing, classifier)
        label.label_id = 9
        found = next(walk(thing.classifier_meta_list, pyds.NvDsClassifierMeta.cast))
        self.assertEqual((found.unique_component_id, found.num_labels), (4, 1))
        label = next(walk(found.label_info_list, pyds.NvDsLabelInfo.cast))
        self.assertEqual((label.result_label, label.result_class_id, label.result_prob, label.label_id), ("red", 2, 0.75, 9))
        pyds.nvds_remove_classifier_meta_from_obj(thing, found)
        self.assertIsNone(thing.classifier_meta_list)

    def test_pools(self):
        batch, frame = batch_with_frame(3)
        pool = batch.obj_meta_pool
        self.assertEqual(pool.meta_type, pyds.NVDS_OBJ_META)
        self.assertEqual(pool.num_full_elements, 3)
        self.assertEqual(pool.num_full_elements + pool.num_empty_elements, pool.max_elements_in_pool)
        waiting = pyds.nvds_acquire_obj_meta_from_pool(batch)
        self.assertIn(waiting, list(pool.full_list))
        self.assertEqual(len(list(pool.empty_list)), pool.num_empty_elements)
        self.assertEqual((batch.num_frames_in_batch, batch.max_frames_in_batch), (1, 4))

    def test_copies(self):
        batch, frame = batch_with_frame()
        car = add_object(batch, frame, 0)
        add_object(batch, frame, 1, car)
        other = pyds.nvds_acquire_frame_meta_from_pool(batch)
        pyds.nvds_add_frame_meta_to_batch(batch, other)
        add_object(batch, other, 7)
        pyds.nvds_copy_obj_meta_list(frame.obj_meta_list, other)
        self.assertEqual([thing.class_id for thing in objects_of(other)], [7, 0, 1])
        self.assertEqual(objects_of(other)[2].parent, objects_of(other)[1])
        objects_of(other)[1].class_id = 5
        self.assertEqual(car.class_id, 0)
        copy = pyds.nvds_batch_meta_copy_func(batch, None)
        self.assertEqual([frame.num_obj_meta for frame in copy.frame_meta_list], [2, 3])
        pyds.nvds_clear_obj_meta_list(other, other.obj_meta_list)
        self.assertEqual((other.num_obj_meta, frame.num_obj_meta), (0, 2))
        self.assertTrue(pyds.nvds_destroy_batch_meta(batch))
        self.assertIsNone(batch.frame_meta_list)

    def test_identity(self):
        batch, frame = batch_with_frame(1)
        a, b = objects_of(frame)[0], objects_of(frame)[0]
        self.assertEqual(a, b)
        self.assertEqual(len({a, b}), 1)
        self.assertEqual(pyds.NvDsObjectMeta.cast(int(a)), a)
        self.assertEqual(a.base_meta.batch_meta, batch)
        self.assertEqual(pyds.NvDsObjectMeta.cast(pyds.NvDsBaseMeta.cast(a)), a)


class Displays(unittest.TestCase):
    def test_write_through_and_counts(self):
        batch, frame = batch_with_frame()
        display = pyds.nvds_acquire_display_meta_from_pool(batch)
        display.num_labels, display.num_rects, display.num_circles = 1, 2, 1
        display.text_params[0].display_text = "before"
        pyds.nvds_add_display_meta_to_frame(frame, display)
        display.rect_params[1].left = 5
        display.arrow_params[3].arrow_head = pyds.NvOSD_Arrow_Head_Direction.BOTH_HEAD
        found = next(walk(frame.display_meta_list, pyds.NvDsDisplayMeta.cast))
        self.assertEqual(found, display)
        self.assertEqual(found.rect_params[1].left, 5)
        self.assertEqual(found.arrow_params[3].arrow_head, 2)
        self.assertEqual(len(found.line_params), 16)
        other = pyds.nvds_acquire_display_meta_from_pool(batch)
        other.num_lines = 1
        other.line_params[0].x2 = 9
        pyds.nvds_add_display_meta_to_frame(frame, other)
        display.num_rects = 0
        self.assertEqual(other.line_params[0].x2, 9)
        pyds.nvds_remove_display_meta_from_frame(frame, display)
        self.assertEqual([meta.num_lines for meta in frame.display_meta_list], [1])


class Users(unittest.TestCase):
    def test_payload(self):
        batch, frame = batch_with_frame(1)
        for add, owner, name in ((pyds.nvds_add_user_meta_to_batch, batch, "batch_user_meta_list"),
                                 (pyds.nvds_add_user_meta_to_frame, frame, "frame_user_meta_list"),
                                 (pyds.nvds_add_user_meta_to_obj, objects_of(frame)[0], "obj_user_meta_list")):
            user = pyds.nvds_acquire_user_meta_from_pool(batch)
            user.base_meta.meta_type = pyds.NvDsMetaType.NVDS_USER_META
            user.user_meta_data = payload = {"owner": name}
            add(owner, user)
            found = next(walk(getattr(owner, name), pyds.NvDsUserMeta.cast))
            self.assertIs(found.user_meta_data, payload)
            self.assertEqual(found.base_meta.meta_type, pyds.NVDS_USER_META)

    def test_released_once(self):
        released = []
        batch, frame = batch_with_frame()
        for number in range(3):
            user = pyds.nvds_acquire_user_meta_from_pool(batch)
            user.user_meta_data = [number]
            pyds.set_user_releasefunc(user, lambda meta, _: released.append(pyds.NvDsUserMeta.cast(meta).user_meta_data[0]))
            pyds.nvds_add_user_meta_to_frame(frame, user)
        pyds.nvds_remove_user_meta_from_frame(frame, user)
        self.assertEqual(released, [2])
        del batch, frame, user
        gc.collect()
        self.assertEqual(sorted(released), [0, 1, 2])

    def test_copies_need_a_function(self):
        batch, frame = batch_with_frame()
        plain = pyds.nvds_acquire_user_meta_from_pool(batch)
        plain.user_meta_data = "stays"
        pyds.nvds_add_user_meta_to_frame(frame, plain)
        user = pyds.nvds_acquire_user_meta_from_pool(batch)
        user.user_meta_data = ["goes"]
        pyds.user_copyfunc(user, lambda meta, _: [*meta.user_meta_data, "along"])
        pyds.nvds_add_user_meta_to_frame(frame, user)
        copy = pyds.nvds_batch_meta_copy_func(batch, None)
        copied = next(iter(copy.frame_meta_list))
        self.assertEqual([user.user_meta_data for user in copied.frame_user_meta_list], [["goes", "along"]])


if __name__ == "__main__":
    unittest.main()
