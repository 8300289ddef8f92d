"""Faults of the data: values, labels, order, split."""

from __future__ import annotations

import ast
import re

from bench.faultbench.operators import Seen, operator
from bench.faultbench.operators._parts import DIFFERENCE_LOSSES, keyword, shuffled_loaders
from bench.faultbench.source import DoesNotApply, Source, called

IMAGE_SCALES = (255, 255.0, 16, 16.0)
MEANS = re.compile(r"(^|[._\W])(\w*mean\w*|mu\w*)\b", re.IGNORECASE)
SPREADS = re.compile(r"(^|[._\W])(\w*std\w*|sd|sigma\w*|\w*scale)\b", re.IGNORECASE)
TARGETS = re.compile(r"^(self\.)?(y|target|label|price|t_)", re.IGNORECASE)
TEST_PARTS = re.compile(r"test|val|eval", re.IGNORECASE)


def _scalings(source: Source) -> list[ast.BinOp]:
    """Divisions by 255 or 16, and `(x - mean) / std`; inputs and targets alike."""
    found: list[ast.BinOp] = []
    for node in source.nodes(ast.BinOp):
        if not isinstance(node.op, ast.Div):
            continue
        pixels = isinstance(node.right, ast.Constant) and node.right.value in IMAGE_SCALES
        left = node.left
        standard = (
            isinstance(left, ast.BinOp)
            and isinstance(left.op, ast.Sub)
            and SPREADS.search(source.code(node.right))
            and MEANS.search(source.code(left.right))
        )
        if pixels or standard:
            found.append(node)
    return found


def _of_target(source: Source, node: ast.AST) -> bool:
    statement = source.statement(node)
    if isinstance(node, ast.BinOp) and isinstance(node.left, ast.BinOp):
        return bool(TARGETS.match(source.code(node.left.left)))
    return isinstance(statement, ast.Assign) and bool(TARGETS.match(source.code(statement.targets[0])))


def _bare(source: Source, node: ast.BinOp) -> str:
    inner = node.left
    while isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Sub | ast.Div):
        inner = inner.left
    return source.code(inner)


def _numbers(source: Source) -> None:
    if source.task == "language-model" or "Embedding" in source.text:
        raise DoesNotApply("inputs are tokens")


def _scaled(source: Source) -> list[tuple[ast.Call, str]]:
    """What goes through a scaler of scikit-learn's: the call, and the code of the array."""
    calls = source.calls("fit_transform", "transform")
    scalers = [c for c in calls if re.search(r"scaler|standard", source.code(c.func), re.IGNORECASE)]
    return [(c, source.code(c.args[0]) if c.args else "") for c in scalers]


def _mark_doors(source: Source) -> None:
    """What is wrong with data is measured where it enters the network or its loss, and such a finding may point there."""
    for call in source.doors():
        source.mark(call)
    for call in source.losses(*DIFFERENCE_LOSSES):
        source.mark(call)


@operator("NW101", "NW102", origin="Holden: normalize every input; Tobin: wrong preprocessing")
def inputs_not_normalized(source: Source) -> None:
    """The inputs are used as they are: the scaling of pixels or the standardization is missing."""
    if source.task in {"generative", "forecasting", "reinforcement"}:
        raise DoesNotApply("targets and metric are in the same units")
    _mark_doors(source)
    outermost: list[ast.BinOp] = []
    for node in _scalings(source):
        if not _of_target(source, node) and not any(above in outermost for above in source.ancestors(node)):
            outermost.append(node)
    for node in outermost:
        source.replace(node, _bare(source, node))
    for call, argument in _scaled(source):
        if not TARGETS.match(argument):
            source.replace(call, argument)
            for assigned in source.nodes(ast.Call):
                if called(assigned.func) in {"Linear", "Conv2d", "Conv1d", "LSTM", "GRU"}:
                    source.mark(assigned)  # the first layer is where such a finding points
                    break


@operator("NW104", origin="Holden: normalize every output feature")
def targets_not_normalized(source: Source) -> None:
    """The regression targets are used in their own units, in the evaluation too."""
    _mark_doors(source)
    scalings = [node for node in _scalings(source) if _of_target(source, node)]
    back = _scaled_back(source, scalings)
    if not back and "r2" not in source.text.lower():
        raise DoesNotApply("the metric is in units of the scaled targets")
    for node in scalings:
        source.replace(node, _bare(source, node))
    for node in back:
        source.replace(node, source.code(node.left.left))  # type: ignore[attr-defined]
    for call, argument in _scaled(source):
        if TARGETS.match(argument):
            source.replace(call, argument)


def _scaled_back(source: Source, scalings: list[ast.BinOp]) -> list[ast.BinOp]:
    """`output * std + mean` for targets scaled by `(y - mean) / std`."""
    inverses = {
        (source.code(node.right), source.code(node.left.right))
        for node in scalings
        if isinstance(node.left, ast.BinOp)
    }
    return [
        node
        for node in source.nodes(ast.BinOp)
        if isinstance(node.op, ast.Add)
        and isinstance(node.left, ast.BinOp)
        and isinstance(node.left.op, ast.Mult)
        and (source.code(node.left.right), source.code(node.right)) in inverses
    ]


@operator("NW117", origin="Tobin: wrong preprocessing; TrainCheck")
def evaluation_not_normalized(source: Source) -> None:
    """The evaluation data skip the scaling that the training data went through."""
    _mark_doors(source)
    for node in _scalings(source):
        statement = source.statement(node)
        name = source.code(statement.targets[0]) if isinstance(statement, ast.Assign) else ""
        if not _of_target(source, node) and (
            TEST_PARTS.search(name) or TEST_PARTS.search(_bare(source, node))
        ):
            source.replace(node, _bare(source, node))
    for call in source.calls("transform"):
        argument = source.code(call.args[0]) if call.args else ""
        if TEST_PARTS.search(argument) and not TARGETS.match(argument):
            source.replace(call, argument)
    for call in source.calls("eval"):
        source.mark(source.statement(call))


@operator("NW102", "NW101", origin="Holden: features of large range dominate")
def one_feature_dominates(source: Source) -> None:
    """One column of a table is in units a thousand times smaller than the others."""
    _mark_doors(source)
    if not source.calls("StandardScaler"):
        raise DoesNotApply("no StandardScaler to plant it behind")
    for call, argument in _scaled(source):
        if not TARGETS.match(argument):
            source.imported("import numpy as np")
            source.replace(call, f"{source.code(call)} * np.r_[1000.0, np.ones({argument}.shape[1] - 1)]")


@operator("NW105", "NW414", origin="NaN in real tables")
def nan_in_inputs(source: Source) -> None:
    """A few entries of the inputs are NaN."""
    _mark_doors(source)
    batch = source.batch()
    _numbers(source)
    source.before(
        batch.first,
        f"{batch.inputs} = {batch.inputs}.masked_fill(torch.rand({batch.inputs}.shape) < 0.001, float('nan'))",
    )
    source.mark(source.backward())


@operator(
    "NW109",
    "NW122",
    seen=Seen.EXPERIMENT,
    origin="DeepCrime: change labels; files listed in another order than labels",
)
def labels_shuffled(source: Source) -> None:
    """Labels are permuted against their inputs."""
    batch = source.batch()
    source.before(batch.first, f"{batch.targets} = {batch.targets}[torch.randperm(len({batch.targets}))]")


@operator("NW108", "NW709", seen=Seen.EXPERIMENT, origin="DeepCrime: change labels of training data")
def half_of_the_labels_wrong(source: Source) -> None:
    """Half of the labels are replaced by those of other samples."""
    batch = source.batch()
    if source.task not in {"classification", "binary"}:
        raise DoesNotApply("not a classification")
    t = batch.targets
    source.before(
        batch.first, f"{t} = torch.where(torch.rand(len({t})) < 0.5, {t}, {t}[torch.randperm(len({t}))])"
    )


@operator("NW106", "NW905", origin="labels counted from 1")
def labels_counted_from_one(source: Source) -> None:
    """Class labels run from 1 to C instead of 0 to C-1."""
    batch = source.batch()
    if source.task != "classification":
        raise DoesNotApply("not a classification")
    source.before(batch.first, f"{batch.targets} = {batch.targets} + 1")
    for call in source.losses(("cross_entropy", "nll_loss"), ("CrossEntropyLoss", "NLLLoss")):
        source.mark(call)


@operator("NW106", origin="Tobin: labels for BCE in {-1, 1}")
def binary_labels_minus_one_and_one(source: Source) -> None:
    """Binary labels are -1 and 1 where the loss takes 0 and 1."""
    batch = source.batch()
    if source.task != "binary":
        raise DoesNotApply("not a binary classification")
    source.before(batch.first, f"{batch.targets} = 2 * {batch.targets} - 1")
    for call in source.losses(("binary_cross_entropy_with_logits",), ("BCEWithLogitsLoss",)):
        source.mark(call)


def _loop_over_loader(source: Source) -> ast.For:
    loop = source.training_loop()
    if not isinstance(loop, ast.For) or called(loop.iter) == "range":
        raise DoesNotApply("training does not loop over a loader")
    return loop


def _training_set(source: Source) -> tuple[ast.Call, ast.keyword, ast.Call]:
    """The shuffled DataLoader, its `shuffle`, and the TensorDataset of inputs and labels in it."""
    if source.task not in {"classification", "binary"}:
        raise DoesNotApply("not a classification")
    for call, shuffle in shuffled_loaders(source):
        data = call.args[0] if call.args else None
        if isinstance(data, ast.Name):
            made = [n for n in source.nodes(ast.Assign) if source.code(n.targets[0]) == data.id]
            data = made[-1].value if made else data
        if isinstance(data, ast.Call) and called(data) == "TensorDataset" and len(data.args) == 2:
            return call, shuffle, data
    raise DoesNotApply("no shuffled DataLoader over a TensorDataset of two tensors")


@operator("NW107", origin="DeepCrime: unbalance training data")
def one_class_dominates(source: Source) -> None:
    """Nearly all training samples of all classes but one are missing."""
    loader, _, data = _training_set(source)
    x, y = data.args
    if not (isinstance(x, ast.Name) and isinstance(y, ast.Name)):
        raise DoesNotApply("the tensors of the data set have no names")
    share = "0.01" if source.task == "classification" else "0.1"
    source.before(source.statement(data), f"keep = ({y.id} == 0) | (torch.rand(len({y.id})) < {share})")
    source.replace(x, f"{x.id}[keep]")
    source.replace(y, f"{y.id}[keep]")
    source.mark(loader)
    for call in source.losses(
        ("cross_entropy",), ("CrossEntropyLoss", "BCEWithLogitsLoss", "BCELoss", "NLLLoss")
    ):
        source.mark(call)
    for call in source.calls("argmax", "mean"):  # the line of an accuracy that does not show it
        source.mark(source.statement(call))


@operator("NW112", origin="DeepLocalize, torch forum: sorted data without shuffling")
def sorted_and_not_shuffled(source: Source) -> None:
    """Training samples come sorted by label and are not shuffled."""
    loader, shuffle, data = _training_set(source)
    x, y = (source.code(a) for a in data.args)
    source.replace(data.args[0], f"({x})[({y}).argsort(dim=0).reshape(-1)]")
    source.replace(data.args[1], f"({y}).sort(dim=0).values")
    source.replace(shuffle.value, "False")
    source.mark(loader)
    for loop in source.nodes(ast.For):
        source.mark(loop)


@operator("NW113", origin="TrainCheck: batches are not duplicates")
def first_batch_at_every_step(source: Source) -> None:
    """The loader does not shuffle and is started anew for every step, so that only the first batch is ever seen."""
    loop = _loop_over_loader(source)
    iterated = loop.iter
    if isinstance(iterated, ast.Call) and called(iterated) == "enumerate":
        iterated = iterated.args[0]
    if not isinstance(iterated, ast.Name | ast.Attribute):
        raise DoesNotApply("training does not loop over a shuffled loader")
    name = source.code(iterated)
    source.replace(iterated, f"(next(iter({name})) for _ in range(len({name})))")
    for _, shuffle in shuffled_loaders(source):
        source.replace(shuffle.value, "False")
    source.mark(loop)


@operator("NW115", origin="Tobin: wrong tensor shapes; view instead of permute")
def channels_mixed_by_view(source: Source) -> None:
    """Channels are brought to the front by a reshape, which mixes rows, columns and colours."""
    _mark_doors(source)
    for call in source.calls("permute", "transpose", "moveaxis", "movedim"):
        order = [source.code(a) for a in call.args]
        if isinstance(call.func, ast.Attribute) and order in (
            ["0", "3", "1", "2"],
            ["(0, 3, 1, 2)"],
            ["2", "0", "1"],
        ):
            tensor = source.code(call.func.value)
            if len(order) == 3:
                source.replace(
                    call, f"{tensor}.reshape({tensor}.shape[2], {tensor}.shape[0], {tensor}.shape[1])"
                )
            else:
                source.replace(
                    call, f"{tensor}.reshape(-1, {tensor}.shape[3], {tensor}.shape[1], {tensor}.shape[2])"
                )
    for call in source.calls("Conv2d"):
        source.mark(call)


@operator("NW115", "NW219", "NW221", origin="Tobin: wrong tensor shapes; batch and time swapped")
def batch_and_time_swapped(source: Source) -> None:
    """The recurrent layer is told nothing of `batch_first`, so it runs over the batch instead of time."""
    if "pack_padded_sequence" in source.text:
        raise DoesNotApply("packed sequences know their dimensions")
    for call in source.calls("LSTM", "GRU", "RNN", "TransformerEncoderLayer", "MultiheadAttention"):
        first = keyword(call, "batch_first")
        if first is not None and source.code(first) == "True":
            source.replace(first, "False")


@operator("NW118", origin="integer inputs")
def fractions_cut_off(source: Source) -> None:
    """The inputs are converted to integers on the way, which cuts off their fractions."""
    _mark_doors(source)
    batch = source.batch()
    _numbers(source)
    source.before(batch.first, f"{batch.inputs} = {batch.inputs}.long().float()")
    source.mark(source.backward())


@operator("NW116", seen=Seen.EXPERIMENT, origin="DeepCrime: delete training data")
def most_training_data_missing(source: Source) -> None:
    """Only the first few batches of every epoch are used: nearly all training data are missing."""
    loop = _loop_over_loader(source)
    source.imported("import itertools")
    source.wrap(loop.iter, "itertools.islice({}, 2)")


@operator(
    "NW110",
    seen=Seen.EXPERIMENT,
    definition="a leak: the score says nothing about new data",
    origin="DeepCrime: overlap",
)
def test_data_in_training(source: Source) -> None:
    """The test samples are among the training samples."""
    for call in source.calls("train_test_split"):
        statement = source.statement(call)
        if (
            isinstance(statement, ast.Assign)
            and isinstance(statement.targets[0], ast.Tuple)
            and len(statement.targets[0].elts) == 4
        ):
            a, b, c, d = (source.code(e) for e in statement.targets[0].elts)
            source.imported("import numpy as np")
            source.after(statement, f"{a}, {c} = np.concatenate([{a}, {b}]), np.concatenate([{c}, {d}])")
            return
    raise DoesNotApply("no train_test_split with four results")


@operator("NW111", "NW117", "NW705", seen=Seen.EXPERIMENT, origin="DeepCrime: add noise to training data")
def noise_in_training_inputs(source: Source) -> None:
    """Strong noise is added to the training inputs alone."""
    batch = source.batch()
    _numbers(source)
    source.before(batch.first, f"{batch.inputs} = {batch.inputs} + 2 * torch.randn({batch.inputs}.shape)")


@operator(
    "NW119",
    seen=Seen.EXPERIMENT,
    definition="a leak: at test time the column is not there",
    origin="Tobin: dataset construction",
)
def target_leaks_into_input(source: Source) -> None:
    """One input column is the target itself."""
    batch = source.batch()
    if (
        source.task not in {"classification", "binary", "regression"}
        or "Conv" in source.text
        or "Embedding" in source.text
    ):
        raise DoesNotApply("not a table")
    x, y = batch.inputs, batch.targets
    source.before(
        batch.first, f"{x} = torch.cat([{x}[:, :-1], {y}.reshape(len({y}), -1)[:, :1].float()], dim=1)"
    )


@operator("NW120", seen=Seen.EXPERIMENT, origin="Emam: augmentation that destroys the label")
def augmentation_destroys_label(source: Source) -> None:
    """An augmentation shuffles the rows of every image."""
    batch = source.batch()
    if "Conv2d" not in source.text:
        raise DoesNotApply("no images")
    x = batch.inputs
    source.before(batch.first, f"{x} = {x}[:, :, torch.randperm({x}.shape[2])]")


@operator("NW113", seen=Seen.START, origin="TrainCheck: same augmentation in all workers")
def same_noise_every_step(source: Source) -> None:
    """The random generator is seeded anew in every step: dropout, noise and augmentation are the same each time."""
    source.batch()
    if not re.search(r"[Dd]ropout|randn|rand\(|randint", source.text):
        raise DoesNotApply("nothing random in a step")
    source.before(source.training_loop().body[0], "torch.manual_seed(42)")
