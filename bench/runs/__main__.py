"""The command line: `python -m bench.runs kill`."""

import random
import tempfile
from pathlib import Path

import click

from bench.runs.cost import cost
from bench.runs.kill import killed
from bench.runs.memory import resident


@click.group()
def main() -> None:
    """Measure the record of a run."""


@main.command()
@click.option("--times", default=20, show_default=True, help="How often.")
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
def kill(*, times: int, seed: int) -> None:
    """Kill a run at random moments within its first five seconds; say what is missing from its record."""
    moments = random.Random(seed)
    worst = 0.0
    click.echo("| killed after | samples | in the record | lost |\n| ---: | ---: | ---: | ---: |")
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            found = killed(Path(folder) / "run", moments.uniform(0.05, 5.0))
        worst = max(worst, found.lost_s)
        holes = ", with a gap" if found.gap else ""
        click.echo(
            f"| {found.after_s:.2f} s | {found.produced} | {found.recorded}{holes} | {found.lost_s:.2f} s |"
        )
    click.echo(f"\nAt most {worst:.2f} s of the run are lost.")


@main.command("cost")
def cost_() -> None:
    """What a sample costs the training's thread, and the record's own."""
    click.echo(
        "| numbers in a sample | `add` | thread of the record | on disk, a number |\n| ---: | ---: | ---: | ---: |"
    )
    for width in (1, 10, 1000, 20_000):
        with tempfile.TemporaryDirectory() as folder:
            found = cost(Path(folder) / "run", width)
        click.echo(
            f"| {width:,} | {found.add_us:.1f} µs | {found.thread_us:,.1f} µs | {found.bytes_each:.1f} bytes |"
        )


@main.command()
@click.option("--steps", default=100_000, show_default=True, help="Of the run.")
def memory(*, steps: int) -> None:
    """Resident memory in the course of a long run of a small network, bare and recorded."""
    watched = ("-m", "netwright", "run", "--no-report")
    ways = {
        "bare": (),
        "`netwright run`": watched,
        "`netwright run --watch-every 1`": (*watched, "--watch-every", "1"),
    }
    for number, (name, how) in enumerate(ways.items()):
        found = resident(steps, how)
        if not number:
            click.echo("| MB after steps | " + " | ".join(f"{step:,}" for step, _ in found) + " |")
            click.echo("| --- |" + " ---: |" * len(found))
        click.echo(f"| {name} | " + " | ".join(f"{size / 2**20:.1f}" for _, size in found) + " |")


if __name__ == "__main__":
    main()
