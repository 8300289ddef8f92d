"""Reads the task off the loss: which terms it has, what is prediction and what is target, what kind of problem it is.

Pure functions over the plain graph; what is not recognised stays ``UNKNOWN`` and rules about tasks stay silent.
"""

import math
from dataclasses import dataclass, replace

from .evidence import RESHAPES, Graph, Graphs, LossTerm, Node, Objective, Ref, Task, TaskKind, TensorInfo
from .moving import ACTS, acts, why_it_moves

LOSSES = frozenset(
    "cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy "
    "binary_cross_entropy_with_logits kl_div ctc_loss hinge_embedding_loss margin_ranking_loss triplet_margin_loss "
    "triplet_margin_with_distance_loss cosine_embedding_loss soft_margin_loss multilabel_soft_margin_loss multi_margin_loss "
    "multilabel_margin_loss poisson_nll_loss gaussian_nll_loss".split()
)
CLASS_LOSSES = frozenset({"cross_entropy", "nll_loss"})
BINARY_LOSSES = frozenset({"binary_cross_entropy", "binary_cross_entropy_with_logits"})
VALUE_LOSSES = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"})
_OF_DATA = frozenset(
    {TaskKind.CLASSIFICATION, TaskKind.DENSE_CLASSIFICATION, TaskKind.LANGUAGE_MODEL, TaskKind.AUTOENCODER}
)
_BY_HAND = frozenset({"percentage_error"})  # what torch has no function for
_NO_TARGET = frozenset({"triplet_margin_loss", "triplet_margin_with_distance_loss"})
_PASS = RESHAPES | {"nan_to_num", "detach"}
_MOST = 0.5  # of what comes in: a target that holds more of it is a reconstruction
_REDUCE = frozenset({"mean", "sum", "nanmean", "nansum"})


@dataclass(frozen=True, slots=True)
class _Part:
    ref: Ref
    weight: float
    reduction: str | None


class _Reader:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.terms: list[LossTerm] = []
        self._data: dict[int, bool] = {}

    def read(self, loss: int) -> tuple[LossTerm, ...]:
        self._expand(_Part(Ref(loss), 1.0, None), 0)
        return tuple(self.terms)

    def _expand(self, part: _Part, depth: int) -> None:
        graph = self.graph
        node = graph[part.ref]
        if len(self.terms) > 256 or depth > 400:
            return
        if node.kind != "op":
            if node.kind == "parameter" or node.tainted:
                self._add(part, node, "other")
            return
        if node.op in LOSSES:
            self._known(part, node)
        elif (term := self._handmade(part, node)) is not None:
            self.terms.append(term)
        elif not self._step_into(part, node, depth):
            self._add(part, node, "regularization" if not self._touches_data(node) else "other")

    def _step_into(self, part: _Part, node: Node, depth: int) -> bool:
        if node.op in ("add", "sub", "rsub") and len(node.args) >= 2:
            return self._sum(part, node, depth)
        if node.op in ("mul", "div", "neg", "rdiv"):
            return self._scaled(part, node, depth)
        if node.op in _REDUCE and node.refs:
            inner = self.graph[node.refs[0]]
            if self._leads_to_loss(node.refs[0]) or inner.op in (
                "stack",
                "cat",
                "add",
                "sub",
                "mul",
                "neg",
                "where",
            ):
                whole = node.output is not None and node.output.numel == 1
                self._expand(
                    _Part(node.refs[0], part.weight, node.op if whole else part.reduction), depth + 1
                )
                return True
            return False
        if node.op in ("stack", "cat") and node.refs:
            for ref in node.refs:
                self._expand(_Part(ref, part.weight, part.reduction), depth + 1)
            return True
        if node.op in _PASS and node.refs and node.op != "detach":
            self._expand(_Part(node.refs[0], part.weight, part.reduction), depth + 1)
            return True
        return False

    def _sum(self, part: _Part, node: Node, depth: int) -> bool:
        signs = {"add": (1.0, 1.0), "sub": (1.0, -1.0), "rsub": (-1.0, 1.0)}[node.op]
        for arg, sign in zip(node.args[:2], signs, strict=True):
            if isinstance(arg, Ref) and self.graph[arg].tainted:
                self._expand(_Part(arg, part.weight * sign, part.reduction), depth + 1)
        return True

    def _scaled(self, part: _Part, node: Node, depth: int) -> bool:
        tainted = [r for r in node.refs if self.graph[r].tainted or self.graph[r].kind == "parameter"]
        if len(tainted) != 1:
            return False
        factor = -1.0 if node.op == "neg" else self._constant(node, tainted[0])
        if node.op == "div":
            factor = 1.0 / factor if factor else math.nan
        elif node.op == "rdiv":
            return False
        self._expand(_Part(tainted[0], part.weight * factor, part.reduction), depth + 1)
        return True

    def _constant(self, node: Node, other: Ref) -> float:
        for arg in node.args[:2]:
            if isinstance(arg, int | float) and not isinstance(arg, bool):
                return float(arg)
            if isinstance(arg, Ref) and arg != other:
                info = self.graph.info(arg)
                if info is not None and info.numel == 1 and info.stats is not None:
                    return info.stats.mean
        return math.nan

    def _leads_to_loss(self, ref: Ref) -> bool:
        node = self.graph[ref]
        for _ in range(12):
            if node.op in LOSSES:
                return True
            if node.kind != "op" or not node.refs or node.op not in _PASS | {"mul", "div", "neg"}:
                return False
            inner = next((r for r in node.refs if self.graph[r].tainted), None)
            if inner is None:
                return False
            node = self.graph[inner]
        return False

    def _known(self, part: _Part, node: Node) -> None:
        prediction = node.arg(0, "input")
        target = None if node.op in _NO_TARGET else node.arg(1, "target")
        reduction = node.kwargs.get("reduction", "mean")
        if reduction == "none":
            reduction = part.reduction or "none"
        self._add(
            part,
            node,
            node.op,
            prediction if isinstance(prediction, Ref) else None,
            target if isinstance(target, Ref) else None,
            str(reduction),
        )

    def _add(
        self,
        part: _Part,
        node: Node,
        op: str,
        prediction: Ref | None = None,
        target: Ref | None = None,
        reduction: str | None = None,
        *,
        handmade: bool = False,
    ) -> None:
        self.terms.append(self._term(part, node, op, prediction, target, reduction, handmade))

    def _term(
        self,
        part: _Part,
        node: Node,
        op: str,
        prediction: Ref | None,
        target: Ref | None,
        reduction: str | None,
        handmade: bool,
    ) -> LossTerm:
        info = node.output
        value = info.stats.mean * part.weight if info is not None and info.stats is not None else None
        return LossTerm(
            op=op,
            node=node.index,
            where=node.where,
            made=node.made,
            prediction=None if prediction is None else prediction.node,
            prediction_output=0 if prediction is None else prediction.output,
            target=None if target is None else target.node,
            target_output=0 if target is None else target.output,
            reduction=reduction or part.reduction,
            weight=None if math.isnan(part.weight) else part.weight,
            value=value,
            handmade=handmade,
        )

    # -- losses written by hand --------------------------------------------------------------------------------------------

    def _handmade(self, part: _Part, node: Node) -> LossTerm | None:
        """A reduction over a squared or absolute difference, or over picked or weighted log-probabilities."""
        inner, sign, reduction = self._below_reduction(node)
        if inner is None:
            return None
        if inner.op in ("pow", "square", "abs", "mul") and sign > 0:
            found = self._difference(inner)
            if found is not None:
                op = "l1_loss" if inner.op == "abs" else "mse_loss"
                return self._term(part, node, op, found[0], found[1], reduction, True)
        if sign > 0 and (found := self._percentage(inner)) is not None:
            return self._term(part, node, "percentage_error", found[0], found[1], reduction, True)
        if sign < 0:
            return self._handmade_log(part, node, inner, reduction)
        return None

    def _percentage(self, node: Node) -> tuple[Ref, Ref] | None:
        """Prediction and target of an absolute difference that is divided by the target, before or after its sign is taken off."""
        graph = self.graph
        outer = node.op == "abs"
        quotient = graph[node.refs[0]] if outer and node.refs else node
        if quotient.op not in ("div", "true_divide", "divide") or len(quotient.refs) != 2:
            return None
        above, below = graph[quotient.refs[0]], graph[quotient.refs[1]]
        if not outer and above.op != "abs":
            return None
        difference = graph[above.refs[0]] if above.op == "abs" and above.refs else above
        if difference.op not in ("sub", "rsub") or len(difference.refs) != 2 or below.tainted:
            return None
        sides = self._sides(*difference.refs)
        if sides is None:
            return None
        target = origin(graph, sides[1]).index
        return sides if target in {below.index, *graph.ancestors(below)} else None

    def _below_reduction(self, node: Node) -> tuple[Node | None, float, str | None]:
        sign, reduction = 1.0, None
        for _ in range(6):
            if node.op == "neg":
                sign = -sign
            elif node.op in _REDUCE:
                reduction = node.op
            elif node.op == "mul" and -1 in node.args:
                sign = -sign
            elif node.op not in ("view", "reshape", "squeeze", "flatten"):
                break
            if not node.refs:
                return None, sign, None
            node = self.graph[node.refs[0]]
        return (node, sign, reduction) if reduction is not None and node.kind == "op" else (None, sign, None)

    def _difference(self, node: Node) -> tuple[Ref, Ref] | None:
        refs = node.refs
        if node.op == "mul" and (len(refs) < 2 or refs[0] != refs[1]):
            return None
        if node.op == "pow" and node.arg(1, "exponent") not in (2, 2.0):
            return None
        difference = self.graph[refs[0]] if refs else node
        if difference.op not in ("sub", "rsub") or len(difference.refs) != 2:
            return None
        return self._sides(*difference.refs)

    def _sides(self, first: Ref, second: Ref) -> tuple[Ref, Ref] | None:
        if self._from_parameters(first):
            return first, second
        return (second, first) if self._from_parameters(second) else None

    def _from_parameters(self, ref: Ref) -> bool:
        info = self.graph.info(ref)
        return info is not None and info.requires_grad

    def _handmade_log(self, part: _Part, node: Node, inner: Node, reduction: str | None) -> LossTerm | None:
        graph = self.graph
        if inner.op in ("__getitem__", "gather") and inner.refs:
            log = graph.source(inner.refs[0])
            # Where the logarithm was forgotten, it is still the picked class that is pushed up.
            if log.op in ("log_softmax", "log", "softmax") and len(inner.refs) > 1:
                return self._term(part, node, "nll_loss", inner.refs[0], inner.refs[-1], reduction, True)
        if inner.op == "mul" and len(inner.refs) == 2:
            for log, other in (inner.refs, inner.refs[::-1]):
                if graph.source(log).op in ("log_softmax", "log") and not graph[other].tainted:
                    return self._term(part, node, "nll_loss", log, other, reduction, True)
        if inner.op == "add" and len(inner.refs) == 2:
            first, second = (graph[r] for r in inner.refs)
            for product in (first, second):
                if product.op != "mul" or first.op != "mul" or second.op != "mul":
                    break
                for log, other in (product.refs[:2], product.refs[1::-1]):
                    source = graph.source(log)
                    if source.op == "log" and source.refs and not graph[other].tainted:
                        return self._term(
                            part, node, "binary_cross_entropy", source.refs[0], other, reduction, True
                        )
        return None

    def _touches_data(self, node: Node) -> bool:
        known = self._data.get(node.index)
        if known is None:
            known = any(
                n.kind == "input" or (n.kind == "constant" and n.output is not None and n.output.numel > 64)
                for n in (self.graph.nodes[i] for i in self.graph.ancestors(node))
            )
            self._data[node.index] = known
        return known


def origin(graph: Graph, ref: Ref) -> Node:
    """The node that first held the values of a data tensor, looking through reshapes and through the network's door."""
    node = graph[ref]
    while True:
        leaf = node.kind in ("input", "constant", "target")
        if not node.refs or not (leaf or (node.kind == "op" and node.op in RESHAPES)):
            return node
        node = graph[node.refs[0]]


def read_objective(graph: Graph, position: int) -> Objective:
    """What the loss of one graph asks for."""
    if graph.loss is None:
        return Objective(graph=position, kind=TaskKind.UNKNOWN, terms=(), why="the loss was not recorded")
    terms = _Reader(graph).read(graph.loss)
    main = _main(terms)
    if main is None:
        why = "no known loss function was recognised"
        moves = why_it_moves(graph, None)
        return Objective(graph=position, kind=TaskKind.UNKNOWN, terms=terms, why=why, moves=moves)
    kind, classes, dim, why = _kind(graph, terms[main])
    term = terms[main]
    target = None if term.target is None else Ref(term.target, term.target_output)
    return Objective(
        graph=position,
        kind=kind,
        terms=terms,
        main=main,
        classes=classes,
        class_dim=dim,
        why=why,
        moves=why_it_moves(graph, target),
    )


def _main(terms: tuple[LossTerm, ...]) -> int | None:
    order = [*CLASS_LOSSES, *BINARY_LOSSES, *VALUE_LOSSES]
    for group in (CLASS_LOSSES, BINARY_LOSSES, VALUE_LOSSES, LOSSES - set(order), _BY_HAND):
        for position, term in enumerate(terms):
            if term.op in group and term.prediction is not None:
                return position
    return None


def _kind(graph: Graph, term: LossTerm) -> tuple[TaskKind, int | None, int | None, str]:
    if term.prediction is None or term.target is None:
        return TaskKind.UNKNOWN, None, None, f"{term.op} has no target tensor"
    prediction = graph.info(Ref(term.prediction, term.prediction_output))
    target = graph.info(Ref(term.target, term.target_output))
    if prediction is None or target is None:
        return TaskKind.UNKNOWN, None, None, "prediction or target is unknown"
    if term.op in CLASS_LOSSES:
        return _class_kind(graph, term, prediction, target)
    share = _share_of_input(graph, Ref(term.target, term.target_output))
    if share is not None and share > _MOST:
        return TaskKind.AUTOENCODER, None, None, f"{term.op} compares the output with the input itself"
    if share is None and graph[term.target].tainted:
        return TaskKind.UNKNOWN, None, None, "the target is computed by the network"
    if term.op in BINARY_LOSSES:
        return _binary_kind(term, prediction, target)
    if term.op in VALUE_LOSSES:
        dense = len(prediction.shape) >= 4
        kind = TaskKind.DENSE_REGRESSION if dense else TaskKind.REGRESSION
        return kind, None, None, f"{term.op} on targets of shape {target.shape}"
    return TaskKind.UNKNOWN, None, None, f"{term.op} does not tell the task"


def _share_of_input(graph: Graph, target: Ref) -> float | None:
    """How much of what comes in a target holds (a column of it: little); ``None`` where it is nothing of that."""
    info, source = graph.info(target), origin(graph, target).index
    sizes = [
        n.output.numel
        for n in graph.nodes
        if n.kind == "input" and n.output is not None and origin(graph, Ref(n.index)).index == source
    ]
    return info.numel / max(1, *sizes) if sizes and info is not None else None


def _class_kind(
    graph: Graph, term: LossTerm, prediction: TensorInfo, target: TensorInfo
) -> tuple[TaskKind, int | None, int | None, str]:
    dims = len(prediction.shape)
    dim = _picked_dim(graph, term, dims) if term.handmade else None
    dim = dim if dim is not None else 1 if dims > 1 else 0
    classes = prediction.shape[dim] if dims else None
    kind = TaskKind.DENSE_CLASSIFICATION if dims > 2 else TaskKind.CLASSIFICATION
    tokens = [
        n.output for n in graph.nodes if n.kind == "input" and n.output is not None and n.output.integral
    ]
    count = prediction.numel // classes if classes else 0
    if any(t.numel == count and len(t.shape) >= 1 and t.numel > 1 and len(t.shape) >= 2 for t in tokens):
        return TaskKind.LANGUAGE_MODEL, classes, dim, f"{term.op} over {classes} symbols at every position"
    if graph[term.target or 0].tainted and term.target is not None and graph[term.target].kind == "op":
        return TaskKind.UNKNOWN, classes, dim, "the target is computed by the network"
    return kind, classes, dim, f"{term.op} over {classes} classes, targets of shape {target.shape}"


def _picked_dim(graph: Graph, term: LossTerm, dims: int) -> int | None:
    """The dimension in which a loss written by hand gathers the true classes."""
    wanted = (Ref(term.prediction or 0, term.prediction_output), Ref(term.target or 0, term.target_output))
    for node in graph.ops("gather"):
        dim = node.arg(1, "dim")
        if node.refs[:2] == wanted and isinstance(dim, int) and dims:
            return dim % dims
    return None


def _binary_kind(
    term: LossTerm, prediction: TensorInfo, target: TensorInfo
) -> tuple[TaskKind, int | None, int | None, str]:
    if target.stats is not None and target.stats.std == 0 and target.numel > 1:
        return TaskKind.UNKNOWN, None, None, "all targets are equal, as in the parts of a GAN"
    if len(prediction.shape) >= 4:
        return TaskKind.DENSE_CLASSIFICATION, 2, None, f"{term.op} on maps of shape {prediction.shape}"
    if len(prediction.shape) >= 2 and prediction.shape[-1] > 1:
        return (
            TaskKind.MULTILABEL,
            prediction.shape[-1],
            len(prediction.shape) - 1,
            f"{term.op} over {prediction.shape[-1]} labels",
        )
    return TaskKind.BINARY, 2, None, f"{term.op} with one output per sample"


def read_task(graphs: Graphs) -> Task:
    """The task of the program: that of its objectives when they agree."""
    objectives = tuple(read_objective(graph, i) for i, graph in enumerate(graphs.train))
    if acts(graphs):  # a language model that is trained on text writes some of its own as well
        objectives = tuple(o if o.moves or o.kind in _OF_DATA else replace(o, moves=ACTS) for o in objectives)
    kinds = {o.kind for o in objectives}
    if len(kinds) == 1 and objectives:
        first = objectives[0]
        return Task(kind=first.kind, objectives=objectives, classes=first.classes, why=first.why)
    why = "no loss was captured" if not objectives else f"{len(objectives)} losses of different kinds"
    return Task(kind=TaskKind.UNKNOWN, objectives=objectives, why=why)
