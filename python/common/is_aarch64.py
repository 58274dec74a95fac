"""`is_aarch_64` under its other name."""

from .is_aarch_64 import is_aarch64

__all__ = ["is_aarch64"]
