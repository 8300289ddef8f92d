"""From a small network to the program's own, one change a rung: fewer blocks of what repeats, and fewer hidden units, trained and judged as the program does it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from ..capture.graphs import GraphCapture
from ..capture.replay import Replay
from ..capture.sandbox import untouched
from ..capture.step import Step
from ..evidence import NOWHERE, Ladder, Stack, Where
from ..rule import NotApplicable
from ._climbing import FEWEST, LONGER, Clip, Course, Size, begin
from ._stacks import Found, calls_of, find_stacks, shortened
from ._widths import Units, find_units
from .experiment import Experiment, Material, Work
from .progress import Progress, unseen
from .trainee import ERRORS, differentiates, require_replay

_BATCHES = 8
_SHARES = (1 / 8, 1 / 4, 1 / 2)
_DEPTH = 0.65  # of the time; the rest is for a longer run at full depth, and for the ladder of width

Made = Callable[[torch.nn.Module], Where | None]


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
    course = Course(captures, optimizer, clip, seconds, began, progress)
    depth = course.climb(deep, _DEPTH)
    longer = course.longer(depth, deep)
    width = course.climb(wide, 1.0)
    if not depth and not width:
        raise NotApplicable(
            f"a step takes {course.cost:.2g} s, too long for {FEWEST} of them at several sizes"
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
        longer_steps=LONGER * course.steps,
        no_depth=no_depth or ("" if depth else "there was no time for the ladder of depth"),
        no_width=no_width or ("" if width else "there was no time for the ladder of width"),
        where=max(told, key=lambda s: s.blocks).where if told else NOWHERE,
        widened=_line(step.capture, units[0].call.index) if units else NOWHERE,
        seconds=time.perf_counter() - began,
    )


def _parameters(capture: GraphCapture) -> int:
    return sum(t.numel() for t in {id(t): t for t in capture.parameters.values()}.values())


def _depths(captures: Sequence[GraphCapture], stacks: Sequence[Sequence[Found]]) -> tuple[list[Size], str]:
    """The sizes by blocks, small to full."""
    if not stacks or not stacks[0]:
        return [], "no blocks of the same make and shape follow each other"
    keys = {s.weights for s in stacks[0]}
    if any({s.weights for s in found} != keys for found in stacks):
        return [], "the blocks are not the same ones in every step"
    longest = max(len(s.blocks) for s in stacks[0])
    counts = [0, *(2**k for k in range(longest.bit_length()) if 2**k < longest)]
    full, found, why = len(calls_of(captures[0])), list[Size](), ""
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
            found.append(Size(count, 1.0, short, (), _parameters(short[0]), cost))
    if not found:
        return [], f"the step does not run with fewer blocks ({why})"
    return [*found, Size(longest, 1.0, tuple(captures), (), _parameters(captures[0]), 1.0)], ""


def _loss(capture: GraphCapture) -> int:
    assert capture.loss is not None
    return capture.loss


def _widths(
    captures: Sequence[GraphCapture], held: frozenset[int]
) -> tuple[list[Size], tuple[Units, ...], str]:
    """The sizes by hidden units, small to full, and the groups of units."""
    units = tuple(tuple(find_units(c, held)) for c in captures)
    groups = units[0] if units else ()
    if not groups or max(u.count for u in groups) < 16:
        return [], (), "no hidden units lie between plain layers alone"
    if any(len(u) != len(groups) for u in units):
        return [], (), "the hidden units are not the same ones in every step"
    start = {id(t): t.detach() for t in captures[0].parameters.values()}
    found: list[Size] = []
    for share in (*_SHARES, 1.0):
        size = Size(0, share, tuple(captures), units, 0, 1.0)
        made, weights = begin(size, start)
        try:
            given = {made[0].value_of_node[(n, 0)]: weights[id(t)] for n, t in made[0].parameters.items()}
            with torch.no_grad():
                Replay(made[0].tape, [_loss(made[0])], given=given, grad=differentiates(made[0])).run()
        except ERRORS as error:
            return [], (), f"the step does not run with fewer hidden units ({type(error).__name__})"
        cost = max(0.4, share)  # of small matrices the calls themselves cost most
        found.append(replace(size, parameters=sum(w.numel() for w in weights.values()), cost=cost))
    return found, groups, ""


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
        made=material.session.recorder.modules.made_where,
        seconds=seconds,
        progress=progress,
    )


EXPERIMENT = Experiment(Ladder, 0.45, 60.0, _of, work=Work(copies=5, trains=True, steps=4))
