"""The range test's best rate against the rate that is really best when the whole recipe is trained at each."""

from __future__ import annotations

import ast
import dataclasses
import math
import random
from collections.abc import Callable, Sequence

from bench.experiments.runs import chosen, machine, measured
from bench.faultbench.execute import train
from bench.faultbench.operators._parts import keyword, optimizer_calls
from bench.faultbench.programs import Program
from bench.faultbench.source import DoesNotApply, Source

TITLE = "The range test's rate against training"
RECIPES = (
    "iris_sgd",
    "wine_small",
    "digits_mlp",
    "banknote_sigmoid_bce",
    "energy_multioutput",
    "diabetes_regression",
    "concrete_batchnorm_first",
    "abalone_sum_loss",
    "breast_cancer_binary",
    "phoneme_nll",
    "autoencoder_denoising",
    "accumulate_gradients",
    "gcn_sbm",
    "deepsets_sum",
    "names_mlp",
)
_AROUND, _MOST = 2, 8
_RESAMPLES = 2000


def at_rate(program: Program, factor: float) -> Program:
    """The program with the rate of every optimizer times a factor. Raises DoesNotApply where none is written out."""
    source = Source(program.text)
    values = [v for c in optimizer_calls(source) if (v := _rate(c)) is not None]
    if not values:
        raise DoesNotApply("no optimizer with a written-out rate")
    if factor == 1:
        return program
    for value in values:
        source.wrap(value, "{} * " + repr(factor))
    return dataclasses.replace(program, text=source.mutant().text, id=f"{program.id}*{factor:.3g}")


def _rate(call: ast.Call) -> ast.expr | None:
    return keyword(call, "lr") or (call.args[1] if len(call.args) > 1 else None)


def exponents(in_use: float, best: float) -> range:
    """Powers of 3 times the rate in use that are trained: two on each side, and as far as one beyond the range test's."""
    towards = round(math.log(best / in_use, 3))
    low, high = min(-_AROUND, towards - 1), max(_AROUND, towards + 1)
    if high - low + 1 > _MOST:
        low, high = (high - _MOST + 1, high) if towards > 0 else (low, low + _MOST - 1)
    return range(low, high + 1)


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """The rank correlation; ties share their mean rank."""
    from scipy.stats import spearmanr

    return float(spearmanr(first, second)[0])  # pyright: ignore[reportArgumentType]


def interval(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The middle 95 % of the rank correlation over recipes drawn again with replacement."""
    rng = random.Random(0)
    found: list[float] = []
    for _ in range(_RESAMPLES):
        drawn = [rng.choice(pairs) for _ in pairs]
        if len({a for a, _ in drawn}) > 1 and len({b for _, b in drawn}) > 1:
            found.append(spearman(*zip(*drawn, strict=True)))
    found.sort()
    return found[int(0.025 * len(found))], found[int(0.975 * len(found))]


def table(say: Callable[[str], None], names: tuple[str, ...] = ()) -> str:
    """The page's section; every line is said as soon as it is known."""
    rows: list[str] = []
    pairs: list[tuple[float, float]] = []
    for program in chosen(names or RECIPES):
        row, pair = _compared(program)
        say(row)
        rows.append(row)
        if pair is not None:
            pairs.append(pair)
    return "\n".join(
        [
            "Each recipe is trained to its end (the same number of steps at every rate) at the rate in use times powers of 3, and judged by its own metric. The range test looks at 16 steps. "
            "Several rates are often equally good: where several have the best metric to its last digit the middle one of them is taken, and *within 2 %* counts the range test's rate, rounded to the nearest trained one, as right where it comes within a fiftieth of the spread between "
            "the best metric and that of the worst rate.",
            "",
            "| recipe | in use | range test | trained at (metric) | best when trained | range test / best | within 2 % |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            _summary(pairs),
        ]
    )


def _summary(pairs: Sequence[tuple[float, float]]) -> str:
    if len(pairs) < 4:
        return f"{len(pairs)} recipes are too few for a correlation. ({machine()})"
    low, high = interval(pairs)
    factors = sorted(max(a / b, b / a) for a, b in pairs)
    return (
        f"Spearman's rank correlation of the two over {len(pairs)} recipes: {spearman(*zip(*pairs, strict=True)):.2f} (95 % by bootstrap over recipes: {low:.2f} to {high:.2f}); "
        f"they differ by a factor of {factors[len(factors) // 2]:.1f} in the median and {factors[-1]:.0f} at most. ({machine()})"
    )


def _compared(program: Program) -> tuple[str, tuple[float, float] | None]:
    name, found = program.id.split("/")[1], measured("rates", program)
    if "why" in found or not found.get("best"):
        return f"| {name} | | {found.get('why', 'the loss grows at every rate')} | | | | |", None
    in_use, best = float(found["in_use"]), float(found["best"])
    try:
        metrics = {in_use * 3.0**k: train(at_rate(program, 3.0**k)).metric for k in exponents(in_use, best)}
    except DoesNotApply as why:
        return f"| {name} | {in_use:.1e} | {best:.1e} | {why} | | | |", None
    known = {r: m for r, m in metrics.items() if m is not None and math.isfinite(m)}
    if len(known) < 3:
        return f"| {name} | {in_use:.1e} | {best:.1e} | too few trainings came to a metric | | | |", None
    sign = 1.0 if program.metric.better == "higher" else -1.0
    equal = [r for r in known if known[r] == max(known.values(), key=lambda m: sign * m)]
    top = min(equal, key=lambda r: abs(math.log(r) - sum(map(math.log, equal)) / len(equal)))
    told = ", ".join(f"{r:.1e} ({'–' if m is None else f'{m:.4g}'})" for r, m in sorted(metrics.items()))
    nearest = min(metrics, key=lambda r: abs(math.log(r / best)))
    spread = sign * (known[top] - min(known.values(), key=lambda m: sign * m))
    right = nearest in known and sign * (known[top] - known[nearest]) <= 0.02 * spread
    row = f"| {name} | {in_use:.1e} | {best:.1e} | {told} | {top:.1e} | {best / top:.2g} | {'yes' if right else 'no'} |"
    return row, (best, top)
