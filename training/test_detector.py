"""Checks of the parts that evaluation rests on: run with `make -C training test` (no PyTorch needed)."""

import unittest

import cv2
import numpy as np

from collect import csv_boxes, cut, fingerprint, seen_before, voc_boxes, without_bars, yolo_boxes
from detector.boxes import fuse, iou_matrix, nms
from detector.metrics import average_precision, bootstrap
from detector.pictures import letterbox

NONE = np.zeros((0, 5))
TRUTH = np.array([[0, 0, 0, 10, 10], [0, 20, 20, 40, 40]], float)


def picture(found, truth=TRUTH, ignore=NONE):
    return np.array(found, float).reshape(-1, 6), truth, ignore, 640


class AveragePrecision(unittest.TestCase):
    def test_perfect_boxes_give_one(self):
        found = [[0, 0.9, 0, 0, 10, 10], [0, 0.8, 20, 20, 40, 40]]
        np.testing.assert_allclose(average_precision([picture(found)], 0), 1.0)

    def test_a_false_alarm_before_the_hits_halves_then_dilutes_precision(self):
        found = [[0, 0.95, 100, 100, 110, 110], [0, 0.9, 0, 0, 10, 10], [0, 0.8, 20, 20, 40, 40]]
        # Precision is 2/3 at full recall, and its envelope is 2/3 everywhere.
        self.assertAlmostEqual(average_precision([picture(found)], 0)[0], 2 / 3)

    def test_a_miss_costs_the_recall_above_it(self):
        found = [[0, 0.9, 0, 0, 10, 10]]
        self.assertAlmostEqual(average_precision([picture(found)], 0)[0], 51 / 101)

    def test_doubles_are_false_alarms(self):
        found = [[0, 0.9, 0, 0, 10, 10], [0, 0.85, 0, 0, 10, 10], [0, 0.8, 20, 20, 40, 40]]
        self.assertAlmostEqual(average_precision([picture(found)], 0)[0], (51 + 50 * 2 / 3) / 101)

    def test_boxes_in_ignored_regions_do_not_count(self):
        ignore = np.array([[0, 90, 90, 120, 120]], float)
        found = [[0, 0.95, 100, 100, 110, 110], [0, 0.9, 0, 0, 10, 10], [0, 0.8, 20, 20, 40, 40]]
        self.assertAlmostEqual(average_precision([picture(found, ignore=ignore)], 0)[0], 1.0)

    def test_overlap_decides_the_strict_thresholds(self):
        found = [[0, 0.9, 0, 0, 10, 8], [0, 0.8, 20, 20, 40, 36]]  # IoU 0.8
        ap = average_precision([picture(found)], 0)
        np.testing.assert_allclose(ap[:6], 1.0)
        np.testing.assert_allclose(ap[7:], 0.0)

    def test_bootstrap_draws_pictures(self):
        right, wrong = [[0, 0.9, 0, 0, 10, 10], [0, 0.8, 20, 20, 40, 40]], [[0, 0.9, 50, 50, 60, 60]]
        np.testing.assert_allclose(bootstrap([picture(right)] * 4, 0, rounds=20), 1.0)
        draws = bootstrap([picture(right), picture(wrong)] * 8, 0, rounds=200)
        exact = average_precision([picture(right), picture(wrong)] * 8, 0)[0]
        self.assertTrue(0 < draws.std() < 0.3)
        self.assertAlmostEqual(draws.mean(), exact, delta=3 * draws.std() / 200**0.5 + 0.02)
        np.testing.assert_array_equal(draws[:20], bootstrap([picture(right), picture(wrong)] * 8, 0, rounds=20))

    def test_no_truth_is_not_a_number(self):
        self.assertTrue(np.isnan(average_precision([picture([], NONE)], 0)).all())


class Boxes(unittest.TestCase):
    def test_iou(self):
        a, b = np.array([[0, 0, 2, 2.0]]), np.array([[1, 0, 3, 2.0], [5, 5, 6, 6]])
        np.testing.assert_allclose(iou_matrix(a, b), [[1 / 3, 0]])

    def test_nms_keeps_the_best_of_a_pile(self):
        boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [30, 0, 40, 10.0]])
        self.assertEqual(sorted(nms(boxes, np.array([0.5, 0.9, 0.1]), 0.5)), [1, 2])

    def test_fusing_averages_over_all_passes(self):
        fused = fuse([[[2, 0.8, 0, 0, 1, 1]], [[2, 0.4, 0, 0, 1, 1]], [], []])
        self.assertEqual(len(fused), 1)
        self.assertAlmostEqual(fused[0][1], 0.3)


class Collecting(unittest.TestCase):
    def test_boxes_of_both_label_formats(self):
        text = b"0 0.5 0.5 0.2 0.4\n7 0.1 0.1 0.1 0.1\n0 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6\n"  # the last is a polygon
        np.testing.assert_allclose(yolo_boxes(text, {"0": 2}), [[2, 0.5, 0.5, 0.2, 0.4], [2, 0.2, 0.4, 0.2, 0.4]])
        table = b"filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,200,100,car,20,10,60,30\na.jpg,200,100,light,0,0,9,9\n"
        found = csv_boxes(table, {"car": 0})
        np.testing.assert_allclose(found["a.jpg"], [[0, 0.2, 0.2, 0.2, 0.2]])

        xml = b"<a><size><width>200</width><height>100</height></size><object><name>stop</name><bndbox><xmin>20</xmin><ymin>10</ymin>" \
            b"<xmax>60</xmax><ymax>30</ymax></bndbox></object><object><name>light</name></object></a>"
        np.testing.assert_allclose(voc_boxes(xml, {"stop": 3}), [[3, 0.2, 0.2, 0.2, 0.2]])

    def test_black_bars_are_cut_off_with_the_boxes_moved(self):
        rng = np.random.default_rng(0)
        bgr = rng.integers(0, 4, (100, 100, 3), np.uint8)
        bgr[20:80] = rng.integers(60, 255, (60, 100, 3), np.uint8)
        corners = without_bars(bgr)
        self.assertEqual(corners, (0, 20, 100, 80))
        np.testing.assert_allclose(cut([[2, 0.5, 0.5, 0.1, 0.6]], corners, 100, 100), [[2, 0.5, 0.5, 0.1, 1.0]])
        self.assertEqual(without_bars(bgr[20:80]), (0, 0, 100, 60))
        self.assertEqual(without_bars(np.ascontiguousarray(bgr.transpose(1, 0, 2))), (20, 0, 80, 100))

    def test_nearly_the_same_picture_is_seen_again(self):
        rng = np.random.default_rng(0)
        one = rng.integers(0, 255, (120, 160, 3), np.uint8)
        one = cv2.GaussianBlur(one, (0, 0), 12)
        other = cv2.GaussianBlur(rng.integers(0, 255, (120, 160, 3), np.uint8), (0, 0), 12)
        again = cv2.resize(one, (320, 240))
        self.assertTrue(seen_before(fingerprint(again), [fingerprint(one)]))
        self.assertFalse(seen_before(fingerprint(other), [fingerprint(one)]))
        self.assertFalse(seen_before(fingerprint(one), []))


class Letterbox(unittest.TestCase):
    def test_picture_is_top_left_and_the_rest_black(self):
        x, (sx, sy) = letterbox(np.full((100, 100, 3), 255, np.uint8), 64, 128)
        self.assertEqual(x.shape, (1, 3, 64, 128))
        self.assertTrue((x[..., :64] == 1).all() and (x[..., 64:] == 0).all())
        self.assertAlmostEqual(sx, 0.64)
        self.assertAlmostEqual(sy, 0.64)


if __name__ == "__main__":
    unittest.main()
