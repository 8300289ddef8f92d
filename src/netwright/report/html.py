"""The report as one HTML file that needs nothing else: no network, no fonts, no scripts but its own few lines."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath

from jinja2 import Environment, PackageLoader, Template
from markupsafe import Markup, escape

from .. import __version__
from ..diagnosis import Cause
from ..engine import State
from ..evidence import DoorTensor, FeatureStats, Signals, Where
from ..registry import find_rule
from ..rule import Finding, every, gravest
from .code import code_html, prose_html
from .compiled import CompiledTemplates
from .curves import curves
from .model import SICK, Pictures, Report
from .proof import by_hand, labels, next_words, no_help, not_proven, number, patch, sentences
from .proof_pictures import seeds, sets
from .rehearsed import untried
from .samples import draw
from .source import excerpt
from .svg import Series, bars, histogram, line_chart, ranges
from .words import figure, headline, place, shapes, tally, task_words

_FEATURES = 24
_FEATURES_DRAWN = 200
_GRAPH_ROWS = 800
_SAMPLES = 16
_CLASSES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One tensor at the network's door, drawn."""

    title: str
    facts: tuple[tuple[str, str], ...]
    picture: Markup
    spread: Markup
    compared: bool = False
    features: tuple[tuple[str, ...], ...] = ()
    features_note: str = ""


def to_html(report: Report) -> str:
    """The whole page."""
    folder = _folder(report)
    pictures = report.pictures or Pictures()

    def at(where: Where) -> str:
        return _place(where, folder)

    return _template().render(
        report=report,
        version=__version__,
        command=" ".join([report.program.script, *report.program.argv]),
        headline=headline(report),
        task=task_words(report),
        tally=tally(report),
        sick=report.verdict == SICK,
        findings=report.findings,
        why=_diagnosis(report),
        inputs=list(_inputs(pictures)),
        targets=list(_targets(pictures)),
        samples=[draw(s) for s in pictures.samples[:_SAMPLES]],
        signals=list(_signals(pictures.signals)),
        charts=[
            (c, Markup(p))
            for c in pictures.charts
            if (p := line_chart(c.names, c.series, label=c.title, log=c.log))
        ],
        courses=[(c, Markup(p)) for c in pictures.courses if (p := curves(c, _moments(report)))],
        graphs=_graphs(pictures),
        modules=pictures.modules,
        calls=pictures.calls,
        states=[(s.value, report.states[s]) for s in State if report.states[s]],
        place=at,
        gravest=_gravest,
        excerpt=_excerpt,
        measured=_measured,
        shapes=shapes,
        page=_page,
        value=number,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The diagnosis as the page shows it: a row for each cause, the proof in words and pictures, what stays open."""

    causes: tuple[tuple[str, Cause], ...]
    said: tuple[str, ...]
    sets: Markup
    seeds: Markup
    no_help: str
    following: str
    patch: str
    by_hand: tuple[str, ...]
    rehearsed: tuple[tuple[int, str], ...]


def _diagnosis(report: Report) -> Why | None:
    diagnosis, command = report.diagnosis, report.program.command
    if diagnosis is None:
        return None
    proof = diagnosis.proof
    said = tuple(sentences(diagnosis)) if proof else (not_proven(diagnosis, command),)
    return Why(
        causes=tuple(zip(labels(diagnosis), diagnosis.causes, strict=True)),
        said=tuple(s for s in said if s),
        sets=Markup(sets(diagnosis)),
        seeds=Markup(seeds(proof) if proof and proof.before else ""),
        no_help=no_help(proof) if proof else "",
        following=next_words(diagnosis),
        patch=patch(proof, command) if proof else "",
        by_hand=by_hand(proof) if proof and proof.proven else (),
        rehearsed=tuple(untried(report)),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("netwright.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=CompiledTemplates(),
    )
    environment.filters["words"] = _words
    environment.filters["number"] = _number
    return environment.get_template("report.html.j2")


def _folder(report: Report) -> PurePath:
    """Where the script lies, read from the places the report names: paths beneath it are shown without it."""
    script = PurePath(report.program.script)
    for finding in report.findings:
        for below in every(finding):
            file = PurePath(below.where.file or "")
            if file.parts[-len(script.parts) :] == script.parts:
                return PurePath(*file.parts[: -len(script.parts)], *script.parts[:-1])
    return script.parent


def _place(where: Where, folder: PurePath) -> str:
    file = PurePath(where.file) if where.file else None
    if file is not None and file.is_relative_to(folder) and str(folder) != ".":
        return place(where).replace(str(file), str(file.relative_to(folder)), 1)
    return place(where)


def _gravest(finding: Finding) -> str:
    return gravest(finding).value


def _excerpt(where: Where) -> list[tuple[int, Markup, bool]]:
    return [(line.number, code_html(line.text), line.marked) for line in excerpt(where)]


def _words(text: str) -> Markup:
    """A sentence in which `backticks` mark code."""
    return Markup(re.sub(r"`([^`\n]+)`", r"<code>\1</code>", str(escape(text))))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _measured(finding: Finding) -> list[tuple[str, str]]:
    return [
        (key.replace("_", " "), figure(value)) for key, value in finding.measured.items() if value is not None
    ]


@cache
def _page(code: str) -> Markup:
    """The rule's own words, for those who want the reason; empty when this netwright does not know the rule."""
    rule = find_rule(code)
    return prose_html(rule.doc.partition("\n")[2]) if rule else Markup("")


def _inputs(pictures: Pictures) -> Iterator[Door]:
    evaluation = {t.name: t for t in pictures.eval_inputs.tensors} if pictures.eval_inputs else {}
    for tensor in pictures.inputs.tensors if pictures.inputs else ():
        yield _door(tensor, f"Input {tensor.name}", evaluation.pop(tensor.name, None))
    for tensor in evaluation.values() if not pictures.inputs else ():
        yield _door(tensor, f"Input {tensor.name} in evaluation")


def _targets(pictures: Pictures) -> Iterator[Door]:
    if pictures.targets is None:
        return
    for i, tensor in enumerate(pictures.targets.tensors):
        if tensor is None:
            continue
        counts = pictures.targets.counts[i] if i < len(pictures.targets.counts) else {}
        if 0 < len(counts) <= _CLASSES:
            named = {f"{value:g}": float(n) for value, n in sorted(counts.items())}
            yield _door(tensor, "Target", picture=bars(named, label="how often each target value was seen"))
        else:
            yield _door(tensor, "Target")


def _door(tensor: DoorTensor, title: str, other: DoorTensor | None = None, *, picture: str = "") -> Door:
    stats = tensor.stats
    form = " × ".join(map(str, tensor.shape)) or "scalar"
    facts = [
        ("shape of a batch", form),
        ("type", tensor.dtype),
        ("mean", f"{stats.mean:.4g}"),
        ("std", f"{stats.std:.4g}"),
        ("range", f"{stats.min:.4g} to {stats.max:.4g}"),
        ("zeros", f"{stats.zeros:.1%}"),
    ]
    if stats.nonfinite:
        facts.append(("NaN or infinite", f"{stats.nonfinite:.1%}"))
    if other is not None:
        facts.append(("in evaluation", f"mean {other.stats.mean:.4g}, std {other.stats.std:.4g}"))
    if tensor.feeds:
        facts.append(
            (
                "first met by",
                f"{tensor.feeds_module} ({tensor.feeds})" if tensor.feeds_module else tensor.feeds,
            )
        )
    drawn = picture or histogram(tensor.values, other.values if other else (), label=f"{title}: histogram")
    shown = _unusual(tensor.features)
    note = (
        f"the {len(shown)} most unusual of {len(tensor.features)}"
        if len(shown) < len(tensor.features)
        else ""
    )
    return Door(
        title=title,
        facts=tuple(facts),
        picture=Markup(drawn),
        compared=other is not None and bool(other.values) and not picture,
        spread=Markup(_spread(tensor.features, title)),
        features=tuple((str(f.index), *map(_number, _row(f)[1:])) for f in shown)
        if len(tensor.features) > 1
        else (),
        features_note=note,
    )


def _row(feature: FeatureStats) -> tuple[int, float, float, float, float]:
    s = feature.stats
    return feature.index, s.mean, s.std, s.min, s.max


def _spread(features: tuple[FeatureStats, ...], title: str) -> str:
    if len(features) < 2:
        return ""
    every_nth = max(1, math.ceil(len(features) / _FEATURES_DRAWN))
    rows = [r for r in map(_row, features[::every_nth]) if all(map(math.isfinite, r))]
    return ranges(rows, label=f"{title}: mean, standard deviation and range of each feature")


def _unusual(features: tuple[FeatureStats, ...]) -> tuple[FeatureStats, ...]:
    """All of a few; of many, those whose size differs most from the others'."""
    if len(features) <= _FEATURES:
        return features
    sizes = sorted(f.stats.rms for f in features)
    middle = sizes[len(sizes) // 2] or 1.0
    by_distance = sorted(features, key=lambda f: -abs(math.log10(max(f.stats.rms, 1e-30) / middle)))
    return tuple(by_distance[:_FEATURES])


def _signals(signals: Signals | None) -> Iterator[tuple[str, Markup]]:
    layers = signals.layers if signals else ()
    graphs = list(dict.fromkeys(layer.graph for layer in layers))
    for graph in graphs:
        own = [layer for layer in layers if layer.graph == graph]
        names = [layer.module or layer.op for layer in own]
        lines = (
            Series(
                name="forward",
                kind="forward",
                values=tuple(s.forward.rms if s.forward else None for s in own),
            ),
            Series(
                name="backward",
                kind="backward",
                values=tuple(s.backward.rms if s.backward else None for s in own),
            ),
        )
        title = f"Objective {graph + 1}" if len(graphs) > 1 else ""
        picture = line_chart(
            names, lines, label="root mean square of each layer's output and of its gradient"
        )
        if picture:
            yield title, Markup(picture)


def _moments(report: Report) -> list[tuple[int, str]]:
    """The steps at which something was said while the program ran, with what."""
    return [(x.said, x.code) for x in report.live if x.said is not None]


def _graphs(pictures: Pictures) -> list[object]:
    left = _GRAPH_ROWS
    kept: list[object] = []
    for graph in pictures.graphs:
        if len(graph.rows) <= left:
            kept.append(graph)
            left -= len(graph.rows)
    return kept
