"""Cures as a page of Markdown, for the terminal and for docs/faultbench-cure.md."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scipy.stats import binomtest

from bench.faultbench import page, programs, score
from bench.faultbench.cure import BACK, Cured
from bench.faultbench.operators import operators
from bench.faultbench.source import DoesNotApply
from bench.faultbench.tuning import METHODS, Tuned

PEERS = (
    "AUTOTRAINER (Zhang et al., ICSE 2021) repairs trainings and DeepFD (Cao et al., ICSE 2022) diagnoses them. Neither can be installed as a package (what is called autotrainer on PyPI is something else). Both are research "
    "code for Keras: AUTOTRAINER asks for Keras 2.3.1 on TensorFlow 2.1, which no Python after 3.7 has, and is a function that is given a Keras model and a configuration instead of a program; DeepFD comes with compiled files of Python 3.6, "
    "saved Keras models and classifiers learned on them. Neither can take a PyTorch program, and to write these programs anew in Keras would compare the "
    "translations as much as the tools. So they are not compared here, and no figure that they publish stands beside ours: it was measured on other programs."
)
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? ")


def render(results: Mapping[str, Any]) -> str:
    """The page.

    Args:
        results: what `python -m bench.faultbench cure` keeps: `budget`, `programs`, `earlier`, `baselines`.
    """
    return "\n".join(_page(results)) + "\n"


def _page(results: Mapping[str, Any]) -> Iterator[str]:
    done = {name: Cured(**entry) for name, entry in results["programs"].items()}
    planted, real, healthy = (
        [c for c in done.values() if c.id.startswith(f"{kind}/")] for kind in ("planted", "real", "healthy")
    )
    first = {name: Cured(**entries[0]) for name, entries in results["earlier"].items() if entries}
    yield "# FaultBench: cures"
    yield ""
    yield (
        f"`netwright fix --write --budget {results['budget']:g}` on {len(planted)} planted faults that bite, {len(real)} real faulty programs and {len(healthy)} healthy recipes. Printed by "
        "`python -m bench.faultbench cure --write-page`; [what FaultBench is](../bench/faultbench/README.md), [how often its causes are named](faultbench.md), [what fix does](fix.md)."
    )
    yield ""
    yield (
        "*Chosen* by their training time alone: for each fault operator the one or two quickest recipes on which it bites, where these train within seconds, and the quickest real programs and healthy recipes; of those that this gives, the ones that were measured so far stand here. *Cured*: a patch was written, "
        f"and the program that was written, trained by itself, comes back to at least {BACK:.0%} of the way to the healthy recipe (the published fix, for a real program; means of three seeds), from the trivial predictor where one is stated, else from the faulty program. "
        "Square brackets hold 95 % intervals (Wilson)."
    )
    yield ""
    states = len({c.netwright for c in done.values()})
    if states > 1:
        yield f"Measured on {states} states of netwright, since it was mended in between; what an earlier state cured was not tried again on a later one."
        yield ""
    yield from _overall(planted, real, healthy, first)
    yield from _baselines(results["baselines"], done)
    yield from _table("Planted faults", planted, first)
    yield from _table("Real programs", real, first)
    yield from _table("Healthy recipes", healthy, first)
    yield from _failures([*planted, *real], first)
    yield "## Not compared"
    yield ""
    yield PEERS


def _overall(
    planted: Sequence[Cured], real: Sequence[Cured], healthy: Sequence[Cured], first: Mapping[str, Cured]
) -> Iterator[str]:
    yield "| | planted faults | real programs |\n|---|---|---|"
    groups = (planted, real)
    yield _row("programs", [str(len(g)) for g in groups])
    yield _row("cured", [_share(sum(c.cured for c in g), len(g)) for g in groups])
    if first:
        yield _row(
            "cured at first sight, before what was mended in between",
            [_share(sum(first.get(c.id, c).cured for c in g), len(g)) for g in groups],
        )
    yield _row("a proven patch was written", [_share(sum(c.changed for c in g), len(g)) for g in groups])
    yield _row("of these cured", [_share(sum(c.cured for c in g), sum(c.changed for c in g)) for g in groups])
    yield _row(
        "reaches the healthy recipe's mean, or the published fix's",
        [_share(sum(c.cured and (c.back or 0.0) >= 1 for c in g), len(g)) for g in groups],
    )
    mended = [[c for c in g if c.cured] for g in groups]
    yield _row(
        "of the cured, patches that change nothing beside the fault",
        [_share(sum(extra(c) == 0 for c in g), len(g)) for g in mended],
    )
    yield _row(
        "of the cured, exactly the healthy program again",
        [_share(sum(exact(c) for c in g), len(g)) for g in mended],
    )
    yield _row(
        "time to a cure, in runs of the program itself (medians of wall time; of processor time)",
        [_times(g) for g in mended],
    )
    yield _row("the same where it was not cured", [_times([c for c in g if not c.cured]) for g in groups])
    yield ""
    yield f"Healthy recipes that were changed: {_share(sum(c.changed for c in healthy), len(healthy))} of {len(healthy)}; time until they were left as they are, in runs of the program itself: {_times(healthy)}."
    yield ""
    yield (
        "A place of a patch counts as beside the fault where it touches none of the lines at which a finding may rightly point (an import that the patch needs counts as well). The programs were run `python train.py`, imports and all, right after they were mended, on "
        "the same machine of two cores, which was shared: processor time says more than wall time."
    )
    yield ""


def _baselines(baselines: Mapping[str, Any], done: Mapping[str, Cured]) -> Iterator[str]:
    tuned = {
        method: {name: Tuned(**entry) for name, entry in baselines.get(method, {}).items() if name in done}
        for method in METHODS
    }
    tuned = {method: found for method, found in tuned.items() if found}
    if not tuned:
        return
    common = sorted(set.intersection(*(set(found) for found in tuned.values())))
    yield "## Beside plain search over hyper-parameters"
    yield ""
    yield (
        "On the same faulty program, for the same processor time as `netwright fix` took with its examination and its proof (not wall time: the machine was shared): learning rate (log-uniform, 1e-6 to 10), optimizer (SGD, SGD with momentum, Adam, AdamW), weight decay, "
        "clipping, and batch size where there is a DataLoader. Drawn at random or by Optuna's TPE (first draws at random), judged by the number that the program's own evaluation computes, one seed; the program as it is takes part. "
        f"Cured is what the program prints with the best of them, by the same rule, and nothing is proven over seeds. {len(common)} programs, every second or third of the faulty ones in the order of the tables as they were then."
    )
    yield ""
    yield "| | cured | trials (median) | netwright alone cures | it alone cures | exact sign test, two-sided |\n|---|---|---|---|---|---|"
    yield f"| `netwright fix` | {_share(sum(done[n].cured for n in common), len(common))} | | | | |"
    for method, found in tuned.items():
        hits = {n: cured(found[n]) for n in common}
        ours, theirs = (
            sum(done[n].cured and not hits[n] for n in common),
            sum(hits[n] and not done[n].cured for n in common),
        )
        p = binomtest(ours, ours + theirs).pvalue if ours + theirs else 1.0
        trials = statistics.median(found[n].trials for n in common)
        yield f"| {method} | {_share(sum(hits.values()), len(common))} | {trials:g} | {ours} | {theirs} | p = {p:.2g} |"
    yield ""
    yield f"| program | netwright, back | {' | '.join(f'{m}, back | its settings' for m in tuned)} |\n|---|---|{'---|---|' * len(tuned)}"
    for n in common:
        cells = " | ".join(
            f"{_n(found[n].back)} | {_settings(found[n].settings)}" for found in tuned.values()
        )
        yield f"| `{n}` | {_n(done[n].back) if done[n].changed else 'no patch'} | {cells} |"
    yield ""


def cured(found: Tuned) -> bool:
    """Whether the best settings bring the metric back, by the rule for a patch."""
    return bool(found.settings) and found.back is not None and found.back >= BACK


def _table(title: str, group: Sequence[Cured], first: Mapping[str, Cured]) -> Iterator[str]:
    if not group:
        return
    yield f"## {title}"
    yield ""
    yield "| program | cured | lines out, in | places beside the fault | healthy | faulty | mended | back | s | runs |\n|---|---|---|---|---|---|---|---|---|---|"
    for c in group:
        lines = f"{c.removed}, {c.added}" if c.changed else "no patch"
        again = " (second try)" if c.id in first else ""
        beside = str(extra(c)) if c.changed else ""
        verdict = (
            ("changed" if c.changed else "left as it is")
            if c.id.startswith("healthy/")
            else "yes"
            if c.cured
            else "no"
        )
        yield f"| `{c.id}` | {verdict}{again} | {lines} | {beside} | {_n(c.healthy)} | {_n(c.faulty)} | {_n(c.after)} | {_n(c.back)} | {c.seconds:.0f} | {_ratio(c):.0f} |"
    yield ""


def _failures(group: Sequence[Cured], first: Mapping[str, Cured]) -> Iterator[str]:
    yield "## Not cured, and why"
    yield ""
    for c in group:
        if not c.cured:
            why = page.REASONS["cure"].get(_key(c.id), "not looked at")
            yield f"- `{c.id}` ({_ended(c)}): {why}"
    yield ""
    looked = [c.id for c in group if c.id in first]
    if looked:
        yield f"Tried again after what was mended for their class of fault, the others not: {', '.join(f'`{name}`' for name in looked)}."
        yield ""


def _key(name: str) -> str:
    """How misses.toml names a program."""
    kind, *rest = name.split("/")
    return rest[0] if kind == "real" else "/".join(rest[:-1])


def _ended(c: Cured) -> str:
    """What fix itself came to."""
    if c.changed:
        return f"a proven patch, back {_n(c.back)}"
    said = " ".join(c.said.split())
    for mark, words in (
        ("not proven", "better, but not proven"),
        ("nothing that was tried", "nothing tried made it better"),
        ("nothing to mend", "nothing was found"),
    ):
        if mark in said:
            return words
    return "no patch"


def extra(c: Cured) -> int:
    """Places of a patch that touch no line of the fault."""
    places = _places(c.id)
    return sum(not places.intersection(lines) for lines in _touched(c.patch))


def exact(c: Cured) -> bool:
    """Whether the patched program is, but for layout, the healthy recipe or the published fix."""
    faulty, healthy = _texts(c.id)
    try:
        return ast.dump(ast.parse(patched(faulty, c.patch))) == ast.dump(ast.parse(healthy))
    except SyntaxError:
        return False


def patched(text: str, patch: Sequence[str]) -> str:
    """A text with a unified diff without context made in it."""
    lines, out, at = text.splitlines(), list[str](), 0
    for line in patch:
        head = _HUNK.match(line)
        if head is not None:
            start, count = int(head[1]), int(head[2] or 1)
            begin = start - 1 if count else start
            out += lines[at:begin]
            at = begin + count
        elif line.startswith("+"):
            out.append(line[1:])
    return "\n".join([*out, *lines[at:]]) + "\n"


def _touched(patch: Sequence[str]) -> Iterator[range]:
    """For each place of a patch the lines of the faulty program that it touches; where it only adds, those above and below."""
    for line in patch:
        head = _HUNK.match(line)
        if head is not None:
            start, count = int(head[1]), int(head[2] or 1)
            yield range(start, start + count) if count else range(start, start + 2)


def _places(name: str) -> frozenset[int]:
    kind, *rest = name.split("/")
    if kind == "healthy":
        return frozenset()
    try:
        if kind == "planted":
            return frozenset(programs.plant(operators()[rest[0]], programs.recipes()[rest[1]]).lines)
        return frozenset(programs.cases()[rest[0]].places)
    except (KeyError, DoesNotApply):
        return frozenset()


def _texts(name: str) -> tuple[str, str]:
    """The faulty program and the right one."""
    kind, *rest = name.split("/")
    if kind == "real":
        case = programs.cases()[rest[0]]
        return case.faulty, case.fixed
    recipe = programs.recipes()[rest[-2]]
    return (
        programs.plant(operators()[rest[0]], recipe).text if kind == "planted" else recipe.text
    ), recipe.text


def _row(title: str, cells: Sequence[str]) -> str:
    return f"| {title} | {' | '.join(cells)} |"


def _share(hits: int, of: int) -> str:
    return page.rate(score.rate(hits, of))


def _ratio(c: Cured) -> float:
    return c.seconds / max(c.training_s, 0.1)


def _times(group: Sequence[Cured]) -> str:
    """Medians of wall time and of processor time, in runs of the program itself."""
    if not group:
        return "–"
    processor = statistics.median(c.cpu_s / max(c.training_cpu_s, 0.1) for c in group)
    return f"{statistics.median(map(_ratio, group)):.1f}; {processor:.1f}"


def _settings(settings: Mapping[str, Any]) -> str:
    """In a few words; none: the program as it is was best."""
    if not settings:
        return "as it is"
    batch = f", batches of {settings['size']}" if "size" in settings else ""
    return f"{settings['kind']} {settings['rate']:.2g}, decay {settings['decay']:.1g}, clip {settings['norm']:.2g}{batch}"


def _n(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
