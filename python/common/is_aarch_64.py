"""Whether this is a 64-bit ARM machine."""

import platform


def is_aarch64():
    """True on 64-bit ARM, where programs for DeepStream expect a Jetson."""
    return platform.machine() == "aarch64"
