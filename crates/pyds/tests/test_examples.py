"""The example programs do what they say."""

import os
import subprocess
import sys
import tempfile
import unittest

from common import Gst

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
# Nothing to see: the example is to come to its end, with one line for each frame.
FRAMES = 5


@unittest.skipUnless(Gst.ElementFactory.find("nvinfer"), "the plugins are not built")
@unittest.skipUnless(Gst.ElementFactory.find("x264enc"), "x264enc is not installed")
class Examples(unittest.TestCase):
    def test_count_objects(self):
        with tempfile.TemporaryDirectory() as folder:
            video, out = os.path.join(folder, "in.mkv"), os.path.join(folder, "out.mkv")
            writer = Gst.parse_launch(
                f"videotestsrc num-buffers={FRAMES} ! video/x-raw,format=I420,width=320,height=180 ! x264enc ! matroskamux "
                f"! filesink location={video}"
            )
            writer.set_state(Gst.State.PLAYING)
            writer.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS)
            writer.set_state(Gst.State.NULL)
            program = os.path.join(ROOT, "examples", "python", "count_objects.py")
            config = os.path.join(ROOT, "models", "street.ini")
            done = subprocess.run(
                [sys.executable, program, config, video, out], capture_output=True, text=True, check=False
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout.count("frame "), FRAMES, done.stdout)
            self.assertGreater(os.path.getsize(out), 1000)


if __name__ == "__main__":
    unittest.main()
