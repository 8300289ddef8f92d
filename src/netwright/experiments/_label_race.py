"""Does the program's own network learn the real targets faster than permuted ones? Copies, the same steps for each."""

import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from ..capture.replay import Replay
from ..capture.sandbox import untouched
from ..evidence import NetworkRace
from ..inference import read_objective
from ..rule import NotApplicable
from ._seen_samples import Array, Samples
from .progress import Progress, unseen
from .trainee import ERRORS, Trainee, differentiates

_PERMUTED = 4
_MOST_STEPS = 300
_FEW_STEPS = 80  # where simple models have told already
_LEAST_STEPS = 12
_RATE = 1e-3


class _Contestant(Trainee):
    """Copies that are trained on targets of one's own choice."""

    targets: Sequence[torch.Tensor] = ()

    def run(self, index: int, *goals: int, grad: bool = True) -> list[torch.Tensor]:
        capture = self.captures[index]
        given = {
            capture.value_of_node[(node, 0)]: self.weights[id(t)] for node, t in capture.parameters.items()
        }
        term = read_objective(capture.graph, 0).term
        assert term is not None
        assert term.target is not None
        given[capture.value_of_node[(term.target, term.target_output)]] = self.targets[index]
        assert capture.loss is not None
        grad = grad or differentiates(capture)
        return Replay(capture.tape, [capture.loss, *goals], given=given, grad=grad, omit=self.omit).run()


def race(
    samples: Samples,
    planted: Array,
    optimizer: torch.optim.Optimizer | None,
    *,
    seconds: float,
    brief: bool = False,
    progress: Progress = unseen,
) -> NetworkRace:
    """Train the network from its start on the real targets, on permuted ones, and on planted ones.

    Args:
        samples: what the steps were given.
        planted: for each distinct sample, the distinct sample whose target it gets.
        optimizer: the program's, for its kind and settings; Adam at 1e-3 without one.
        seconds: for all of them.
        brief: fewer steps and fewer permuted targets, where nothing hangs on it.
        progress: called with the share that is done.

    Raises:
        NotApplicable: the steps cannot be run again, or time does not allow it.
    """
    captures = [s.capture for s in samples.steps]
    terms = [t for t in read_objective(captures[0].graph, 0).terms if t.target is not None]
    if len(terms) != 1:
        raise NotApplicable("the loss has several terms with targets")
    with untouched():
        try:
            runner = _Contestant(captures)
            if len(runner.captures) != len(captures):
                raise NotApplicable("the loss of some steps was not recorded")
            return _race(runner, samples, planted, optimizer, seconds, progress, brief=brief)
        except ERRORS as error:
            raise NotApplicable(f"the step could not be trained: {type(error).__name__}: {error}") from None


def _race(
    runner: _Contestant,
    samples: Samples,
    planted: Array,
    given: torch.optim.Optimizer | None,
    seconds: float,
    progress: Progress,
    *,
    brief: bool,
) -> NetworkRace:
    batches = len(runner.captures)
    held = batches // 4 if batches >= 4 else 0
    trained = batches - held
    draw = np.random.default_rng(0)
    count = len(samples.first)
    arms: dict[str, Array] = {"real": np.arange(count)}
    arms.update({f"permuted {i}": draw.permutation(count) for i in range(2 if brief else _PERMUTED)})
    arms["planted"] = planted
    each = seconds / (len(arms) + 0.5)
    steps: int | None = None
    name = ""
    found: dict[str, tuple[float, float | None]] = {}
    for number, (arm, order) in enumerate(arms.items()):
        # The real targets are what they are in every batch; the others go with the distinct sample, so that a sample seen twice has one target.
        runner.targets = _targets(samples, None if arm == "real" else order)
        runner.reset()
        optimizer = runner.like(given) if given is not None else torch.optim.Adam(runner.trained, lr=_RATE)
        name = f"{type(optimizer).__name__} at rate {float(optimizer.param_groups[0].get('lr', 0.0)):.3g}"
        start = time.perf_counter()
        losses: list[float] = []
        while len(losses) < (steps or (_FEW_STEPS if brief else _MOST_STEPS)):
            losses.append(runner.step(optimizer, len(losses) % trained))
            if steps is None and time.perf_counter() - start > each:
                break
        if steps is None:
            steps = len(losses)
            if steps < _LEAST_STEPS:
                raise NotApplicable(f"time allows only {steps} steps of the network")
        rest = [float(runner.run(i, grad=False)[0].sum()) for i in range(trained, batches)]
        found[arm] = (float(np.mean(losses)), float(np.mean(rest)) if rest else None)
        progress((number + 1) / len(arms))
    return _summary(found, steps or 0, trained, held, name)


def _summary(
    found: Mapping[str, tuple[float, float | None]], steps: int, trained: int, held: int, name: str
) -> NetworkRace:
    permuted = [v for k, v in found.items() if k.startswith("permuted")]
    if not all(np.isfinite(v[0]) for v in found.values()):
        raise NotApplicable("the loss did not stay finite")
    return NetworkRace(
        steps=steps,
        trained_batches=trained,
        held_batches=held,
        optimizer=name,
        real_fit=found["real"][0],
        permuted_fit=tuple(v[0] for v in permuted),
        planted_fit=found["planted"][0],
        real_held=found["real"][1],
        permuted_held=tuple(v[1] for v in permuted if v[1] is not None),
        planted_held=found["planted"][1],
    )


def _targets(samples: Samples, order: Array | None) -> list[torch.Tensor]:
    """Targets of each batch, in the form that the loss got them in."""
    rows = np.arange(len(samples.identity)) if order is None else samples.first[order[samples.identity]]
    values, begin = samples.targets[rows], 0
    found: list[torch.Tensor] = []
    for step, size in zip(samples.steps, samples.counts, strict=True):
        term = read_objective(step.capture.graph, 0).term
        assert term is not None
        assert term.target is not None
        like = step.capture.data[term.target]
        found.append(torch.as_tensor(values[begin : begin + size], dtype=like.dtype, device=like.device))
        begin += size
    return found
