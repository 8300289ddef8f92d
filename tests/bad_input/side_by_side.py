"""A program run twice in forked children: as python would run it, and under netwright."""

import functools
import json
import os
import runpy
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ran:
    """How a program ended and what it printed; ``report`` is empty where there is none."""

    code: int
    stdout: str
    stderr: str
    report: dict

    @property
    def broken(self) -> list[str]:
        """What of netwright's failed (NW000)."""
        return [
            f"{c['code']}: {c['reason']}" for c in self.report.get("checked", ()) if c["state"] == "broken"
        ]


@functools.cache
def warm() -> None:
    """Load once, in this process, what every child would load by itself."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.set_num_threads(1)
        weight = torch.zeros(1, requires_grad=True)
        optimizer = torch.optim.Adam([weight])
        weight.sum().backward()
        optimizer.step()
        from netwright import doctor, probes, registry
        from netwright.capture import session

        assert doctor and probes and session
        registry.all_rules()


def bare(script: Path, *argv: str, folder: Path | None = None) -> Ran:
    """Run a script the way python does."""

    def action(_: Path) -> int:
        sys.argv = [str(script), *argv]
        sys.path[0:1] = [str(script.parent)]
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as error:
            if error.code is None or isinstance(error.code, int):
                return error.code or 0
            print(error.code, file=sys.stderr)
            return 1
        except BaseException:
            traceback.print_exc()
            return 1
        return 0

    return forked(action, folder or script.parent)


def watched(script: Path, *argv: str, folder: Path | None = None, **options: object) -> Ran:
    """Run a script under netwright."""

    def action(report: Path) -> int:
        from netwright import doctor
        from netwright.options import RunOptions

        given = {"json_path": report, **options}
        return doctor.run(RunOptions(target=str(script), argv=argv, **given))

    return forked(action, folder or script.parent)


def forked(action: Callable[[Path], int], folder: Path, timeout: int = 60) -> Ran:
    """Call a function in a forked child that has files for stdout and stderr."""
    warm()
    with tempfile.TemporaryDirectory() as temporary:
        out, err, report = (Path(temporary) / n for n in ("out", "err", "report.json"))
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            _child(action, folder, (out, err, report), timeout)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        text = report.read_text() if report.exists() else "{}"
        return Ran(code, out.read_text(), err.read_text(), json.loads(text))


def _child(action: Callable[[Path], int], folder: Path, paths: tuple[Path, ...], timeout: int) -> None:
    code = 70
    try:
        warnings.resetwarnings()
        warnings.simplefilter("default")
        signal.alarm(timeout)
        for number, path in enumerate(paths[:2], 1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
        sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)
        sys.stderr = sys.__stderr__ = open(2, "w", closefd=False)
        os.chdir(folder)
        code = action(paths[2])
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (AttributeError, ValueError):
                continue
        os._exit(code)
