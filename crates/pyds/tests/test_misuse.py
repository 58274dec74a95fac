"""What must not bring a process down: wrong classes, numbers that are no addresses, threads, locks."""

import random
import threading
import unittest

import common
import pyds
from common import batch_with_frame, objects_of, walk


class Misuse(unittest.TestCase):
    def test_wrong_casts_name_both_classes(self):
        _, frame = batch_with_frame(1)
        thing = objects_of(frame)[0]
        for cast, wrong in ((pyds.NvDsFrameMeta.cast, thing), (pyds.NvDsObjectMeta.cast, frame),
                            (pyds.NvDsUserMeta.cast, frame), (pyds.glist_get_nvds_display_meta, thing)):
            with self.assertRaisesRegex(TypeError, f"cannot cast {type(wrong).__name__} to NvDs"):
                cast(wrong)
        with self.assertRaisesRegex(TypeError, "NvDsObjectMeta.*NvDsFrameMeta"):
            pyds.NvDsFrameMeta.cast(int(thing))

    def test_any_number_is_safe(self):
        batch, frame = batch_with_frame(1)
        thing = objects_of(frame)[0]
        generator = random.Random(3)
        known = [int(batch), int(frame), int(thing), id(batch), hash(batch)]
        numbers = [0, 1, 8, 4096, 2**31, 2**47 - 8, 2**62, 2**62 + 2**16, 2**63, 2**64 - 1, *known]
        numbers += [number + offset for number in known for offset in (-1, 1, 8, 4096, 1 << 16)]
        numbers += [generator.getrandbits(bits) for bits in range(1, 65) for _ in range(4)]
        for name in dir(pyds):
            member = getattr(pyds, name)
            casts = getattr(member, "cast", None) if isinstance(member, type) else None
            if name.startswith("glist_get_nvds"):
                casts = member
            for number in numbers if casts else ():
                try:
                    casts(number)
                except (TypeError, ValueError, RuntimeError):
                    pass
        for number in numbers:
            self.assertIn(type(pyds.gst_buffer_get_nvds_batch_meta(number)), (type(None), pyds.NvDsBatchMeta))
            self.assertRaises(RuntimeError, pyds.get_nvds_buf_surface, number, 0)

    def test_any_argument_is_safe(self):
        batch, frame = batch_with_frame(1)
        values = [None, 0, -1, 2**64, 1.5, "x", b"x", [], object(), batch, frame, pyds.NvDsUserMeta(), pyds.GList(),
                  pyds.NvOSD_ColorParams()]
        skipped = {"_end", "unset_callback_funcs"}
        generator = random.Random(5)
        for name in sorted(dir(pyds)):
            function = getattr(pyds, name)
            if name in skipped or isinstance(function, type) or not callable(function):
                continue
            for _ in range(60):
                arguments = [generator.choice(values) for _ in range(generator.randrange(4))]
                try:
                    function(*arguments)
                except Exception:  # Anything but a crash; PanicException is no Exception.
                    pass

    def test_metadata_of_two_buffers_does_not_mix(self):
        batch, frame = batch_with_frame()
        other, _ = batch_with_frame()
        for acquire, add in ((pyds.nvds_acquire_obj_meta_from_pool, pyds.nvds_add_obj_meta_to_frame),
                             (pyds.nvds_acquire_display_meta_from_pool, pyds.nvds_add_display_meta_to_frame),
                             (pyds.nvds_acquire_user_meta_from_pool, pyds.nvds_add_user_meta_to_frame)):
            arguments = (frame, acquire(other)) + ((None,) if "obj" in add.__name__ else ())
            self.assertRaisesRegex(ValueError, "buffer", add, *arguments)

    def test_adding_twice(self):
        batch, frame = batch_with_frame()
        user = pyds.nvds_acquire_user_meta_from_pool(batch)
        pyds.nvds_add_user_meta_to_frame(frame, user)
        self.assertRaisesRegex(RuntimeError, "already", pyds.nvds_add_user_meta_to_frame, frame, user)

    def test_what_is_drawn_may_be_added_for_each_object_anew(self):
        batch, frame = batch_with_frame()
        display = pyds.nvds_acquire_display_meta_from_pool(batch)
        for _ in range(3):
            pyds.nvds_add_display_meta_to_frame(frame, display)
            display.num_lines += 1
        self.assertEqual([d.num_lines for d in walk(frame.display_meta_list, pyds.NvDsDisplayMeta.cast)], [3])
        other = pyds.nvds_acquire_frame_meta_from_pool(batch)
        pyds.nvds_add_frame_meta_to_batch(batch, other)
        self.assertRaisesRegex(RuntimeError, "already", pyds.nvds_add_display_meta_to_frame, other, display)

    def test_the_lock_is_recursive_and_keeps_others_out(self):
        batch, _ = batch_with_frame()
        self.assertRaises(RuntimeError, pyds.nvds_release_meta_lock, batch)
        pyds.nvds_acquire_meta_lock(batch)
        pyds.nvds_acquire_meta_lock(batch)
        order = []

        def other():
            pyds.nvds_acquire_meta_lock(batch)
            order.append("other")
            pyds.nvds_release_meta_lock(batch)

        thread = threading.Thread(target=other)
        thread.start()
        pyds.nvds_release_meta_lock(batch)
        thread.join(0.05)
        order.append("this")
        pyds.nvds_release_meta_lock(batch)
        thread.join()
        self.assertEqual(order, ["this", "other"])

    def test_many_threads_change_one_frame(self):
        batch, frame = batch_with_frame()

        def work(number):
            for _ in range(200):
                thing = common.add_object(batch, frame, number)
                thing.rect_params.left += 1
                pyds.nvds_remove_obj_meta_from_frame(frame, thing)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(frame.num_obj_meta, 0)


if __name__ == "__main__":
    unittest.main()
