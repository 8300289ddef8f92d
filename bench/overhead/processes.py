"""What netwright costs a whole program, from start to end: `python -m bench.overhead.processes`."""

import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click
import torch

from bench.overhead.measure import Block, Result

PAGE = Path(__file__).parents[2] / "docs" / "overhead-processes.md"

# A perceptron fed by a DataLoader, as short as steps come: the seconds that a run takes more, and those that it takes more for each thousand steps.
_PERCEPTRON = """import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
torch.set_num_threads(1)
x = torch.randn(6400, 64)
y = (x[:, :10] + 0.5 * torch.randn(6400, 10)).argmax(1)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
for epoch in range({epochs}):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
"""
_EPOCHS = (10, 100, 500)  # of a hundred steps


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run a script."""

    name: str
    command: tuple[str, ...]


_BARE = Way("bare", ())
_WAYS = (
    Way("bare, once more", ()),
    Way("netwright run --no-watch", ("-m", "netwright", "run", "--quiet", "--no-watch")),
    Way("netwright run", ("-m", "netwright", "run", "--quiet")),
)


@click.command()
@click.argument("scripts", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--rounds", default=9, show_default=True, help="Runs of each kind.")
@click.option("--write-page", is_flag=True, help="Write docs/overhead-processes.md.")
def main(*, scripts: tuple[Path, ...], rounds: int, write_page: bool) -> None:
    """Run SCRIPTS with and without netwright, whole processes in turn. Without SCRIPTS: a perceptron, for several lengths."""
    load = os.getloadavg()[0]
    parts = [_head()]
    with tempfile.TemporaryDirectory() as folder:
        programs = {path.name: path.resolve() for path in scripts}
        for epochs in () if scripts else _EPOCHS:
            path = Path(folder) / f"perceptron_{epochs}.py"
            path.write_text(_PERCEPTRON.format(epochs=epochs), encoding="utf-8")
            programs[f"a perceptron, {100 * epochs:,} steps"] = path
        for name, path in programs.items():
            click.echo(name, err=True)
            parts.append(_section(name, compare(path, rounds)))
    parts.append(
        f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores; load of the machine {load:.1f} before and {os.getloadavg()[0]:.1f} after."
    )
    text = "\n\n".join(parts) + "\n"
    click.echo(text)
    if write_page:
        PAGE.write_text(text, encoding="utf-8")


def compare(script: Path, rounds: int) -> dict[str, Result]:
    """Every way of running the script ``rounds`` times, each beside a bare run of its own, in a new order."""
    results = {way.name: Result() for way in _WAYS}
    shuffle = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        for way in (
            _WAYS
        ):  # once, unmeasured: what is compiled then stays compiled, as where a package was installed
            _once(way, script, Path(folder))
        for _ in range(rounds):
            for way in shuffle.sample(_WAYS, len(_WAYS)):
                first = bool(shuffle.getrandbits(1))
                pair = (_BARE, way) if first else (way, _BARE)
                measured = {w.name: _once(w, script, Path(folder)) for w in pair}
                results[way.name].blocks.append(measured[way.name])
                results[way.name].bare.append(measured[_BARE.name])
    return results


def _once(way: Way, script: Path, folder: Path) -> Block:
    command = [sys.executable, *way.command, str(script)]
    output = folder / "output"
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    with output.open("w") as out:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(
            f"{' '.join(command)} ended with {process.returncode}:\n{output.read_text()[-2000:]}"
        )
    return Block(wall, used.ru_utime + used.ru_stime, 1024 * used.ru_maxrss)


def _head() -> str:
    return (
        "# What netwright costs a whole program\n\nWritten by `python -m bench.overhead.processes --write-page`; give it scripts of your own to measure those. Each script is run as a process of its own, imports and report and all, in turn with bare runs (each run beside one, in a new order). "
        "*Time* is by that of the bare run, by the wall and by the processor: ratio of the totals with a 95 % bootstrap interval over the pairs; *seconds more* is the median difference by the processor. `bare, once more` shows what the measurement itself is worth. "
        "What a run costs once (loading netwright, looking at the first steps, the report) is a large part of a program of seconds and next to nothing of one of minutes; what each step costs is [measured by itself](overhead.md)."
    )


def _section(name: str, results: dict[str, Result]) -> str:
    rows = ["| | time, wall | time, processor | seconds more | peak of memory |", "|---|---|---|---|---|"]
    for way, result in results.items():
        more = statistics.median(a.cpu - b.cpu for a, b in zip(result.blocks, result.bare, strict=True))
        rows.append(
            f"| {way} | {result.written(lambda b: b.wall)} | {result.written(lambda b: b.cpu)} | {more:+.2f} | {result.memory / 2**20:+.0f} MB |"
        )
    bare = statistics.median(b.cpu for r in results.values() for b in r.bare)
    pairs = max(len(r.blocks) for r in results.values())
    return f"## {name}\n\nBare, it takes {bare:.1f} s of the processor; {pairs} pairs.\n\n" + "\n".join(rows)


if __name__ == "__main__":
    main()
