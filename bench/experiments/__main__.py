"""The command line: `python -m bench.experiments noise`, `cost`, `rates`."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType

import click

from bench.experiments import cost as cost_
from bench.experiments import noise as noise_
from bench.experiments import rates as rates_
from bench.experiments.runs import HERE
from bench.faultbench.programs import data_folder

PAGE = HERE.parents[1] / "docs" / "experiments-measured.md"
HEAD = (
    "# Experiments, measured\n\n"
    "Written by `python -m bench.experiments noise|cost|rates --write-page`; each command writes its own section. The recipes are those of [FaultBench](faultbench.md).\n"
)
ORDER = (noise_.TITLE, cost_.TITLE, rates_.TITLE)


@click.group()
def main() -> None:
    """Measure experiments against brute force. Every result is kept in bench/experiments/.cache; a stopped command goes on from there."""


def _command(name: str, module: ModuleType) -> None:
    @main.command(name, help=module.__doc__)
    @click.option("--recipe", "names", multiple=True, help="Only this recipe (repeatable).")
    @click.option("--write-page", is_flag=True, help="Write the section of docs/experiments-measured.md.")
    def run(*, names: tuple[str, ...], write_page: bool) -> None:
        if data_folder() is None:
            click.echo("NETWRIGHT_DATA names no folder: recipes on larger data sets are left out", err=True)
        say: Callable[[str], None] = lambda line: click.echo(line, err=True)  # noqa: E731
        text = module.table(say, names)
        click.echo(f"## {module.TITLE}\n\n{text}")
        if write_page:
            old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
            PAGE.write_text(with_section(old, module.TITLE, text), encoding="utf-8")


def with_section(page: str, title: str, text: str) -> str:
    """The page with one section replaced or put in its place."""
    found = dict(re.findall(r"^## (.+?)\n\n(.*?)(?=\n## |\Z)", page, re.MULTILINE | re.DOTALL))
    found[title] = text
    return HEAD + "".join(f"\n## {t}\n\n{found[t].strip()}\n" for t in ORDER if t in found)


for _name, _module in (("noise", noise_), ("cost", cost_), ("rates", rates_)):
    _command(_name, _module)

if __name__ == "__main__":
    main()
