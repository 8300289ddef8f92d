"""Do outputs of the network depend on several samples of the batch, and where do these first meet?"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from ..capture.calls import plain_name
from ..capture.graphs import GraphCapture
from ..capture.replay import CannotReplay
from ..capture.tape import Call
from ..evidence import NOWHERE, Node, SampleMixing
from ..rule import NotApplicable
from ._lockstep import Lockstep, Outputs, behind, difference
from ._samples import Samples

PROBED = 3
_ROUNDS = 6
_SPREADS = frozenset(["var", "std", "var_mean", "std_mean"])
_MEANS = frozenset(["mean", "sum", "nanmean"])
_SQUARES = frozenset(["pow", "square", "mul", "abs"])
_FORMS = frozenset(
    "view reshape expand expand_as unsqueeze squeeze detach repeat to float contiguous".split()
)
_ATTENTION = frozenset(["multi_head_attention_forward", "scaled_dot_product_attention"])
_RECURRENT = frozenset(["lstm", "gru", "rnn_tanh", "rnn_relu"])


@dataclass(slots=True)
class _Run:
    """One run: which values depend on several samples, and by how much the goals do."""

    calls: Sequence[Call]
    mixed: set[int] = field(default_factory=set[int])
    change: float = 0.0
    probed: int = 0
    goal: int | None = None
    normalizations: int = 0


def sample_mixing(
    capture: GraphCapture,
    samples: Samples,
    doors: Mapping[int, torch.Tensor],
    *,
    probed: int = PROBED,
    deadline: float = float("inf"),
) -> SampleMixing:
    """Replace one sample alone, then all others but it: an output that changes both times depends on several samples.

    This does not ask in which order outputs lie. Calls that gather statistics of the batch on purpose are held fixed, until none of these is left. Call inside
    :func:`netwright.capture.sandbox.untouched`.

    Raises:
        NotApplicable: the network has no output of one or more rows for each sample, or no sample differs from the others.
    """
    goals = _goals(capture, samples)
    given = _variants(samples, doors, probed)
    hold: set[int] = set()
    excepted: list[str] = []
    run = _run(capture, goals, given, frozenset())
    if run.normalizations:
        excepted.append("batch_norm")
    sources = _sources(run)
    for _ in range(_ROUNDS):
        on_purpose = [c for c in sources if _on_purpose(c, run.calls)]
        if not on_purpose or time.perf_counter() > deadline:
            break
        hold |= {v for c in on_purpose for v in c.outputs}
        excepted += [plain_name(c.name) for c in on_purpose]
        run = _run(capture, goals, given, frozenset(hold))
        sources = _sources(run)
    if run.change > 0 and samples.either:
        raise NotApplicable("two axes are as long as the batch: which of them holds the samples is not sure")
    source = _decisive(capture, goals, given, hold, sources, deadline)
    node = _node(capture, source)
    return SampleMixing(
        samples=samples.count,
        probed=run.probed,
        change=run.change,
        sure=samples.sure,
        op=node.op if node is not None else None,
        at=node.edit.on(module=node.module) if node is not None else NOWHERE,
        call=node.where if node is not None else NOWHERE,
        neighbours=_neighbours(node) if node is not None else None,
        related=source is not None and node is not None and _related(capture, samples, node),
        excepted=tuple(dict.fromkeys(excepted)),
    )


def _goals(capture: GraphCapture, samples: Samples) -> list[int]:
    """Outputs of the networks that have rows for samples; none that compare samples with each other on purpose."""
    tape = capture.tape
    assert capture.loss is not None
    needed = {v for call in tape.slice([capture.loss]) for v in (*call.reads, *call.outputs)}
    found = [v for root in tape.roots for v in root.outputs if v in needed]
    if not tape.roots:
        found = _prediction(capture)
    goals: list[int] = []
    for value in dict.fromkeys(found):
        info = tape.values[value].info
        shape = info.shape
        if tape.values[value].maker is None or not info.floating or not shape or _compares(shape):
            continue
        if samples.count in shape[:2] or shape[0] % samples.count == 0:
            goals.append(value)
    if not goals:
        raise NotApplicable("no output of the network has rows for the samples")
    return goals


def _prediction(capture: GraphCapture) -> list[int]:
    from ..inference import read_objective

    term = read_objective(capture.graph, 0).term
    if term is None or term.prediction is None:
        return []
    value = capture.value_of_node.get((term.prediction, term.prediction_output))
    return [] if value is None else [value]


def _compares(shape: tuple[int, ...]) -> bool:
    """A matrix of all samples against all (or all others), as contrastive losses want it."""
    return len(shape) == 2 and shape[0] > 2 and abs(shape[0] - shape[1]) <= 2


def _variants(
    samples: Samples, doors: Mapping[int, torch.Tensor], probed: int
) -> list[dict[int, torch.Tensor]]:
    """What is given to each variant: first what was recorded; then for each probed sample it alone replaced, and all others."""
    count = samples.count
    chosen = sorted({0, count // 2, count - 1})[-probed:]
    given: list[dict[int, torch.Tensor]] = [dict(doors)]
    for index in chosen:
        alone = _replaced(samples, doors, [index])
        rest = _replaced(samples, doors, [i for i in range(count) if i != index])
        if alone is not None and rest is not None:
            given += [alone, rest]
    if len(given) == 1:
        raise NotApplicable("the samples of the batch are all alike")
    return given


def _replaced(
    samples: Samples, doors: Mapping[int, torch.Tensor], rows: list[int]
) -> dict[int, torch.Tensor] | None:
    """The inputs with some samples replaced by others of the batch; None where that changes nothing."""
    count, first = samples.count, next(i for i in range(samples.count) if i in rows)
    for step in (1, 2, 3):
        # All take the values of one sample: a mean over the batch would not change if they only changed places.
        other = (first + step) % count if len(rows) == 1 else rows[(step * len(rows)) // 4]
        order = [other if i in rows else i for i in range(count)]
        found, different = dict(doors), False
        for value, axis in samples.axes.items():
            tensor = doors[value]
            if tensor.dtype == torch.bool or not _is_content(tensor, samples, doors):
                continue
            moved = tensor.index_select(axis, torch.tensor(order, device=tensor.device))
            different = different or not torch.equal(moved, tensor)
            found[value] = moved
        if different:
            return found
    return None


def _is_content(tensor: torch.Tensor, samples: Samples, doors: Mapping[int, torch.Tensor]) -> bool:
    """Lengths beside sequences only say where these end."""
    if tensor.is_floating_point() or tensor.dim() > 1:
        return True
    return not any(doors[v].dim() > 1 for v in samples.axes)


def _run(
    capture: GraphCapture,
    goals: Sequence[int],
    given: Sequence[Mapping[int, torch.Tensor]],
    hold: frozenset[int],
) -> _Run:
    steps = Lockstep(capture, goals, given, hold)
    run = _Run(steps.calls)
    pairs = [(i, i + 1) for i in range(1, len(given), 2)]

    def watch(call: Call, outputs: Outputs) -> None:
        base = outputs[0] or []
        for position, value in enumerate(call.outputs[: len(base)]):
            strength = 0.0
            for one, rest in pairs:
                strength = max(strength, _overlap(outputs, position, one, rest))
            if strength > 0:
                run.mixed.add(value)
                if value in goals and strength > run.change:
                    run.change, run.goal = strength, value

    found = steps.run(watch)
    alive = [(one, rest) for one, rest in pairs if found[one] is not None and found[rest] is not None]
    base = found[0]
    if not alive or base is None:
        raise CannotReplay("the step takes another course with other samples")
    run.probed = len(alive)
    run.normalizations = len(steps.normalizations)
    for position in range(len(goals)):
        for one, rest in alive:
            if (found[one] or [])[position].shape != base[position].shape or (found[rest] or [])[
                position
            ].shape != base[position].shape:
                raise CannotReplay("outputs have another form with other samples")
    return run


def _overlap(outputs: Outputs, position: int, one: int, rest: int) -> float:
    """The largest change by the other samples where the sample alone makes one as well."""
    base, alone, others = outputs[0], outputs[one], outputs[rest]
    if base is None or alone is None or others is None or position >= min(len(alone), len(others)):
        return 0.0
    first = difference(base[position], alone[position])
    if first is None or not bool((first > 0).any()):
        return 0.0
    second = difference(base[position], others[position])
    if second is None or not second.numel():
        return 0.0
    return float(torch.where(first > 0, second, torch.zeros_like(second)).max())


def _sources(run: _Run) -> list[Call]:
    """Calls at which samples first meet on the way to the output."""
    if run.goal is None:
        return []
    return list(behind(run.calls, run.goal, run.mixed.__contains__))


def _on_purpose(call: Call, calls: Sequence[Call]) -> bool:
    """Whether a call gathers a statistic of the batch as batch normalization does: a spread, or the mean that is subtracted before a spread is taken."""
    if call.frame is not None and "BatchNorm" in call.frame.type:
        return True
    name = plain_name(call.name)
    if name in _SPREADS:
        return True
    if name not in _MEANS or not call.reads:
        return False
    if _squared(call, calls):
        return True
    source = call.reads[0]
    means = _through_forms(calls, set(call.outputs))
    centred = {
        v
        for c in calls
        if plain_name(c.name) in ("sub", "rsub") and means.intersection(c.reads)
        for v in c.outputs
    }
    for other in calls:
        plain = plain_name(other.name)
        if plain in _SPREADS and (source in other.reads or centred.intersection(other.reads)):
            return True
        if centred and plain in _MEANS and _squared(other, calls, centred):
            return True
    return False


def _squared(call: Call, calls: Sequence[Call], of: set[int] | None = None) -> bool:
    """Whether a mean is one of squares (of certain values): the second half of a variance by hand."""
    makers = {v: c for c in calls for v in c.outputs}
    maker = makers.get(call.reads[0]) if call.reads else None
    if maker is None or plain_name(maker.name) not in _SQUARES or not maker.reads:
        return False
    same = len(set(maker.reads)) == 1
    if of is not None:
        return same and maker.reads[0] in of
    base = makers.get(maker.reads[0])
    return same and base is not None and plain_name(base.name) in ("sub", "rsub")


def _through_forms(calls: Sequence[Call], values: set[int]) -> set[int]:
    found = set(values)
    for call in calls:
        if plain_name(call.name) in _FORMS and found.intersection(call.reads[:1]):
            found.update(call.outputs)
    return found


def _decisive(
    capture: GraphCapture,
    goals: Sequence[int],
    given: Sequence[Mapping[int, torch.Tensor]],
    hold: set[int],
    sources: list[Call],
    deadline: float,
) -> Call | None:
    """The first source that mixes samples by itself, with every other one held fixed."""
    for call in sources[:4] if len(sources) > 1 else ():
        if time.perf_counter() > deadline:
            break
        others = {v for c in sources if c is not call for v in c.outputs}
        if _run(capture, goals, given, frozenset(hold | others)).change > 0:
            return call
    return sources[0] if sources else None


def _node(capture: GraphCapture, call: Call | None) -> Node | None:
    if call is None:
        return None
    return next(
        (capture.graph.nodes[n] for (n, _), v in capture.value_of_node.items() if v in call.outputs), None
    )


def _neighbours(node: Node) -> int | None:
    """Size of the axis that attention or recurrence takes for the batch; 1 where it has none."""
    shape = node.output.shape if node.output is not None else ()
    if node.op in _RECURRENT:
        first = node.args[-1] if node.args else None
        return shape[0 if first else 1] if isinstance(first, bool) and len(shape) == 3 else 1
    if node.op == "multi_head_attention_forward":
        return shape[1] if len(shape) == 3 else 1
    if node.op in _ATTENTION:
        return shape[0] if len(shape) > 2 else 1
    return None


def _related(capture: GraphCapture, samples: Samples, node: Node) -> bool:
    """Whether the call also reads data that say which samples belong together: indices, a matrix of samples by samples, or rows picked by an index on the way there (mixup)."""
    graph = capture.graph
    if any(_picks_rows(capture, samples, graph[i]) for i in graph.ancestors(node)):
        return True
    doors = {n for n, v in ((n, capture.value_of_node[(n, 0)]) for n in capture.doors) if v in samples.axes}
    for ref in node.refs:
        info, maker = graph.info(ref), graph[ref]
        if info is None or maker.kind == "parameter" or maker.index in doors:
            continue
        behind_it = graph.ancestors(maker)
        if any(graph[i].kind == "parameter" or i in doors for i in behind_it):
            continue  # computed from the samples themselves
        if (info.integral and info.dtype != "bool") or info.shape.count(samples.count) >= 2:
            return True
        data = capture.data.get(maker.index)
        if data is not None and data.layout is not torch.strided:
            return True
    return False


def _picks_rows(capture: GraphCapture, samples: Samples, node: Node) -> bool:
    """Whether a call inside the network picks rows by an index that does not come from the samples: a permutation, the ends of edges."""
    if node.op not in ("__getitem__", "index_select") or not node.tainted or len(node.refs) < 2:
        return False
    source, index = node.refs[:2]
    given = node.args[-1] if node.op == "index_select" else node.arg(1, "index")
    if given != index or (node.op == "index_select" and node.arg(1, "dim") != 0):
        return False
    graph = capture.graph
    info, data = graph.info(index), graph.info(source)
    if (
        info is None
        or data is None
        or not info.integral
        or info.dtype == "bool"
        or info.numel < samples.count
    ):
        return False
    rows = data.shape[0] if data.shape else 0
    return rows == samples.count and not any(
        graph[i].kind in ("parameter", "input") for i in graph.ancestors(index.node)
    )
