"""Whether and how the prediction depends on the input: the step run again with other inputs."""

from collections.abc import Mapping

import torch

from ..capture.calls import plain_name
from ..capture.doors import door_values
from ..capture.graphs import GraphCapture
from ..capture.replay import CannotReplay, Replay, Watch
from ..capture.sandbox import untouched
from ..capture.tape import Call
from ..evidence import (
    NOWHERE,
    BatchAlignment,
    BatchRows,
    InputDependence,
    InputReach,
    LossTerm,
    Objective,
    Ref,
    Task,
    Where,
)
from .observed import Observed

_FAILS = (CannotReplay, RuntimeError, TypeError, ValueError, IndexError)
_ROWWISE = frozenset(
    "cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy "
    "binary_cross_entropy_with_logits gaussian_nll_loss".split()
)
_SHAPE_ONLY = frozenset(
    "randn_like rand_like randint_like zeros_like ones_like empty_like full_like new_zeros new_ones new_empty "
    "new_full new_tensor".split()
)
_DRAWS = frozenset("randn rand normal randn_like rand_like uniform sample rsample".split())
_LARGE = 50_000_000


def input_dependence(observed: Observed, task: Task) -> InputDependence:
    """The predictions on real, zeroed and shuffled inputs."""
    reaches: list[InputReach] = []
    why = "no loss between a prediction and a target was recognised"
    for position, (objective, capture) in enumerate(
        zip(task.objectives, observed.recording.captures, strict=True)
    ):
        found = _prediction(objective, capture)
        doors = door_values(capture)
        if found is None:
            continue
        names = () if doors else _given(capture, found[0])
        if names:
            reaches.append(_unconnected(capture, position, found[1], names))
        if not doors:
            why = "no tensor came in at the door of a network"
            continue
        if _fed_with_noise(capture, found[0], doors):
            why = "the prediction is made from random numbers, not from what came in"
            continue
        try:
            with untouched(), torch.no_grad():
                reaches.append(_reach(capture, position, found[0], found[1], doors))
        except _FAILS as error:
            why = f"the step could not be run with other inputs: {error}"
    return InputDependence(reaches=tuple(reaches), why=why)


def _prediction(objective: Objective, capture: GraphCapture) -> tuple[int, LossTerm] | None:
    """Value index of the prediction, with its loss term."""
    term = objective.term
    if term is None or term.prediction is None or capture.why_not_replayed is not None:
        return None
    value = capture.value_of_node.get((term.prediction, term.prediction_output))
    small = sum(t.numel() for t in capture.data.values()) < _LARGE
    return (value, term) if value is not None and small else None


def _fed_with_noise(capture: GraphCapture, goal: int, doors: Mapping[int, torch.Tensor]) -> bool:
    """Whether random numbers reach the prediction and no value that came in does (only its shape: ``randn_like``)."""
    carried, drawn = set(doors), set[int]()
    for call in capture.tape.slice([goal]):
        reads = () if plain_name(call.name) in _SHAPE_ONLY else call.reads
        if carried.intersection(reads):
            carried.update(call.outputs)
        if plain_name(call.name) in _DRAWS or drawn.intersection(reads):
            drawn.update(call.outputs)
    return goal in drawn and goal not in carried


def _shaken(capture: GraphCapture) -> dict[int, torch.Tensor]:
    """Every floating-point parameter with a little noise, so that zeros on purpose hide nothing."""
    generator = torch.Generator().manual_seed(0)
    found: dict[int, torch.Tensor] = {}
    for node, tensor in capture.parameters.items():
        if not tensor.is_floating_point() or tensor.layout is not torch.strided:
            continue
        data = tensor.detach()
        spread = float(data.double().std()) if data.numel() > 1 else 0.0
        noise = torch.randn(data.shape, generator=generator).to(data.device, data.dtype)
        found[capture.value_of_node[(node, 0)]] = data + noise * (0.1 * spread if spread > 0 else 0.02)
    return found


def _reach(
    capture: GraphCapture, position: int, goal: int, term: LossTerm, doors: Mapping[int, torch.Tensor]
) -> InputReach:
    """With the weights as they are; where they hide every difference, as zeros on purpose do, with shaken ones."""
    found = _reach_with(capture, position, goal, term, doors, {})
    if found.connected and not (found.zeroed or found.shuffled):
        return _reach_with(capture, position, goal, term, doors, _shaken(capture))
    return found


def _reach_with(
    capture: GraphCapture,
    position: int,
    goal: int,
    term: LossTerm,
    doors: Mapping[int, torch.Tensor],
    weights: Mapping[int, torch.Tensor],
) -> InputReach:
    names = tuple(dict.fromkeys(capture.doors.values()))
    real = Replay(capture.tape, [goal], given={**weights, **_copied(doors)}, grad=False)
    used = {v for call in real.calls for v in call.reads}
    if not used & doors.keys():
        return _unconnected(capture, position, term, names)
    (base,) = real.run()
    zeros = {v: torch.zeros_like(t) for v, t in doors.items()}
    rolled = {v: t.roll(1, 0) for v, t in doors.items()}
    zeroed, lost = _changed(capture, goal, {**weights, **zeros}, real, base, doors, zeros)
    shuffled, _ = _changed(capture, goal, {**weights, **rolled}, real, base, doors, rolled)
    call = lost[-1] if lost else None
    return InputReach(
        objective=position,
        inputs=names,
        zeroed=zeroed,
        shuffled=shuffled,
        lost_op=call.name if call is not None else None,
        lost_at=call.where if call is not None else NOWHERE,
        where=term.edit,
        died=call is not None and _died(capture, call, real),
    )


def _died(capture: GraphCapture, call: Call, now: Replay) -> bool:
    """Whether a call that gives one value now gave different ones in the first step, before the weights were updated."""
    node = next((n for (n, _), v in capture.value_of_node.items() if v in call.outputs), None)
    output = None if node is None else capture.graph.nodes[node].output
    value = now.env.get(call.outputs[0]) if call.outputs else None
    if output is None or output.stats is None or value is None or value.numel() < 2:
        return False
    return output.stats.std > 0 and bool((value == value.reshape(-1)[0]).all())


def _given(capture: GraphCapture, goal: int) -> tuple[str, ...]:
    """Names of the tensors given to the networks that the prediction comes out of."""
    made = {v for call in capture.tape.slice([goal]) for v in call.outputs}
    roots = [r for r in capture.tape.roots if made.intersection(r.outputs)]
    return tuple(dict.fromkeys(name for r in roots for name, _ in r.inputs))


def _unconnected(capture: GraphCapture, position: int, term: LossTerm, names: tuple[str, ...]) -> InputReach:
    """No call on the way to the prediction takes an input."""
    return InputReach(
        objective=position,
        inputs=names,
        zeroed=0.0,
        shuffled=0.0,
        connected=False,
        lost_at=_first_layer(capture, term),
        where=term.edit,
    )


def _copied(tensors: Mapping[int, torch.Tensor]) -> dict[int, torch.Tensor]:
    return {v: t.clone() for v, t in tensors.items()}


def _first_layer(capture: GraphCapture, term: LossTerm) -> Where:
    """The first call with a parameter that the prediction depends on."""
    graph = capture.graph
    for index in sorted(graph.ancestors(Ref(term.prediction or 0).node)):
        node = graph.nodes[index]
        if node.kind == "op" and any(graph[r].kind == "parameter" for r in node.refs):
            return node.where
    return NOWHERE


def _changed(
    capture: GraphCapture,
    goal: int,
    given: Mapping[int, torch.Tensor],
    real: Replay,
    base: torch.Tensor,
    doors: Mapping[int, torch.Tensor],
    others: Mapping[int, torch.Tensor],
) -> tuple[float | None, list[Call]]:
    """How much the prediction changes with other inputs, and the calls that get different values and give the same."""
    changed = {v for v in doors if not torch.equal(doors[v], others[v])}
    if not changed:
        return None, []
    lost: list[Call] = []

    def watch(call: Call, outputs: list[torch.Tensor]) -> None:
        if not changed.intersection(call.reads):
            return
        same = True
        for value, tensor in zip(call.outputs, outputs, strict=False):
            before = real.env.get(value)
            if before is None or before.shape != tensor.shape or not _equal(before, tensor):
                changed.add(value)
                same = False
        if same and outputs:
            lost.append(call)

    run = Replay(capture.tape, [goal], given={v: t.clone() for v, t in given.items()}, grad=False)
    try:
        (now,) = run.run(watch)
    except _FAILS:
        return None, []
    return _difference(base, now), lost


def _equal(first: torch.Tensor, second: torch.Tensor) -> bool:
    return bool(((first == second) | ((first != first) & (second != second))).all())


def _difference(base: torch.Tensor, now: torch.Tensor) -> float | None:
    if base.shape != now.shape:
        return 1.0
    difference = (base.double() - now.double()).abs()
    if not bool(difference.isfinite().all()):
        return None if not bool(base.isfinite().all()) else 1.0
    return float(difference.max()) / (float(base.double().abs().max()) or 1.0) if base.numel() else None


def batch_alignment(observed: Observed, task: Task) -> BatchAlignment:
    """How the rows of the predictions belong to the samples that came in."""
    rows: list[BatchRows] = []
    why = "no loss between a prediction and a target of one row per sample was recognised"
    for position, (objective, capture) in enumerate(
        zip(task.objectives, observed.recording.captures, strict=True)
    ):
        found = _prediction(objective, capture)
        doors = door_values(capture)
        if found is None or found[1].op not in _ROWWISE or not doors:
            continue
        row = _rows(capture, position, found[1], doors)
        try:
            if row.rows == row.samples == row.target_rows and row.samples > 2:
                with untouched(), torch.no_grad():
                    row = _own_change(capture, found[0], doors, row)
        except _FAILS as error:
            why = f"the step could not be run with other inputs: {error}"
        rows.append(row)
    return BatchAlignment(rows=tuple(rows), why=why)


def _rows(
    capture: GraphCapture, position: int, term: LossTerm, doors: Mapping[int, torch.Tensor]
) -> BatchRows:
    graph = capture.graph
    samples = max(doors.values(), key=lambda t: t.numel()).shape[0]
    info = graph.info(Ref(term.prediction or 0, term.prediction_output))
    target = graph.info(Ref(term.target, term.target_output)) if term.target is not None else None
    shape = info.shape if info is not None else ()
    rows = shape[0] if shape else 1
    op, place = _count_lost(capture, term, samples) if samples not in shape else (None, NOWHERE)
    return BatchRows(
        objective=position,
        samples=samples,
        rows=samples if samples in shape[1:] and rows != samples else rows,
        shape=shape,
        target_rows=target.shape[0] if target is not None and target.shape else None,
        per_row=rows // samples if samples and rows % samples == 0 else None,
        lost_op=op,
        lost_at=place,
        where=term.edit,
    )


def _count_lost(capture: GraphCapture, term: LossTerm, samples: int) -> tuple[str | None, Where]:
    """The first call on the way to the prediction that takes the samples in and gives none of their number out."""
    graph = capture.graph
    kept = set(capture.doors)
    for index in sorted(graph.ancestors(term.prediction or 0)):
        node = graph.nodes[index]
        if node.kind != "op" or not any(r.node in kept for r in node.refs):
            continue
        if any(samples in o.shape for o in node.outputs):
            kept.add(index)
        else:
            return node.op, node.where
    return None, NOWHERE


def _own_change(
    capture: GraphCapture, goal: int, doors: Mapping[int, torch.Tensor], row: BatchRows
) -> BatchRows:
    """Replace one sample at a time: does its own row change?"""
    real = Replay(capture.tape, [goal], given=_copied(doors), grad=False)
    (base,) = real.run()
    shares: list[float] = []
    places: list[Call] = []
    count = row.samples
    for index in sorted({0, count // 3, 2 * count // 3, count - 1}):
        given = _with_other_sample(doors, index, count)
        if given is None:
            continue
        lost: list[Call] = []
        watch = _watch_sample(real, set(doors), index, count, lost)
        (now,) = Replay(capture.tape, [goal], given=given, grad=False).run(watch)
        change = (base.double() - now.double()).abs().reshape(count, -1).amax(dim=1).nan_to_num()
        largest = float(change.max())
        shares.append(float(change[index]) / largest if largest > 0 else 0.0)
        if largest == 0:
            shares[-1] = -1.0
        if shares[-1] <= 0 and lost:
            places.append(lost[0])
    if len(shares) < 3 or all(s < 0 for s in shares):
        return row
    ordered = sorted(max(s, 0.0) for s in shares)
    call = min(places, key=lambda c: c.index) if places else None
    return BatchRows(
        objective=row.objective,
        samples=row.samples,
        rows=row.rows,
        shape=row.shape,
        target_rows=row.target_rows,
        per_row=row.per_row,
        own_change=ordered[-2],
        lost_op=call.name if call is not None else None,
        lost_at=call.where if call is not None else NOWHERE,
        where=row.where,
    )


def _with_other_sample(
    doors: Mapping[int, torch.Tensor], index: int, count: int
) -> dict[int, torch.Tensor] | None:
    """The inputs with one sample replaced by another that differs from it."""
    for step in range(1, min(count, 5)):
        given = _copied(doors)
        different = False
        for tensor in given.values():
            if tensor.shape[0] == count:
                other = tensor[(index + step) % count].clone()
                different = different or not torch.equal(tensor[index], other)
                tensor[index] = other
        if different:
            return given
    return None


def _watch_sample(real: Replay, changed: set[int], index: int, count: int, lost: list[Call]) -> Watch:
    """A watcher that notes the calls after which a changed sample no longer touches its own index."""

    def watch(call: Call, outputs: list[torch.Tensor]) -> None:
        if not changed.intersection(call.reads):
            return
        own = False
        for value, tensor in zip(call.outputs, outputs, strict=False):
            before = real.env.get(value)
            if before is None or before.shape != tensor.shape:
                continue
            different = before != tensor
            if bool(different.any()):
                changed.add(value)
                dims = [d for d, size in enumerate(tensor.shape) if size == count]
                own = own or any(bool(different.select(d, index).any()) for d in dims)
        if not own and outputs:
            lost.append(call)

    return watch
