"""What becomes of a pipeline's messages."""

import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402  (the version has to be named first)


def bus_call(bus, message, loop):
    """Callback of a pipeline's bus: ends `loop` with the stream and on errors, and says what happened."""
    if message.type == Gst.MessageType.EOS:
        print("End-of-stream", flush=True)
        loop.quit()
    elif message.type == Gst.MessageType.WARNING:
        _report("Warning", *message.parse_warning())
    elif message.type == Gst.MessageType.ERROR:
        _report("Error", *message.parse_error())
        loop.quit()
    return True


def _report(kind, error, details):
    sys.stderr.write(f"{kind}: {error}: {details}\n")
