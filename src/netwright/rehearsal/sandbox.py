"""The recorded iterations on copies of the weights: the same losses as the program's, until something in them is changed."""

import copy
import inspect
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from ..capture.calls import plain_name
from ..capture.graphs import GraphCapture
from ..capture.replay import Replay
from ..capture.session import Session
from ..capture.tape import Call
from ..evidence import DROPOUTS
from ..experiments.trainee import Trainee
from ..rule import NotApplicable
from .iteration import BACKWARD, CLEAR, CLIP, STEP, Act, endless, iterations
from .optimizers import Made, optimizers_of

_SEED = 1  # of the random numbers that are drawn once the recorded ones are used up


class Sandbox(Trainee):
    """The program's iterations on copies. Use it inside :func:`netwright.capture.sandbox.untouched`.

    What changes it: ``captures`` (the steps), ``acts`` (what is done with them, in order), ``made`` (the optimizers), ``losses`` (what a loss goes through before it is differentiated), ``clips`` (a limit for the norm
    of the gradients before each step, for each optimizer), ``start`` and ``weights``.

    Args:
        session: the recording.
        optimizers: how its optimizers were made (default: as they are now).

    Raises:
        NotApplicable: the steps cannot be run again.
    """

    def __init__(self, session: Session, optimizers: Mapping[int, Made] | None = None) -> None:
        captures, acts = iterations(session.recording)
        # As they were recorded, with the calls that drop units and with their random numbers.
        super().__init__(captures, dropout=True)
        if len(self.captures) != len(captures):
            raise NotApplicable("the loss of a step was not recorded")
        if not captures[0].start:
            raise NotApplicable("there was no memory for the weights of the first step")
        if any(map(_goes_on, captures)):
            raise NotApplicable("a step goes on with what an earlier one has computed")
        self.session = session
        self.acts = acts
        self.losses: list[Callable[[torch.Tensor], torch.Tensor]] = []
        self.clips: list[float] = []
        self.made = copy.deepcopy(
            dict(optimizers) if optimizers is not None else optimizers_of(session.recording)
        )
        if not self.made:
            raise NotApplicable("the program has no optimizer")

    def rewrite(self, changes: dict[tuple[int, int], Call]) -> None:
        """Put calls in place of recorded ones, by the place of their step and their index in it. The recording itself stays as it is."""
        for number in {step for step, _ in changes}:
            capture = self.captures[number]
            self.captures[number] = _rewritten(
                capture, {index: call for (step, index), call in changes.items() if step == number}
            )

    def begin_with(self, key: int, value: torch.Tensor) -> None:
        """Let a parameter begin with another value, by the ``id`` of the program's tensor."""
        self.start[key] = value.detach().clone()
        self.weights[key] = value.detach().clone().requires_grad_(self.weights[key].requires_grad)

    def replay(self, index: int, *goals: int, grad: bool = True, fresh: bool = False) -> Replay:
        """A batch on the copies, ready to run, with the random numbers that were recorded, or with ``fresh`` ones."""
        made = super().replay(index, *goals, grad=grad)
        made.fresh_random = fresh
        return made

    def train(self, steps: int) -> Iterator[float]:
        """The loss of each backward pass, as far as ``steps`` of an optimizer, or as many backward passes where no step is ever made. The batches come again when all were seen, with random numbers of their own."""
        optimizers = {i: m.build(self.weights) for i, m in self.made.items() if _holds(m, self)}
        seen, done = 0, 0
        random.seed(_SEED)
        torch.manual_seed(_SEED)  # pyright: ignore[reportUnknownMemberType]
        state = torch.get_rng_state()
        never = all(a.does != STEP for a in self.acts)
        for act in endless(self.acts):
            if act.does == BACKWARD:
                if (seen if never else done) >= steps:
                    return
                torch.set_rng_state(state)
                yield self._differentiate(act.capture, fresh=seen >= len(self.captures))
                state = torch.get_rng_state() if seen >= len(self.captures) else state
                seen += 1
            else:
                done += self._do(act, optimizers)

    def _differentiate(self, index: int, *, fresh: bool) -> float:
        loss = self.replay(index, fresh=fresh).run()[0]
        value = float(loss.detach().double().mean())
        for change in self.losses:
            loss = change(loss)
        weights = self.trained
        grads = torch.autograd.grad(loss.sum(), weights, allow_unused=True)
        for weight, grad in zip(weights, grads, strict=True):
            if grad is not None:  # pyright: ignore[reportUnnecessaryComparison]  (a weight may not be used)
                before = weight.grad
                weight.grad = grad if before is None else before + grad
        return value

    def _do(self, act: Act, optimizers: dict[int, torch.optim.Optimizer]) -> int:
        """Do what is no backward pass; the number of steps that it makes."""
        optimizer = optimizers.get(act.optimizer) if act.optimizer is not None else None
        if act.does == CLEAR:
            held = self.trained if act.optimizer is None else _parameters(optimizer)
            for weight in held:
                weight.grad = None
        elif act.does == CLIP:
            clip = clip_grad_value_ if act.kind == "clip_grad_value_" else clip_grad_norm_
            clip(self.trained, act.limit)
        elif act.does == STEP and act.optimizer is not None:
            if optimizer is not None:
                self._step(optimizer, self.made[act.optimizer], act)
            return 1
        return 0

    def _step(self, optimizer: torch.optim.Optimizer, made: Made, act: Act) -> None:
        for group, rate in zip(optimizer.param_groups, made.rates(act.rates), strict=False):
            group["lr"] = rate
        for limit in self.clips:
            clip_grad_norm_(_parameters(optimizer), limit)
        with torch.no_grad():
            # Past the hooks on every optimizer's step, of which some belong to the program.
            inspect.unwrap(type(optimizer).step)(optimizer)

    def mean_loss(self) -> float:
        """The mean loss over all batches as they are, with nothing dropped; NaN where it is not finite."""
        before, self.omit = self.omit, DROPOUTS
        try:
            values = [float(self.run(i, grad=False)[0].sum()) for i in range(len(self.captures))]
        finally:
            self.omit = before
        return sum(values) / len(values) if all(map(math.isfinite, values)) else math.nan


def _rewritten(capture: GraphCapture, changes: dict[int, Call]) -> GraphCapture:
    tape = copy.copy(capture.tape)
    tape.calls = [changes.get(c.index, c) for c in tape.calls]
    return replace(capture, tape=tape)


def _goes_on(capture: GraphCapture) -> bool:
    """Whether gradients flow from the loss of a step into what an earlier one has computed, which is not trained again with it."""
    tape = capture.tape
    return any(
        v.carried and v.maker is None and v.info.requires_grad
        for call in tape.slice([capture.loss] if capture.loss is not None else [])
        if call.grad_enabled and plain_name(call.name) not in ("detach", "data")
        for v in map(tape.values.__getitem__, call.reads)
    )


def _holds(made: Made, sandbox: Sandbox) -> bool:
    return any(p in sandbox.weights for g in made.groups for p in g.parameters)


def _parameters(optimizer: torch.optim.Optimizer | None) -> list[torch.Tensor]:
    return [p for g in optimizer.param_groups for p in g["params"]] if optimizer is not None else []
