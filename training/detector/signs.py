"""Drawn road signs for pasting: the training pictures hold few signs, and hardly any from outside Europe."""

import cv2
import numpy as np

SIDE = 96
RED, BLUE, GREEN, YELLOW = (190, 25, 35), (20, 70, 170), (10, 110, 70), (245, 195, 30)
WHITE, BLACK, ORANGE, BROWN = (245, 245, 245), (20, 20, 20), (240, 120, 20), (110, 70, 40)
WORDS = ("STOP", "YIELD", "30", "50", "60", "25", "35", "55", "70", "80", "100", "A1", "M4", "ONE WAY", "SPEED", "LIMIT", "EXIT", "PARK", "SCHOOL", "TAXI", "BUS")


def _text(img, rng, colour, y=0.5, size=None, word=None):
    word = word or str(rng.choice(WORDS))
    scale = size or rng.uniform(0.6, 1.4)
    (w, h), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, scale, 3)
    scale *= min(1.0, SIDE * 0.72 / w)
    (w, h), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, scale, 3)
    at = (int((SIDE - w) / 2), int(SIDE * y + h / 2))
    cv2.putText(img, word, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, int(rng.integers(2, 7)), cv2.LINE_AA)


def _symbol(img, rng, colour):
    kind = rng.integers(5)
    if kind < 2:
        _text(img, rng, colour)
    elif kind == 2:
        a = rng.uniform(0, 2 * np.pi)
        d = np.array([np.cos(a), np.sin(a)]) * SIDE * 0.26
        cv2.arrowedLine(img, tuple(int(v) for v in 48 - d), tuple(int(v) for v in 48 + d), colour, int(rng.integers(5, 11)), cv2.LINE_AA, tipLength=0.4)
    elif kind == 3:
        for _ in range(rng.integers(2, 5)):
            p, q = rng.uniform(30, 66, 2).astype(int), rng.uniform(30, 66, 2).astype(int)
            cv2.line(img, tuple(map(int, p)), tuple(map(int, q)), colour, int(rng.integers(3, 9)), cv2.LINE_AA)
    else:
        cv2.circle(img, (48, 34), 7, colour, -1, cv2.LINE_AA)
        cv2.rectangle(img, (42, 42), (54, 60), colour, -1)
        cv2.line(img, (44, 60), (38, 74), colour, 5, cv2.LINE_AA)
        cv2.line(img, (52, 60), (58, 74), colour, 5, cv2.LINE_AA)


def _polygon(sides, turn, radius=46):
    a = turn + np.arange(sides) * 2 * np.pi / sides
    return (48 + radius * np.stack((np.cos(a), np.sin(a)), 1)).astype(np.int32)


def draw(rng):
    """One sign, RGBA [4, SIDE, SIDE] with the colour multiplied by alpha, in 0...1."""
    img, mask = np.zeros((SIDE, SIDE, 3), np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    kind = rng.choice(10, p=(0.2, 0.12, 0.1, 0.14, 0.12, 0.06, 0.1, 0.1, 0.03, 0.03))
    if kind in (0, 1):  # round: ban or order
        cv2.circle(mask, (48, 48), 47, 255, -1, cv2.LINE_AA)
        if kind == 0:
            img[:] = RED
            cv2.circle(img, (48, 48), int(rng.integers(32, 40)), WHITE if rng.random() < 0.85 else YELLOW, -1, cv2.LINE_AA)
            _symbol(img, rng, BLACK)
            if rng.random() < 0.35:
                cv2.line(img, (20, 20), (76, 76), RED, 9, cv2.LINE_AA)
        else:
            img[:] = BLUE
            _symbol(img, rng, WHITE)
    elif kind == 2:  # octagon
        points = _polygon(8, np.pi / 8)
        cv2.fillPoly(mask, [points], 255, cv2.LINE_AA)
        img[:] = RED
        cv2.polylines(img, [_polygon(8, np.pi / 8, 43)], True, WHITE, 3, cv2.LINE_AA)
        _text(img, rng, WHITE, word="STOP" if rng.random() < 0.8 else None)
    elif kind == 3:  # warning triangle, or give way
        down = rng.random() < 0.3
        outer = np.array([[48, 92], [2, 6], [94, 6]] if down else [[48, 4], [2, 90], [94, 90]], np.int32)
        inner = np.array([[48, 72], [22, 17], [74, 17]] if down else [[48, 28], [20, 80], [76, 80]], np.int32)
        cv2.fillPoly(mask, [outer], 255, cv2.LINE_AA)
        img[:] = RED
        cv2.fillPoly(img, [inner], WHITE if rng.random() < 0.75 else YELLOW, cv2.LINE_AA)
        if not down:
            cv2.circle(img, (48, 72), 4, BLACK, -1)
            cv2.line(img, (48, 44), (int(rng.integers(40, 56)), 64), BLACK, int(rng.integers(4, 9)), cv2.LINE_AA)
    elif kind == 4:  # diamond
        cv2.fillPoly(mask, [_polygon(4, 0, 47)], 255, cv2.LINE_AA)
        img[:] = YELLOW if rng.random() < 0.7 else ORANGE
        if rng.random() < 0.2:
            cv2.fillPoly(img, [_polygon(4, 0, 47)], WHITE, cv2.LINE_AA)
            cv2.fillPoly(img, [_polygon(4, 0, 32)], YELLOW, cv2.LINE_AA)
        else:
            cv2.polylines(img, [_polygon(4, 0, 42)], True, BLACK, 2, cv2.LINE_AA)
            _symbol(img, rng, BLACK)
    else:  # boards
        top = int(rng.integers(0, 26)) if kind in (6, 8) else 0
        left = int(rng.integers(0, 18)) if kind == 5 else 0
        cv2.rectangle(mask, (left, top), (SIDE - 1 - left, SIDE - 1 - top), 255, -1)
        ground = {5: WHITE, 6: GREEN, 7: BLUE, 8: BROWN, 9: ORANGE}[int(kind)]
        img[:] = ground
        ink = BLACK if kind in (5, 9) else WHITE
        cv2.rectangle(img, (left + 3, top + 3), (SIDE - 4 - left, SIDE - 4 - top), ink, 2)
        lines = rng.integers(1, 4)
        for i in range(lines):
            _text(img, rng, ink, y=(i + 1) / (lines + 1), size=0.9)
        if rng.random() < 0.3:
            _symbol(img, rng, ink)
    rgba = np.dstack((img, mask)).astype(np.float32) / 255
    rgba[..., :3] *= np.exp(rng.normal(0, 0.12, 3)).clip(0.7, 1.3)
    # A little perspective and the softness of a real picture; the picture edge stays the edge of the box.
    sigma = rng.uniform(0.3, 1.6)
    rgba[..., :3] *= rgba[..., 3:]
    rgba = cv2.GaussianBlur(rgba, (0, 0), sigma)
    return rgba.clip(0, 1).transpose(2, 0, 1)


def atlas(count, seed=0):
    rng = np.random.default_rng(seed)
    return np.stack([draw(rng) for _ in range(count)])
