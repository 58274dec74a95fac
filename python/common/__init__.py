"""What DeepStream's sample programs in Python share. A program's own package of this name comes first."""

import sys

from slipstream_stand_in import give_way

give_way(sys.modules[__name__])
