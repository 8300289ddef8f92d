"""Turns a tape into a plain graph, and replays it once to measure the values and gradients of every call."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import FrameType

import torch

from ..evidence import Graph, Node, Ref, Stats, TensorInfo, Where
from . import memory
from .calls import describe
from .measure import has_values, stats_of, word
from .modules import Modules
from .replay import CannotReplay, Replay
from .sandbox import untouched
from .spots import Spot, fetch
from .tape import Call, ModuleFrame, Slot, Tape, Value

_SATURATING = {
    "sigmoid": (0.01, 0.99),
    "tanh": (-0.99, 0.99),
    "hardsigmoid": (0.01, 0.99),
    "hardtanh": (-0.99, 0.99),
}
_ACTIVATIONS = frozenset(
    "relu leaky_relu prelu elu selu gelu silu mish softplus sigmoid tanh hardtanh relu6 hardswish hardsigmoid celu logsigmoid "
    "threshold glu clamp_min clamp".split()
)


_EXITS = frozenset(("numpy", "__array__", "tolist", "item", "__float__", "__int__"))
_ENTRIES = frozenset(("tensor", "as_tensor", "from_numpy", "asarray", "Tensor", "FloatTensor", "new_tensor"))


@dataclass(slots=True)
class CallMeasure:
    """Numbers of one call in the replayed step."""

    units: int | None = None
    dead: float | None = None
    saturated: float | None = None
    input_rms: float | None = None


@dataclass(slots=True)
class GraphCapture:
    """A graph with what probes need beside it: data tensors by node, parameters by node, measures by node.

    ``start`` holds copies of the parameters as they were in this step, by the ``id`` of the program's tensor, where they are wanted (experiments). ``spots`` are the program's
    variables in which data stood, by value; ``given`` are data of another step that take the place of the recorded ones, by value.
    ``value_bytes`` is the memory that its values took when it was run again (None: it was not). ``too_large`` says that it was not run for want of memory alone.
    """

    graph: Graph
    tape: Tape
    loss: int | None
    data: dict[int, torch.Tensor] = field(default_factory=dict[int, torch.Tensor])
    parameters: dict[int, torch.Tensor] = field(default_factory=dict[int, torch.Tensor])
    measures: dict[int, CallMeasure] = field(default_factory=dict[int, CallMeasure])
    value_of_node: dict[tuple[int, int], int] = field(default_factory=dict[tuple[int, int], int])
    doors: dict[int, str] = field(default_factory=dict[int, str])
    why_not_replayed: str | None = None
    too_large: bool = False
    value_bytes: int | None = None
    optimizer: int | None = None
    start: dict[int, torch.Tensor] = field(default_factory=dict[int, torch.Tensor])
    spots: dict[int, Spot] = field(default_factory=dict[int, Spot])
    given: dict[int, torch.Tensor] = field(default_factory=dict[int, torch.Tensor])


def build(
    tape: Tape,
    modules: Modules,
    goals: list[int],
    *,
    loss_value: float | None,
    backward: Where,
    step: int,
) -> GraphCapture:
    """The graph of the running iteration, without value statistics."""
    buffers = _buffers(modules)
    made_before = frozenset(v.index for v in tape.values if v.held is not None and id(v.held) in buffers)
    wanted = {c.index for c in tape.slice(goals, made_before)}
    first = max(tape.first_tainted or 0, tape.differentiated or 0)
    calls = [c for c in tape.calls if not c.dead and (c.index >= first or c.index in wanted)]
    builder = _Builder(tape, modules, calls, buffers)
    builder.run()
    loss = builder.node_of(goals[0]) if goals else None
    graph = Graph(
        nodes=tuple(builder.nodes),
        loss=loss.node if loss is not None else None,
        loss_value=loss_value,
        backward=backward,
        step=step,
        cut=tape.truncated,
    )
    return GraphCapture(
        graph=graph,
        tape=tape,
        loss=goals[0] if goals else None,
        data=builder.data,
        parameters=builder.parameters,
        value_of_node=builder.value_of_node,
        doors=builder.doors,
    )


def _buffers(modules: Modules) -> dict[int, str]:
    """Names of the networks' buffers by identity: state of the network, wherever it was made."""
    return {id(b): name for module in modules.networks.values() for name, b in module.named_buffers()}


class _Builder:
    def __init__(self, tape: Tape, modules: Modules, calls: list[Call], buffers: dict[int, str]) -> None:
        self.tape = tape
        self.modules = modules
        self.calls = calls
        self.nodes: list[Node] = []
        self.refs: dict[int, Ref] = {}
        self.crossings: dict[int, Ref] = {}
        self.data: dict[int, torch.Tensor] = {}
        self.parameters: dict[int, torch.Tensor] = {}
        self.value_of_node: dict[tuple[int, int], int] = {}
        self.doors: dict[int, str] = {}
        self.exits: list[tuple[int, Call]] = []
        self.current: Call | None = None
        doors = [*self.tape.inputs, *(pair for root in self.tape.roots for pair in root.inputs)]
        self.door_names = {v: name for name, v in doors}
        self.buffers = buffers
        self._paths: dict[int, str] = {}
        for module in modules.networks.values():
            for name, child in module.named_modules(remove_duplicate=False):
                self._paths.setdefault(id(child), name)

    def run(self) -> None:
        for call in self.calls:
            if call.outputs and all(self.tape.values[v].maker is None for v in call.outputs):
                continue  # initialized or loaded a parameter: what it left is a leaf
            self._call(call)

    def node_of(self, value: int) -> Ref | None:
        return self.refs.get(value)

    def _call(self, call: Call) -> None:
        self.current = call
        args = self._convert(call.args, call.tainted)
        kwargs = self._convert(call.kwargs, call.tainted)
        assert isinstance(args, tuple) and isinstance(kwargs, dict)
        info = describe(call.func) if call.name not in ("opaque", "apply", "grad") else None
        frame = call.frame
        module = frame.module() if frame is not None else None
        outputs = tuple(self.tape.values[v].info for v in call.outputs)
        if call.opaque and call.outputs:
            args = args[:16]
        if not call.tainted and call.outputs and call.name in _ENTRIES:
            args = (*args, *self._left_torch(call, self.tape.values[call.outputs[0]].info))
        if call.tainted and call.name in _EXITS:
            self.exits.append((len(self.nodes), call))
        node = Node(
            index=len(self.nodes),
            op=info.plain if info is not None else call.name,
            func=str(getattr(call.func, "__qualname__", call.name)),
            args=args,
            kwargs=kwargs,
            outputs=outputs,
            where=call.where,
            made=self.modules.made_where(module)
            if module is not None and frame is not None and frame.torch_own
            else None,
            module=self._path(frame),
            module_type=frame.type if frame is not None else None,
            via=call.via,
            inplace=call.inplace,
            grad_enabled=call.grad_enabled,
            autocast=word(call.autocast[1]) if call.autocast is not None else None,
            tainted=call.tainted,
        )
        self.nodes.append(node)
        for position, value in enumerate(call.outputs):
            self.refs[value] = Ref(node.index, position)
            self.value_of_node[(node.index, position)] = value

    def _left_torch(self, call: Call, info: TensorInfo) -> tuple[Ref, ...]:
        """Calls by which values left torch (numpy, lists, numbers) that a tensor coming in here was most likely made from.

        So say: the same line, or the same batch size in the same run of a network.
        """
        if not info.floating:
            return ()
        found: list[Ref] = []
        for node, leaving in self.exits:
            gone = self.tape.values[leaving.reads[0]].info if leaving.reads else None
            inside = (
                call.frame is not None
                and leaving.frame is not None
                and _outermost(call.frame) is _outermost(leaving.frame)
            )
            alike = gone is not None and gone.shape[:1] == info.shape[:1] and bool(info.shape)
            if (call.where.known and call.where == leaving.where) or (inside and alike):
                found.append(Ref(node))
        return tuple(found)

    def _path(self, frame: ModuleFrame | None) -> str | None:
        while frame is not None:
            known = self._paths.get(frame.key)
            if known is not None:
                return known
            module = frame.module()
            if module is not None and not self.modules.has_parameters(module):
                parent = frame.parent
                if parent is None:
                    return frame.type
                return f"{self._path(parent)}.{frame.type}" if self._path(parent) else frame.type
            frame = frame.parent
        return None

    def _convert(self, value: object, tainted: bool) -> object:
        if isinstance(value, Slot):
            return self._ref(value.value, tainted)
        if isinstance(value, tuple | list):
            return tuple(self._convert(v, tainted) for v in value[:4096])
        if isinstance(value, Mapping):
            return {str(k): self._convert(v, tainted) for k, v in value.items()}
        if isinstance(value, slice):
            return tuple(self._convert(v, tainted) for v in (value.start, value.stop, value.step))
        if isinstance(value, str | int | float | bool | type(None)):
            return value
        if isinstance(value, torch.dtype | torch.device):
            return word(value)
        return str(type(value).__name__)

    def _ref(self, index: int, tainted: bool) -> Ref:
        value = self.tape.values[index]
        if value.maker is not None and index in self.refs:
            door = index in self.door_names
            if not tainted or value.held is None or (value.tainted and not door):
                return self.refs[index]
            return self._crossing(value, self.refs[index])
        if index in self.refs:
            return self.refs[index]
        ref = self._leaf(value, ())
        self.refs[index] = ref
        return ref

    def _crossing(self, value: Value, maker: Ref) -> Ref:
        known = self.crossings.get(value.index)
        if known is None:
            known = self.crossings[value.index] = self._leaf(value, (maker,))
        return known

    def _leaf(self, value: Value, args: tuple[object, ...]) -> Ref:
        tensor = value.held
        door = self.door_names.get(value.index)
        kind = "constant"
        if value.parameter:
            kind = "parameter"
        elif door is not None:
            kind = "input"
        elif tensor is not None and id(tensor) in self.buffers:
            kind = "buffer"
        elif self.current is not None and self.current.frame is not None and not value.carried:
            args = args or self._left_torch(self.current, value.info)
        node = Node(
            index=len(self.nodes),
            op=kind,
            kind=kind,
            args=args,
            outputs=(value.info,),
            tainted=value.tainted or value.parameter,
            name=door or (self.buffers.get(id(tensor)) if tensor is not None else None),
        )
        self.nodes.append(node)
        self.value_of_node[(node.index, 0)] = value.index
        if door is not None:
            self.doors[node.index] = door
        if kind == "parameter" and tensor is not None:
            self.parameters[node.index] = tensor
        elif tensor is not None:
            self.data[node.index] = value.saved if value.saved is not None else tensor
        return Ref(node.index)


def _outermost(frame: ModuleFrame) -> ModuleFrame:
    while frame.parent is not None:
        frame = frame.parent
    return frame


_MESSAGE = 200


def measure(capture: GraphCapture, *, grad: bool = True, part: int = 4) -> GraphCapture:
    """Replay the step in the sandbox, and put statistics of values and gradients into the graph. Its values may take one ``part`` of the free memory.

    When it cannot be replayed the graph comes back without statistics, and ``why_not_replayed`` says why.
    """
    graph = capture.graph
    if capture.loss is None:
        capture.why_not_replayed = "the loss was not recorded"
        return capture
    device = next((t.device for t in capture.parameters.values()), None)
    need, have = memory.activation_bytes(graph), memory.available_memory(device)
    if need > have // part:
        capture.why_not_replayed = f"the step's values take {need >> 20} MiB and {have >> 20} MiB are free"
        capture.too_large = True
        return capture
    try:
        with untouched():
            return _measure(capture, capture.loss, grad)
    except CannotReplay as why:
        capture.why_not_replayed = str(why)
    except (RuntimeError, MemoryError, TypeError, ValueError, IndexError, AssertionError) as error:
        first = (str(error).strip().splitlines() or [""])[0]
        first = first if len(first) <= _MESSAGE else first[:_MESSAGE].rsplit(" ", 1)[0] + " …"
        capture.why_not_replayed = f"running the step again failed: {type(error).__name__}: {first}"
    return capture


def data_of(tape: Tape) -> dict[int, torch.Tensor]:
    """The tensors that came from outside of the step, by value: data, and what was made of data alone."""
    return {v.index: v.held for v in tape.values if v.held is not None and not v.parameter}


def as_it_is_now(
    capture: GraphCapture, frame: FrameType | None, loss: float | None, *, made: bool
) -> GraphCapture:
    """The same step as it runs now, to be measured: with the weights of now, and the data that stand in the variables of the running functions.

    Data found in no variable stay those of the recorded step; what was made of data is made again, or taken from a variable where it is ``made``.
    """
    tape = capture.tape
    now = {value: t for value, spot in capture.spots.items() if (t := fetch(spot, frame)) is not None}
    given = {
        v: t
        for v, t in now.items()
        if _alike(t, tape.values[v].info) and (made or tape.values[v].maker is None)
    }
    nodes = tuple(
        replace(n, outputs=tuple(replace(o, stats=None, grad=None) for o in n.outputs))
        for n in capture.graph.nodes
    )
    data = {n: given.get(capture.value_of_node[(n, 0)], t) for n, t in capture.data.items()}
    graph = replace(capture.graph, nodes=nodes, loss_value=loss, exact=None)
    return replace(capture, graph=graph, data=data, given=given, measures={}, why_not_replayed=None)


def _alike(tensor: torch.Tensor, info: TensorInfo) -> bool:
    return tensor.dim() == len(info.shape) and word(tensor.dtype) == info.dtype


def _measure(capture: GraphCapture, loss: int, grad: bool) -> GraphCapture:
    run = Replay(capture.tape, [loss], given=capture.given, grad=grad, from_data=bool(capture.given))
    stats: dict[int, Stats | None] = {}
    measures: dict[int, CallMeasure] = {}
    node_of_value = {v: n for (n, _), v in capture.value_of_node.items()}

    def watch(call: Call, outputs: list[torch.Tensor]) -> None:
        for value, tensor in zip(call.outputs, outputs, strict=False):
            stats[value] = stats_of(tensor, distinct=False)
        node = node_of_value.get(call.outputs[0]) if call.outputs else None
        if node is not None and outputs:
            measures[node] = _measure_call(capture.graph.nodes[node].op, call, outputs[0], run)

    (result,) = run.run(watch)
    capture.value_bytes = memory.bytes_of_values(run.env.values(), run.protected)
    grads = _gradients(run, result) if grad and result.requires_grad and result.numel() == 1 else {}
    exact = capture.graph.loss_value is None or _same(result, capture.graph.loss_value)
    capture.graph = replace(
        capture.graph,
        nodes=tuple(_with_stats(n, capture, stats, grads) for n in capture.graph.nodes),
        exact=exact,
    )
    capture.measures = measures
    return capture


def _same(result: torch.Tensor, recorded: float) -> bool:
    value = float(result.detach().reshape(-1)[0]) if result.numel() else 0.0
    return value == recorded or (value != value and recorded != recorded)


def _gradients(run: Replay, result: torch.Tensor) -> dict[int, Stats | None]:
    last: dict[int, int] = {}
    for value, tensor in run.env.items():
        if tensor.requires_grad and tensor.is_floating_point() and tensor is not result:
            last[id(tensor)] = value
    chosen = list(last.values())
    if not chosen:
        return {}
    grads = torch.autograd.grad(
        result, [run.env[v] for v in chosen], allow_unused=True, grad_outputs=torch.ones_like(result)
    )
    return {v: stats_of(g) for v, g in zip(chosen, grads, strict=True) if g is not None}


def _with_stats(
    node: Node, capture: GraphCapture, stats: dict[int, Stats | None], grads: dict[int, Stats | None]
) -> Node:
    outputs: list[TensorInfo] = []
    for position, info in enumerate(node.outputs):
        value = capture.value_of_node.get((node.index, position))
        known = stats.get(value) if value is not None else None
        if known is None and node.kind != "op":
            tensor = capture.parameters.get(node.index)
            tensor = capture.data.get(node.index) if tensor is None else tensor
            known = stats_of(tensor, distinct=True) if tensor is not None else None
        grad = grads.get(value) if value is not None else None
        outputs.append(replace(info, stats=known, grad=grad))
    return replace(node, outputs=tuple(outputs)) if outputs else node


def _measure_call(op: str, call: Call, out: torch.Tensor, run: Replay) -> CallMeasure:
    measure = CallMeasure()
    first = next(
        (s for s in call.reads if s in run.env and run.env[s].is_floating_point() and has_values(run.env[s])),
        None,
    )
    if first is not None:
        measure.input_rms = float(run.env[first].detach().double().square().mean().sqrt())
    if op in _ACTIVATIONS and out.dim() >= 2 and out.is_floating_point():
        values = out.detach()
        units = (
            values.movedim(1, -1).reshape(-1, values.shape[1])
            if values.dim() == 4
            else values.reshape(-1, values.shape[-1])
        )
        measure.units = units.shape[1]
        measure.dead = float((units == 0).all(dim=0).double().mean())
    if op in _SATURATING:
        low, high = _SATURATING[op]
        values = out.detach()
        measure.saturated = float(((values < low) | (values > high)).double().mean())
    return measure
