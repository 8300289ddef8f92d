"""The programs of the benchmark: healthy recipes, planted faults, real cases; and what is true of each."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from bench.faultbench.operators import Operator, operators
from bench.faultbench.seeds import reseeded
from bench.faultbench.source import DoesNotApply, Mutant, Source

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
SEEDS = (0, 1, 2)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """The number a program is judged by: the last match of `pattern` in what it prints."""

    name: str
    pattern: str
    better: str  # higher or lower
    trivial: float | None = None  # what a trivial predictor gets
    reach: float | None = None  # what every seed of the healthy program reaches

    def read(self, printed: str) -> float | None:
        """The value, which may be NaN; None when the program printed none."""
        found = re.findall(self.pattern, printed)
        try:
            return float(str(found[-1]).rstrip("%,.;)")) if found else None
        except ValueError:
            return None

    def loss(self, healthy: float, other: float | None) -> float:
        """How much worse `other` is than `healthy`; no number at all counts as the trivial predictor's."""
        if other is None or other != other or other in (float("inf"), float("-inf")):
            other = (
                self.trivial
                if self.trivial is not None
                else healthy - (1.0 if self.better == "higher" else -1.0)
            )
        return healthy - other if self.better == "higher" else other - healthy


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """A healthy training program."""

    name: str
    kind: str
    task: str
    style: str
    unusual: str
    data: tuple[str, ...]
    metric: Metric
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A real faulty program and its published (or inferred) fix."""

    name: str
    source: str
    faults: tuple[str, ...]
    effect: str
    data: tuple[str, ...]
    lines: dict[str, tuple[int, ...]]
    note: str
    metric: Metric
    faulty: str
    fixed: str

    @property
    def places(self) -> tuple[int, ...]:
        """The lines of all its faults."""
        return tuple(line for lines in self.lines.values() for line in lines)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """One program to be checked or trained: its text at one seed."""

    id: str  # healthy/<recipe>/<seed>, planted/<operator>/<recipe>/<seed>, real/<case>/<faulty or fixed>/<seed>
    name: str  # of the script
    text: str
    data: tuple[str, ...]
    metric: Metric

    @property
    def digest(self) -> str:
        """Changes with the program."""
        return hashlib.sha256(f"{self.metric.pattern}\0{self.text}".encode()).hexdigest()[:24]


def data_folder() -> Path | None:
    """The folder of real data sets, from `NETWRIGHT_DATA`."""
    named = os.environ.get("NETWRIGHT_DATA", "")
    return Path(named).resolve() if named and Path(named).is_dir() else None


def available(data: Iterable[str]) -> bool:
    """Whether the data sets that a program reads are here."""
    folder = data_folder()
    return all(folder is not None and (folder / name).exists() for name in data)


@functools.cache
def recipes() -> dict[str, Recipe]:
    """All recipes by name, in alphabetical order of kind and name."""
    found: dict[str, Recipe] = {}
    for card in sorted(HERE.glob("recipes/*/*.toml")):
        read = tomllib.loads(card.read_text(encoding="utf-8"))
        found[card.stem] = Recipe(
            name=card.stem,
            kind=card.parent.name,
            task=read["task"],
            style=read["style"],
            unusual=read.get("unusual", ""),
            data=tuple(read["data"]),
            metric=Metric(**read["metric"]),
            text=card.with_suffix(".py").read_text(encoding="utf-8"),
        )
    return found


@functools.cache
def cases() -> dict[str, Case]:
    """All real programs by name."""
    found: dict[str, Case] = {}
    for card in sorted(HERE.glob("cases/*/case.toml")):
        read = tomllib.loads(card.read_text(encoding="utf-8"))
        found[card.parent.name] = Case(
            name=card.parent.name,
            source=read["source"],
            faults=tuple(read["faults"]),
            effect=read["effect"],
            data=tuple(read["data"]),
            lines={fault: tuple(lines) for fault, lines in read.get("lines", {}).items()},
            note=read.get("note", ""),
            metric=Metric(**read["metric"]),
            faulty=(card.parent / "faulty.py").read_text(encoding="utf-8"),
            fixed=(card.parent / "fixed.py").read_text(encoding="utf-8"),
        )
    return found


def healthy(recipe: Recipe, seed: int) -> Program:
    """A recipe at a seed."""
    return Program(
        id=f"healthy/{recipe.name}/{seed}",
        name=f"{recipe.name}.py",
        text=reseeded(recipe.text, seed),
        data=recipe.data,
        metric=recipe.metric,
    )


@functools.cache
def plant(operator: Operator, recipe: Recipe) -> Mutant:
    """The recipe with the fault in it; raises DoesNotApply."""
    source = Source(recipe.text, task=recipe.task)
    operator.edit(source)
    return source.mutant()


def planted(operator: Operator, recipe: Recipe, seed: int) -> Program:
    """The recipe with the fault in it, at a seed."""
    return Program(
        id=f"planted/{operator.name}/{recipe.name}/{seed}",
        name=f"{recipe.name}.py",
        text=reseeded(plant(operator, recipe).text, seed),
        data=recipe.data,
        metric=recipe.metric,
    )


def real(case: Case, which: str, seed: int) -> Program:
    """The faulty or the fixed version of a real program, at a seed."""
    return Program(
        id=f"real/{case.name}/{which}/{seed}",
        name=f"{case.name.replace('-', '_')}.py",
        text=reseeded(case.faulty if which == "faulty" else case.fixed, seed),
        data=case.data,
        metric=case.metric,
    )


def to_check(
    recipes: Iterable[Recipe],
    seeds: Iterable[int],
    pairs: Iterable[tuple[Operator, Recipe]],
    cases: Iterable[Case],
) -> list[Program]:
    """What a tool is run on: recipes at each seed; planted faults and real programs, faulty and fixed, at seed 0."""
    return [
        *(healthy(recipe, seed) for recipe in recipes for seed in seeds),
        *(planted(operator, recipe, 0) for operator, recipe in pairs),
        *(real(case, which, 0) for case in cases for which in ("faulty", "fixed")),
    ]


def pairs(limit: int, *, only: Iterable[str] = (), on: Iterable[str] = ()) -> list[tuple[Operator, Recipe]]:
    """Operators with the recipes they apply to: at most `limit` each, of as many kinds as can be, chosen by a fixed draw.

    `only` and `on` restrict operators and recipes by name.
    """
    chosen: list[tuple[Operator, Recipe]] = []
    only, on = set(only), set(on)
    for operator in operators().values():
        if only and operator.name not in only:
            continue
        fitting = [
            r
            for r in recipes().values()
            if (not on or r.name in on) and available(r.data) and applies(operator, r)
        ]
        drawn = sorted(fitting, key=lambda r: hashlib.sha256(f"{operator.name}/{r.name}".encode()).digest())
        kinds: dict[str, int] = {}
        ranked: list[tuple[int, int, Recipe]] = []
        for position, recipe in enumerate(drawn):
            kinds[recipe.kind] = kinds.get(recipe.kind, 0) + 1
            ranked.append((kinds[recipe.kind], position, recipe))
        chosen += [(operator, recipe) for _, _, recipe in sorted(ranked, key=lambda r: r[:2])[:limit]]
    return chosen


def applies(operator: Operator, recipe: Recipe) -> bool:
    """Whether the fault can be planted there."""
    try:
        plant(operator, recipe)
    except DoesNotApply:
        return False
    return True
