"""The whole benchmark: trains what must be trained, checks everything, judges, and returns one record of plain data."""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import rich.progress

from bench.faultbench import bite as biting
from bench.faultbench import execute, programs, score
from bench.faultbench.operators import Operator, Seen
from bench.faultbench.programs import HERE, Case, Program, Recipe
from bench.faultbench.verdict import Verdict, from_report

BITES = HERE / "bites.json"
NULL_SEEDS = (3, 4, 5)  # healthy runs that stand for a fault which does nothing
T = TypeVar("T")
R = TypeVar("R")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is run."""

    per_operator: int
    healthy_seeds: tuple[int, ...]
    train: bool  # measure which faults bite, rather than take it from bites.json
    operators: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    cases: tuple[str, ...] | None = None  # None: all
    seen: tuple[Seen, ...] = tuple(Seen)
    jobs: int = 2
    null: bool = (
        False  # train healthy programs with three more seeds, to see how often the test of harm is wrong
    )
    only_counted: bool = False  # leave out pairs that are known not to count

    def wants(self, recipe: Recipe) -> bool:
        """Whether the recipe itself is part of the run."""
        return (not self.recipes or recipe.name in self.recipes) and programs.available(recipe.data)


Checker = Callable[[Program], Verdict | None]


def run(plan: Plan, checker: Checker) -> dict[str, Any]:
    """Run a plan with a tool (`checker`; None for a program it did not see) and return the results."""
    bites = json.loads(BITES.read_text()) if BITES.exists() else {"planted": {}, "real": {}, "healthy": {}}
    pairs = [
        (operator, recipe)
        for operator, recipe in programs.pairs(plan.per_operator, only=plan.operators, on=plan.recipes)
        if operator.seen in plan.seen
    ]
    recipes = [r for r in programs.recipes().values() if plan.wants(r)]
    cases = [
        c
        for c in programs.cases().values()
        if (plan.cases is None or c.name in plan.cases) and programs.available(c.data)
    ]
    if plan.train:
        _measure(bites, recipes, pairs, cases, plan)
    if plan.only_counted:
        pairs = [(o, r) for o, r in pairs if standing(bites, o, r)[0]]
    todo = programs.to_check(recipes, plan.healthy_seeds, pairs, cases)
    verdicts = dict(zip((p.id for p in todo), _parallel(checker, todo, plan.jobs, "checking"), strict=True))
    return _results(
        plan, bites, recipes, pairs, cases, {name: v for name, v in verdicts.items() if v is not None}
    )


def netwright_checker(*, experiments: bool = False) -> Checker:
    """netwright's own pre-flight, as installed here, with its experiments or without."""
    fingerprint = execute.netwright_fingerprint()
    return lambda program: from_report(
        execute.check(program, fingerprint=fingerprint, experiments=experiments)
    )


def _measure(
    bites: dict[str, Any],
    recipes: Sequence[Recipe],
    pairs: Sequence[tuple[Operator, Recipe]],
    cases: Sequence[Case],
    plan: Plan,
) -> None:
    needed = {r.name: r for r in [*recipes, *(r for _, r in pairs)]}
    seeds = programs.SEEDS + (NULL_SEEDS if plan.null else ())
    healthy = [programs.healthy(r, seed) for r in needed.values() for seed in seeds]
    _parallel(execute.train, healthy, plan.jobs, "training healthy programs")
    for recipe in needed.values():
        runs = [execute.train(programs.healthy(recipe, seed)) for seed in programs.SEEDS]
        bites["healthy"][recipe.name] = {
            "metrics": [run.metric for run in runs],
            "null": [execute.train(programs.healthy(recipe, seed)).metric for seed in NULL_SEEDS]
            if plan.null
            else [],
            "seconds": [run.seconds for run in runs],
            "digest": programs.healthy(recipe, 0).digest,
        }
    _save(bites)
    measure_pairs(bites, pairs, plan.jobs)
    for name, measured in _parallel(_measure_case, cases, plan.jobs, "training real programs"):
        bites["real"][name] = measured
    _save(bites)


def measure_pairs(bites: dict[str, Any], pairs: Sequence[tuple[Operator, Recipe]], jobs: int) -> None:
    """Train planted faults, and note in bites.json which of them do harm."""
    for key, measured in _parallel(
        lambda pair: _measure_pair(bites, *pair), pairs, jobs, "training faulty programs"
    ):
        bites["planted"][key] = measured
    _save(bites)


def _save(bites: dict[str, Any]) -> None:
    ordered = {part: dict(sorted(entries.items())) for part, entries in sorted(bites.items())}
    BITES.write_text(json.dumps(ordered, indent=1) + "\n")


def _measure_pair(bites: dict[str, Any], operator: Operator, recipe: Recipe) -> tuple[str, dict[str, Any]]:
    known = _measured(bites["healthy"], recipe.name, programs.healthy(recipe, 0))
    controls: list[float | None] = (
        known["metrics"]
        if known is not None
        else [execute.train(programs.healthy(recipe, seed)).metric for seed in programs.SEEDS]
    )
    measured: dict[str, Any] = {"digest": programs.planted(operator, recipe, 0).digest}
    key = f"{operator.name}/{recipe.name}"
    healthy = [value for value in controls if value is not None]
    if len(healthy) < len(programs.SEEDS):
        return key, {**measured, "state": "the healthy program gives no metric"}
    values: list[float | None] = []
    for seed in programs.SEEDS:
        run = execute.train(programs.planted(operator, recipe, seed))
        if run.ended != "ok":
            return key, {**measured, "state": run.ended, "error": run.error}
        values.append(run.metric)
        if min(recipe.metric.loss(h, run.metric) for h in healthy) <= 0:
            break  # complete separation is out of reach already
    found = biting.bite(recipe.metric, healthy, values)
    return key, {
        **measured,
        "state": "bites" if found.bites else "does not bite",
        "share": found.share,
        "metrics": values,
    }


def _measure_case(case: Case) -> tuple[str, dict[str, Any]]:
    faulty = [execute.train(programs.real(case, "faulty", seed)) for seed in programs.SEEDS]
    fixed = [execute.train(programs.real(case, "fixed", seed)) for seed in programs.SEEDS]
    measured: dict[str, Any] = {
        "digest": programs.real(case, "faulty", 0).digest,
        "faulty": [run.metric for run in faulty],
        "fixed": [run.metric for run in fixed],
        "seconds": [run.seconds for run in faulty],
    }
    good = [run.metric for run in fixed if run.metric is not None and run.metric == run.metric]
    if len(good) < len(programs.SEEDS):
        return case.name, {**measured, "state": "the fixed program gives no metric"}
    found = biting.bite(case.metric, good, [run.metric for run in faulty])
    return case.name, {**measured, "state": "bites" if found.bites else "does not bite", "share": found.share}


def _measured(entries: dict[str, Any], key: str, program: Program) -> dict[str, Any] | None:
    """What was measured of a program, unless it has changed since."""
    entry = entries.get(key)
    return entry if entry is not None and entry["digest"] == program.digest else None


def standing(bites: dict[str, Any], operator: Operator, recipe: Recipe) -> tuple[bool, str]:
    """Whether a pair counts as a fault, and why."""
    measured = _measured(
        bites["planted"], f"{operator.name}/{recipe.name}", programs.planted(operator, recipe, 0)
    )
    crash_is_meant = any(code.startswith("NW9") for code in operator.codes)
    if measured is not None and measured["state"] == "crashed":
        return crash_is_meant, f"crashes: {measured['error']}"
    if operator.definition:
        return True, operator.definition
    if measured is None:
        return False, "not measured"
    return measured["state"] == "bites", f"{measured['state']}" + (
        f" ({measured['share']:.0%})" if "share" in measured else ""
    )


def _results(
    plan: Plan,
    bites: dict[str, Any],
    recipes: Sequence[Recipe],
    pairs: Sequence[tuple[Operator, Recipe]],
    cases: Sequence[Case],
    verdicts: dict[str, Verdict],
) -> dict[str, Any]:
    planted: list[score.Judged] = []
    for operator, recipe in pairs:
        program = programs.planted(operator, recipe, 0)
        if program.id not in verdicts:
            continue
        counts, why = standing(bites, operator, recipe)
        planted.append(
            score.judge(
                verdicts[program.id],
                truth=operator.codes,
                lines=programs.plant(operator, recipe).lines,
                counts=counts,
                why=why,
                id=program.id,
                operator=operator.name,
                family=operator.family,
                kind=recipe.kind,
                seen=operator.seen.value,
            )
        )
    real = [
        _judge_case(case, bites, verdicts)
        for case in cases
        if programs.real(case, "faulty", 0).id in verdicts
    ]
    return {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "plan": {"per_operator": plan.per_operator, "healthy_seeds": list(plan.healthy_seeds)},
        "planted": [dataclasses.asdict(j) for j in planted],
        "real": [dataclasses.asdict(j) for j in real],
        "healthy": score.alarms([(n, v) for n, v in verdicts.items() if n.startswith("healthy/")]),
        "fixed": _fixed(cases, bites, verdicts),
        "null": _null_rate(bites),
        "recipes": {
            r.name: {
                "kind": r.kind,
                "task": r.task,
                "style": r.style,
                "unusual": r.unusual,
                "metric": r.metric.name,
                "better": r.metric.better,
                "reach": r.metric.reach,
                "trivial": r.metric.trivial,
                **{k: v for k, v in bites["healthy"].get(r.name, {}).items() if k not in {"digest", "null"}},
            }
            for r in recipes
        },
        "ended": {name: v.ended for name, v in verdicts.items() if v.ended != "ok"},
        "broken": {name: list(v.broken) for name, v in verdicts.items() if v.broken},
    }


def _judge_case(case: Case, bites: dict[str, Any], verdicts: dict[str, Verdict]) -> score.Judged:
    program = programs.real(case, "faulty", 0)
    measured = _measured(bites["real"], case.name, program)
    return score.judge(
        verdicts[program.id],
        truth=_truth(case),
        lines=case.places,
        counts=measured["state"] == "bites" if measured is not None else case.effect == "ok",
        why=measured["state"]
        if measured is not None
        else f"not trained here; its fact sheet says {case.effect}",
        id=program.id,
        operator=case.name,
        family="real",
        kind=",".join(case.faults),
        seen="",
    )


def _fixed(cases: Sequence[Case], bites: dict[str, Any], verdicts: dict[str, Verdict]) -> dict[str, Any]:
    """Alarms on the fixed versions, with the metric that each reaches at three seeds where that was measured."""
    ids = {programs.real(case, "fixed", 0).id: case for case in cases}
    left = {name: score.with_equivalents(_truth(case)) for name, case in ids.items()}
    found = score.alarms([(n, v) for n, v in verdicts.items() if n in ids], left)
    for entry in found["list"]:
        case = ids[entry["id"]]
        measured = _measured(bites["real"], case.name, programs.real(case, "faulty", 0))
        entry["reaches"] = (
            f"{case.metric.name} {measured['fixed']}" if measured is not None else "not trained here"
        )
    return found


def _truth(case: Case) -> tuple[str, ...]:
    return tuple(code for fault in case.faults for code in score.WORDS[fault])


def _null_rate(bites: dict[str, Any]) -> dict[str, Any]:
    """How often the test takes healthy runs with other seeds for a fault."""
    verdicts = [
        biting.bite(programs.recipes()[name].metric, entry["metrics"], entry["null"]).bites
        for name, entry in bites["healthy"].items()
        if name in programs.recipes() and None not in entry["metrics"] and entry["null"]
    ]
    return score.rate(sum(verdicts), len(verdicts))


def _parallel(function: Callable[[T], R], items: Sequence[T], jobs: int, title: str) -> list[R]:
    with ThreadPoolExecutor(jobs) as pool:
        progress = rich.progress.track(
            pool.map(function, items), total=len(items), description=f"{title} ({len(items)})"
        )
        return list(progress)
