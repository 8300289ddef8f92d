"""Something cannot be sent to another process or to a file, or a process cannot be started.

## What it measures
The exception that ended the program, if it comes of pickling (saving a whole network, starting workers by ``spawn``), of unpickling, or of starting processes.

## Why it matters
What goes into a file or another process is named, not copied: functions and classes by where they stand in a module. Lambdas, functions inside of functions, open files, generators and locks have no such name.

## How to fix
Save ``model.state_dict()`` rather than the network. Move what is named into the top level of a module (``def`` in place of ``lambda``, ``functools.partial``), open files where they are used. Keep what starts
workers behind ``if __name__ == "__main__":``.

## Known false alarms
None: the exception has happened.

## Source
The messages of Python 3.11 to 3.14 and PyTorch 2.13, the former produced by small programs; Python documentation, "What can be pickled and unpickled?"; PyTorch documentation, "Serialization semantics" and "Multiprocessing best practices".
"""

from ...evidence import Crash
from ...rule import Finding, Kind, Rule, Severity
from .._crashes import explain, simple

rule = Rule(
    code="NW910",
    name="cannot-be-pickled",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T6",),
    remedies=("load-in-this-process", "save-weights"),
)

_SAVE = "save model.state_dict() rather than the network"

PATTERNS = (
    simple(
        r"(?:Can't (?:pickle|get) local object '?|local object )<?(?:function )?'?([\w.<>]+<locals>[\w.<>]+)",
        "`{0}` is made inside of a function, so another process or a file cannot name it",
        f"define it at the top level of a module; to save a network, {_SAVE}",
    ),
    simple(
        r"Can't pickle <(?:function|class) '?([\w.<>]+)'?",
        "`{0}` cannot be found by its name, so another process or a file cannot hold it (a lambda, or a name that stands for something else by now)",
        f"define it with def or class at the top level of a module; to save a network, {_SAVE}",
    ),
    simple(
        r"cannot pickle '([\w.]+)' object",
        "a {0} is part of what is to be pickled, and cannot be",
        f"open or make it where it is used (in __getitem__, at first use) rather than in __init__; to save a network, {_SAVE}",
    ),
    simple(
        r"Can't get attribute '([\w.]+)' on <module '([\w.]+)'",
        "what was saved needs `{0}` of module `{1}`, which has none here",
        "define or import it there before loading; save state_dict() next time, which needs no class",
    ),
    simple(
        r"(Weights only load failed)",
        "the file holds more than tensors (a whole network, or objects of the program's own), and torch.load reads only tensors unless told otherwise",
        "save state_dict() instead; for a file you trust: torch.load(path, weights_only=False)",
    ),
    simple(
        r"(An attempt has been made to start a new process before the\s+current process has finished its bootstrapping phase)",
        "workers are started by importing the script anew, and the script starts workers while it is imported",
        'put what trains into a function and call it under if __name__ == "__main__":',
    ),
    simple(
        r"(Cannot re-initialize CUDA in forked subprocess)",
        "a worker that was forked uses the graphics processor, which only the first process can",
        "keep tensors in the dataset on the CPU and move batches in the loop; or multiprocessing_context='spawn'",
    ),
)


@rule.check
def check(crash: Crash) -> Finding:
    """Explain a message of pickling, or of starting a process."""
    return explain(rule, crash, PATTERNS, "objects that can be named from elsewhere", shaped=False)
