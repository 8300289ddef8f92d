"""A recorded run, handed to another tracker by that tracker's own library, without a connection where the tracker allows it."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from ..run import Run

# Name on the command line: what to import (and the extra's name), and where it goes without --out.
TRACKERS = {
    "mlflow": ("mlflow", "mlruns"),
    "tensorboard": ("tensorboard", "tensorboard"),
    "wandb": ("wandb", "."),
    "comet": ("comet_ml", "comet"),
}


class NotInstalled(ValueError):
    """The tracker's library is missing. The message says how to get it."""


def export(run: Run, tracker: str, out: Path | None) -> str:
    """Hand a run over.

    Args:
        run: the run.
        tracker: a name of :data:`TRACKERS`.
        out: the folder that it is written to (``None``: the tracker's usual one in the working folder).

    Returns:
        A sentence that says where it is and how to see it.

    Raises:
        NotInstalled: the tracker's library is missing.
    """
    library, folder = TRACKERS[tracker]
    if find_spec(library) is None:
        raise NotInstalled(f"this needs {library}: pip install 'netwright[{tracker}]'")
    write = cast("Callable[[Run, Path], str]", import_module(f".to_{tracker}", __name__).write)
    return write(run, (out or Path(folder)).absolute())
