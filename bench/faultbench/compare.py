"""Two results of the benchmark side by side, on the programs that both have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.faultbench import page, score
from bench.faultbench.score import Judged

Results = Mapping[str, Any]
_GROUPS = {
    "planted faults whose evidence lies in the first steps": ("planted", "start"),
    "planted faults that need an experiment": ("planted", "experiment"),
    "planted faults that need training": ("planted", "training"),
    "real programs (faulty version)": ("real", None),
}


def render(tools: Mapping[str, Results]) -> str:
    """A page of Markdown.

    Args:
        tools: results by the command that gave them.
    """
    return "\n".join(_page(tools)) + "\n"


def _page(tools: Mapping[str, Results]) -> Iterator[str]:
    names = " and ".join(f"`{name}`" for name in tools)
    yield "# FaultBench, compared"
    yield ""
    yield (
        f"{names} on the same programs. Printed by `python -m bench.faultbench compare`; [what FaultBench is](../bench/faultbench/README.md). "
        "Square brackets hold 95 % intervals (Wilson)."
    )
    yield ""
    yield "| | tool | programs | detected | cause at rank 1 | within 3 | right line | check, median s |\n|---|---|---|---|---|---|---|---|"
    for title, (part, seen) in _GROUPS.items():
        common = _common([_judged(r, part, seen) for r in tools.values()])
        for name, results in tools.items():
            group = [j for j in _judged(results, part, seen) if j.id in common]
            s = score.summary(group)
            yield (
                f"| {title} | `{name}` | {len(group)} | {page.rate(s['detection'])} | {page.rate(s['top1'])} | {page.rate(s['top3'])} | {page.rate(s['line'])} | {s['seconds']} |"
            )
    yield ""
    yield "## False alarms"
    yield ""
    yield "| | tool | programs | alarms | programs with any | check, median s |\n|---|---|---|---|---|---|"
    for title, part in (("healthy recipes", "healthy"), ("fixed versions of real programs", "fixed")):
        for name, results in tools.items():
            p = results[part]
            yield f"| {title} | `{name}` | {p['programs']} | {p['alarms']} | {page.rate(p['programs_with_any'])} | {p['seconds']} |"
    yield ""
    for name, results in tools.items():
        for entry in (*results["healthy"]["list"], *results["fixed"]["list"]):
            yield f"- `{name}`, {entry['id']}: {'; '.join(entry['said'])}"
    yield ""
    yield from _changes(tools)


def _changes(tools: Mapping[str, Results]) -> Iterator[str]:
    """Faults whose cause only one of two tools puts first."""
    if len(tools) != 2:
        return
    (first, a), (second, b) = tools.items()
    yield "## Causes that only one of them puts first"
    yield ""
    for part in ("planted", "real"):
        one = {j.id: j for j in _judged(a, part, None)}
        other = {j.id: j for j in _judged(b, part, None)}
        for key in sorted(one.keys() & other.keys()):
            ranks = (one[key].rank == 1, other[key].rank == 1)
            if ranks[0] != ranks[1]:
                yield f"- {key} ({', '.join(one[key].truth)}): `{first if ranks[0] else second}`"
    yield ""


def _common(groups: Sequence[Sequence[Judged]]) -> frozenset[str]:
    sets = [frozenset(j.id for j in group) for group in groups]
    return frozenset.intersection(*sets)


def _judged(results: Results, part: str, seen: str | None) -> list[Judged]:
    found = [page.read(entry) for entry in results[part]]
    return [j for j in found if j.counts and (seen is None or j.seen == seen)]
