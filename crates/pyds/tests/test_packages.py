"""The packages that programs import beside pyds."""

import os
import subprocess
import sys
import tempfile
import unittest

PACKAGES = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", "..", "python"))


def run(program, *folders, cwd=None):
    """What a program prints that has these folders on its search path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([PACKAGES, *folders])}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Packages(unittest.TestCase):
    def test_imports_of_all_releases(self):
        run(
            "from common.is_aarch_64 import is_aarch64\n"
            "from common.bus_call import bus_call\n"
            "from common.FPS import GETFPS, PERF_DATA\n"
            "from common.platform_info import PlatformInfo\n"
            "from common.utils import long_to_uint64, long_to_int\n"
            "from cuda import cudart, cuda\n"
        )

    def test_the_wheel_leaves_no_name_out(self):
        import pyds
        public = {name for name in dir(pyds) if not name.startswith("_")}
        # In the wheel the module is part of a package, which takes over what it lists. The package adds its own name.
        self.assertEqual(public - set(pyds.__all__) - {"pyds"}, set())

    def test_no_device_is_no_error(self):
        out = run("from common.platform_info import PlatformInfo\nprint(bool(PlatformInfo().is_integrated_gpu()))")
        self.assertIn("False", out)

    def test_integers_of_c(self):
        out = run(
            "from common.utils import *\n"
            "print(long_to_uint64(-1), long_to_uint64(2**64 + 5), long_to_int(2**31), long_to_int(-1), long_to_int(7))"
        )
        self.assertEqual(out.split(), [str(2**64 - 1), "5", str(-(2**31)), "-1", "7"])

    def test_rates(self):
        out = run(
            "from common.FPS import PERF_DATA\n"
            "data = PERF_DATA(2)\n"
            "for _ in range(3): data.update_fps('stream0')\n"
            "print(data.perf_print_callback(), data.perf_dict['stream0'] > 0, data.perf_dict['stream1'])"
        )
        self.assertRegex(out, r"\n\*\*PERF:  \{'stream0': [\d.]+, 'stream1': 0\.0\} \n\nTrue True 0\.0\n")

    def test_a_programs_own_packages_come_first(self):
        with tempfile.TemporaryDirectory() as own:
            for package, module in (("common", "extra"), ("cuda", "cudart")):
                os.mkdir(os.path.join(own, package))
                with open(os.path.join(own, package, "__init__.py"), "w", encoding="utf-8") as file:
                    file.write("mark = 'own'\n")
                with open(os.path.join(own, package, f"{module}.py"), "w", encoding="utf-8") as file:
                    file.write("whose = 'own'\n")
            out = run(
                "import common, cuda, common.extra, cuda.cudart, cuda.cuda\n"
                "print(common.mark, cuda.mark, common.extra.whose, cuda.cudart.whose)\n"
                "from common.utils import long_to_uint64\n",
                own,
            )
        self.assertEqual(out.split(), ["own"] * 4)

    def test_messages_of_a_pipeline(self):
        program = (
            "import gi\n"
            "gi.require_version('Gst', '1.0')\n"
            "from gi.repository import GLib, Gst\n"
            "from common.bus_call import bus_call\n"
            "Gst.init(None)\n"
            "loop = GLib.MainLoop()\n"
            "pipeline = Gst.parse_launch('videotestsrc num-buffers=2 ! fakesink')\n"
            "bus = pipeline.get_bus()\n"
            "bus.add_signal_watch()\n"
            "bus.connect('message', bus_call, loop)\n"
            "pipeline.set_state(Gst.State.PLAYING)\n"
            "loop.run()\n"
            "pipeline.set_state(Gst.State.NULL)\n"
        )
        self.assertEqual(run(program), "End-of-stream\n")


if __name__ == "__main__":
    unittest.main()
