"""Frames per second of streams."""

import threading
import time

# How often a stream that is asked for its rate at every frame prints it, in seconds.
PRINT_INTERVAL = 5.0


class GETFPS:
    """The frame rate of one stream, in either of the two ways that programs use it.

    Programs for pyds 1.1 and later call `update_fps()` at every frame and `get_fps()` when they want to know. Older ones
    call `get_fps()` at every frame, and the rate is printed every five seconds.
    """

    def __init__(self, stream_id):
        self.stream_id = stream_id
        self.start_time = time.time()
        self.frame_count = 0
        self.is_first = True
        self._updated = False
        self._lock = threading.Lock()

    def update_fps(self):
        """Counts a frame. The first one only starts the clock."""
        with self._lock:
            self._updated = True
            self._count(time.time())

    def get_fps(self):
        """Frames per second since the last call, to two places; counts a frame and prints where `update_fps` is not used."""
        if self._updated:
            return self.rate()
        with self._lock:
            self._count(time.time())
        if time.time() - self.start_time > PRINT_INTERVAL:
            print("**********************FPS*****************************************")
            print("Fps of stream", self.stream_id, "is ", self.rate())
        return None

    def rate(self):
        """Frames per second since the last call, to two places."""
        with self._lock:
            now = time.time()
            passed = now - self.start_time
            rate = self.frame_count / passed if passed > 0 else 0.0
            self.start_time = now
            self.frame_count = 0
        return round(rate, 2)

    def print_data(self):
        """Prints what was counted, and since when."""
        print("frame_count=", self.frame_count)
        print("start_time=", self.start_time)

    def _count(self, now):
        if self.is_first:
            self.start_time = now
            self.is_first = False
        else:
            self.frame_count += 1


class PERF_DATA:
    """The frame rates of streams "stream0", "stream1", …"""

    def __init__(self, num_streams=1):
        self.perf_dict = {}
        self.all_stream_fps = {f"stream{number}": GETFPS(number) for number in range(num_streams)}

    def update_fps(self, stream_index):
        """Counts a frame of the stream of that name."""
        if stream_index not in self.all_stream_fps:
            # A stream that was added while the program runs.
            self.all_stream_fps[stream_index] = GETFPS(stream_index)
        self.all_stream_fps[stream_index].update_fps()

    def perf_print_callback(self):
        """Prints the rate of each stream since the last call; for `GLib.timeout_add`, so it asks to be called again."""
        self.perf_dict = {name: stream.rate() for name, stream in self.all_stream_fps.items()}
        print(f"\n**PERF:  {self.perf_dict} \n")
        return True
