"""From what the rules said to a report: causes above their consequences, gravest first, one verdict."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from ..diagnosis import Proof, diagnose, ranked
from ..diagnosis.measurement import LEFT_OUT
from ..engine import Checked, Judgement, State
from ..evidence import (
    Crash,
    EvalInputs,
    Graphs,
    History,
    ModuleCall,
    ModuleInfo,
    Modules,
    Program,
    Signals,
    SimpleModels,
    Targets,
    Task,
    TrainInputs,
    Where,
)
from ..registry import all_rules
from ..rule import Finding, Kind, Rule, Severity, every, gravest
from .course import courses
from .graph_table import tabulate
from .model import CANNOT_TELL, HEALTHY, SICK, Live, Pictures, Report, Sample
from .tried import charts, reasons, sentences

T = TypeVar("T")

# Within one severity: what stopped the program, then what is wrong in it, in its data, in its settings, in its size.
MODULES_DRAWN = 300
CALLS_DRAWN = 200
_SHAPELESS = frozenset(
    ("NW908", "NW909", "NW910")
)  # a worker died, a state does not match, no pickle of an object
_KINDS = (Kind.BUG, Kind.DATA, Kind.HYPERPARAMETER, Kind.FIT)


def build_report(
    judgement: Judgement,
    evidence: Mapping[type, object],
    *,
    program: Program | None = None,
    rules: Iterable[Rule] | None = None,
    notes: Iterable[str] = (),
    samples: Iterable[Sample] = (),
    seconds: float = 0.0,
    steps: int | None = None,
    live: Iterable[Live] = (),
    watched: int = 0,
) -> Report:
    """The report on one run.

    Args:
        judgement: what the rules said.
        evidence: what was measured, by type; a missing type or a ``NotApplicable`` value means it was not seen.
        program: the command, when it is not in the evidence.
        rules: whose ``explains`` put consequences under causes (default: all).
        notes: what could not be seen, in plain words.
        samples: a few inputs to draw.
        seconds: how long netwright took.
        steps: optimizer steps captured (default: what the program record says).
        live: what came up while the program ran.
        watched: steps that were watched after the captured ones.
    """
    program = program or _get(evidence, Program) or Program(script="(unknown)")
    graphs = _get(evidence, Graphs)
    findings = arrange(judgement.findings, all_rules() if rules is None else rules)
    seen = program.steps_seen if steps is None else steps
    report = Report(
        program=program,
        task=_get(evidence, Task),
        verdict=_verdict(findings, captured=bool(seen or (graphs and graphs.train))),
        findings=findings,
        checked=judgement.checked,
        tried=tuple(sentences(evidence)),
        not_tried=tuple(reasons(evidence)),
        live=tuple(live),
        watched=watched,
        floor=models.floor if (models := _get(evidence, SimpleModels)) else None,
        notes=(*notes, *_failures(judgement, evidence)),
        traces=tuple(dict.fromkeys(judgement.traces)),
        seconds=seconds,
        steps=seen,
        pictures=Pictures(
            inputs=_get(evidence, TrainInputs),
            eval_inputs=_get(evidence, EvalInputs),
            targets=_get(evidence, Targets),
            signals=_get(evidence, Signals),
            graphs=tabulate(graphs) if graphs else (),
            modules=_plain_modules(_get(evidence, Modules)),
            samples=tuple(samples),
            calls=_plain_calls(_get(evidence, Crash), findings),
            charts=tuple(charts(evidence)),
            courses=tuple(courses(history)) if (history := _get(evidence, History)) else (),
        ),
    )
    return diagnosed(report)


def diagnosed(report: Report, proof: Proof | None = None) -> Report:
    """The report with its diagnosis; with what trials of remedies proved, where that is known, its findings in the order of their proof."""
    findings = ranked(report.findings, proof)
    return replace(
        report,
        findings=findings,
        diagnosis=diagnose(
            findings,
            proof=proof,
            judged=_judged(report.checked),
            done=[line.partition(":")[0] for line in report.tried],
            hopeless=[line.partition(":")[0] for line in report.not_tried if not line.endswith(LEFT_OUT)],
            command=report.program.command,
        ),
    )


def _judged(checked: Iterable[Checked]) -> set[Kind]:
    """The kinds of cause of which most rules could judge the program."""
    kinds = {rule.code: rule.kind for rule in all_rules()}
    could: Counter[Kind] = Counter()
    for end in checked:
        if end.code in kinds:
            could[kinds[end.code]] += 1 if end.state in (State.PASSED, State.FIRED) else -1
    return {kind for kind, most in could.items() if most > 0}


def _plain_modules(modules: Modules | None) -> tuple[ModuleInfo, ...]:
    return tuple(replace(m, config={}) for m in modules.modules[:MODULES_DRAWN]) if modules else ()


def _plain_calls(crash: Crash | None, findings: Sequence[Finding]) -> tuple[ModuleCall, ...]:
    """The calls up to a crash, unless it is of a kind that shapes have nothing to do with; of nested ones that failed only the innermost is marked."""
    if any(f.code in _SHAPELESS for f in findings):
        return ()
    calls = crash.calls[-CALLS_DRAWN:] if crash else ()
    last = max((i for i, c in enumerate(calls) if c.failed), default=None)
    return tuple(replace(c, config={}, failed=i == last) for i, c in enumerate(calls))


def _get(evidence: Mapping[type, object], kind: type[T]) -> T | None:
    value = evidence.get(kind)
    return value if isinstance(value, kind) else None


def _verdict(findings: Sequence[Finding], *, captured: bool) -> str:
    if any(gravest(f) is not Severity.INFO for f in findings):
        return SICK
    return HEALTHY if captured else CANNOT_TELL


def _failures(judgement: Judgement, evidence: Mapping[type, object]) -> list[str]:
    broken = [c for c in judgement.checked if c.state is State.BROKEN]
    notes = [
        f"NW000: {c.code} {c.name} could not be checked ({c.reason}); this is a fault of netwright's"
        for c in broken
    ]
    crash = _get(evidence, Crash)
    if crash and not any(f.code.startswith("NW9") for f in judgement.findings):
        place = f" at {crash.where.at}" if crash.where.known else ""
        notes.insert(0, f"the program ended with {crash.type}{place} ({crash.phase}), which no rule explains")
    return notes


def order(finding: Finding) -> tuple[int, bool, int, float, str, str, int]:
    """Sort key: severity, crashes first, kind, confidence, then code and place."""
    where = finding.where
    return (
        gravest(finding).rank,
        not finding.code.startswith("NW9"),
        _KINDS.index(finding.kind),
        -finding.confidence,
        finding.code,
        where.file or "",
        where.line or 0,
    )


def arrange(findings: Iterable[Finding], rules: Iterable[Rule]) -> tuple[Finding, ...]:
    """Drop repetitions, put consequences beneath their causes, order the rest."""
    distinct = _distinct(sorted(findings, key=order))
    owners = _owners(distinct, {rule.code: rule.explains for rule in rules})
    below: dict[int, list[Finding]] = {}
    for position, owner in owners.items():
        below.setdefault(owner, []).append(distinct[position])
    roots = [f.under(below.get(i, ())) for i, f in enumerate(distinct) if i not in owners]
    return tuple(sorted(roots, key=order))


def _distinct(findings: Iterable[Finding]) -> list[Finding]:
    def key(f: Finding) -> tuple[object, ...]:
        w = f.where
        nowhere = w.file is None and w.module is None and w.parameter is None
        return (f.code, w.file, w.line, w.module, w.parameter, f.message if nowhere else "")

    kept: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        kept.setdefault(key(finding), finding)
    return list(kept.values())


def _owners(findings: Sequence[Finding], explains: Mapping[str, tuple[str, ...]]) -> dict[int, int]:
    """For each finding that another explains, the position of that cause.

    Explanations chain through findings that are there. What is only worth knowing cannot explain what does harm.
    """
    positions: dict[str, list[int]] = {}
    for i, finding in enumerate(findings):
        positions.setdefault(finding.code, []).append(i)

    def explained(i: int) -> set[int]:
        reached: set[int] = set()
        todo = [i]
        while todo:
            cause = findings[todo.pop()]
            for code in explains.get(cause.code, ()):
                for j in positions.get(code, ()):
                    harmless = cause.severity is Severity.INFO and findings[j].severity is not Severity.INFO
                    if j not in reached and code != cause.code and not harmless:
                        reached.add(j)
                        todo.append(j)
        return reached - {i}

    reach = [explained(i) for i in range(len(findings))]

    def is_root(i: int) -> bool:
        # Two that explain each other: the first in order stays on top.
        return not any(
            i in reach[j] and (i not in reach[j] or j not in reach[i] or j < i) for j in range(len(findings))
        )

    roots = [i for i in range(len(findings)) if is_root(i)]
    owners: dict[int, int] = {}
    for i in range(len(findings)):
        causes = [j for j in roots if i in reach[j]]
        if i not in roots and causes:
            owners[i] = min(causes, key=lambda j: (-_closeness(findings[j].where, findings[i].where), j))
    return owners


def _closeness(a: Where, b: Where) -> int:
    same_line = a.known and (a.file, a.line) == (b.file, b.line)
    same_module = a.module is not None and a.module == b.module
    return 2 * same_line + same_module


def counted(findings: Iterable[Finding], severity: Severity) -> int:
    """How many findings of this severity there are, consequences included."""
    return sum(f.severity is severity for top in findings for f in every(top))
