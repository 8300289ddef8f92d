"""The simple gradient noise scale (McCandlish et al., "An empirical model of large-batch training", 2018, section 2.2 and appendix A.1) of the captured batches,
and the samples whose gradients are far longer than the others'."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..capture import memory
from ..capture.doors import door_tensors
from ..capture.sandbox import untouched
from ..capture.step import Step
from ..evidence import NOWHERE, NoiseEstimate, NoiseScale, OutlyingSample, Where
from ..rerun.digests import bytes_of
from ..rule import NotApplicable
from ._noise_estimate import inner_products, outlying, scale
from ._parts import Cut, Reading, find_reading, flat, length, normalizes, overlap
from .experiment import Experiment, Material, Work
from .progress import Progress, unseen
from .trainee import ERRORS, Trainee

_PARTS = 256  # more of them make the interval hardly narrower than the number of samples allows
_FEWEST = 6
_NORMALIZED = 8  # samples that batch normalization needs for statistics that mean something
_SAME = 0.05  # of a batch's rows; more in common with earlier batches and it tells little new
_SCORE = 3.5  # Iglewicz and Hoaglin, "How to detect and handle outliers" (1993)
_TIMES = 10.0
_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The parts: capture and rows of each (rows None: the whole batch), all of ``size`` samples."""

    size: int
    samples: int
    parts: tuple[tuple[int, torch.Tensor | None], ...]


def noise_scale(
    step: Step,
    optimizer: torch.optim.Optimizer | None = None,
    *,
    others: Sequence[Step] = (),
    accumulated: float = 1.0,
    batch: int | None = None,
    seconds: float = 15.0,
    where: Where = NOWHERE,
    progress: Progress = unseen,
) -> NoiseScale:
    """Estimate the noise scale of the step's loss at the first weights and at those of now, without dropout.

    The batches are cut into parts (single samples where time allows) if the step can be cut so that gradients of parts provably add up to the whole one; otherwise
    whole batches are compared, of which six different ones are needed.

    Args:
        step: the captured step.
        optimizer: the program's optimizer: only what it holds counts.
        others: further steps of the program, each with its own batch.
        accumulated: batches that make one update.
        batch: the samples of a batch, where the steps hold fewer of them.
        seconds: time for everything.
        where: the line that sets the batch size, or the loss.
        progress: called with the share that is done.

    Raises:
        NotApplicable: the step cannot be run again, or there are too few different samples; the message says why.
    """
    began = time.perf_counter()
    with untouched():
        try:
            found = _Gradients(step, optimizer, others, began + seconds, progress)
            estimates = found.estimates()
            outliers = found.outliers()
        except ERRORS as error:
            raise NotApplicable(
                f"the step could not be run in parts: {type(error).__name__}: {error}"
            ) from None
    return NoiseScale(
        estimates=estimates,
        batch=batch or found.batch,
        accumulated=accumulated,
        samples=found.samples,
        judged=len(found.norms),
        outliers=outliers,
        normalized=found.normalized,
        where=where,
        seconds=time.perf_counter() - began,
    )


class _Gradients:
    """Gradients of parts of the captured batches on copies of the parameters."""

    def __init__(
        self,
        step: Step,
        optimizer: torch.optim.Optimizer | None,
        others: Sequence[Step],
        deadline: float,
        progress: Progress,
    ) -> None:
        self.deadline, self.progress = deadline, progress
        self.trainee = trainee = Trainee([step.capture, *(s.capture for s in others)])
        self.weights = _held(trainee, optimizer)
        self.normalized = normalizes(step.capture)
        self.norms: dict[tuple[int, int], tuple[float, float]] = {}
        reading = find_reading(trainee, self.weights)
        self.cuts = _cuts(trainee, reading)
        self.batch = self.cuts[0].count if self.cuts else _batch(trainee)
        self.fresh = _fresh(self.cuts) if self.cuts else {}
        self.samples = sum(len(r) for r in self.fresh.values())

    def estimates(self) -> tuple[NoiseEstimate, ...]:
        """At the first weights and, where they are others, at those of now."""
        trainee = self.trainee
        now = {id(t): t for c in trainee.captures for t in c.parameters.values()}
        moved = any(not torch.equal(now[k].detach(), start) for k, start in trainee.start.items())
        states = [("first", trainee.start), ("now", now)] if moved else [("first", trainee.start)]
        found: list[NoiseEstimate] = []
        pieces = None
        for position, (when, state) in enumerate(states):
            with torch.no_grad():
                for key, weight in trainee.weights.items():
                    weight.copy_(state[key])
            self.norms.clear()
            pieces = pieces or self._pieces(len(states))
            gradients = self._of(pieces, (position, len(states)))
            made = scale(inner_products(gradients), pieces.size)
            found.append(
                NoiseEstimate(
                    when=when,
                    size=made.size,
                    parts=made.parts,
                    squared=made.squared,
                    trace=made.trace,
                    scale=made.value,
                    low=made.low,
                    high=made.high,
                )
            )
        return tuple(found)

    def _pieces(self, states: int) -> _Pieces:
        """As many parts as time and memory allow, all of one size."""
        numel = sum(w.numel() for w in self.weights)
        room = memory.available_memory(self.weights[0].device) // 8 // (4 * numel)
        left = (self.deadline - time.perf_counter()) * 0.8 / states
        size = _NORMALIZED if self.normalized else 1
        while self.cuts and 2 * size <= self.batch:
            pieces = _cut_up(self.fresh, size)
            count = len(pieces.parts)
            if count < _FEWEST:
                break
            if count <= min(_PARTS, room) and count * self._cost(size) <= left:
                return pieces
            size *= 2
        whole = self._whole()
        if len(whole.parts) >= _FEWEST and room >= len(whole.parts):
            return whole
        if self.cuts and self.samples >= _FEWEST:
            # Too slow or too large for all samples: as many of them as there is time for.
            size = _NORMALIZED if self.normalized else 1
            pieces = _cut_up(self.fresh, size)
            count = min(_PARTS, room, int(left / self._cost(size)), len(pieces.parts))
            if count >= _FEWEST:
                return _Pieces(size, size * count, pieces.parts[:count])
        if room < _FEWEST:
            raise NotApplicable(f"{_FEWEST} gradients of {numel} numbers each do not fit into memory")
        raise NotApplicable(_too_few(bool(self.cuts), self.samples, len(whole.parts)))

    def _whole(self) -> _Pieces:
        """Whole batches of the first one's size that have hardly a sample in common."""
        kept: list[int] = []
        if self.cuts:
            kept = [i for i, c in enumerate(self.cuts) if len(self.fresh[i]) > (1 - _SAME) * c.count]
            kept = [i for i in kept if self.cuts[i].count == self.batch]
        else:
            kept = _different(self.trainee)
        return _Pieces(self.batch, self.batch * len(kept), tuple((i, None) for i in kept))

    def _cost(self, size: int) -> float:
        """Seconds that the gradient of a part takes."""
        rows = self.fresh[0][:size]
        self.cuts[0].gradient(rows, self.weights)
        began = time.perf_counter()
        self.cuts[0].gradient(rows, self.weights)
        return time.perf_counter() - began

    def _of(self, pieces: _Pieces, state: tuple[int, int]) -> torch.Tensor:
        """One gradient a row. The time that is left is shared by the states to come, so that the last one is not left with a few."""
        found: list[torch.Tensor] = []
        now = time.perf_counter()
        until = now + (self.deadline - now) / (state[1] - state[0])
        for number, (index, rows) in enumerate(pieces.parts):
            if rows is None:
                vector, loss = flat(self.trainee.run(index)[0].sum(), self.weights), 0.0
            else:
                vector, loss = self.cuts[index].gradient(rows, self.weights)
            if not bool(vector.isfinite().all()):
                raise NotApplicable("gradients are not finite")
            if pieces.size == 1 and rows is not None:
                self.norms[index, int(rows[0])] = (length(vector), loss)
            found.append(vector)
            self.progress(min(0.99, (state[0] + number / len(pieces.parts)) / state[1]))
            if time.perf_counter() > until and len(found) >= _FEWEST:
                break
        return torch.stack(found)

    def outliers(self) -> tuple[OutlyingSample, ...]:
        """Samples whose gradients at the weights of now are far longer than the others'."""
        if self.normalized or not self.cuts:
            self.norms.clear()
            return ()
        todo = [(i, int(r)) for i, rows in self.fresh.items() for r in rows] if not self.norms else []
        for index, row in todo[:_PARTS]:
            if time.perf_counter() > self.deadline:
                break
            vector, loss = self.cuts[index].gradient(torch.tensor([row]), self.weights)
            self.norms[index, row] = (length(vector), loss)
        places, values = list(self.norms), [v for v, _ in self.norms.values()]
        far = outlying(values, _SCORE, _TIMES)
        middle = sorted(values)[len(values) // 2] if values else 0.0
        return tuple(self._named(*places[i], values[i] / middle, score) for i, score in far[:_NAMED])

    def _named(self, index: int, row: int, norm: float, score: float) -> OutlyingSample:
        cut, at = self.cuts[index], torch.tensor([row])
        doors = {cut.capture.value_of_node[(n, 0)] for n in cut.capture.doors}
        inputs = [
            leaf.take(at).double() for v, leaf in cut.cuts.items() if v in doors and leaf.tensor.numel()
        ]
        targets = [leaf.take(at) for v, leaf in cut.cuts.items() if v in cut.known() - doors]
        single = next((t for t in targets if t.numel() == 1), None)
        return OutlyingSample(
            batch=index,
            index=row,
            norm=norm,
            score=min(score, 1e6),
            loss=self.norms[index, row][1],
            target=float(single) if single is not None else None,
            lowest=min((float(t.min()) for t in inputs), default=None),
            highest=max((float(t.max()) for t in inputs), default=None),
        )


def _held(trainee: Trainee, optimizer: torch.optim.Optimizer | None) -> list[torch.Tensor]:
    """The copies that the optimizer moves; all that are trained where it is not known."""
    if optimizer is None:
        return trainee.trained
    mine = {id(p) for g in optimizer.param_groups for p in g["params"]}
    held = [w for k, w in trainee.weights.items() if k in mine and w.requires_grad]
    return held or trainee.trained


def _cuts(trainee: Trainee, reading: Reading | None) -> list[Cut]:
    """The batches up to the first that cannot be cut like the first one: between two steps a program may do things that need the whole batch (save a grid of its images)."""
    found: list[Cut] = []
    if reading is None:
        return found
    for index in range(len(trainee.captures)):
        try:
            cut = Cut(trainee, index, reading, trainee.omit)
            if index:
                with torch.no_grad():
                    cut.loss(torch.arange(min(cut.count, max(2, cut.count // 3))))
            found.append(cut)
        except ERRORS:
            break
    return found


def _fresh(cuts: Sequence[Cut]) -> dict[int, torch.Tensor]:
    """Of each batch the samples that were in none before. Where a batch itself has equal rows, equal rows are different samples."""
    rows = [c.rows() for c in cuts]
    if not rows[0]:
        return {i: torch.arange(c.count) for i, c in enumerate(cuts)} if len(cuts) == 1 else {0: torch.arange(cuts[0].count)}  # fmt: skip
    alike = max(overlap(r) for r in rows) > 0.02
    seen: set[bytes] = set()
    found: dict[int, torch.Tensor] = {}
    for index, batch in enumerate(rows):
        if alike and batch not in rows[:index]:
            found[index] = torch.arange(len(batch))
        elif alike:
            found[index] = torch.arange(0)
        else:
            found[index] = torch.tensor([i for i, r in enumerate(batch) if r not in seen], dtype=torch.long)
            seen.update(batch)
    return found


def _cut_up(fresh: dict[int, torch.Tensor], size: int) -> _Pieces:
    """Parts of one size, taken from the batches in turn so that the first few come from all of them."""
    parts = [
        (number, index, rows[start : start + size])
        for index, rows in fresh.items()
        for number, start in enumerate(range(0, len(rows) - size + 1, size))
    ]
    ordered = sorted(parts, key=lambda p: (p[0], p[1]))
    return _Pieces(size, size * len(parts), tuple((index, rows) for _, index, rows in ordered))


def _batch(trainee: Trainee) -> int:
    """The first size of the largest input, where the step could not be cut."""
    capture = trainee.captures[0]
    tensors = [t for t in door_tensors(capture) if t.dim()]
    return max(tensors, key=lambda t: t.numel()).shape[0] if tensors else 0


def _different(trainee: Trainee) -> list[int]:
    """Captures of the first one's sizes whose inputs have hardly a row in common with those before."""
    kept: list[int] = []
    seen: set[bytes] = set()
    first: list[torch.Size] = []
    for index, capture in enumerate(trainee.captures):
        data = [t for t in door_tensors(capture) if t.dim()]
        if not data:
            continue
        first = first or [t.shape for t in data]
        largest = max(data, key=lambda t: t.numel()).detach().cpu()
        rows = [bytes_of(r) for r in largest]
        if [t.shape for t in data] == first and sum(r in seen for r in rows) <= _SAME * len(rows):
            kept.append(index)
            seen.update(rows)
    return kept


def _too_few(cut: bool, samples: int, batches: int) -> str:
    if cut:
        return f"{samples} different samples in the batches seen are too few, or there is no time for more"
    return (
        f"the step cannot be cut into parts of its batch whose gradients add up, and {batches} different batches are too few to compare"
        if batches != 1
        else "the step cannot be cut into parts of its batch whose gradients add up, and no other batch was seen that has the sizes of the first and other samples"
    )


def _of(material: Material, seconds: float, progress: Progress) -> NoiseScale:
    return noise_scale(
        material.step,
        material.optimizer,
        others=material.others,
        accumulated=_accumulated(material),
        batch=material.batch,
        seconds=seconds,
        where=_where(material),
        progress=progress,
    )


def _accumulated(material: Material) -> float:
    """How many batches make one update: backward passes between two steps of the optimizer, the most usual number."""
    counts: list[int] = []
    backwards = 0
    for event in material.session.recording.events:
        if event.kind == "backward" and event.where == material.step.capture.graph.backward:
            backwards += 1
        elif event.kind == "optimizer_step" and backwards:
            counts.append(backwards)
            backwards = 0
    return float(sorted(counts)[len(counts) // 2]) if counts else 1.0


def _where(material: Material) -> Where:
    """The line that makes the loader that was trained on, else that of the loss."""
    trained = [r for r in material.session.recording.loaders if r.trained and r.where.known]
    graph = material.step.capture.graph
    loss = graph.nodes[graph.loss].where if graph.loss is not None else NOWHERE
    return trained[0].where if trained else loss if loss.known else graph.backward


EXPERIMENT = Experiment(NoiseScale, 0.3, 15.0, _of, work=Work(copies=4, steps=16, few=True))
