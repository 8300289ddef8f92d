"""Runs whole training programs under netwright, each in a forked child: torch is imported once per test process."""

import json
import os
import re
import sys
import tempfile
import traceback
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MARK = re.compile(r"#\s*\[(NW\d{3}(?:\s*,\s*NW\d{3})*)\]")


@dataclass(frozen=True)
class Outcome:
    """A program's report, exit code and what it printed."""

    report: dict
    code: int
    stdout: str
    stderr: str

    @property
    def fired(self) -> list[dict]:
        """Findings of severity error or warning, consequences included."""
        found = []
        todo = list(self.report["findings"])
        while todo:
            finding = todo.pop(0)
            todo.extend(finding["consequences"])
            if finding["severity"] in ("error", "warning"):
                found.append(finding)
        return found

    @property
    def codes(self) -> set[str]:
        return {f["code"] for f in self.fired}

    def describe(self) -> str:
        lines = [f"{f['code']} {f['where'].get('line')}: {f['message']}" for f in self.fired]
        return "\n".join([*lines, *self.report.get("notes", []), self.stderr[-2000:]])


def examine(script: Path, *, check: bool = False, timeout: float = 120.0, **options: object) -> Outcome:
    """Run a script under ``netwright run`` (or ``check``) in a forked child of this process."""
    ready()
    with tempfile.TemporaryDirectory() as folder:
        paths = {k: Path(folder) / k for k in ("report.json", "out", "err")}
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            _in_child(script, paths, check, timeout, options)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        text = paths["report.json"].read_text() if paths["report.json"].exists() else "{}"
        out, err = (paths[k].read_text(errors="replace") for k in ("out", "err"))
        report = json.loads(text)
        assert report, f"no report (exit code {code}):\n{err}"
        return Outcome(report=report, code=code, stdout=out, stderr=err)


@cache
def ready() -> None:
    """Have in this process what every child would load for itself: it is most of what a small program costs."""
    import torch
    from sklearn import datasets, preprocessing  # noqa: F401

    from netwright import doctor  # noqa: F401
    from netwright.rerun import watch  # noqa: F401

    torch.set_num_threads(1)
    torch.optim.SGD([torch.zeros(1)], lr=0.1)  # the first optimizer takes torch a second


def _in_child(script: Path, paths: dict, check: bool, timeout: float, options: dict) -> None:
    import signal
    import warnings

    code = 70
    try:
        warnings.resetwarnings()
        warnings.simplefilter("default")
        signal.alarm(int(timeout))
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(paths[name], os.O_WRONLY | os.O_CREAT), number)
        sys.stdout = open(1, "w", closefd=False)
        sys.stderr = open(2, "w", closefd=False)
        os.chdir(script.parent)
        from netwright import doctor
        from netwright.options import RunOptions

        code = doctor.run(
            RunOptions(
                target=str(script),
                json_path=paths["report.json"],
                stop_after_preflight=check,
                quiet=True,
                **options,
            )
        )
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def marks(script: Path) -> dict[str, int]:
    """Codes expected in a program, by the comments ``# [NW302]`` that end the lines."""
    found = {}
    for number, line in enumerate(script.read_text().splitlines(), 1):
        match = MARK.search(line)
        if match:
            for code in re.split(r"\s*,\s*", match.group(1)):
                found[code] = number
    return found


def allowed(script: Path) -> set[str]:
    """Codes that may fire as well, from a first line ``# also: NW301 NW406``."""
    first = script.read_text().partition("\n")[0]
    return set(re.findall(r"NW\d{3}", first)) if first.startswith("# also:") else set()
