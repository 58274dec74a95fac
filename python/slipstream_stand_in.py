"""Packages that step aside for others of the same name.

Slipstream brings a `common` and a `cuda` package for programs that expect to find them. Where the program, or the system,
has one of its own, that one is used, whatever the order of the search path; only what it lacks is taken from here.
"""

import os
import sys
from importlib.machinery import PathFinder


def give_way(module):
    """Puts another package of `module`'s name, if there is one on the search path, in front of `module`.

    Submodules are then looked for there first, and its `__init__.py` is run in `module`.
    """
    own = os.path.realpath(os.path.dirname(module.__file__))
    # There may be more of these: that of a checkout, and one that was installed.
    elsewhere = [folder for folder in sys.path if not os.path.exists(os.path.join(folder, os.path.basename(__file__)))]
    other = PathFinder.find_spec(module.__name__, elsewhere)
    if other is None or other.submodule_search_locations is None:
        return
    module.__path__ = [*other.submodule_search_locations, own]
    if other.origin is not None:
        module.__file__ = other.origin
        other.loader.exec_module(module)
