"""What happens to a tensor between the network's door and its first layer, and words for columns and sizes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..evidence import RESHAPES, DoorTensor, Graph, Graphs, Node, Ref

# Calls with weights whose first tensor argument is data.
WEIGHTED = frozenset(
    [
        "linear",
        "bilinear",
        "addmm",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "lstm",
        "gru",
        "rnn_tanh",
        "rnn_relu",
        "lstm_cell",
        "gru_cell",
        "rnn_tanh_cell",
        "rnn_relu_cell",
        "matmul",
        "mm",
        "__matmul__",
        "multi_head_attention_forward",
        "einsum",
    ]
)
# Those of them that may as well multiply two activations.
_PLAIN = frozenset(["matmul", "mm", "__matmul__", "einsum", "addmm", "bilinear"])
_INITIALIZERS = frozenset(
    [
        "uniform",
        "normal",
        "trunc_normal",
        "constant",
        "ones",
        "zeros",
        "eye",
        "dirac",
        "xavier_uniform",
        "xavier_normal",
        "kaiming_uniform",
        "kaiming_normal",
        "orthogonal",
        "sparse",
    ]
)
RECURRENT = frozenset(
    ["lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"]
)
CONVOLUTIONS = frozenset(["conv1d", "conv2d", "conv3d"])
NORMS = frozenset(
    [
        "batch_norm",
        "layer_norm",
        "group_norm",
        "instance_norm",
        "rms_norm",
        "local_response_norm",
        "normalize",
    ]
)
JOINS = frozenset(["cat", "concat", "concatenate", "hstack", "vstack", "stack", "pad"])


@dataclass(frozen=True, slots=True)
class Entry:
    """The first call with weights that takes a door tensor unchanged, and whether a normalization follows at once."""

    node: Node
    normalized_after: bool


def entry(graphs: Graphs, tensor: DoorTensor) -> Entry | None:
    """Where a door tensor's values enter a layer with weights as its data, unchanged but in form; ``None``: nowhere."""
    if tensor.node is None or tensor.graph >= len(graphs.train):
        return None
    graph = graphs.train[tensor.graph]
    index = graph.consumer_index()
    seen = {tensor.node}
    todo = [tensor.node]
    found: list[Node] = []
    while todo:
        current = todo.pop()
        for node in index[current]:
            if node.index in seen or node.kind != "op":
                continue
            if node.op in WEIGHTED and _takes(node, current):
                found.append(node)
            elif node.op in JOINS or (node.op in RESHAPES and _first(node) == current):
                seen.add(node.index)
                todo.append(node.index)
    layers = [n for n in found if has_weight(graph, n)]
    if not layers:
        return None
    first = min(layers, key=lambda n: n.index)
    return Entry(first, _normalized(index, first))


def _first(node: Node) -> int | None:
    return node.refs[0].node if node.refs else None


def _takes(node: Node, data: int) -> bool:
    if node.op in _PLAIN:
        return any(r.node == data for r in node.refs)
    return _first(node) == data


def has_weight(graph: Graph, node: Node) -> bool:
    """Whether a parameter enters the call, directly, in another form, or through its initialization in the same step."""
    if node.op in WEIGHTED and node.op not in _PLAIN:
        return True
    return any(_behind_writes(graph, graph[r]).kind == "parameter" for r in node.refs)


def _behind_writes(graph: Graph, node: Node) -> Node:
    while (
        node.kind == "op" and node.refs and (node.inplace or node.op in RESHAPES or node.op in _INITIALIZERS)
    ):
        node = graph[node.refs[0]]
    return node


def _normalized(index: Mapping[int, list[Node]], node: Node) -> bool:
    todo, seen = [node], {node.index}
    while todo:
        for after in index[todo.pop().index]:
            if after.op in NORMS:
                return True
            if after.op in RESHAPES and after.index not in seen:
                seen.add(after.index)
                todo.append(after)
    return False


def layer_name(node: Node) -> str:
    """``conv2d ("features.0")``."""
    return f'{node.op} ("{node.module}")' if node.module else node.op


def between(graph: Graph, node: Node, data: int) -> tuple[Node, ...]:
    """Calls that lie between a data node and a later node, both left out."""
    behind = graph.ancestors(node)
    ahead = {data}
    for other in graph.nodes[data + 1 :]:
        if other.kind == "op" and any(r.node in ahead for r in other.refs):
            ahead.add(other.index)
    return tuple(graph[i] for i in sorted(ahead & behind - {data, node.index}) if graph[i].kind == "op")


def shape_of(graph: Graph, ref: Ref) -> tuple[int, ...]:
    """Shape of an argument, empty where unknown."""
    info = graph.info(ref)
    return info.shape if info else ()


def columns(indices: Sequence[int], most: int = 5) -> str:
    """``column 3``; ``columns 3, 7 and 9``; ``columns 0, 1, 2, 3, 4 and 25 more``."""
    if len(indices) == 1:
        return f"column {indices[0]}"
    shown = [str(i) for i in indices[:most]]
    if len(indices) > most:
        return f"columns {', '.join(shown)} and {len(indices) - most} more"
    return f"columns {', '.join(shown[:-1])} and {shown[-1]}"


def median(values: Iterable[float]) -> float:
    """Middle value; 0 for none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


_TABLE = 64  # columns: more are no list that anyone reads


def column_means(tensor: DoorTensor) -> list[float]:
    """Mean of each column of a table of few columns, with which a remedy scales them; empty for anything else."""
    return [float(f"{f.stats.mean:.8g}") for f in tensor.features] if _is_table(tensor) else []


def column_stds(tensor: DoorTensor) -> list[float]:
    """Standard deviation of each column, in the same way."""
    return [float(f"{f.stats.std:.6g}") for f in tensor.features] if _is_table(tensor) else []


def _is_table(tensor: DoorTensor) -> bool:
    return len(tensor.shape) == 2 and 0 < len(tensor.features) == tensor.shape[1] <= _TABLE
