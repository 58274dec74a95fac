"""Lists of metadata: old ways to cast what is in them, copying, clearing, taking out."""

import unittest

import pyds
from common import Gst, Pipeline, add_object, batch_with_frame, objects_of, walk


def frames_of(batch):
    return list(walk(batch.frame_meta_list, pyds.NvDsFrameMeta.cast))


def displays_of(frame):
    return list(walk(frame.display_meta_list, pyds.NvDsDisplayMeta.cast))


def users(node):
    return list(walk(node, pyds.NvDsUserMeta.cast))


def add_user(batch, data, add, *owner):
    user = pyds.nvds_acquire_user_meta_from_pool(batch)
    user.user_meta_data = data
    user.base_meta.meta_type = pyds.NvDsMetaType.NVDS_START_USER_META
    add(*owner, user)
    return user


def classified(batch, frame):
    """An object with a classifier that gave two labels."""
    thing = add_object(batch, frame, 1)
    classifier = pyds.nvds_acquire_classifier_meta_from_pool(batch)
    classifier.unique_component_id = 4
    for number, name in enumerate(("red", "blue")):
        label = pyds.nvds_acquire_label_info_meta_from_pool(batch)
        label.result_label, label.result_class_id, label.result_prob = name, number, 0.5
        pyds.nvds_add_label_info_meta_to_classifier(classifier, label)
    pyds.nvds_add_classifier_meta_to_object(thing, classifier)
    return thing


class Lists(unittest.TestCase):
    def test_old_ways_to_cast(self):
        batch, frame = batch_with_frame()
        thing = classified(batch, frame)
        user = add_user(batch, "payload", pyds.nvds_add_user_meta_to_obj, thing)
        display = pyds.nvds_acquire_display_meta_from_pool(batch)
        pyds.nvds_add_display_meta_to_frame(frame, display)
        classifier = thing.classifier_meta_list
        label = pyds.NvDsClassifierMeta.cast(classifier.data).label_info_list
        for cast, data, expected in (
            (pyds.glist_get_nvds_frame_meta, batch.frame_meta_list.data, frame),
            (pyds.glist_get_nvds_object_meta, frame.obj_meta_list.data, thing),
            (pyds.glist_get_nvds_display_meta, frame.display_meta_list.data, display),
            (pyds.glist_get_nvds_user_meta, thing.obj_user_meta_list.data, user),
            (pyds.glist_get_nvds_classifier_meta, classifier.data, pyds.NvDsClassifierMeta.cast(classifier.data)),
            (pyds.glist_get_nvds_label_info, label.data, pyds.NvDsLabelInfo.cast(label.data)),
        ):
            self.assertEqual(cast(data), expected, cast.__name__)
            self.assertIs(type(cast(data)), type(expected))
        self.assertEqual(pyds.glist_get_nvds_label_info(label.data).result_label, "red")

    def test_frames_by_number(self):
        batch, first = batch_with_frame()
        second = pyds.nvds_acquire_frame_meta_from_pool(batch)
        pyds.nvds_add_frame_meta_to_batch(batch, second)
        for number, frame in enumerate((first, second)):
            self.assertEqual(pyds.nvds_get_nth_frame_meta(batch.frame_meta_list, number), frame)
        pyds.nvds_remove_frame_meta_from_batch(batch, first)
        self.assertEqual((frames_of(batch), batch.num_frames_in_batch), ([second], 1))
        with self.assertRaises(RuntimeError):
            first.frame_num

    def test_clearing(self):
        batch, frame = batch_with_frame(3)
        thing = objects_of(frame)[0]
        for data, add, owner in (
            ("batch", pyds.nvds_add_user_meta_to_batch, batch),
            ("frame", pyds.nvds_add_user_meta_to_frame, frame),
            ("object", pyds.nvds_add_user_meta_to_obj, thing),
        ):
            add_user(batch, data, add, owner)
        pyds.nvds_add_display_meta_to_frame(frame, pyds.nvds_acquire_display_meta_from_pool(batch))
        pyds.nvds_clear_obj_user_meta_list(thing, thing.obj_user_meta_list)
        pyds.nvds_clear_frame_user_meta_list(frame, frame.frame_user_meta_list)
        pyds.nvds_clear_batch_user_meta_list(batch, batch.batch_user_meta_list)
        pyds.nvds_clear_display_meta_list(frame, frame.display_meta_list)
        self.assertEqual((thing.obj_user_meta_list, frame.frame_user_meta_list), (None, None))
        self.assertEqual((batch.batch_user_meta_list, frame.display_meta_list), (None, None))
        self.assertEqual(frame.num_obj_meta, 3)
        pyds.nvds_clear_obj_meta_list(frame, frame.obj_meta_list)
        self.assertEqual((frame.obj_meta_list, frame.num_obj_meta), (None, 0))
        with self.assertRaises(RuntimeError):
            thing.class_id = 5
        pyds.nvds_clear_frame_meta_list(batch, batch.frame_meta_list)
        self.assertEqual((batch.frame_meta_list, batch.num_frames_in_batch), (None, 0))

    def test_taking_out(self):
        batch, frame = batch_with_frame()
        thing = classified(batch, frame)
        classifier = pyds.NvDsClassifierMeta.cast(thing.classifier_meta_list.data)
        labels = list(walk(classifier.label_info_list, pyds.NvDsLabelInfo.cast))
        pyds.nvds_remove_label_info_meta_from_classifier(classifier, labels[0])
        self.assertEqual(classifier.num_labels, 1)
        left = list(walk(classifier.label_info_list, pyds.NvDsLabelInfo.cast))
        self.assertEqual([label.result_label for label in left], ["blue"])
        for add, remove, owner, attribute in (
            (pyds.nvds_add_user_meta_to_batch, pyds.nvds_remove_user_meta_from_batch, batch, "batch_user_meta_list"),
            (pyds.nvds_add_user_meta_to_obj, pyds.nvds_remove_user_meta_from_object, thing, "obj_user_meta_list"),
        ):
            kept, gone = (add_user(batch, data, add, owner) for data in ("kept", "gone"))
            remove(owner, gone)
            self.assertEqual(users(getattr(owner, attribute)), [kept])

    def test_copying(self):
        batch, frame = batch_with_frame()
        thing = classified(batch, frame)
        display = pyds.nvds_acquire_display_meta_from_pool(batch)
        display.num_circles = 1
        pyds.nvds_add_display_meta_to_frame(frame, display)
        copied = add_user(batch, ["data"], pyds.nvds_add_user_meta_to_batch, batch)
        pyds.set_user_copyfunc(copied, lambda data, _: list(pyds.NvDsUserMeta.cast(data).user_meta_data))
        pyds.set_user_releasefunc(copied, lambda data, _: None)
        add_user(batch, ["left out"], pyds.nvds_add_user_meta_to_batch, batch)

        other = pyds.nvds_create_batch_meta(4)
        pyds.nvds_copy_frame_meta_list(batch.frame_meta_list, other)
        pyds.nvds_copy_batch_user_meta_list(batch.batch_user_meta_list, other)
        (copy,) = frames_of(other)
        self.assertNotEqual(copy, frame)
        (again,) = objects_of(copy)
        classifier = pyds.NvDsClassifierMeta.cast(again.classifier_meta_list.data)
        names = [label.result_label for label in walk(classifier.label_info_list, pyds.NvDsLabelInfo.cast)]
        self.assertEqual((again.class_id, classifier.unique_component_id, names), (1, 4, ["red", "blue"]))
        self.assertEqual([d.num_circles for d in displays_of(copy)], [1])
        again.class_id = 9
        self.assertEqual(thing.class_id, 1)
        # Without a copy function it is not copied.
        self.assertEqual([user.user_meta_data for user in users(other.batch_user_meta_list)], [["data"]])
        pyds.nvds_copy_display_meta_list(frame.display_meta_list, copy)
        self.assertEqual(len(displays_of(copy)), 2)


@unittest.skipUnless(Gst.ElementFactory.find("nvdsosd"), "the plugins are not built")
class Shapes(unittest.TestCase):
    def test_lines_arrows_and_circles_are_drawn(self):
        def add(batch, _):
            frame = frames_of(batch)[0]
            display = pyds.nvds_acquire_display_meta_from_pool(batch)
            pyds.nvds_add_display_meta_to_frame(frame, display)
            line, arrow, circle = display.line_params[0], display.arrow_params[0], display.circle_params[0]
            display.num_lines = display.num_arrows = display.num_circles = 1
            line.x1, line.y1, line.x2, line.y2, line.line_width = 20, 20, 120, 20, 6
            line.line_color.set(1, 0, 0, 1)
            arrow.x1, arrow.y1, arrow.x2, arrow.y2, arrow.arrow_width = 20, 100, 120, 100, 6
            arrow.arrow_head = pyds.NvOSD_Arrow_Head_Direction.END_HEAD
            arrow.arrow_color.set(0, 1, 0, 1)
            circle.xc, circle.yc, circle.radius, circle.has_bg_color = 240, 120, 40, 1
            circle.bg_color.set(0, 0, 1, 1)
            circle.circle_color.set(1, 1, 1, 1)
            # Not counted, so not drawn.
            display.line_params[1].x2 = display.line_params[1].y2 = 300
            display.line_params[1].line_color.set(1, 1, 1, 1)

        picture = Pipeline(
            "videotestsrc num-buffers=1 pattern=black ! video/x-raw,format=I420,width=320,height=240 ! nvvideoconvert "
            "! video/x-raw(memory:NVMM),format=RGBA ! mux.sink_0 nvstreammux name=mux batch-size=1 width=320 height=240 "
            "! identity name=before ! nvdsosd ! nvvideoconvert ! video/x-raw,format=RGBA ! appsink name=out sync=false",
            before=add,
        ).sample("out")

        def pixel(x, y):
            return tuple(picture[(y * 320 + x) * 4:][:3])

        self.assertEqual(pixel(70, 20), (255, 0, 0))
        self.assertEqual(pixel(70, 100), (0, 255, 0))
        self.assertEqual(pixel(240, 120), (0, 0, 255))
        self.assertGreater(min(pixel(280, 120)), 100)
        # The head is wider than the shaft, at the end only.
        self.assertEqual((pixel(92, 105)[1] > 100, pixel(48, 105)[1] > 100), (True, False))
        self.assertEqual(pixel(160, 160), (0, 0, 0))


if __name__ == "__main__":
    unittest.main()
