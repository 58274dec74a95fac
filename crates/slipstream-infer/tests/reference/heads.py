"""Output tensors of many kinds of heads, and the boxes in them, decoded by NumPy from the papers' equations.

Prints one JSON object per line: name, function (parse-bbox-func-name or null), parser (the one that is to be chosen), classes
(num-detected-classes or 0), network [width, height], threshold, outputs as [name, declared dimensions (null: free), element
type, dimensions, numbers], anchors, and boxes as [class, confidence, left, top, right, bottom], clipped to the network's input.
Classes are random, and so are scores, but few of them are high.
"""

import itertools
import json

import numpy as np

rng = np.random.default_rng(20260101)
WIDTH, HEIGHT, CLASSES, THRESHOLD = 128, 96, 6, 0.3
SIZE = np.array([WIDTH, HEIGHT], dtype=np.float64)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def logit(p):
    return np.log(p / (1 - p))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def rare(*shape):
    """Numbers in 0...1, few of which are high."""
    return rng.random(shape) ** 6 * 0.98 + 0.01


def corners(centers):
    centers = np.asarray(centers, dtype=np.float64)
    return np.concatenate([centers[..., :2] - centers[..., 2:] / 2, centers[..., :2] + centers[..., 2:] / 2], axis=-1)


def centers(count):
    """Centres and sizes in pixels, some beyond the edges."""
    return np.concatenate([rng.random((count, 2)) * SIZE, 4 + rng.random((count, 2)) * SIZE / 2], axis=1)


def cells(strides):
    """x, y and stride of each cell, grid by grid; cells that the edge cuts count."""
    found = []
    for stride in strides:
        ys, xs = np.mgrid[: -(-HEIGHT // stride), : -(-WIDTH // stride)]
        found.append(np.stack([xs.ravel(), ys.ravel(), np.full(xs.size, stride)], axis=1))
    return np.concatenate(found).astype(np.float64)


def best(scores):
    """One class a candidate."""
    only = np.zeros_like(scores)
    rows = np.arange(len(scores))
    classes = scores.argmax(axis=1)
    only[rows, classes] = scores[rows, classes]
    return only


def boxes_of(edges, scores):
    found = []
    for i, class_id in zip(*np.nonzero(scores >= THRESHOLD)):
        x1, y1, x2, y2 = edges[i]
        x1, x2 = np.clip([x1, x2], 0, WIDTH)
        y1, y2 = np.clip([y1, y2], 0, HEIGHT)
        if x2 > x1 and y2 > y1:
            found.append([int(class_id), float(scores[i, class_id]), x1, y1, x2, y2])
    return found


def chosen(edges, scores, classes):
    """The same for candidates that chose their class."""
    table = np.zeros((len(scores), int(classes.max(initial=0)) + 1))
    table[np.arange(len(scores)), classes.astype(int)] = scores
    return boxes_of(edges, table)


def tensor(name, data, declared=None, element="f32"):
    data = np.asarray(data, dtype=np.float32)
    declared = list(data.shape) if declared is None else declared
    return [name, declared, element, list(data.shape), data.ravel().tolist()]


def case(name, parser, outputs, boxes, function=None, classes=0, anchors=()):
    assert boxes, name
    print(json.dumps({
        "name": name, "parser": parser, "function": function, "classes": classes, "network": [WIDTH, HEIGHT],
        "threshold": THRESHOLD, "outputs": outputs, "anchors": list(anchors), "boxes": boxes,
    }))


def dense():
    grid = cells([8, 16, 32])
    # YOLOX: offsets and logarithms
    raw = np.concatenate([rng.normal(0.5, 0.6, (len(grid), 2)), rng.normal(0.8, 0.4, (len(grid), 2))], axis=1)
    objectness, scores = rng.random((len(grid), 1)) ** 2, rng.random((len(grid), CLASSES))
    decoded = np.concatenate([(raw[:, :2] + grid[:, :2]) * grid[:, 2:], np.exp(raw[:, 2:]) * grid[:, 2:]], axis=1)
    expected = boxes_of(corners(decoded), best(objectness * scores))
    rest = np.concatenate([objectness, scores], axis=1)
    case("YOLOX", "yolox", [tensor("output", np.concatenate([raw, rest], axis=1))], expected)
    case("YOLOX, decoded", "yolox", [tensor("output", np.concatenate([decoded, rest], axis=1), [None, 5 + CLASSES])], expected)
    case(
        "YOLOv6 with objectness", "yolox", [tensor("outputs", np.concatenate([decoded, rest], axis=1))], expected,
        classes=CLASSES,
    )

    boxes, scores = centers(len(grid)), rare(len(grid), CLASSES)
    expected = boxes_of(corners(boxes), best(scores))
    table = np.concatenate([boxes, scores], axis=1)
    case("YOLOv8", "yolov8", [tensor("output0", table.T)], expected)
    case("YOLOv8, free", "yolov8", [tensor("output0", table.T, [4 + CLASSES, None])], expected)
    case("YOLOv8, transposed", "yolov8", [tensor("output0", table)], expected, classes=CLASSES)
    case("YOLOv8, transposed, named", "yolov8", [tensor("output0", table)], expected, function="yolov8")
    case("YOLOv8 with DeepStream-Yolo's name", "yolov8", [tensor("output0", table.T)], expected, function="NvDsInferParseYolo")
    masks = rng.normal(size=(len(grid), 32))
    protos = tensor("output1", rng.normal(size=(32, HEIGHT // 4, WIDTH // 4)))
    case("YOLOv8 with masks", "yolov8", [tensor("output0", np.concatenate([table, masks], axis=1).T), protos], expected)
    in_fractions = np.concatenate([boxes / np.tile(SIZE, 2), scores], axis=1)
    case("YOLOv8 in fractions", "yolov8", [tensor("output0", in_fractions.T)], expected)

    count = 3 * len(grid)
    boxes, objectness, scores = centers(count), rng.random((count, 1)) ** 3, rng.random((count, CLASSES))
    expected = boxes_of(corners(boxes), best(objectness * scores))
    table = np.concatenate([boxes, objectness, scores], axis=1)
    case("YOLOv5", "yolov5", [tensor("output0", table)], expected)
    maps = [tensor(f"raw{s}", rng.normal(size=(3, HEIGHT // s, WIDTH // s, 5 + CLASSES))) for s in (8, 16, 32)]
    case("YOLOv7 beside its maps", "yolov5", [tensor("output", table), *maps], expected, function="NvDsInferParseCustomYoloV7")
    # one class: six columns
    one = np.concatenate([boxes, objectness, scores[:, :1]], axis=1)
    case("YOLOv5, one class", "yolov5", [tensor("output0", one)], boxes_of(corners(boxes), objectness * scores[:, :1]), classes=1)


ANCHORS = {
    "yolov3": [10, 13, 16, 30, 33, 23, 30, 61, 62, 45, 59, 119, 116, 90, 156, 198, 373, 326],
    "yolov4": [12, 16, 19, 36, 40, 28, 36, 75, 76, 55, 72, 146, 142, 110, 192, 243, 459, 401],
    "yolov3-tiny": [10, 14, 23, 27, 37, 58, 81, 82, 135, 169, 344, 319],
    "yolov4-tiny": [23, 27, 37, 58, 81, 82, 81, 82, 135, 169, 344, 319],
    "yolov2": np.array([0.57273, 0.677385, 1.87446, 2.06253, 3.33843, 5.47434, 7.88282, 3.52778, 9.77052, 9.16828]) * 32,
    "yolov2-tiny": np.array([1.08, 1.19, 3.42, 4.41, 6.63, 11.38, 9.42, 5.11, 16.62, 10.52]) * 32,
}
ANCHORS["yolov5"] = ANCHORS["yolov7-tiny"] = ANCHORS["yolov3"]
ANCHORS["yolov7"] = ANCHORS["yolov4"]


def anchor_maps(family, layout, active=False, own=None, function=None):
    per_cell = 5 if family.startswith("yolov2") else 3
    anchors = np.array(own if own is not None else ANCHORS[family], dtype=np.float64).reshape(-1, per_cell, 2)
    strides = {1: [32], 2: [16, 32], 3: [8, 16, 32]}[len(anchors)]
    scales = {8: 1.2, 16: 1.1, 32: 1.05} if family.startswith("yolov4") else {8: 1, 16: 1, 32: 1}
    outputs, expected = [], []
    for stride, sizes in zip(strides, anchors):
        rows, columns = HEIGHT // stride, WIDTH // stride
        # anchor, row, column, number
        raw = rng.normal(size=(per_cell, rows, columns, 5 + CLASSES))
        raw[..., 2:4] = rng.normal(-1, 0.5, raw[..., 2:4].shape)
        raw[..., 4] = logit(rare(per_cell, rows, columns) ** 0.5)
        raw[..., 5:] = rng.normal(2, 1.5, raw[..., 5:].shape)
        ys, xs = np.mgrid[:rows, :columns]
        grid = np.stack([xs, ys], axis=-1)[None]
        prior = sizes[:, None, None, :]
        if family[:6] in ("yolov5", "yolov7"):
            center, size = grid + 2 * sigmoid(raw[..., :2]) - 0.5, prior * (2 * sigmoid(raw[..., 2:4])) ** 2
        else:
            s = scales[stride]
            center = grid + s * sigmoid(raw[..., :2]) - (s - 1) / 2
            size = prior * np.exp(raw[..., 2:4])
        probabilities = softmax(raw[..., 5:]) if per_cell == 5 else sigmoid(raw[..., 5:])
        scores = sigmoid(raw[..., 4:5]) * probabilities
        edges = corners(np.concatenate([center * stride, size], axis=-1)).reshape(-1, 4)
        expected += boxes_of(edges, best(scores.reshape(-1, CLASSES)))
        if active:
            given = sigmoid(raw)
            if family[:6] not in ("yolov5", "yolov7"):
                given[..., 2:4] = raw[..., 2:4]
        else:
            given = raw
        data = {
            "A(5+C),H,W": given.transpose(0, 3, 1, 2).reshape(-1, rows, columns),
            "A,H,W,5+C": given,
            "H,W,A(5+C)": given.transpose(1, 2, 0, 3).reshape(rows, columns, -1),
            "H,W,A,5+C": given.transpose(1, 2, 0, 3),
        }[layout]
        outputs.append(tensor(f"map{stride}", data))
    # coarsest first, as darknet has them
    name = f"{family} {layout}{', active' if active else ''}{', own anchors' if own is not None else ''}"
    own = [] if own is None else [float(side) for side in own]
    case(name, "yolo-anchors", outputs[::-1], expected, function=function or family, anchors=own)


def maps():
    anchor_maps("yolov3", "A(5+C),H,W")
    anchor_maps("yolov3", "A(5+C),H,W", function="NvDsInferParseCustomYoloV3")
    anchor_maps("yolov3", "H,W,A,5+C")
    anchor_maps("yolov3-tiny", "A(5+C),H,W")
    anchor_maps("yolov4", "H,W,A,5+C")
    anchor_maps("yolov4", "A(5+C),H,W", active=True)
    anchor_maps("yolov4-tiny", "H,W,A(5+C)")
    anchor_maps("yolov5", "A,H,W,5+C")
    anchor_maps("yolov5", "A(5+C),H,W", active=True)
    anchor_maps("yolov7", "A,H,W,5+C")
    anchor_maps("yolov7-tiny", "A(5+C),H,W")
    anchor_maps("yolov2", "A(5+C),H,W")
    anchor_maps("yolov2-tiny", "A(5+C),H,W")
    anchor_maps("yolov5", "A,H,W,5+C", own=rng.integers(6, 90, 18))

    channels = np.concatenate([
        rng.random((1, 6, 8)) ** 2, rng.normal(0, 1, (2, 6, 8)), rng.normal(-1, 1, (2, 6, 8)),
        rng.random((CLASSES, 6, 8)),
    ])
    ys, xs = np.mgrid[:6, :8]
    x, y = (xs + np.tanh(channels[1])) / 8 * WIDTH, (ys + np.tanh(channels[2])) / 6 * HEIGHT
    w, h = sigmoid(channels[3]) * WIDTH, sigmoid(channels[4]) * HEIGHT
    scores = (channels[:1] * channels[5:]).reshape(CLASSES, -1).T
    edges = corners(np.stack([x, y, w, h], axis=-1).reshape(-1, 4))
    case("FastestDet", "fastestdet", [tensor("758", channels)], boxes_of(edges, best(scores)))


def distances(strides, point):
    grid = cells(strides)
    logits = rng.normal(0, 2, (len(grid), 4, 8))
    ltrb = (softmax(logits) * np.arange(8)).sum(axis=-1) * grid[:, 2:]
    at = (grid[:, :2] + point) * grid[:, 2:]
    return grid, logits.reshape(len(grid), 32), np.concatenate([at - ltrb[:, :2], at + ltrb[:, 2:]], axis=1)


def gfl():
    grid, logits, edges = distances([8, 16, 32, 64], 0.0)
    scores = rare(len(grid), CLASSES)
    table = np.concatenate([scores, logits], axis=1)
    case("NanoDet-Plus", "nanodet", [tensor("output", table)], boxes_of(edges, scores))
    grid, logits, edges = distances([8, 16, 32, 64], 0.5)
    scores = rare(len(grid), CLASSES)
    parts = [grid[:, 2] == stride for stride in (8, 16, 32, 64)]
    outputs = [tensor(f"scale_{i}", scores[part]) for i, part in enumerate(parts)]
    outputs += [tensor(f"scale_{i + 4}", logits[part]) for i, part in enumerate(parts)]
    case("PicoDet", "picodet", outputs, boxes_of(edges, scores))


def pairs():
    count = 300
    boxes, scores = corners(centers(count)), rare(count, CLASSES)
    both = boxes_of(boxes, scores)
    case("boxes and scores", "boxes-scores", [tensor("boxes", boxes), tensor("scores", scores)], both)
    case("boxes and scores by class", "boxes-scores", [tensor("boxes", boxes), tensor("scores", scores.T)], both)
    fractions = boxes / np.tile(SIZE, 2)
    case("SSD in fractions", "boxes-scores", [tensor("scores", scores), tensor("boxes", fractions)], both)
    confs = [tensor("boxes", fractions[:, None]), tensor("confs", scores)]
    case("YOLOv4 by Tianxiaomo", "boxes-scores", confs, both, function="NvDsInferParseCustomYoloV4")
    case("PicoDet, PP-YOLOE decoded", "boxes-scores", [tensor("tmp_16", boxes), tensor("concat_4.tmp_0", scores.T)], both)
    case("DAMO-YOLO", "boxes-scores", [tensor("output", scores), tensor("1042", boxes)], both)
    case("logits by shape", "boxes-scores", [tensor("a", logit(scores)), tensor("b", boxes)], both)

    queries = centers(count) / np.tile(SIZE, 2)
    one = boxes_of(corners(queries) * np.tile(SIZE, 2), best(scores))
    case("RT-DETR", "detr", [tensor("logits", logit(scores)), tensor("pred_boxes", queries)], one)
    case("RF-DETR", "rf-detr", [tensor("dets", queries), tensor("labels", logit(scores))], one)
    without = [box for box in one if box[0] != 0]
    outputs = [tensor("pred_logits", logit(scores)), tensor("pred_boxes", queries)]
    case("Deformable DETR of TAO", "detr", outputs, without, function="NvDsInferParseCustomDDETRTAO")
    logits = rng.normal(0, 2.5, (100, CLASSES + 1))
    queries = centers(100) / np.tile(SIZE, 2)
    expected = boxes_of(corners(queries) * np.tile(SIZE, 2), best(softmax(logits)[:, :-1]))
    outputs = [tensor("pred_logits", logits), tensor("pred_boxes", queries)]
    case("DETR", "detr", outputs, expected, function="detr-softmax")


def rows():
    count = 60
    boxes, scores, classes = corners(centers(count)), rng.random(count), rng.integers(0, CLASSES, count)
    expected = chosen(boxes, scores, classes)
    column = lambda list: np.asarray(list, dtype=np.float64)[:, None]
    table = lambda *columns: np.concatenate(columns, axis=1)
    six = table(boxes, column(scores), column(classes))
    case("YOLOv10", "yolov10", [tensor("output0", six)], expected)
    protos = tensor("output1", rng.normal(size=(32, HEIGHT // 4, WIDTH // 4)))
    case("YOLO26 with masks", "yolov10", [tensor("output0", table(six, rng.normal(size=(count, 32)))), protos], expected)
    case("DeepStream-Yolo", "deepstream-yolo", [tensor("output", six)], expected, function="NvDsInferParseYolo", classes=80)
    middle = np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)
    case(
        "DeepStream-Yolo, centres", "deepstream-yolo", [tensor("output", table(middle, column(scores), column(classes)))],
        expected, function="NvDsInferParseYolo",
    )
    objectness = rng.random(count) * 0.5 + 0.5
    old = table(middle, column(objectness), column(classes), column(scores / objectness))
    case("DeepStream-Yolo, old", "deepstream-yolo", [tensor("output", old)], expected, function="NvDsInferParseYolo")
    paddle = table(column(classes), column(scores), boxes)
    counted = [box for box in chosen(boxes[:40], scores[:40], classes[:40])]
    case(
        "Paddle with NMS", "paddle-nms",
        [tensor("multiclass_nms3_0.tmp_0", paddle, [6]), tensor("multiclass_nms3_0.tmp_2", [40], [None], "int32")], counted,
    )
    mrcnn = table(boxes[:, [1, 0, 3, 2]], column(classes), column(scores))
    outputs = [tensor("generate_detections", mrcnn), tensor("mask_fcn_logits/BiasAdd", np.zeros((2, 2, 2, 2)))]
    case("Mask R-CNN of TAO", "mask-rcnn", outputs, expected)

    zero, fractions = np.zeros((count, 1)), boxes / np.tile(SIZE, 2)
    ssd = table(zero, column(classes), column(scores), fractions)
    ssd[50:, 0] = -1
    some = chosen(boxes[:50], scores[:50], classes[:50])
    case("DetectionOutput", "detection-output", [tensor("detection_out", ssd[None])], some)
    nms = [tensor("NMS", ssd), tensor("NMS_1", [40], [None], "int32")]
    case("SSD of TAO", "detection-output", nms, counted, function="NvDsInferParseCustomNMSTLT")
    v7 = table(zero, boxes, column(classes), column(scores))
    case("YOLOv7 with NMS", "detection-output", [tensor("output", v7, [7])], expected, function="yolov7-nms")
    nas = table(zero, boxes, column(scores), column(classes))
    case("YOLO-NAS, flat", "detection-output", [tensor("graph2_flat_predictions", nas, [7])], expected)


def lists():
    count = 50
    boxes, scores, classes = corners(centers(count)), rng.random(count), rng.integers(0, CLASSES, count)
    everything, counted = chosen(boxes, scores, classes), chosen(boxes[:30], scores[:30], classes[:30])
    fractions = boxes / np.tile(SIZE, 2)
    whole = "int64"
    case("EfficientNMS", "detections", [
        tensor("num_dets", [30], [1], "int32"), tensor("det_boxes", boxes), tensor("det_scores", scores),
        tensor("det_classes", classes, None, "int32"),
    ], counted)
    case("BatchedNMS", "detections", [
        tensor("BatchedNMS", [30], [1], "int32"), tensor("BatchedNMS_1", fractions), tensor("BatchedNMS_2", scores),
        tensor("BatchedNMS_3", classes),
    ], counted, function="NvDsInferParseCustomBatchedNMSTLT")
    case("keepCount", "detections", [
        tensor("keepCount", [30], [1], "int32"), tensor("nmsed_boxes", fractions), tensor("nmsed_scores", scores),
        tensor("nmsed_classes", classes),
    ], counted)
    case("YOLO-NAS, batched", "detections", [
        tensor("num_predictions", [30], [1], whole), tensor("pred_boxes", boxes), tensor("pred_scores", scores),
        tensor("pred_classes", classes, None, whole),
    ], counted)
    case("TensorFlow", "detections", [
        tensor("detection_boxes", fractions[:, [1, 0, 3, 2]]), tensor("detection_classes", classes),
        tensor("detection_scores", scores), tensor("num_detections", [30], []),
    ], counted)
    case("EfficientDet of TAO", "detections-yx", [
        tensor("num_detections", [30], [1], "int32"), tensor("detection_boxes", boxes[:, [1, 0, 3, 2]]),
        tensor("detection_scores", scores), tensor("detection_classes", classes, None, "int32"),
    ], counted, function="NvDsInferParseCustomEfficientDetTAO")
    case("torchvision", "detections", [
        tensor("3265", boxes, [4]), tensor("3267", classes, [], whole), tensor("3266", scores, []),
    ], everything)
    case("D-FINE", "detections", [
        tensor("labels", classes, [None], whole), tensor("boxes", boxes, [None, 4]), tensor("scores", scores, [None]),
    ], everything)
    dets = np.concatenate([boxes, scores[:, None]], axis=1)
    case("mmdeploy", "detections", [tensor("dets", dets), tensor("labels", classes, None, whole)], everything)
    case("DeepStream-Yolo, three outputs", "detections", [
        tensor("boxes", boxes), tensor("scores", scores[:, None]), tensor("classes", classes[:, None]),
    ], everything, function="NvDsInferParseYolo")


def retina():
    def priors(offset, shapes):
        found = []
        for stride in (8, 16, 32, 64, 128):
            for y, x in itertools.product(range(-(-HEIGHT // stride)), range(-(-WIDTH // stride))):
                found += [[(x + offset) * stride, (y + offset) * stride, w, h] for w, h in shapes(stride)]
        return np.array(found)

    def of_torchvision(stride):
        for ratio in (0.5, 1.0, 2.0):
            for step in range(3):
                side = int(4 * stride * 2 ** (step / 3))
                w, h = side / ratio**0.5, side * ratio**0.5
                yield 2 * np.round(w / 2), 2 * np.round(h / 2)

    def of_efficientdet(stride):
        for step, (w, h) in itertools.product(range(3), [(1, 1), (1.4, 0.7), (0.7, 1.4)]):
            side = 4 * stride * 2 ** (step / 3)
            yield w * side, h * side

    def decode(anchors, shift):
        center = anchors[:, :2] + shift[:, :2] * anchors[:, 2:]
        return corners(np.concatenate([center, anchors[:, 2:] * np.exp(shift[:, 2:])], axis=1))

    for name, anchors, is_yx, function in [
        ("RetinaNet", priors(0.0, of_torchvision), False, None),
        ("EfficientDet", priors(0.5, of_efficientdet), True, "efficientdet"),
    ]:
        shift, scores = rng.normal(0, 0.4, (len(anchors), 4)), rare(len(anchors), CLASSES)
        expected = boxes_of(decode(anchors, shift), best(scores))
        given = shift[:, [1, 0, 3, 2]] if is_yx else shift
        outputs = [tensor("cls_logits", logit(scores)), tensor("bbox_regression", given)]
        case(name, "retinanet", outputs, expected, function=function)
        if is_yx:
            edges = corners(anchors)[:, [1, 0, 3, 2]]
            outputs = [tensor("regression", given), tensor("classification", scores), tensor("anchors", edges)]
            case("EfficientDet with anchors", "retinanet", outputs, expected)


def detectnet():
    rows, columns, stride = HEIGHT // 16, WIDTH // 16, 16
    coverage, bbox = rare(CLASSES, rows, columns), rng.random((CLASSES, 4, rows, columns))
    found = []
    for c, y, x in zip(*np.nonzero(coverage >= THRESHOLD)):
        left, top, right, bottom = bbox[c, :, y, x] * 35
        cx, cy = x * stride + 0.5, y * stride + 0.5
        x1, x2 = np.clip([cx - left, cx + right], 0, WIDTH - 1)
        y1, y2 = np.clip([cy - top, cy + bottom], 0, HEIGHT - 1)
        found.append([int(c), float(coverage[c, y, x]), x1, y1, x2, y2])
    outputs = [tensor("output_cov/Sigmoid:0", coverage), tensor("output_bbox/BiasAdd:0", bbox.reshape(-1, rows, columns))]
    case("DetectNet_v2", "detectnet", outputs, found)


for make in (detectnet, dense, maps, gfl, pairs, rows, lists, retina):
    make()
