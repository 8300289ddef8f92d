"""The program once more, unmodified, in processes of its own: with other seeds, on a part of its training set, for fewer steps, with a change made at the hooks.

:func:`rerun` takes a :class:`Command` and a :class:`Plan` for each re-run, and gives back a :class:`Trace` for each.
"""

from .plan import Command as Command
from .plan import Intervention as Intervention
from .plan import Loader as Loader
from .plan import Plan as Plan
from .plan import Subset as Subset
from .trace import LoaderUse as LoaderUse
from .trace import Metric as Metric
from .trace import Point as Point
from .trace import Trace as Trace


def __getattr__(name: str) -> object:
    if name in ("rerun", "workers"):  # the child needs neither, and is to leave torch to the program
        from . import pool

        return getattr(pool, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
