"""What watching costs: `python -m bench.overhead`, a table for each program."""

import os
import platform
import warnings
from pathlib import Path

import click
import torch

from bench.overhead.measure import Result, compare
from bench.overhead.programs import PROGRAMS
from bench.overhead.tools import TOOLS, usable

_ALONE = ("bare, once more", "netwright, default")
PAGE = Path(__file__).parents[2] / "docs" / "overhead.md"


@click.command()
@click.option(
    "--program", "names", multiple=True, type=click.Choice(list(PROGRAMS)), help="Only this one (repeatable)."
)
@click.option(
    "--tool", "tools", multiple=True, type=click.Choice(list(TOOLS)), help="Only this one (repeatable)."
)
@click.option("--seconds", default=120.0, show_default=True, help="Time for each program.")
@click.option("--block", "block_s", default=0.3, show_default=True, help="Seconds of a block of steps.")
@click.option("--threads", default=1, show_default=True)
@click.option("--write-page", is_flag=True, help="Write docs/overhead.md.")
def main(
    *,
    names: tuple[str, ...],
    tools: tuple[str, ...],
    seconds: float,
    block_s: float,
    threads: int,
    write_page: bool,
) -> None:
    """Compare the bare training step with the same step under watch, in one process."""
    torch.set_num_threads(threads)
    warnings.filterwarnings("ignore", message="Anomaly Detection")
    load = os.getloadavg()[0]
    parts = [_head()]

    def say(line: str) -> None:
        click.echo(line, err=True)

    for name in names or PROGRAMS:
        click.echo(name, err=True)
        results, once = compare(
            PROGRAMS[name],
            tools or tuple(TOOLS),
            seconds=seconds,
            block_s=block_s,
            say=say,
        )
        if not tools:  # the default takes so little that it needs a measurement of its own
            alone, _ = compare(PROGRAMS[name], _ALONE, seconds=seconds, block_s=block_s, say=say)
            results = {**results, **{f"{tool}, measured alone": result for tool, result in alone.items()}}
        parts.append(_section(name, results, once))
    parts.append(
        f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}, {threads} thread(s) of {os.cpu_count()} cores; "
        f"load of the machine {load:.1f} before and {os.getloadavg()[0]:.1f} after (this measurement is 1 of it)."
    )
    missing = [name for name, (_, package) in TOOLS.items() if not usable(package)]
    if missing:
        parts.append(f"Not installed, so not compared: {', '.join(missing)}.")
    text = "\n\n".join(parts) + "\n"
    click.echo(text)
    if write_page:
        PAGE.write_text(text, encoding="utf-8")


def _head() -> str:
    return (
        "# What watching costs\n\nWritten by `python -m bench.overhead --write-page`. In one process every tool has a network of its own in training; in every round each has a block of steps, in a new "
        "order, before or after a block of the bare program, on the same network where the tool can be taken off it (`wandb` and Cockpit cannot: a network of its own stands beside them). *Time* is the time of a step by that of the bare step, by the wall and by the processor, as ratio of the totals with a 95 % bootstrap interval over the "
        "rounds; *memory* the peak of resident memory above that of the bare blocks (all networks are there in all blocks). `bare, once more` shows what the measurement itself is worth; the default and that stand below once more, measured by themselves in many more rounds. "
        "netwright's clock stands still while others have their turn. Its first seconds, in which it looks more closely and goes ahead of its budget, are before the first round, and said beside it; "
        "what they and everything else that is done once cost a whole program is [measured by itself](overhead-processes.md)."
    )


def _section(name: str, results: dict[str, Result], once: float) -> str:
    doc = (PROGRAMS[name].__doc__ or "").strip()
    rows = ["| | time, wall | time, processor | memory | |", "|---|---|---|---|---|"]
    for tool, result in results.items():
        if not result.blocks:
            rows.append(f"| {tool} | | | | {result.says} |")
            continue
        wall, cpu = result.written(lambda b: b.wall), result.written(lambda b: b.cpu)
        memory = f"{result.memory / 2**20:+.0f} MB"
        rows.append(f"| {tool} | {wall} | {cpu} | {memory} | {result.says} |")
    rounds = max(len(r.blocks) for r in results.values())
    return f"## {name}\n\n{doc} A bare step takes {1000 * once:.3g} ms; {rounds} rounds.\n\n" + "\n".join(
        rows
    )


if __name__ == "__main__":
    main()
