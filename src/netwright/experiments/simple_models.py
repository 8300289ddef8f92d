"""Do the labels say anything about the inputs? Simple models and the network itself, on real targets against permuted ones.

Everything that needs scikit-learn or numpy stands in the files this one imports when it runs.
"""

import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

import torch

from ..capture.clock import in_time
from ..capture.graphs import GraphCapture
from ..capture.sandbox import untouched
from ..capture.step import Step
from ..evidence import NOWHERE, LossTerm, ModelScore, NetworkRace, SimpleModels, TaskKind, Where
from ..rule import NotApplicable
from ._floor import plain_mean
from .experiment import Experiment, Material
from .progress import Progress, unseen

if TYPE_CHECKING:
    from ._seen_samples import Array, Samples
    from ._simple_fits import Problem

_FEW = 40
_SURPRISES = ("cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits")
_CLASSES = 8  # further classes are taken together as one where scores are compared with permuted ones
_AMOUNTS = 16
_LOGISTIC = 2_000_000  # numbers in the table times classes, beyond which logistic regression takes too long


def simple_models(
    step: Step,
    optimizer: torch.optim.Optimizer | None = None,
    *,
    others: Sequence[Step] = (),
    seconds: float = 20.0,
    loader: Where = NOWHERE,
    progress: Progress = unseen,
) -> SimpleModels:
    """Cross-validated simple models on the samples of captured steps, with real and with permuted targets; then the network itself, the same.

    Args:
        step: a captured step.
        optimizer: the program's optimizer, for its kind and settings.
        others: further steps, each with its own batch.
        seconds: time for everything together.
        loader: the line that makes the loader of the batches.
        progress: called with the share that is done.

    Raises:
        NotApplicable: this is not a task with one target for each sample, too few samples were seen, or scikit-learn is missing.
    """
    if find_spec("sklearn") is None:
        raise NotApplicable("simple models need scikit-learn: pip install 'netwright[models]'")
    from ._seen_samples import collect, main_term

    start = time.perf_counter()
    with untouched():
        samples = collect([step, *others])
        objective, term = main_term(samples.steps[0].capture)
        found = _Study(samples, optimizer, start + seconds, progress).run()
    from ._target_origin import joined_at, targets_at

    capture = samples.steps[0].capture
    plain = plain_mean(capture, objective, term)
    doors = [r.where for r in capture.tape.roots if r.where.known]
    return SimpleModels(
        **found,  # pyright: ignore[reportArgumentType]
        targets_at=targets_at(capture, term, loader),
        copied_at=joined_at(capture, term),
        inputs_at=doors[0] if doors else NOWHERE,
        loss_at=term.where,
        in_nats=plain and not term.pos_weight and term.op in _SURPRISES,
        plain=plain_error(capture, term) if plain else None,
        seconds=time.perf_counter() - start,
    )


def plain_error(capture: GraphCapture, term: LossTerm) -> str | None:
    """A loss that is a plain mean, as :attr:`SimpleModels.plain` names it where it is one of errors."""
    node = capture.graph.nodes[term.node]
    if term.op == "smooth_l1_loss":
        return term.op if node.arg(5, "beta", 1.0) == 1 else None
    if term.op == "huber_loss":
        return "smooth_l1_loss" if node.arg(3, "delta", 1.0) == 1 else None
    return term.op if term.op in ("mse_loss", "l1_loss") else None


class _Study:
    """The parts of the experiment, one after the other."""

    def __init__(
        self,
        samples: "Samples",
        optimizer: torch.optim.Optimizer | None,
        deadline: float,
        progress: Progress,
    ) -> None:
        self.samples = samples
        self.optimizer = optimizer
        self.deadline = deadline
        self.seconds = deadline - time.perf_counter()
        self.progress = progress

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.deadline - time.perf_counter()

    def run(self) -> dict[str, object]:
        """Everything but the lines, as keyword arguments of the evidence."""
        import numpy as np

        from ._sample_columns import columns, token_shares
        from ._sample_table import table
        from ._simple_fits import CHANCE, PLANTS, STRENGTH, cheap, judged, logistic

        samples = self.samples
        rows, labels, values = _kept(samples)
        if len(rows) < _FEW:
            raise NotApplicable(
                f"{len(rows)} distinct samples were seen, and {_FEW} are the least to tell from"
            )
        whole = table(samples.blocks, rows)
        problem = _problem(samples, whole.columns, rows, labels)
        scores, seen = cheap(problem, plants=PLANTS, seconds=0.25 * self.left)
        in_time()
        self.progress(0.3)
        related = any(s.p_value is not None and s.p_value <= CHANCE for s in scores)
        probabilities = None
        if labels is not None and whole.columns.size * len(values) <= _LOGISTIC:
            probabilities = logistic(whole.columns, labels)
            scores.append(
                judged(
                    "logistic regression",
                    problem,
                    _merged(probabilities, problem, labels),
                    np.array([]),
                    None,
                )
            )
        if (score := self._boosted(problem, related=related)) is not None:
            scores.append(score)
        in_time()
        self.progress(0.5)
        result: dict[str, object] = {
            "kind": samples.kind,
            "samples": len(rows),
            "rows": len(samples.identity),
            "batches": len(samples.counts),
            "inputs": whole.words,
            "features": whole.columns.shape[1],
            "classes": None if labels is None else len(values),
            "smallest": None if labels is None else int(np.bincount(labels, minlength=len(values)).min()),
            "baselines": _baselines(samples, rows, labels),
            "power": None if whole.combining else float(seen.mean()),
            "plants": PLANTS,
            "strength": STRENGTH,
            "columns": columns(whole.plain, problem, frozenset(b.name for b in samples.blocks if b.integral)),
            "tokens": token_shares(samples.blocks, samples.steps[0].capture),
            "half_score": _half(problem),
            **_spread(samples, rows, labels),
        }
        issues, why = self._issues(probabilities, labels, values, rows, related=related)
        result.update({"issues": issues, "no_issues": why})
        changed, why = self._views(rows, labels)
        result.update({"views": changed, "no_views": why})
        self.progress(0.6)
        race, why = self._race(problem, brief=related)
        result.update({"race": race, "no_race": why, "scores": tuple(scores)})
        return result

    def _boosted(self, problem: "Problem", *, related: bool) -> ModelScore | None:
        """Gradient boosting: with permuted targets only where nothing else found a relation, and not at all where time is short and something did."""
        from ._simple_fits import boosted

        if related and self.left < 0.5 * self.seconds:
            return None
        return boosted(problem, 0.0 if related else 0.35 * self.left)

    def _issues(
        self,
        probabilities: "Array | None",
        labels: "Array | None",
        values: "Array",
        rows: "Array",
        *,
        related: bool,
    ) -> tuple[object, str]:
        from ._sample_columns import label_issues

        if labels is None:
            return None, "there are no classes"
        if probabilities is None or len(rows) < 2 * _FEW or not related:
            return None, "no simple model finds a relation, so none says which labels are wrong"
        places = [self.samples.places[int(r)] for r in rows]
        try:
            return label_issues("logistic regression", probabilities, labels, values, places), ""
        except NotApplicable as why:
            return None, str(why)

    def _views(self, rows: "Array", labels: "Array | None") -> tuple[object, str]:
        from ._views import views

        try:
            return views(self.samples, rows, labels, time.perf_counter() + 0.4 * self.left), ""
        except NotApplicable as why:
            return None, str(why)

    def _race(self, problem: "Problem", *, brief: bool) -> tuple[NetworkRace | None, str]:
        import numpy as np

        from ._label_race import race
        from ._simple_fits import planted

        samples = self.samples
        if len(problem.table) != len(samples.first):
            return None, "some samples have no target"
        (order,) = planted(problem, count=1, strength=0.5)
        try:
            return (
                race(
                    samples,
                    np.asarray(order),
                    self.optimizer,
                    seconds=min(self.left, 6.0) if brief else self.left,
                    brief=brief,
                    progress=lambda s: self.progress(0.6 + 0.4 * s),
                ),
                "",
            )
        except NotApplicable as why:
            return None, str(why)


def _kept(samples: "Samples") -> "tuple[Array, Array | None, Array]":
    """First rows of the distinct samples that have a target, the numbers of their classes, and what the program calls these classes."""
    import numpy as np

    rows, targets = samples.first, samples.targets
    if samples.kind not in (TaskKind.CLASSIFICATION, TaskKind.BINARY):
        return rows, None, np.array([])
    flat = targets.reshape(len(targets), -1)
    if flat.shape[1] > 1:
        named = flat.argmax(axis=1)
    elif samples.kind is TaskKind.BINARY:
        named = (flat[:, 0] > (flat.min() + flat.max()) / 2).astype(int)
    else:
        named = flat[:, 0].astype(int)
        rows = rows[named[rows] >= 0]  # ignore_index is -100 by default
    if len(rows) == 0:
        return rows, None, np.array([])
    values, labels = np.unique(named[rows], return_inverse=True)
    if len(values) < 2:
        raise NotApplicable("only one class was seen")
    return rows, labels, values


def _problem(samples: "Samples", columns: "Array", rows: "Array", labels: "Array | None") -> "Problem":
    import numpy as np

    from ._simple_fits import Problem

    if labels is not None:
        counts = np.bincount(labels)
        frequent = np.argsort(-counts)[:_CLASSES]
        names = np.unique(np.where(np.isin(labels, frequent), labels, len(counts)), return_inverse=True)[1]
        return Problem(columns, np.eye(int(names.max()) + 1)[names], names)
    targets = samples.targets[rows].reshape(len(rows), -1)[:, :_AMOUNTS]
    spread = targets.std(axis=0)
    if not (spread > 0).any():
        raise NotApplicable("all targets are equal")
    kept = spread > 0
    return Problem(columns, (targets[:, kept] - targets[:, kept].mean(axis=0)) / spread[kept], None)


def _merged(probabilities: "Array", problem: "Problem", labels: "Array") -> "Array":
    """Probabilities with the rare classes taken together, as in the problem."""
    import numpy as np

    assert problem.classes is not None
    found = np.zeros_like(problem.targets)
    for name in range(probabilities.shape[1]):
        found[:, int(problem.classes[labels == name][0])] += probabilities[:, name]
    return found


def _baselines(samples: "Samples", rows: "Array", labels: "Array | None") -> tuple[object, ...]:
    import numpy as np

    from ..evidence import Baseline

    if labels is not None:
        return (Baseline(name="majority", accuracy=float(np.bincount(labels).max() / len(labels))),)
    found = [Baseline(name="mean", score=0.0)]
    targets = samples.targets[rows].reshape(len(rows), -1)
    for block in samples.blocks:
        if block.integral or not block.even or block.rows[0].ndim < 1 or targets.shape[1] > 1:
            continue
        whole = np.stack([block.rows[int(r)] for r in rows]).astype(float)
        last = whole[:, -1] if whole.ndim == 2 else whole[:, -1].reshape(len(rows), -1)
        last = last.reshape(len(rows), -1)
        wrong = ((last - targets) ** 2).sum(axis=0)
        score = 1 - wrong.min() / max(float(((targets - targets.mean()) ** 2).sum()), 1e-300)
        if samples.kind is TaskKind.REGRESSION and whole.ndim == 3:
            found.append(Baseline(name=f"last value of {block.name}", score=float(score)))
    return tuple(found)


def _spread(samples: "Samples", rows: "Array", labels: "Array | None") -> dict[str, object]:
    """Variance and mean of a target that is one number."""
    targets = samples.targets[rows].reshape(len(rows), -1)
    if labels is not None or targets.shape[1] != 1:
        return {}
    return {"variance": float(targets.var()), "mean": float(targets.mean())}


def _half(problem: "Problem") -> float | None:
    """The score of ridge regression with half of the samples, for how much more of them would help."""
    import numpy as np

    from ._simple_fits import Problem, cheap_models, scores

    count = len(problem.table) // 2
    if count < _FEW:
        return None
    chosen = np.random.default_rng(3).permutation(len(problem.table))[:count]
    part = Problem(problem.table[chosen], problem.targets[chosen], None)
    return float(scores(part, [np.arange(count)], cheap_models(part.table.shape[1])["ridge"])[0][0])


def _of(material: Material, seconds: float, progress: Progress) -> SimpleModels:
    recording = material.session.recording
    if len(recording.captures) > 1:
        raise NotApplicable(f"the program has {len(recording.captures)} losses, and none of them is the task")
    loaders = [record.where for record in recording.loaders if record.trained]
    return simple_models(
        material.step,
        material.optimizer,
        others=[*material.others, *material.gathered],
        seconds=seconds,
        loader=loaders[0] if len(loaders) == 1 else NOWHERE,
        progress=progress,
    )


EXPERIMENT = Experiment(SimpleModels, 0.4, 30.0, _of)
