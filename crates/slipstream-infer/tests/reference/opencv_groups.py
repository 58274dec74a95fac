"""Prints the table ../../src/cluster/opencv_groups.in: rectangles and what OpenCV's groupRectangles makes of them.

Run it with the packages numpy and an OpenCV that has groupRectangles (opencv-python-headless < 5 keeps it in cv2).
"""

import random

import cv2

random.seed(7)
print("&[")
for case in range(24):
    rects = []
    for _ in range(random.randint(1, 4)):
        x, y, w, h = random.randint(0, 200), random.randint(0, 200), random.randint(12, 80), random.randint(12, 80)
        for _ in range(random.randint(1, 8)):
            j = random.choice([1, 3, 6])
            rects.append([x + random.randint(-j, j), y + random.randint(-j, j), w + random.randint(-j, j), h + random.randint(-j, j)])
    if case % 4 == 0:  # a small group within a large one
        x, y, w, h = rects[0]
        rects += [[x + w // 4, y + h // 4, w // 2, h // 2]] * 2
    threshold, eps = random.choice([1, 2, 3]), random.choice([0.1, 0.2, 0.4])
    groups, _ = cv2.groupRectangles([tuple(r) for r in rects], threshold, eps)
    found = sorted([int(v) for v in group] for group in groups)
    text = lambda list: "&[" + ", ".join(str(r) for r in list) + "]"
    print(f"    ({text(rects)}, {threshold}, {eps}, {text(found)}),")
print("]")
