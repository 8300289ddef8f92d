"""What a watch over whole trainings is worth: how quiet it is on healthy recipes to their end, and what it names of faults that show in the course of training, and when."""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.faultbench import execute, page, programs, runner, score
from bench.faultbench.operators import Operator, Seen, operators
from bench.faultbench.verdict import ALARMS, from_report

Pair = tuple[Operator, programs.Recipe]

EVERY = 8
EARLY = 0.1  # of the run
# Besides the operators whose evidence lies in the course of training: those whose evidence needs an experiment at the start and shows by itself later.
ALSO = (
    "rate-far-too-high",
    "rate-far-too-low",
    "momentum-far-too-high",
    "weight-decay-far-too-strong",
    "wrong-sign",
    "epsilon-far-too-large",
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """One program, watched to its end.

    `live` are findings of severity warning or error that were said while it ran, `infos` the codes of what was seen and only worth knowing. `final` are the errors and warnings of the report at the
    end, `rank` is the place of the first that names a true cause. `named` is the step at which a true cause was first seen (None: not before the end).
    """

    id: str
    steps: int
    ended: str
    live: tuple[str, ...]
    infos: tuple[str, ...]
    final: tuple[str, ...]
    rank: int | None
    hinted: bool
    named: int | None
    seconds: float


def programs_to_watch(bites: Mapping[str, Any], per_operator: int, quickest: int = 0) -> tuple[str, ...]:
    """Healthy recipes, the shortest first, and planted faults that do harm: those of the draw, then as many of the quickest of each operator."""
    return (
        *(f"healthy/{r.name}/0" for r in _by_seconds(bites)),
        *(
            f"planted/{o.name}/{r.name}/0"
            for o, r in (*drawn(per_operator), *quick(bites, per_operator, quickest))
            if runner.standing(dict(bites), o, r)[0]
        ),
    )


def drawn(per_operator: int) -> list[Pair]:
    """Operators that are watched, with the first recipes of the draw that the whole benchmark uses."""
    return programs.pairs(per_operator, only=[o.name for o in _watched()])


def quick(bites: Mapping[str, Any], per_operator: int, quickest: int) -> list[Pair]:
    """For each operator that is watched so many recipes that train quickest, none of the draw: in rounds each operator takes, of the recipes that have been taken least often, the quickest it applies to."""
    taken = {(o.name, r.name) for o, r in drawn(per_operator)}
    often = dict.fromkeys((r.name for r in _by_seconds(bites)), 0)
    chosen: list[Pair] = []
    for _ in range(quickest):
        for operator in _watched():
            fitting = (
                r
                for r in sorted(_by_seconds(bites), key=lambda r: often[r.name])
                if (operator.name, r.name) not in taken and programs.applies(operator, r)
            )
            recipe = next(fitting, None)
            if recipe is not None:
                taken.add((operator.name, recipe.name))
                often[recipe.name] += 1
                chosen.append((operator, recipe))
    return chosen


def _watched() -> list[Operator]:
    return [o for o in operators().values() if o.seen is Seen.TRAINING or o.name in ALSO]


def _by_seconds(bites: Mapping[str, Any]) -> list[programs.Recipe]:
    """Recipes whose data are here, the shortest first."""
    seconds = {
        name: max(entry["seconds"]) for name, entry in bites["healthy"].items() if entry.get("seconds")
    }
    return sorted(
        (r for r in programs.recipes().values() if programs.available(r.data)),
        key=lambda r: (seconds.get(r.name, 60.0), r.name),
    )


def kept(path: Path, every: int) -> dict[str, Any]:
    """Results of before, if they are those of the same netwright and interval."""
    fresh: dict[str, Any] = {
        "every": every,
        "netwright": execute.netwright_fingerprint(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "programs": {},
    }
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return fresh
    return before if all(before.get(k) == fresh[k] for k in ("every", "netwright")) else fresh


def truth(name: str) -> frozenset[str]:
    """The codes that name the cause of a program's fault; none for a healthy one."""
    kind, *rest = name.split("/")
    return score.with_equivalents(operators()[rest[0]].codes) if kind == "planted" else frozenset()


def seen(name: str, answer: Mapping[str, Any]) -> Watched:
    """What the report of a watched run comes to."""
    codes = truth(name)
    verdict = from_report({**answer, "seconds": answer["wall"]})
    live = answer["live"]
    right = [x["first"] for x in live if x["code"] in codes]
    return Watched(
        id=name,
        steps=answer["steps"],
        ended=answer["ended"],
        live=tuple(f"{x['code']} at step {x['said']}" + _healed(x) for x in live if x["said"] is not None),
        infos=tuple(dict.fromkeys(x["code"] for x in live if x["severity"] not in ALARMS)),
        final=tuple("/".join(s.codes) for s in verdict.said),
        rank=verdict.rank(codes) if codes else None,
        hinted=bool(codes & {code for code, _ in _everything(answer["findings"])}),
        named=min(right, default=None),
        seconds=answer["wall"],
    )


def _healed(entry: Mapping[str, Any]) -> str:
    return f", taken back at {entry['withdrawn']}" if entry["withdrawn"] is not None else ""


def _everything(findings: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for finding in findings:
        yield finding["code"], finding["severity"]
        yield from _everything(finding["consequences"])


def short(w: Mapping[str, Any]) -> str:
    """One program in a line."""
    return f"{w['steps']} steps, said {', '.join(w['live']) or 'nothing'}; in the end {', '.join(w['final']) or 'nothing'}; {w['seconds']:.0f} s"


def render(results: Mapping[str, Any]) -> str:
    """The page."""
    return "\n".join(_page(results)) + "\n"


def _page(results: Mapping[str, Any]) -> Iterator[str]:
    everything = list(results["programs"].values())
    healthy = [w for w in everything if w["id"].startswith("healthy/") and w["ended"] == "ok"]
    planted = [w for w in everything if w["id"].startswith("planted/") and w["ended"] == "ok"]
    yield "# FaultBench, watched"
    yield ""
    every = results["every"]
    how = (
        f"they are sampled at every {every}th step whatever that costs, as a long run would be within the usual budget ([within the usual budget](faultbench-watching-default.md))."
        if every
        else "they are sampled as the default budget allows in so short a time ([sampled as a long run is](faultbench-watching.md))."
    )
    yield (
        f"How often `netwright run{f' --watch-every {every}' if every else ''}` speaks while healthy recipes train to their end, and what it names of faults that show in the course of training. Printed by "
        f"`python -m bench.faultbench watch{'' if every else ' --every 0'} --write-page`; [how FaultBench works](../bench/faultbench/README.md). Square brackets hold 95 % intervals (Wilson). The recipes train for seconds; {how}"
    )
    yield ""
    yield f"Machine: {results['machine']}. State of the code: netwright {results['netwright']}."
    yield ""
    recipes = len(programs.recipes())
    if len(healthy) < recipes:
        yield f"**A part of the benchmark only**: {len(healthy)} of {recipes} healthy recipes were watched."
        yield ""
    yield from _quiet(healthy)
    yield from _named(planted)
    yield "## Programs that were not watched to their end"
    yield ""
    yield "\n".join(f"- `{w['id']}`: {w['ended']}" for w in everything if w["ended"] != "ok") or "None."


def _quiet(healthy: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## Healthy recipes"
    yield ""
    yield "| | programs | rate |\n|---|---|---|"
    for title, hit in (
        ("said an error or a warning while training", [w for w in healthy if w["live"]]),
        ("have an error or a warning in the report at the end", [w for w in healthy if w["final"]]),
        ("have something that is only worth knowing", [w for w in healthy if w["infos"]]),
    ):
        yield f"| {title} | {len(hit)} of {len(healthy)} | {page.rate(score.rate(len(hit), len(healthy)))} |"
    yield ""
    yield from (f"- `{w['id']}`: {short(w)}" for w in healthy if w["live"] or w["final"])
    yield ""


def _named(planted: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## Planted faults that do harm"
    yield ""
    yield "| operator | programs | detected | cause at rank 1 | within 3 | named at any severity | seen in the first tenth |\n|---|---|---|---|---|---|---|"
    names = dict.fromkeys(w["id"].split("/")[1] for w in planted)
    for name in names:
        yield _row(
            f"`{name}` ({', '.join(operators()[name].codes)})",
            [w for w in planted if w["id"].split("/")[1] == name],
        )
    yield _row("all", planted)
    yield ""
    yield "*Seen in the first tenth*: a true cause came up, at whatever severity, before a tenth of the steps were done. What can only be told at the end (a run that was stopped too early) cannot."
    yield ""
    yield from (f"- `{w['id']}`: {short(w)}{_first(w)}" for w in planted)
    yield ""


def _row(title: str, group: Sequence[Mapping[str, Any]]) -> str:
    shares = (
        [w for w in group if w["final"] or w["live"]],
        [w for w in group if w["rank"] == 1],
        [w for w in group if w["rank"] is not None and w["rank"] <= 3],
        [w for w in group if w["hinted"] or w["named"] is not None],
        [w for w in group if w["named"] is not None and w["named"] <= EARLY * w["steps"]],
    )
    return (
        f"| {title} | {len(group)} | "
        + " | ".join(page.rate(score.rate(len(hit), len(group))) for hit in shares)
        + " |"
    )


def _first(w: Mapping[str, Any]) -> str:
    return f"; first seen at step {w['named']}" if w["named"] is not None else ""
