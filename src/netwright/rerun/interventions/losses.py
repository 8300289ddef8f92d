"""The loss, before it is differentiated."""

from collections.abc import Mapping

from ..plan import Setting
from .hooks import Hooks, number


def divide(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """Every loss is divided by ``by`` before it is differentiated; -1 turns its sign."""
    by = number(settings, "by")
    hooks.loss.append(lambda loss: -loss if by == -1 else loss / by)
