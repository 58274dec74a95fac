"""A machine without CUDA devices, for programs that ask before anything else how many there are.

Slipstream needs no CUDA. NVIDIA's own package of this name, where it is installed, comes first.
"""

import sys

from slipstream_stand_in import give_way

give_way(sys.modules[__name__])
