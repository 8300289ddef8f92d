"""What torch says when shapes do not fit, and what it means."""

import re

from ..evidence import Crash, Where
from ._crashes import Told, built, config, input_shape, name, numbers, pattern, simple, size


def _product(crash: Crash, match: "re.Match[str]") -> Told:
    rows, got, want, out = (int(g) for g in match.groups())
    measured = (("expected_size", want), ("got_size", got))
    if crash.module_type != "Linear":
        return Told(
            f"matrix product at {crash.where.at} of {rows}x{got} and {want}x{out}: the inner dimensions {got} and {want} disagree",
            "transpose one of the two (x.T), or make the last dimension of the first equal to the first dimension of the second",
            crash.where,
            measured,
        )
    shape = input_shape(crash) or (rows, got)
    per_sample = size(shape[1:])
    if len(shape) > 2 and per_sample == want:
        return Told(
            f"{name(crash)} expects {want} features but gets {got}: its input has shape {shape} and was not flattened ({per_sample} values per sample)",
            "flatten the input before it: x.flatten(1) or nn.Flatten()",
            _flatten_place(crash),
            (*measured, ("form", "flatten")),
        )
    if len(shape) == 4:
        return Told(
            f"{name(crash)} expects {want} features but gets {got}: its input is a map of shape {shape}",
            f"flatten before it (x.flatten(1)) and set in_features={per_sample}",
            built(crash),
            measured,
        )
    if len(shape) == 1 and got % want == 0:
        return Told(
            f"{name(crash)} expects {want} features but gets {got}: the batch dimension was flattened too ({got // want} samples in one row)",
            f"keep the batch dimension: x.flatten(1) or x.view(-1, {want})",
            crash.where,
            measured,
        )
    return Told(
        f"{name(crash)} expects {want} features but gets {got} (input of shape {shape})",
        f"set in_features={got} at {built(crash).at} (nn.Linear({got}, {out})), or make what comes before give {want} features",
        built(crash),
        (*measured, ("setting", "in_features")),
    )


def _flatten_place(crash: Crash) -> Where:
    return crash.where if crash.where.function == "forward" else built(crash)


def _channels(crash: Crash, match: "re.Match[str]") -> Told:
    weight, shape = numbers(match.group(1)), numbers(match.group(2))
    want, got = int(match.group(3)), int(match.group(4))
    measured = (("expected_size", want), ("got_size", got))
    unbatched = input_shape(crash)
    if len(shape) > 3 and shape[-1] == want:
        fix = "the channels are last: x.permute(0, 3, 1, 2) before the convolution"
        return Told(
            f"{name(crash)} expects {want} channels in dimension 1 but gets {got}: the input {shape} has its channels last",
            fix,
            crash.where,
            (*measured, ("form", "channels-first")),
        )
    if unbatched is not None and len(unbatched) == len(shape) - 1 and want == 1:
        fix = "add the channel dimension: x.unsqueeze(1)"
        return Told(
            f"{name(crash)} expects {want} channel but takes the batch of {got} for channels: the input {unbatched} has no channel dimension",
            fix,
            crash.where,
            (*measured, ("form", "add-channels")),
        )
    return Told(
        f"{name(crash)} expects {want} channels in dimension 1 but gets {got} (input {shape}, weight {weight})",
        f"set in_channels={got} at {built(crash).at}, or make what comes before give {want} channels",
        built(crash),
        (*measured, ("setting", "in_channels")),
    )


def _norm(crash: Crash, match: "re.Match[str]") -> Told:
    got, want = int(match.group(1)), int(match.group(2))
    return Told(
        f"{name(crash)} was made for {want} channels in dimension 1 but gets {got}",
        f"set num_features={got} at {built(crash).at}",
        built(crash),
        (("expected_size", want), ("got_size", got), ("setting", "num_features")),
    )


def _layer_norm(crash: Crash, match: "re.Match[str]") -> Told:
    want, got = numbers(match.group(1)), numbers(match.group(2))
    return Told(
        f"{name(crash)} normalizes over the last dimensions {want} but gets an input of shape {got}",
        f"set normalized_shape={got[-len(want) :] if len(want) > 1 else got[-1]} at {built(crash).at}",
        built(crash),
        (("expected_size", list(want)), ("got_size", list(got))),
    )


def _recurrent(crash: Crash, match: "re.Match[str]") -> Told:
    want, got = int(match.group(1)), int(match.group(2))
    return Told(
        f"{name(crash)} expects {want} features in the last dimension but gets {got} (input of shape {input_shape(crash)})",
        f"set input_size={got} at {built(crash).at}, or give it inputs with {want} features",
        built(crash),
        (("expected_size", want), ("got_size", got), ("setting", "input_size")),
    )


def _hidden(crash: Crash, match: "re.Match[str]") -> Told:
    want, got = numbers(match.group(1)), numbers(match.group(2))
    swapped = len(want) == len(got) == 3 and config(crash, "batch_first") is False
    fix = "make the state with the batch size of this input"
    if swapped:
        fix += "; if the input is (batch, time, features), make the layer with batch_first=True"
    return Told(
        f"{name(crash)} wants a hidden state of shape {want} but gets {got}",
        fix,
        crash.where,
        (("expected_size", list(want)), ("got_size", list(got))),
    )


def _view(crash: Crash, match: "re.Match[str]") -> Told:
    wanted, total = numbers(match.group(1)), int(match.group(2))
    shape = input_shape(crash)
    measured = (("wanted", list(wanted)), ("elements", total))
    if shape and len(shape) > 1:
        rest = size(shape[1:])
        return Told(
            f"view at {crash.where.at}: {total} values of shape {shape} do not fit into {wanted}; there are {rest} values for each of {shape[0]} samples",
            f"use x.flatten(1), which gives ({shape[0]}, {rest}), and set in_features={rest} in the layer after it",
            crash.where,
            measured,
        )
    return Told(
        f"view at {crash.where.at}: {total} values do not fit into the shape {wanted}",
        "make the product of the sizes equal to the number of values",
        crash.where,
        measured,
    )


def _elementwise(crash: Crash, match: "re.Match[str]") -> Told:
    a, b, dim = (int(g) for g in match.groups())
    known = [t.shape for t in crash.op_args[:2]]
    both = f" (shapes {known[0]} and {known[1]})" if len(known) == 2 else ""
    fix = "give both the same shape"
    if len(known) == 2 and len(known[0]) != len(known[1]):
        fix = "give both the same number of dimensions: unsqueeze the smaller or squeeze the larger one"
    elif crash.phase == "forward":
        fix = f"make the layers on both sides give the same size in dimension {dim} (channels, padding or stride)"
    return Told(
        f"{crash.op or 'the operation'} at {crash.where.at}: {a} and {b} disagree in dimension {dim}{both}",
        fix,
        crash.where,
        (("left", a), ("right", b), ("dimension", dim)),
    )


def _batch(crash: Crash, match: "re.Match[str]") -> Told:
    got, want = int(match.group(1)), int(match.group(2))
    shape = input_shape(crash)
    form = f" (shape {shape})" if shape is not None else ""
    reshaped = want and got % want == 0
    why = f"; the network made {got // want} rows of each sample" if reshaped else ""
    fix = (
        "keep the batch dimension through the network: x.flatten(1) rather than x.view(-1, n)"
        if reshaped or (got and want % got == 0)
        else "take predictions and targets of the same samples (the same batch, the same rows)"
    )
    return Told(
        f"the loss at {crash.where.at} gets {got} predictions{form} for {want} targets: dimension 0 disagrees{why}",
        fix,
        crash.where,
        (("predictions", got), ("targets", want)),
    )


def _loss_shapes(crash: Crash, match: "re.Match[str]") -> Told:
    target, prediction = numbers(match.group(1)), numbers(match.group(2))
    column = prediction[-1:] == (1,) and prediction[:-1] == target
    fix = (
        "use .squeeze(1) on the prediction, or .unsqueeze(1) on the target"
        if column
        else "give both the same shape"
    )
    return Told(
        f"the loss at {crash.where.at} gets predictions of shape {prediction} and targets of shape {target}",
        fix,
        crash.where,
        (("prediction", list(prediction)), ("target", list(target))),
    )


def _class_dim(crash: Crash, match: "re.Match[str]") -> Told:
    want, got = numbers(match.group(1)), numbers(match.group(2))
    shape = input_shape(crash)
    return Told(
        f"cross-entropy at {crash.where.at} takes dimension 1 for the classes: predictions {shape} go with targets {want}, and they are {got}",
        "move the classes to dimension 1 (x.transpose(1, 2)), or flatten both: x.flatten(0, 1) and y.flatten()",
        crash.where,
        (("expected", list(want)), ("got", list(got))),
    )


def _weights(crash: Crash, match: "re.Match[str]") -> Told:
    classes, got = int(match.group(1)), numbers(match.group(2))
    return Told(
        f"the loss at {crash.where.at} has {classes} classes but {got[0] if got else 'another number of'} class weights",
        f"pass one weight for each of the {classes} classes",
        crash.where,
        (("classes", classes), ("weights", list(got))),
    )


def _dims(crash: Crash, match: "re.Match[str]") -> Told:
    return Told(
        f"{name(crash)} wants {match.group(1)} dimensions and gets an input of shape {input_shape(crash) or match.group(2)}",
        "bring the input into that form: batch first, then channels, then space (x.unsqueeze(1) adds a channel, x.view(n, c, h, w) unfolds rows of pixels)",
        crash.where,
    )


def _too_small(crash: Crash, match: "re.Match[str]") -> Told:
    return Told(
        f"{name(crash)} gets a map of {match.group(1)}, which is smaller than what it looks at ({match.group(2)})",
        "use fewer poolings or strides before it, padding, or larger inputs",
        built(crash),
    )


PATTERNS = (
    pattern(r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)", _product),
    pattern(
        r"weight of size (\[[\d, ]+\]), expected input(\[[\d, ]+\]) to have (\d+) channels, but got (\d+) channels",
        _channels,
    ),
    pattern(r"running_(?:mean|var) should contain (\d+) elements not (\d+)", _norm),
    pattern(
        r"Given normalized_shape=(\[[\d, ]+\]), expected input with shape .*? but got input of size(\[[\d, ]+\])",
        _layer_norm,
    ),
    pattern(r"input\.size\(-1\) must be equal to input_size\. Expected (\d+), got (\d+)", _recurrent),
    pattern(r"Expected hidden(?:\[\d\])? size (\([\d, ]+\)), got (\[[\d, ]+\])", _hidden),
    pattern(r"shape '(\[[-\d, ]+\])' is invalid for input of size (\d+)", _view),
    pattern(
        r"The size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\) at non-singleton dimension (\d+)",
        _elementwise,
    ),
    pattern(r"Expected input batch_size \((\d+)\) to match target batch_size \((\d+)\)", _batch),
    pattern(
        r"(?:Using a t|T)arget size \(torch\.Size\((\[[\d, ]*\])\)\) .*?input size \(torch\.Size\((\[[\d, ]*\])\)\)",
        _loss_shapes,
    ),
    pattern(r"Expected target size (\[[\d, ]+\]), got (\[[\d, ]+\])", _class_dim),
    pattern(
        r"weight tensor should be defined either for all (\d+) classes .*?shape: (\[[\d, ]+\])", _weights
    ),
    pattern(
        r"Expected (\d\w? \(unbatched\) or \d\w? \(batched\)) input to \w+, but got input of size: (\[[\d, ]+\])",
        _dims,
    ),
    pattern(r"expected (\d\w?(?: or \d\w?)?) input \(got (\d\w?) input\)", _dims),
    pattern(r"Expected input to be (\d\w? or \d\w?), got (\d\w?)", _dims),
    pattern(
        r"Calculated padded input size per channel: (\([\d x]+\)). Kernel size: (\([\d x]+\))", _too_small
    ),
    pattern(
        r"Given input size: (\([\dx]+\)). Calculated output size: (\([-\dx]+\)). Output size is too small",
        _too_small,
    ),
    simple(
        r"0D or 1D target tensor expected, multi-target not supported",
        "cross-entropy wants one class index per sample and the target has a further dimension",
        "use y.squeeze(1) on a column of indices, or y.argmax(1) on one-hot codes",
    ),
    simple(
        r"Sizes of tensors must match except in dimension (\d+)\. Expected size (\d+) (?:in dimension \d+ )?but got size (\d+) for tensor number (\d+)",
        "joining along dimension {0}: tensor {3} has size {2} where the first has {1}",
        "make all other dimensions equal (padding, cropping or stride), or join along another dimension",
    ),
    simple(
        r"stack expects each tensor to be equal size, but got (\[[\d, ]*\]) at entry 0 and (\[[\d, ]*\]) at entry (\d+)",
        "stacking samples of different shapes: {0} first, {1} at position {2}",
        "pad or crop the samples to one shape (pad_sequence in the collate_fn, a resize in the dataset)",
    ),
    simple(
        r"Expected more than 1 value per channel when training, got input size torch\.Size\((\[[\d, ]+\])\)",
        "batch normalization gets one value per channel (input {0}): there is nothing to normalize over",
        "use drop_last=True in the DataLoader so that no batch of one remains, or a larger batch",
    ),
    simple(
        r"was expecting embedding dimension of (\d+), but got (\d+)",
        "attention was made for an embedding dimension of {0} and gets {1}",
        "set embed_dim={1}, or project the input to {0} features",
    ),
    simple(
        r"Expected size for first two dimensions of batch2 tensor to be: (\[[\d, ]+\]) but got: (\[[\d, ]+\])",
        "batched matrix product: the second tensor begins with {1} where {0} is needed",
        "transpose its last two dimensions (x.transpose(-2, -1)), or make batch and inner dimension equal",
    ),
    simple(
        r"The expanded size of the tensor \((\d+)\) must match the existing size \((\d+)\) at non-singleton dimension (\d+)",
        "a tensor of size {1} in dimension {2} does not fit into size {0}",
        "make the sizes equal, or 1 where it should be repeated",
    ),
    simple(
        r"einsum\(\): subscript (\w) has size (\d+) for operand (\d+) which does not broadcast with previously seen size (\d+)",
        "einsum: index {0} has size {1} in operand {2} and {3} before",
        "see which index of that operand has size {3}, and name it {0}",
    ),
    simple(
        r"size mismatch, got input \((\d+)\), mat \((\d+)x(\d+)\), vec \((\d+)\)",
        "matrix times vector: the matrix has {2} columns and the vector {3} values",
        "make the length of the vector {2}, or transpose the matrix",
    ),
    simple(
        r"(view size is not compatible with input tensor's size and stride)",
        "view wants values that lie one after the other in memory; after a transpose or permute they do not",
        "use .reshape(...) instead of .view(...); check that the dimensions are in the order you mean",
    ),
    simple(
        r"Dimension out of range \(expected to be in range of \[(-?\d+), (-?\d+)\], but got (-?\d+)\)",
        "dimension {2} is asked for, and the tensor has dimensions {0} to {1} only",
        "use a dimension that exists; a batch or channel dimension may have been squeezed away before",
    ),
    simple(
        r"shape mismatch: value tensor of shape (\[[\d, ]*\]) cannot be broadcast to indexing result of shape (\[[\d, ]*\])",
        "values of shape {0} are assigned to a place of shape {1}",
        "give the values the shape {1}",
    ),
    simple(
        r"For 1D input, 1D target must have size 1, but got target size: (\d+)",
        "the loss gets one sample without a batch dimension and {0} targets",
        "keep the batch dimension of the prediction (do not squeeze it away)",
    ),
    simple(
        r"expected sequence of length (\d+) at dim (\d+) \(got (\d+)\)",
        "a tensor is made of lists of different lengths: {0} and {2} in dimension {1}",
        "pad the lists to one length first",
    ),
    simple(
        r"to be a vector of size equal to the number of channels in input, but got weight of shape \[(\d+)\] and input of shape (\[[\d, ]+\])",
        "a normalization layer was made for {0} channels and gets an input of shape {1}, with the channels in dimension 1",
        "make it for the number of channels in dimension 1 of what it gets",
    ),
    simple(
        r"bilinear\(\): input(\d) size does not match weight size: got (\d+) but expected (\d+)",
        "the bilinear layer was made for {2} features in input {0} and gets {1}",
        "set in{0}_features={1}, or give it inputs with {2} features",
    ),
    simple(
        r"input has inconsistent input_size: got (\d+),? expected (\d+)",
        "the recurrent cell was made for {1} features and gets {0}",
        "set input_size={0}",
    ),
)
