"""The step as a graph of the calls the user's program made, at the level the user wrote them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

from .tensors import TensorInfo
from .where import NOWHERE, Where

_Known = TypeVar("_Known")

# Calls that hand their first tensor on with the same values in another form.
RESHAPES = frozenset(
    "view reshape flatten unflatten squeeze unsqueeze permute transpose t T mT H swapaxes movedim contiguous clone to float "
    "double half bfloat16 type type_as cpu cuda expand expand_as __getitem__ select narrow chunk split unbind view_as "
    "reshape_as ravel requires_grad_ alias identity channel_shuffle pixel_shuffle swapdims adjoint pin_memory dropout "
    "alpha_dropout dropout1d dropout2d dropout3d feature_alpha_dropout feature_dropout".split()
)
DROPOUTS = frozenset(op for op in RESHAPES if "dropout" in op)


@dataclass(frozen=True, slots=True)
class Ref:
    """A tensor argument: output ``output`` of node ``node``."""

    node: int
    output: int = 0


Arg = "Ref | int | float | bool | str | None | tuple[object, ...] | Mapping[str, object]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One call (``kind == "op"``) or one leaf tensor.

    ``op`` is torch's name for the call without a trailing underscore (``"softmax"``, ``"add"``, ``"linear"``,
    ``"__getitem__"``); for a leaf it is its kind. ``kind`` is one of ``op``, ``parameter``, ``buffer``, ``input`` (arrives
    at the network's door), ``target`` (enters the loss beside the prediction), ``constant``.

    ``where`` is the innermost line of the user's own code on the stack. ``made`` is the line on which the torch module that
    made the call was constructed (a ``nn.Softmax`` in a ``nn.Sequential``), if there is one: that is the line to edit.
    ``module``/``module_type`` name the innermost module (``"features.0"``, ``"Conv2d"``); ``via`` is the chain of library
    functions between the user's line and the call, outermost first (``("clip_grad_norm_",)``).
    ``root`` is the network a parameter belongs to (its position in ``Modules.roots``).
    ``refs`` is every tensor argument, in order.
    """

    index: int
    op: str
    kind: str = "op"
    func: str = ""
    args: tuple[object, ...] = ()
    kwargs: Mapping[str, object] = field(default_factory=dict[str, object])
    outputs: tuple[TensorInfo, ...] = ()
    where: Where = NOWHERE
    made: Where | None = None
    module: str | None = None
    module_type: str | None = None
    via: tuple[str, ...] = ()
    inplace: bool = False
    grad_enabled: bool = True
    autocast: str | None = None
    tainted: bool = False
    name: str | None = None
    root: int | None = None
    refs: tuple[Ref, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        # Asked for in every walk over the graph, so it is read off the arguments once.
        object.__setattr__(self, "refs", tuple(_refs((self.args, self.kwargs))))

    @property
    def output(self) -> TensorInfo | None:
        """The first output."""
        return self.outputs[0] if self.outputs else None

    @property
    def edit(self) -> Where:
        """The line to edit: where the module was made when it is one of torch's own, else the line of the call."""
        return self.made if self.made is not None and self.made.known else self.where

    def arg(self, position: int, name: str, default: object = None) -> object:
        """An argument given by position or by name."""
        if position < len(self.args):
            return self.args[position]
        return self.kwargs.get(name, default)


def _refs(value: object) -> Iterator[Ref]:
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, tuple | list):
        for item in cast("tuple[object, ...]", value):
            yield from _refs(item)
    elif isinstance(value, Mapping):
        for item in cast("Mapping[object, object]", value).values():
            yield from _refs(item)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """All calls of one iteration up to one ``backward``, in the order they were made; leaves come first where used.

    ``loss`` is the index of the node whose output ``backward`` was called on. ``cut`` says that recording stopped early.
    ``backward`` is the line of the backward call. ``exact`` tells whether replaying gave the same loss to the last bit
    (``None`` when it was not replayed, then no value statistics exist).
    """

    nodes: tuple[Node, ...]
    loss: int | None
    loss_value: float | None = None
    backward: Where = NOWHERE
    optimizer: int | None = None
    step: int = 0
    exact: bool | None = None
    cut: bool = False
    _known: dict[object, object] = field(
        init=False, repr=False, compare=False, default_factory=dict[object, object]
    )

    def once(self, ask: "Callable[[Graph], _Known]") -> _Known:
        """The answer to a question about the whole graph, worked out the first time: rules ask it anew for every layer. What comes back belongs to all who ask, and is not to be changed."""
        if ask not in self._known:
            self._known[ask] = ask(self)
        return cast("_Known", self._known[ask])

    def __getitem__(self, ref: "Ref | int") -> Node:
        return self.nodes[ref.node if isinstance(ref, Ref) else ref]

    def info(self, ref: Ref) -> TensorInfo | None:
        """Form of the tensor an argument refers to."""
        outputs = self.nodes[ref.node].outputs
        return outputs[ref.output] if ref.output < len(outputs) else None

    def inputs(self, node: Node) -> tuple[Node, ...]:
        """Nodes that feed a node."""
        return tuple(self.nodes[r.node] for r in node.refs)

    def consumers(self, node: Node) -> tuple[Node, ...]:
        """Nodes that a node feeds."""
        return tuple(self.consumer_index()[node.index])

    def consumer_index(self) -> Mapping[int, list[Node]]:
        """For each node index, the nodes it feeds."""
        return self.once(_consumers)

    def ancestors(
        self, start: "Node | int", stop: Callable[[Node], bool] = lambda _: False
    ) -> frozenset[int]:
        """Indices of every node the start depends on (itself included), not going beyond nodes where ``stop`` holds."""
        first = start if isinstance(start, int) else start.index
        seen = {first}
        todo = [first]
        while todo:
            node = self.nodes[todo.pop()]
            if node.index != first and stop(node):
                continue
            for ref in node.refs:
                if ref.node not in seen:
                    seen.add(ref.node)
                    todo.append(ref.node)
        return frozenset(seen)

    def on_path(self) -> tuple[Node, ...]:
        """Nodes that the loss depends on, in order."""
        return self.once(_on_path)

    def source(self, ref: "Ref | Node", through: Iterable[str] = RESHAPES) -> Node:
        """The node that made the values, looking through calls that only change their form."""
        passing = frozenset(through)
        node = ref if isinstance(ref, Node) else self.nodes[ref.node]
        while node.kind == "op" and node.op in passing and node.refs:
            node = self.nodes[node.refs[0].node]
        return node

    def ops(self, *names: str) -> tuple[Node, ...]:
        """All calls with one of these names."""
        return tuple(n for n in self.nodes if n.kind == "op" and n.op in names)


def _consumers(graph: Graph) -> dict[int, list[Node]]:
    index: dict[int, list[Node]] = {n.index: [] for n in graph.nodes}
    for node in graph.nodes:
        for feeder in {r.node for r in node.refs}:
            index[feeder].append(node)
    return index


def _on_path(graph: Graph) -> tuple[Node, ...]:
    if graph.loss is None:
        return ()
    keep = graph.ancestors(graph.loss)
    return tuple(n for n in graph.nodes if n.index in keep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graphs:
    """One graph per distinct line that calls ``backward`` (a GAN has several), and one of an evaluation pass if seen.

    ``train`` is in the order of first appearance, the first iteration each. ``later`` are further iterations of the same
    lines, without value statistics.
    """

    train: tuple[Graph, ...]
    later: tuple[Graph, ...] = ()
    evaluation: Graph | None = None
