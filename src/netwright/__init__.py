"""netwright: an automatic debugger for neural-network training.

``netwright.check``, ``netwright.watch`` and ``netwright.experiments`` are loaded when first used: importing netwright imports no framework.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import experiments as experiments
    from .api import check as check
    from .api import watch as watch

__version__ = "0.1.0"

_LAZY = ("check", "watch")


def __getattr__(name: str) -> object:
    if name in _LAZY:
        # By name: the report imports this package for its version, and must not lead to what imports torch.
        return getattr(import_module(".api", __name__), name)
    if name == "experiments":
        return import_module(".experiments", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY, "experiments"])
