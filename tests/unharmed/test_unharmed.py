"""Training is bit-identical with and without netwright, which watches every step of it: weights, losses and everything printed, over many kinds of program."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
# Modes of its own, which count every call that they see.
MODES = Path(__file__).parents[1] / "bad_input" / "programs" / "another_mode_inside.py"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
DUMP = """
import hashlib as _h, torch as _t, random as _r
for _k, _v in sorted(state.items()):
    print(_k, tuple(_v.shape), _h.sha256(_v.detach().contiguous().reshape(-1).view(_t.uint8).numpy().tobytes()).hexdigest())
print(_h.sha256(_t.get_rng_state().numpy().tobytes()).hexdigest(), _r.random() if False else "")
"""


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=300
    )


def _with_dump(program: Path, folder: Path) -> str:
    text = program.read_text()
    dump = DUMP
    if '__name__ == "__main__"' in text:
        dump = "".join(f"    {line}\n" if line else "\n" for line in DUMP.splitlines())
    (folder / "program.py").write_text(text + dump)
    return "program.py"


DOZING = [PROGRAMS[0].with_stem("hooks_of_its_own")]


@pytest.mark.parametrize(
    ("program", "options"),
    [*((p, ["--watch-every", "1"]) for p in (*PROGRAMS, MODES)), *((p, []) for p in DOZING)],
    ids=lambda v: v.stem if isinstance(v, Path) else "-".join(v) or "default",
)
def test_bit_identical(program, options, tmp_path):
    script = _with_dump(program, tmp_path)
    bare = _run([script], tmp_path)
    assert bare.returncode == 0, bare.stderr
    watched = _run(
        ["-m", "netwright", "run", *options, "--rehearse", "2", "--json", "report.json", script],
        tmp_path,
    )
    assert watched.returncode == 0, watched.stderr
    assert watched.stdout == bare.stdout
    assert "NW000" not in watched.stderr, watched.stderr
    assert "recompile_limit" not in watched.stderr, watched.stderr
    assert "NW409" not in watched.stderr, watched.stderr
    assert "netwright:" in watched.stderr or "Diagnosis" in watched.stderr
