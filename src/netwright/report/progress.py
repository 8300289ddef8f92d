"""A bar on the terminal for what takes longer than a second."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

_SILENT_S = 1.0


@contextmanager
def shown(title: str, stream: TextIO, *, quiet: bool = False) -> Iterator[Callable[[float], None]]:
    """Gives a function to be called with the share that is done. Draws nothing on what is no terminal, and nothing in the first second."""
    console = Console(file=stream)
    if quiet or not console.is_terminal:
        yield lambda share: None  # noqa: ARG005
        return
    bar = Progress(
        TextColumn("netwright: {task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    task = bar.add_task(title, total=1.0)
    began = time.perf_counter()
    started = False

    def told(share: float) -> None:
        nonlocal started
        if not started and time.perf_counter() - began > _SILENT_S:
            bar.start()
            started = True
        bar.update(task, completed=share)

    try:
        yield told
    finally:
        if started:
            bar.stop()
