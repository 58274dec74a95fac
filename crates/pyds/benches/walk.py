"""How long a probe takes that walks a batch and reads what most programs read of each object.

    PYTHONPATH=FOLDER/OF/pyds python3 crates/pyds/benches/walk.py [FRAMES [OBJECTS [ROUNDS]]]
"""

import sys
import time

import pyds

frames, objects, rounds = (int(word) for word in (sys.argv[1:] + ["30", "10", "200"][len(sys.argv) - 1:]))
batch = pyds.nvds_create_batch_meta(frames)
for _ in range(frames):
    frame = pyds.nvds_acquire_frame_meta_from_pool(batch)
    pyds.nvds_add_frame_meta_to_batch(batch, frame)
    for number in range(objects):
        thing = pyds.nvds_acquire_obj_meta_from_pool(batch)
        thing.class_id = number
        pyds.nvds_add_obj_meta_to_frame(frame, thing, None)


def walk():
    total = 0
    l_frame = batch.frame_meta_list
    while l_frame is not None:
        frame_meta = pyds.NvDsFrameMeta.cast(l_frame.data)
        l_obj = frame_meta.obj_meta_list
        while l_obj is not None:
            obj_meta = pyds.NvDsObjectMeta.cast(l_obj.data)
            total += obj_meta.class_id + obj_meta.rect_params.left + obj_meta.confidence + obj_meta.object_id
            l_obj = l_obj.next
        l_frame = l_frame.next
    return total


times = []
for _ in range(rounds):
    start = time.perf_counter()
    walk()
    times.append(time.perf_counter() - start)
times.sort()
print(f"{frames} frames of {objects} objects: median {times[len(times) // 2] * 1e3:.3f} ms, fastest {times[0] * 1e3:.3f} ms")
