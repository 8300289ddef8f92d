"""From a small network to the program's own, one change a rung: fewer blocks of what repeats, and fewer hidden units, trained and judged as the program does it."""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from ..capture.graphs import GraphCapture
from ..capture.replay import Replay
from ..capture.sandbox import untouched
from ..capture.step import Step
from ..evidence import NOWHERE, Ladder, Rung, Stack, Where
from ..rule import NotApplicable
from .experiment import Experiment, Material
from .progress import Progress, unseen
from .stacks import Found, calls_of, find_stacks, shortened
from .trainee import ERRORS, Trainee, differentiates, require_replay
from .widths import Units, find_units, narrowed

_BATCHES = 8
_STEPS = 96  # wanted
_FEWEST = 40  # below, a plain multilayer perceptron has hardly begun to learn, and a rung tells nothing
_SEEDS = 3
_SHARES = (1 / 8, 1 / 4, 1 / 2)
_FELL, _STANDS = 0.8, 0.9  # of the first loss: when the full depth is given longer
_LONGER = 3  # times the steps
_DEPTH = 0.65  # of the time; the rest is for a longer run at full depth, and for the ladder of width

Made = Callable[[torch.nn.Module], Where | None]
Clip = tuple[str, float] | None


@dataclass(frozen=True, slots=True)
class _Size:
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


def ladder(
    step: Step,
    optimizer: torch.optim.Optimizer,
    *,
    others: Sequence[Step] = (),
    constant: bool = True,
    clip: Clip = None,
    made: Made = lambda _: None,
    seconds: float = 20.0,
    progress: Progress = unseen,
) -> Ladder:
    """Train the network with fewer blocks and with fewer hidden units, and as it is, an equal number of steps on the same batches.

    A smaller network is the recorded step without some of its calls, or with parts of its weights: losses, inputs and everything around the network stay the program's own. The first
    run of each size begins with the program's own initial weights. For the others rows and columns of every weight are shuffled, which keeps its values, its scale and its singular
    values and takes everything else away.

    Args:
        step: the captured step.
        optimizer: the program's optimizer, for its kind, settings and rates.
        others: further steps of the program, each with its own batch.
        constant: whether the program keeps its rate (no scheduler, no warm-up).
        clip: what the program clips its gradients with (``"clip_grad_norm_"`` and a limit).
        made: gives the line that constructed a module.
        seconds: time for everything.
        progress: called with the share that is done.

    Raises:
        NotApplicable: the step cannot be run again, nothing in it repeats or can be narrowed, or a step takes too long.
    """
    began = time.perf_counter()
    with untouched():
        try:
            return _climb(step, optimizer, others, constant, clip, made, began, seconds, progress)
        except ERRORS as error:
            raise NotApplicable(f"the step could not be trained: {type(error).__name__}: {error}") from None


def _climb(
    step: Step,
    optimizer: torch.optim.Optimizer,
    others: Sequence[Step],
    constant: bool,
    clip: Clip,
    made: Made,
    began: float,
    seconds: float,
    progress: Progress,
) -> Ladder:
    require_replay(step.capture)
    held = frozenset(id(p) for g in optimizer.param_groups for p in g["params"] if p.requires_grad)
    captures = [c for s in (step, *others) if (c := s.capture).loss is not None][:_BATCHES]
    stacks = [find_stacks(c, held) for c in captures]
    deep, no_depth = _depths(captures, stacks)
    wide, units, no_width = _widths(captures, held)
    if not deep and not wide:
        raise NotApplicable(f"{no_depth}, and {no_width}")
    course = _Course(captures, optimizer, clip, seconds, began, progress)
    depth = course.climb(deep, _DEPTH)
    longer = course.longer(depth, deep)
    width = course.climb(wide, 1.0)
    if not depth and not width:
        raise NotApplicable(
            f"a step takes {course.cost:.2g} s, too long for {_FEWEST} of them at several sizes"
        )
    first = stacks[0] if stacks else []
    told = tuple(_told(step.capture, s, made) for s in first if depth)
    return Ladder(
        depth=tuple(depth),
        width=tuple(width),
        stacks=_once(told),
        steps=course.steps,
        batches=len(captures),
        optimizer=type(optimizer).__name__,
        rate=float(optimizer.param_groups[0].get("lr", 0.0)),
        constant=constant,
        longer=longer,
        longer_steps=_LONGER * course.steps,
        no_depth=no_depth or ("" if depth else "there was no time for the ladder of depth"),
        no_width=no_width or ("" if width else "there was no time for the ladder of width"),
        where=max(told, key=lambda s: s.blocks).where if told else NOWHERE,
        widened=_line(step.capture, units[0].call.index) if units else NOWHERE,
        seconds=time.perf_counter() - began,
    )


def _parameters(capture: GraphCapture) -> int:
    return sum(t.numel() for t in {id(t): t for t in capture.parameters.values()}.values())


def _depths(captures: Sequence[GraphCapture], stacks: Sequence[Sequence[Found]]) -> tuple[list[_Size], str]:
    """The sizes by blocks, small to full."""
    if not stacks or not stacks[0]:
        return [], "no blocks of the same make and shape follow each other"
    keys = {s.weights for s in stacks[0]}
    if any({s.weights for s in found} != keys for found in stacks):
        return [], "the blocks are not the same ones in every step"
    longest = max(len(s.blocks) for s in stacks[0])
    counts = [0, *(2**k for k in range(longest.bit_length()) if 2**k < longest)]
    full, found, why = len(calls_of(captures[0])), list[_Size](), ""
    for count in counts:
        try:
            short = tuple(shortened(c, s, count) for c, s in zip(captures, stacks, strict=True))
            with torch.no_grad():
                Replay(short[0].tape, [_loss(short[0])], grad=differentiates(short[0])).run()
        except ERRORS as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            continue
        if any(t.requires_grad for t in short[0].parameters.values()):
            cost = len(calls_of(short[0])) / full
            found.append(_Size(count, 1.0, short, (), _parameters(short[0]), cost))
    if not found:
        return [], f"the step does not run with fewer blocks ({why})"
    return [*found, _Size(longest, 1.0, tuple(captures), (), _parameters(captures[0]), 1.0)], ""


def _loss(capture: GraphCapture) -> int:
    assert capture.loss is not None
    return capture.loss


def _widths(
    captures: Sequence[GraphCapture], held: frozenset[int]
) -> tuple[list[_Size], tuple[Units, ...], str]:
    """The sizes by hidden units, small to full, and the groups of units."""
    units = tuple(tuple(find_units(c, held)) for c in captures)
    groups = units[0] if units else ()
    if not groups or max(u.count for u in groups) < 16:
        return [], (), "no hidden units lie between plain layers alone"
    if any(len(u) != len(groups) for u in units):
        return [], (), "the hidden units are not the same ones in every step"
    start = {id(t): t.detach() for t in captures[0].parameters.values()}
    found: list[_Size] = []
    for share in (*_SHARES, 1.0):
        size = _Size(0, share, tuple(captures), units, 0, 1.0)
        made, weights = _begin(size, start)
        try:
            given = {made[0].value_of_node[(n, 0)]: weights[id(t)] for n, t in made[0].parameters.items()}
            with torch.no_grad():
                Replay(made[0].tape, [_loss(made[0])], given=given, grad=differentiates(made[0])).run()
        except ERRORS as error:
            return [], (), f"the step does not run with fewer hidden units ({type(error).__name__})"
        cost = max(0.4, share)  # of small matrices the calls themselves cost most
        found.append(replace(size, parameters=sum(w.numel() for w in weights.values()), cost=cost))
    return found, groups, ""


def _begin(
    size: _Size, start: Mapping[int, torch.Tensor]
) -> tuple[list[GraphCapture], dict[int, torch.Tensor]]:
    """The steps of a rung, and the weights that it begins with."""
    if not size.units or size.share >= 1.0:
        return list(size.captures), dict(start)
    made = [narrowed(c, u, size.share, start) for c, u in zip(size.captures, size.units, strict=True)]
    return [m[0] for m in made], made[0][1]


class _Course:
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
            begin = time.perf_counter()
            trainee.step(copy, index % self.batches)
            times.append(time.perf_counter() - begin)
        self.cost = max(times)

    @property
    def spent(self) -> float:
        """The share of the time that is gone."""
        return (time.perf_counter() - self.began) / self.seconds

    def climb(self, sizes: list[_Size], until: float) -> list[Rung]:
        """The rungs, each trained from several initial weights; none where there is no time for two."""
        if not sizes:
            return []
        left = (until - self.spent) * self.seconds
        while not self._fits(sizes, left):
            if len(sizes) <= 2:
                return []
            sizes = [*sizes[:-2], sizes[-1]] if len(sizes) % 2 else [sizes[0], *sizes[2:]]
        runs: list[list[tuple[float, list[float]]]] = [[] for _ in sizes]
        for seed in range(_SEEDS):
            begin = time.perf_counter()
            for position, size in enumerate(sizes):
                runs[position].append(self._train(size, seed))
                self.progress(min(0.99, self.spent))
            # Where the second round would take far more than there is, one must do: it shows, and is not judged.
            spare = until if seed else until + 0.15
            if self.spent + (time.perf_counter() - begin) / self.seconds > spare:
                break
        return [_rung(size, sizes[-1].blocks, r) for size, r in zip(sizes, runs, strict=True)]

    def _fits(self, sizes: Sequence[_Size], left: float) -> bool:
        """Whether two runs of every size fit into the seconds left; the number of steps is fixed by the first ladder that is climbed."""
        # What is not training (the loss before, making the copies) takes a fifth of it.
        each = 1.25 * self.cost * sum(s.cost for s in sizes)
        for runs in (_SEEDS, 2):
            possible = int(left / (runs * each)) if each > 0 else _STEPS
            wanted = self.steps or min(_STEPS, possible)
            steps = wanted - wanted % self.batches
            if steps >= _FEWEST and possible >= steps:
                self.steps = steps
                return True
        return False

    def _train(self, size: _Size, seed: int, times: int = 1) -> tuple[float, list[float]]:
        """The mean loss before the first step, and that of each pass."""
        generator = torch.Generator().manual_seed(1000 + seed)
        captures, start = _begin(size, _shuffled(self.start, generator) if seed else self.start)
        trainee = _Copies(captures, self.clip)
        trainee.begin_with(start)
        torch.set_rng_state(generator.get_state())
        before = trainee.mean_loss()
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

    def longer(self, rungs: Sequence[Rung], sizes: Sequence[_Size]) -> float | None:
        """Where the full depth comes to in more steps, when it stands still and a smaller one does not."""
        if not rungs or not rungs[-1].stays_at(_STANDS) or not any(r.falls_to(_FELL) for r in rungs[:-1]):
            return None
        before, passes = self._train(sizes[-1], 0, _LONGER)
        return passes[-1] / before if math.isfinite(passes[-1]) else None


def _rung(size: _Size, of: int, runs: Sequence[tuple[float, list[float]]]) -> Rung:
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


def _shuffled(start: Mapping[int, torch.Tensor], generator: torch.Generator) -> dict[int, torch.Tensor]:
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


def _told(capture: GraphCapture, stack: Found, made: Made) -> Stack:
    """The stack in words, with the line that makes its blocks where it is known, else the one that calls them."""
    item = stack.blocks[0][0]
    where, path = _line(capture, item.calls[0].index), None
    nodes = {capture.value_of_node.get((n.index, 0)): n for n in capture.graph.nodes if n.kind == "op"}
    if item.frame is not None:
        module = item.frame.module()
        where = (made(module) if module is not None else None) or where
        node = nodes.get(item.calls[0].outputs[0])
        path = node.module if node is not None else None
    return Stack(block=stack.title, blocks=len(stack.blocks), module=path, where=where.on(module=path))


def _once(stacks: Sequence[Stack]) -> tuple[Stack, ...]:
    """Each stack once, however often the step runs it."""
    return tuple(dict.fromkeys(stacks))


def _line(capture: GraphCapture, index: int) -> Where:
    """The line to edit for a call."""
    for node in capture.graph.nodes:
        value = capture.value_of_node.get((node.index, 0))
        if node.kind == "op" and value is not None and capture.tape.values[value].maker == index:
            return node.edit.on(module=node.module)
    return NOWHERE


def _of(material: Material, seconds: float, progress: Progress) -> Ladder:
    if material.optimizer is None:
        raise NotApplicable("no optimizer made a step, so there is nothing to train smaller networks with")
    if material.session.recording.loaded:
        raise NotApplicable("weights were loaded, and they fit the network of that size alone")
    clips = [e.detail for e in material.session.recording.events if e.kind == "clip"]
    limits = {(str(d.get("kind")), d.get("limit")) for d in clips}
    if len(limits) > 1 or any(not isinstance(limit, float) for _, limit in limits):
        raise NotApplicable("the program clips its gradients in a way that is not known")
    clip = next(((kind, limit) for kind, limit in limits if isinstance(limit, float)), None)
    return ladder(
        material.step,
        material.optimizer,
        others=material.others,
        constant=material.constant,
        clip=clip,
        made=material.session.recorder.made_where,
        seconds=seconds,
        progress=progress,
    )


EXPERIMENT = Experiment(Ladder, 0.45, 25.0, _of)
