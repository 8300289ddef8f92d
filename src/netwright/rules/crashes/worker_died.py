"""A process that loads data has died.

## What it measures
The exception that ended the program, if a DataLoader says in it that one of its workers is gone or does not answer, or that shared memory or file handles have run out.

## Why it matters
What went wrong happened in another process, and its own words are lost. The usual causes: the system ended it for want of memory, shared memory (``/dev/shm``) is too small, a library crashed.

## How to fix
Run with ``num_workers=0``: the same error then comes in this process, with its line. Fewer workers and smaller batches take less memory; each worker holds its own copy of what the dataset holds in lists.

## Known false alarms
None: the exception has happened.

## Source
The messages of PyTorch 2.13, produced by small programs, and of its source; PyTorch documentation of ``torch.utils.data`` (copy-on-write and the memory of workers) and of ``torch.multiprocessing`` (sharing strategies).
"""

import re

from ...evidence import Crash
from ...rule import Finding, Kind, Rule, Severity
from .._crashes import Told, explain, pattern, simple

rule = Rule(
    code="NW908",
    name="worker-died",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T6",),
    remedies=("load-in-this-process",),
)

_ALONE = "run with num_workers=0 to see the error itself, with its line"
_SIGNALS = {
    "killed": ("the system ended it, as it does when memory is short", "use fewer workers or smaller batches, and hold the data in arrays rather than in lists of objects, which every worker copies"),
    "bus error": ("shared memory is full", "give the machine or container more shared memory (docker run --shm-size=8g), or use fewer workers"),
    "segmentation fault": ("a library in it crashed", _ALONE),
    "aborted": ("a library in it gave up", _ALONE),
}  # fmt: skip


def _killed(crash: Crash, match: "re.Match[str]") -> Told:
    signal = match.group(1).strip()
    why, fix = _SIGNALS.get(signal.lower(), ("something ended it from outside", _ALONE))
    if "shared memory" in crash.message:
        why, fix = _SIGNALS["bus error"]
    return Told(
        f"a process that loads data for the loop at {crash.where.at} was ended by a signal ({signal}): {why}",
        fix,
        crash.where,
        (("signal", signal),),
    )


PATTERNS = (
    pattern(r"DataLoader worker \(pid[^)]*\) is killed by signal: ([\w ]+)", _killed),
    simple(
        r"(DataLoader worker \(pid\(s\) [\d, ]+\) exited unexpectedly)",
        "a process that loads data has ended without a word, most likely for want of memory or by a crash in a library",
        f"{_ALONE}; if it is memory, use fewer workers or smaller batches",
    ),
    simple(
        r"DataLoader timed out after ([\d.]+) seconds",
        "no batch came within the {0} s that the loader was given: a worker hangs, or is that slow",
        f"{_ALONE}; raise timeout= if fetching a batch really takes that long",
    ),
    simple(
        r"(unable to open shared memory object|unable to mmap \d+ bytes from file|unable to write to file </torch_|received 0 items of ancdata|Too many open files)",
        "handing batches over from the workers failed: shared memory or file handles have run out",
        "raise the limits (docker run --shm-size=8g, ulimit -n 65536), use fewer workers, or torch.multiprocessing.set_sharing_strategy('file_system')",
    ),
)


@rule.check
def check(crash: Crash) -> Finding:
    """Explain a message about workers."""
    return explain(rule, crash, PATTERNS, "workers that live as long as the loader", shaped=False)
