"""Which calls of a captured step are layers and activations, and which of them belong together."""

from collections.abc import Hashable
from dataclasses import dataclass

from ..capture.graphs import GraphCapture
from ..evidence import Graph, Node, Ref

_CONVOLUTIONS = frozenset("conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d".split())
_FUSED = frozenset("lstm gru rnn_tanh rnn_relu".split())  # all time steps in one call
_WEIGHTED = (
    _CONVOLUTIONS
    | _FUSED
    | frozenset(
        "linear matmul rmatmul mm addmm bmm einsum bilinear multi_head_attention_forward lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell".split()
    )
)
SATURATING = {
    "sigmoid": (0.01, 0.99),
    "tanh": (-0.99, 0.99),
    "hardsigmoid": (0.01, 0.99),
    "hardtanh": (-0.99, 0.99),
}
CUTTING = frozenset("relu relu6 clamp clamp_min threshold".split())  # exactly 0 where they are off
_ACTIVATIONS = (
    CUTTING
    | SATURATING.keys()
    | frozenset(
        "leaky_relu prelu elu selu gelu silu mish softplus hardswish celu logsigmoid softsign".split()
    )
)
_FAR = 20  # calls between an activation and the layer that feeds it


@dataclass(frozen=True, slots=True)
class Site:
    """One call to watch. ``out`` and ``data`` are the values it makes and works on, ``parameters`` the leaves that are its weights, ``channels`` the dimension of its units,
    ``time`` that of the steps of a fused recurrent layer, ``before`` the numbers of the layers with weights that the first call of this key depends on."""

    node: Node
    key: Hashable
    out: int
    data: int | None
    weighted: bool
    parameters: tuple[int, ...]
    channels: int
    time: int | None
    before: frozenset[int]


def sites(capture: GraphCapture) -> list[Site]:
    """The layers and activations that the loss depends on, in order. Calls with the same weights get the same key, in every capture of the program."""
    graph = capture.graph
    found: list[Site] = []
    keys: dict[int, Hashable] = {}  # by node, of layers with weights
    numbers: dict[Hashable, int] = {}
    met: set[Hashable] = set()
    behind: dict[int, int] = {}  # by node, the layers it depends on, one bit each
    for node in graph.on_path():
        mask = 0
        for ref in node.refs:
            mask |= behind.get(ref.node, 0)
        behind[node.index] = mask
        if node.kind != "op" or (node.index, 0) not in capture.value_of_node:
            continue
        layer = node if node.op in _WEIGHTED else _layer_before(graph, node, keys)
        if node.op in _WEIGHTED:
            parameters = _weights(graph, node)
            if not parameters:
                continue
            key: Hashable = (node.op, tuple(id(capture.parameters[p]) for p in parameters))
            keys[node.index] = key
            own = 1 << numbers.setdefault(key, len(numbers))
            behind[node.index] = mask | own
            mask &= ~own
        elif node.op in _ACTIVATIONS and node.grad_enabled and layer is not None:
            parameters = ()
            key = (node.op, node.module, node.where.file, node.where.line, keys[layer.index])
        else:
            continue
        found.append(
            Site(
                node=node,
                key=key,
                out=capture.value_of_node[node.index, 0],
                data=_data(capture, node),
                weighted=node.op in _WEIGHTED,
                parameters=parameters,
                channels=_channels(node, layer),
                time=_time(graph, node),
                before=_bits(mask) if key not in met else frozenset(),
            )
        )
        met.add(key)
    return found


def _bits(mask: int) -> frozenset[int]:
    return frozenset(i for i in range(mask.bit_length()) if mask >> i & 1)


def _weights(graph: Graph, node: Node) -> tuple[int, ...]:
    """The parameters a layer multiplies with: used as they are, or through a computation of their own (weight normalization)."""
    found: list[int] = []
    for ref in node.refs:
        source = graph.source(ref)
        if source.kind == "parameter":
            found.append(source.index)
    if not found and (node.op in _CONVOLUTIONS or node.op == "linear"):
        weight = node.arg(1, "weight")
        if isinstance(weight, Ref):
            leaves = [graph.nodes[i] for i in graph.ancestors(weight.node)]
            if not any(n.kind in ("input", "target") for n in leaves):
                found = sorted(n.index for n in leaves if n.kind == "parameter")
    return tuple(dict.fromkeys(found))


def _layer_before(graph: Graph, node: Node, layers: dict[int, Hashable]) -> Node | None:
    for _ in range(_FAR):
        if not node.refs:
            return None
        node = graph[node.refs[0]]
        if node.index in layers:
            return node
    return None


def _data(capture: GraphCapture, node: Node) -> int | None:
    """The value that a call works on, not its weights."""
    ref = next((r for r in node.refs if capture.graph.source(r).kind != "parameter"), None)
    return capture.value_of_node.get((ref.node, ref.output)) if ref is not None else None


def _channels(node: Node, layer: Node | None) -> int:
    dims = len(node.output.shape) if node.output is not None else 0
    images = dims >= 4 or (dims == 3 and layer is not None and layer.op in _CONVOLUTIONS)
    return 1 if images else -1


def _time(graph: Graph, node: Node) -> int | None:
    """The dimension of the time steps of a recurrent layer that runs in one direction over padded input."""
    if node.op not in _FUSED or len(node.args) < 9 or not isinstance(node.args[2], tuple) or node.args[7]:
        return None
    info = graph.info(node.refs[0])
    return 1 if node.args[8] and info is not None and len(info.shape) == 3 else 0
