"""Layers with weights in the graph of a step: small questions that several rules on the model ask."""

from collections.abc import Iterable, Mapping

from ..evidence import RESHAPES, Graph, Modules, Node, ParameterInfo, Parameters, Ref, Where

CONVOLUTIONS = frozenset("conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d".split())
PRODUCTS = frozenset("matmul mm addmm rmatmul".split())
LAYERS = CONVOLUTIONS | PRODUCTS | {"linear"}
NORMS = frozenset(
    "batch_norm layer_norm group_norm instance_norm rms_norm normalize local_response_norm".split()
)
AVERAGES = frozenset(
    "avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d".split()
)
ACTIVATIONS = frozenset(
    "relu leaky_relu prelu elu selu gelu silu mish softplus sigmoid tanh hardtanh relu6 hardswish hardsigmoid celu "
    "logsigmoid softsign clamp_min threshold max_pool1d max_pool2d max_pool3d".split()
)


def data_ref(graph: Graph, node: Node) -> Ref | None:
    """The tensor a layer works on (not its weight)."""
    refs = node.refs
    if node.op in CONVOLUTIONS or node.op == "linear":
        return refs[0] if refs else None
    weights = [r for r in refs if graph.source(r).kind == "parameter"]
    others = [r for r in refs if r not in weights]
    return others[0] if weights and others else None


def weight_leaf(graph: Graph, node: Node) -> Node | None:
    """The parameter that is a layer's weight, when it is used as it is."""
    if node.op not in LAYERS:
        return None
    if node.op in CONVOLUTIONS or node.op == "linear":
        ref = node.arg(1, "weight")
        source = graph.source(ref) if isinstance(ref, Ref) else None
        return source if source is not None and source.kind == "parameter" else None
    for ref in reversed(node.refs):
        source = graph.source(ref)
        if source.kind == "parameter" and source.output is not None and len(source.output.shape) >= 2:
            return source
    return None


def is_layer(graph: Graph, node: Node) -> bool:
    """Whether a call is a layer with weights: a linear map or a convolution whose weight comes from parameters."""
    if node.kind != "op" or node.op not in LAYERS:
        return False
    if node.op in PRODUCTS:
        return weight_leaf(graph, node) is not None and data_ref(graph, node) is not None
    return node.tainted


def layers_of(graph: Graph) -> list[Node]:
    """The layers that the loss depends on, in order."""
    return list(graph.once(_layers))


def _layers(graph: Graph) -> list[Node]:
    return [n for n in graph.on_path() if is_layer(graph, n)]


def live_consumers(graph: Graph) -> Mapping[int, list[Node]]:
    """For each node index, the calls on the way to the loss that it feeds."""
    return graph.once(_live_consumers)


def _live_consumers(graph: Graph) -> dict[int, list[Node]]:
    on_path = {n.index for n in graph.on_path()}
    return {i: [n for n in c if n.index in on_path] for i, c in graph.consumer_index().items()}


def adds_parameter(graph: Graph, node: Node) -> bool:
    """Whether a call adds a parameter (a bias) to what it gets."""
    if node.op not in ("add", "sub") or not node.refs:
        return False
    return len(node.refs) == 1 or any(graph.source(r).kind == "parameter" for r in node.refs)


def follow(
    graph: Graph, consumers: Mapping[int, list[Node]], node: Node, passing: Iterable[str]
) -> tuple[Node, list[Node]] | None:
    """The first call after ``node`` that is not passed through, and the calls passed, while each value has one use only."""
    through = frozenset(passing)
    passed: list[Node] = []
    while True:
        users = consumers.get(node.index, [])
        if len(users) != 1:
            return None
        user = users[0]
        if user.op not in through and not adds_parameter(graph, user):
            return user, passed
        passed.append(user)
        node = user


def next_layer(graph: Graph, consumers: Mapping[int, list[Node]], node: Node) -> Node | None:
    """The next layer, when nothing but an activation, a pooling, a bias or a change of form lies between."""
    end = follow(graph, consumers, node, RESHAPES | ACTIVATIONS | AVERAGES | {"mean"})
    return end[0] if end is not None and is_layer(graph, end[0]) else None


def meets(graph: Graph, consumers: Mapping[int, list[Node]], node: Node, wanted: Iterable[str]) -> bool:
    """Whether the values of a call go into one of these calls next, through biases and changes of form only."""
    names = frozenset(wanted)
    todo, seen = [node.index], {node.index}
    while todo:
        for user in consumers.get(todo.pop(), []):
            if user.op in names:
                return True
            if user.index not in seen and (user.op in RESHAPES or adds_parameter(graph, user)):
                seen.add(user.index)
                todo.append(user.index)
    return False


def is_last(graph: Graph, node: Node) -> bool:
    """Whether no further layer lies between this call and the loss."""
    return node.index not in graph.once(_before_layers)


def _before_layers(graph: Graph) -> frozenset[int]:
    """Every node that a layer on the way to the loss depends on."""
    todo = [r.node for layer in graph.once(_layers) for r in layer.refs]
    seen: set[int] = set()
    while todo:
        index = todo.pop()
        if index not in seen:
            seen.add(index)
            todo += [r.node for r in graph.nodes[index].refs]
    return frozenset(seen)


def width(node: Node) -> int | None:
    """Numbers per sample that a call gives, when it gives ``(samples, features)`` or ``(samples, channels, ...)``."""
    shape = node.output.shape if node.output is not None else ()
    if len(shape) < 2 or not shape[0] or len(shape) == 3:
        return None
    total = 1
    for size in shape[1:]:
        total *= size
    return total


def parameter_of(parameters: Parameters, leaf: Node | None) -> ParameterInfo | None:
    """What is known of the parameter that a leaf is."""
    if leaf is None or leaf.output is None:
        return None
    return parameters.named(leaf.root, leaf.name, leaf.output.shape)


def written_at(parameter: ParameterInfo) -> Where:
    """The line that last wrote the initial values: an initializer's if one was seen, else where its module was made."""
    where = _last_write(parameter)[1]
    where = where if where.known else parameter.where
    return where.on(parameter=parameter.name, module=parameter.module)


def initializer(parameter: ParameterInfo) -> str:
    """The call on that line that wrote the initial values in place (``"normal"``); empty where none was seen: they are as the module, or the program, made them."""
    return _last_write(parameter)[0].rpartition(".")[2]


def _last_write(parameter: ParameterInfo) -> tuple[str, Where]:
    return next(((n, w) for n, w in reversed(parameter.init_calls) if w.known), ("", Where()))


def in_sequence(modules: Modules, node: Node) -> bool:
    """Whether the call is made by an element of an ``nn.Sequential``, so that the order of calls stands where it is built."""
    if node.module is None or node.made is None or not node.made.known:
        return False
    parent = node.module.rpartition(".")[0]
    return any(m.path == parent and m.type == "Sequential" for m in modules.modules)


def after(modules: Modules, node: Node) -> Where:
    """The line to edit to put something behind a call."""
    place = node.made if in_sequence(modules, node) and node.made is not None else node.where
    return place.on(module=node.module)


def titled(node: Node) -> str:
    """A layer by its module's path, or by its call."""
    return node.module or node.op
