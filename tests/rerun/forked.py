"""Re-runs in forked children of this process, where torch is there already."""

import json
import os
import sys
import tempfile
import traceback
from pathlib import Path

from netwright.rerun import Plan, Trace

from ..programs import ready


def rerun(script: Path, plan: Plan) -> Trace:
    """What ``netwright.rerun.pool.rerun`` gives for a script, but for the shadow of its folder: such a script writes no file."""
    ready()
    with tempfile.TemporaryDirectory() as folder:
        channel = Path(folder)
        (channel / "plan.json").write_text(plan.to_json())
        told = {"target": str(script), "argv": [], "is_module": False, "base": folder, "real": "/nowhere"}
        (channel / "command.json").write_text(json.dumps(told))
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            _in_child(channel, script)
        os.waitpid(child, 0)
        trace = channel / "trace.json"
        assert trace.exists(), (channel / "output").read_text()
        return Trace.from_json(trace.read_text())


def _in_child(channel: Path, script: Path) -> None:
    import warnings

    try:
        warnings.resetwarnings()
        warnings.simplefilter("default")
        for number in (1, 2):
            os.dup2(os.open(channel / "output", os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
        sys.stdout, sys.stderr = (open(n, "w", closefd=False) for n in (1, 2))
        os.chdir(script.parent)
        from netwright import launch
        from netwright.rerun.__main__ import Child

        made = Child(channel)
        made._random()
        made._torch()
        made._end(launch.run(made.target, made.argv, is_module=False))
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(0)
