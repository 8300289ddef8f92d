"""Trains smaller and full copies of a recorded step for an equal number of steps, within a time given."""

import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from ..capture.graphs import GraphCapture
from ..capture.replay import Replay
from ..evidence import Rung
from ..rule import NotApplicable
from ._widths import Units, narrowed
from .progress import Progress
from .trainee import Trainee, differentiates

STEPS = 96  # wanted
FEWEST = 40  # below, a plain multilayer perceptron has hardly begun to learn, and a rung tells nothing
SEEDS = 3
FELL, STANDS = 0.8, 0.9  # of the first loss: when the full depth is given longer
LONGER = 3  # times the steps

Clip = tuple[str, float] | None


@dataclass(frozen=True, slots=True)
class Size:
    """One rung before it is climbed: the steps, and the weights they begin with as a change of given ones. ``cost`` is in steps of the full network."""

    blocks: int
    share: float
    captures: tuple[GraphCapture, ...]
    units: tuple[tuple[Units, ...], ...]
    parameters: int
    cost: float


class _Copies(Trainee):
    """Copies that draw their own random numbers in dropout and begin with the weights given; the gradient is clipped as the program does it."""

    def __init__(self, captures: Sequence[GraphCapture], clip: Clip) -> None:
        super().__init__(captures, dropout=True)
        self.clip = clip

    def begin_with(self, start: Mapping[int, torch.Tensor]) -> None:
        """Take these weights for the copies, of whatever shape."""
        for key, old in list(self.weights.items()):
            self.start[key] = start[key]
            self.weights[key] = start[key].clone().requires_grad_(old.requires_grad)

    def run(self, index: int, *goals: int, grad: bool = True) -> list[torch.Tensor]:
        """As the program runs it, with fresh random numbers."""
        capture = self.captures[index]
        given = {
            capture.value_of_node[(node, 0)]: self.weights[id(t)] for node, t in capture.parameters.items()
        }
        assert capture.loss is not None
        grad = grad or differentiates(capture)
        goal = [capture.loss, *goals]
        return Replay(capture.tape, goal, given=given, grad=grad, fresh_random=True).run()

    def backward(self, index: int) -> float:
        """The gradients of a batch, clipped."""
        loss = super().backward(index)
        grads = [w.grad for w in self.trained if w.grad is not None]
        if self.clip is not None and grads:
            kind, limit = self.clip
            if kind.startswith("clip_grad_value"):
                for grad in grads:
                    grad.clamp_(-limit, limit)
            else:
                norm = math.sqrt(sum(float(g.detach().double().square().sum()) for g in grads))
                for grad in grads:
                    grad.mul_(min(1.0, limit / (norm + 1e-6)))
        return loss


def begin(
    size: Size, start: Mapping[int, torch.Tensor]
) -> tuple[list[GraphCapture], dict[int, torch.Tensor]]:
    """The steps of a rung, and the weights that it begins with."""
    if not size.units or size.share >= 1.0:
        return list(size.captures), dict(start)
    made = [narrowed(c, u, size.share, start) for c, u in zip(size.captures, size.units, strict=True)]
    return [m[0] for m in made], made[0][1]


class Course:
    """Climbs rungs within the time given, all with the same number of steps."""

    def __init__(
        self,
        captures: Sequence[GraphCapture],
        optimizer: torch.optim.Optimizer,
        clip: Clip,
        seconds: float,
        began: float,
        progress: Progress,
    ) -> None:
        self.optimizer, self.clip, self.progress = optimizer, clip, progress
        self.seconds, self.began = seconds, began
        self.batches = len(captures)
        self.steps = 0
        trainee = _Copies(captures, clip)
        self.start = dict(trainee.start)
        copy = trainee.like(optimizer, decay=True)
        trainee.step(copy, 0)
        # The slowest of a few: what else the machine does meanwhile goes on later, too.
        times: list[float] = []
        for index in range(3):
            started = time.perf_counter()
            trainee.step(copy, index % self.batches)
            times.append(time.perf_counter() - started)
        self.cost = max(times)

    @property
    def spent(self) -> float:
        """The share of the time that is gone."""
        return (time.perf_counter() - self.began) / self.seconds

    def climb(self, sizes: list[Size], until: float) -> list[Rung]:
        """The rungs, each trained from several initial weights; none where there is no time for two."""
        if not sizes:
            return []
        left = (until - self.spent) * self.seconds
        while not self._fits(sizes, left):
            if len(sizes) <= 2:
                return []
            sizes = [*sizes[:-2], sizes[-1]] if len(sizes) % 2 else [sizes[0], *sizes[2:]]
        runs: list[list[tuple[float, list[float]]]] = [[] for _ in sizes]
        for seed in range(SEEDS):
            started = time.perf_counter()
            for position, size in enumerate(sizes):
                runs[position].append(self._train(size, seed))
                self.progress(min(0.99, self.spent))
            # Where the second round would take far more than there is, one must do: it shows, and is not judged.
            spare = until if seed else until + 0.15
            if self.spent + (time.perf_counter() - started) / self.seconds > spare:
                break
        return [_rung(size, sizes[-1].blocks, r) for size, r in zip(sizes, runs, strict=True)]

    def _fits(self, sizes: Sequence[Size], left: float) -> bool:
        """Whether two runs of every size fit into the seconds left; the number of steps is fixed by the first ladder that is climbed."""
        # What is not training (the loss before, making the copies) takes a fifth of it.
        each = 1.25 * self.cost * sum(s.cost for s in sizes)
        for runs in (SEEDS, 2):
            possible = int(left / (runs * each)) if each > 0 else STEPS
            wanted = self.steps or min(STEPS, possible)
            steps = wanted - wanted % self.batches
            if steps >= FEWEST and possible >= steps:
                self.steps = steps
                return True
        return False

    def _train(self, size: Size, seed: int, times: int = 1) -> tuple[float, list[float]]:
        """The mean loss before the first step, and that of each pass."""
        generator = torch.Generator().manual_seed(1000 + seed)
        captures, start = begin(size, shuffled(self.start, generator) if seed else self.start)
        trainee = _Copies(captures, self.clip)
        trainee.begin_with(start)
        torch.set_rng_state(generator.get_state())
        before = trainee.mean_loss()
        if not math.isfinite(before):
            return 0.0, [math.nan]
        if not before > 0:
            raise NotApplicable("the loss is not above 0 before the first step")
        copy = trainee.like(self.optimizer, decay=True)
        passes: list[float] = []
        for _ in range(times * self.steps // self.batches):
            losses = [trainee.step(copy, i) for i in range(self.batches)]
            passes.append(statistics.fmean(losses))
            if not math.isfinite(passes[-1]):
                break
        return before, passes

    def longer(self, rungs: Sequence[Rung], sizes: Sequence[Size]) -> float | None:
        """Where the full depth comes to in more steps, when it stands still and a smaller one does not."""
        if not rungs or not rungs[-1].stays_at(STANDS) or not any(r.falls_to(FELL) for r in rungs[:-1]):
            return None
        before, passes = self._train(sizes[-1], 0, LONGER)
        return passes[-1] / before if math.isfinite(passes[-1]) else None


def _rung(size: Size, of: int, runs: Sequence[tuple[float, list[float]]]) -> Rung:
    def known(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return Rung(
        blocks=size.blocks,
        of=of,
        share=size.share,
        parameters=size.parameters,
        first=tuple(before for before, _ in runs),
        last=tuple(known(passes[-1]) for _, passes in runs),
        curve=tuple(known(v) for v in runs[0][1]),
    )


def shuffled(start: Mapping[int, torch.Tensor], generator: torch.Generator) -> dict[int, torch.Tensor]:
    """Other initial weights of the same kind: rows and columns of each weight in another order. Rows of zeros (padding) stay where they are."""
    found: dict[int, torch.Tensor] = {}
    for key, weight in start.items():
        if weight.dim() < 2:
            found[key] = weight
            continue
        rows = torch.arange(weight.shape[0])
        alive = weight.reshape(weight.shape[0], -1).ne(0).any(1).cpu().nonzero().reshape(-1)
        rows[alive] = alive[torch.randperm(len(alive), generator=generator)]
        columns = torch.randperm(weight.shape[1], generator=generator)
        found[key] = weight[rows.to(weight.device)][:, columns.to(weight.device)]
    return found
