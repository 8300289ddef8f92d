"""The results as a page of Markdown, for the terminal and for docs/faultbench.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bench.faultbench import score
from bench.faultbench.operators import operators
from bench.faultbench.programs import HERE, tomllib
from bench.faultbench.score import Judged

REASONS: dict[str, dict[str, str]] = tomllib.loads((HERE / "misses.toml").read_text(encoding="utf-8"))
_LOOKED_AT = 2  # recipes an operator on which misses are looked at while rules are written
HEAD = "| | programs | detected | cause at rank 1 | within 3 | right line | findings that are right | check, median s |\n|---|---|---|---|---|---|---|---|"


def render(results: dict[str, Any], *, tool: str = "netwright check --no-experiments") -> str:
    """The page."""
    return "\n".join(_page(results, tool)) + "\n"


def _page(results: dict[str, Any], tool: str) -> Iterator[str]:
    planted = [read(j) for j in results["planted"]]
    counted = [j for j in planted if j.counts]
    start = [j for j in counted if j.seen == "start"]
    real = [read(j) for j in results["real"]]
    yield "# FaultBench"
    yield ""
    yield (
        f"How often `{tool}` is right, and how often it cries wolf, on programs whose truth is known. This page is printed by "
        "`python -m bench.faultbench run --write-page` (`make faultbench`); [how it works](../bench/faultbench/README.md). "
        "Square brackets hold 95 % intervals (Wilson), which take programs as independent although those of one operator are alike."
    )
    yield ""
    yield f"Machine: {results['machine']}. {len(results['recipes'])} healthy recipes, {len(operators())} fault operators, at most {results['plan']['per_operator']} recipes an operator."
    if results["healthy"]["programs"] < len(results["recipes"]) * len(results["plan"]["healthy_seeds"]):
        yield ""
        yield (
            f"**A part of the benchmark only**: of what was chosen, {results['healthy']['programs']} healthy programs, {len(planted)} planted "
            f"faults of {len({j.operator for j in planted})} operators and {len(real)} real programs were checked."
        )
    yield ""
    yield "## Over all"
    yield ""
    yield HEAD
    yield _row("planted faults whose evidence lies in the first steps", start)
    yield _row("&nbsp; of these from the third recipe of an operator on", _later(planted, start))
    yield _row("planted faults that need an experiment", [j for j in counted if j.seen == "experiment"])
    yield _row("planted faults that need training", [j for j in counted if j.seen == "training"])
    yield _row("real programs (faulty version)", [j for j in real if j.counts])
    yield ""
    yield from _alarms(results)
    yield from _sections(planted, counted, real)
    yield from _recipes(results)
    yield from _ended(results)


def _later(planted: Sequence[Judged], counted: Sequence[Judged]) -> list[Judged]:
    """Pairs beyond the first two recipes of each operator."""
    seen: dict[str, int] = {}
    later: set[str] = set()
    for j in planted:
        seen[j.operator] = seen.get(j.operator, 0) + 1
        if seen[j.operator] > _LOOKED_AT:
            later.add(j.id)
    return [j for j in counted if j.id in later]


def _alarms(results: dict[str, Any]) -> Iterator[str]:
    yield "## False alarms: errors and warnings where all is well"
    yield ""
    yield "| | programs | alarms | per program | programs with any | check, median s |\n|---|---|---|---|---|---|"
    for title, part in (
        ("healthy recipes", results["healthy"]),
        ("fixed versions of real programs", results["fixed"]),
    ):
        yield (
            f"| {title} | {part['programs']} | {part['alarms']} | {part['per_program']} | {rate(part['programs_with_any'])} | {part['seconds']} |"
        )
    yield ""
    for part in (results["healthy"], results["fixed"]):
        for entry in part["list"]:
            reaches = f" (reaches {entry['reaches']})" if "reaches" in entry else ""
            yield f"- `python -m bench.faultbench check {entry['id']}`{reaches}: {'; '.join(entry['said'])}"
    if results["healthy"]["list"] or results["fixed"]["list"]:
        yield ""
    yield (
        "A fixed version is the program with the published or inferred fix of its main fault and nothing more. "
        f"{results['fixed']['left']} findings on them name a fault that the fact sheet knows of and the fix leaves in place; they are listed and not "
        "counted. What a fixed version reaches at three seeds tells which of the others stand beside a program that works."
    )
    yield ""


def _sections(planted: Sequence[Judged], counted: Sequence[Judged], real: Sequence[Judged]) -> Iterator[str]:
    yield "## Planted faults, by operator"
    for seen, title in (
        ("start", "Evidence in the first steps: a pre-flight can see these"),
        ("experiment", "Evidence in an experiment on data or step: a pre-flight cannot see these"),
        ("training", "Evidence in the course of training: a pre-flight cannot see these"),
    ):
        yield ""
        yield f"### {title}"
        yield ""
        yield HEAD
        for name, group in score.grouped(
            [j for j in counted if j.seen == seen], lambda j: j.operator
        ).items():
            yield _summary_row(
                f"`{name}` ({', '.join(operators()[name].codes)})" if name in operators() else name, group
            )
    yield ""
    yield "## Planted faults, by kind of recipe (evidence in the first steps)"
    yield ""
    yield HEAD
    for name, group in score.grouped([j for j in counted if j.seen == "start"], lambda j: j.kind).items():
        yield _summary_row(name, group)
    yield ""
    yield "## Planted faults, by family (evidence in the first steps)"
    yield ""
    yield HEAD
    for name, group in score.grouped([j for j in counted if j.seen == "start"], lambda j: j.family).items():
        yield _summary_row(name, group)
    yield ""
    yield from _misses(
        "Missed, or another cause first (evidence in the first steps)",
        [j for j in counted if j.seen == "start" and j.rank != 1],
    )
    yield from _misses(
        "Right cause, wrong line", [j for j in counted if j.seen == "start" and j.line is False]
    )
    yield from _real(real)
    yield from _uncounted([j for j in planted if not j.counts])


def _misses(title: str, judged: Sequence[Judged]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    for j in judged:
        said = ", ".join(j.said) or "nothing"
        yield f"- `python -m bench.faultbench check {j.id}`: expected {' or '.join(j.truth)}, said {said}{_reason(j)}"
    if not judged:
        yield "None."
    yield ""


def _reason(judged: Judged) -> str:
    """What `misses.toml` knows of a miss."""
    parts = judged.id.split("/")
    key = judged.operator if parts[0] == "real" else "/".join(parts[1:3])
    known = REASONS[parts[0]].get(key)
    return f": {known}" if known else " (not looked at)"


def _real(real: Sequence[Judged]) -> Iterator[str]:
    yield "## Real programs"
    yield ""
    yield "| program | faults | said | cause at | line |\n|---|---|---|---|---|"
    for j in (j for j in real if j.counts):
        yield f"| `{j.operator}` | {j.kind.replace(',', ', ')} | {', '.join(j.said) or 'nothing'} | {j.rank or '–'} | {_yes(j.line)} |"
    yield ""
    yield "Why the cause was not named first, as far as someone has looked:"
    yield ""
    for j in (j for j in real if j.counts and j.rank != 1):
        yield f"- `{j.operator}`{_reason(j)}"
    yield ""
    apart = [j for j in real if not j.counts]
    if apart:
        yield "Apart, because faulty and fixed version do not differ by the test, or, where they were not trained here, by their fact sheet:"
        yield ""
        yield "| program | faults | state | said |\n|---|---|---|---|"
        for j in apart:
            yield f"| `{j.operator}` | {j.kind.replace(',', ', ')} | {j.why} | {', '.join(j.said) or 'nothing'} |"
        yield ""


def _uncounted(judged: Sequence[Judged]) -> Iterator[str]:
    yield "## Planted and not counted"
    yield ""
    yield "Faults that do no measurable harm on that recipe, with which the program does not run, or that were not trained here, so that their harm is not known (*not measured*). What netwright says of them is neither counted for nor against it."
    yield ""
    yield "| operator | recipe | why | said |\n|---|---|---|---|"
    for j in judged:
        yield f"| `{j.operator}` | `{j.id.split('/')[2]}` | {j.why.replace('|', '/')} | {', '.join(j.said) or 'nothing'} |"
    yield ""


def _recipes(results: dict[str, Any]) -> Iterator[str]:
    yield "## Healthy recipes"
    yield ""
    yield (
        "Metric of three seeds, what every seed is held to, and what a trivial predictor gets. With three other seeds each (`--null`), the "
        f"test that decides whether a fault bites takes a healthy recipe for a faulty one at a rate of {rate(results['null'])}."
    )
    yield ""
    yield "| kind | recipe | style | unusual but right | metric | three seeds | held to | trivial | s |\n|---|---|---|---|---|---|---|---|---|"
    for name, r in results["recipes"].items():
        metrics = r.get("metrics", [])
        short = [
            m for m in metrics if m is None or (m < r["reach"] if r["better"] == "higher" else m > r["reach"])
        ]
        held = f"{r['reach']}" + (" **not reached**" if short else "")
        values = ", ".join("none" if m is None else f"{m:.4g}" for m in metrics) or "not measured"
        seconds = f"{max(r['seconds']):.0f}" if r.get("seconds") else ""
        yield f"| {r['kind']} | `{name}` | {r['style']} | {r['unusual']} | {r['metric']} | {values} | {held} | {r['trivial']} | {seconds} |"
    yield ""


def _ended(results: dict[str, Any]) -> Iterator[str]:
    yield "## Checks that did not end well"
    yield ""
    for name, how in results["ended"].items():
        yield f"- `python -m bench.faultbench check {name}`: {how}"
    for name, what in results["broken"].items():
        yield f"- `python -m bench.faultbench check {name}`: a rule could not run: {'; '.join(what)}"
    if not results["ended"] and not results["broken"]:
        yield "None."


def _row(title: str, judged: Sequence[Judged]) -> str:
    return _summary_row(title, score.summary(judged))


def _summary_row(title: str, s: dict[str, Any]) -> str:
    cells = [rate(s[key]) for key in ("detection", "top1", "top3", "line", "precision")]
    return f"| {title} | {s['programs']} | {' | '.join(cells)} | {s['seconds'] if s['seconds'] is not None else '–'} |"


def rate(r: dict[str, Any]) -> str:
    """A share with its interval, in words."""
    return f"{r['rate']:.2f} [{r['low']:.2f}, {r['high']:.2f}]" if r["rate"] is not None else "–"


def _yes(value: bool | None) -> str:
    return "–" if value is None else "yes" if value else "no"


def read(entry: dict[str, Any]) -> Judged:
    """One program's result as it was before it was written to JSON."""
    fields: dict[str, Any] = {**entry, "truth": tuple(entry["truth"]), "said": tuple(entry["said"])}
    return Judged(**fields)
