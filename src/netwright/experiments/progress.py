"""What an experiment calls while it runs, so that someone can be shown how far it is."""

from collections.abc import Callable

Progress = Callable[[float], None]


def unseen(share: float) -> None:
    """Shows nothing. ``share`` is what is done, 0 to 1."""
