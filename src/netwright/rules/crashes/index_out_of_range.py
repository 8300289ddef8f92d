"""An index or a label lies outside of what it points into.

## What it measures
The exception that ended the program, if it speaks of an index, a class or a probability out of range: the value, the range, the module with its line, and smallest and largest of the
indices that were passed.

## Why it matters
The program cannot run; on a graphics processor the same fault ends in ``device-side assert triggered`` with no name and a wrong line.

## How to fix
Make the table (embedding, last layer) as large as the largest index plus one, or correct the indices: labels start at 0.

## Known false alarms
None: the exception has happened.

## Source
The messages of PyTorch 2.13, produced by small programs; PyTorch documentation of ``Embedding``, ``CrossEntropyLoss`` and ``BCELoss``.
"""

import re

from ...evidence import Crash, Stats
from ...rule import Finding, Kind, Rule, Severity
from .._crashes import Told, built, config, explain, input_shape, name, pattern, simple

rule = Rule(
    code="NW905",
    name="index-out-of-range",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T6", "T4"),
    explains=("NW106",),
    remedies=("larger-embedding",),
)


def _indices(crash: Crash) -> Stats | None:
    """Statistics of the indices that were passed, if they were measured."""
    return next((t.stats for t in crash.op_args if t.integral and t.stats is not None), None)


def _embedding(crash: Crash, _: "re.Match[str]") -> Told:
    rows, seen = config(crash, "num_embeddings"), _indices(crash)
    if rows is None and len(crash.op_args) > 1:
        tables = [t.shape[0] for t in crash.op_args if t.floating and len(t.shape) == 2]
        rows = tables[0] if tables else None
    size = f" has {rows} rows (indices 0 to {rows - 1})" if isinstance(rows, int) else ""
    got = (
        f" and gets indices from {seen.min:g} to {seen.max:g}"
        if seen is not None
        else " and gets an index outside"
    )
    if seen is not None and seen.min < 0:
        fix = "indices must not be negative: encode missing and padding as a row of their own"
        place = crash.where
    else:
        wanted = f"{seen.max + 1:g}" if seen is not None else "the largest index plus one"
        fix = f"set num_embeddings={wanted} at {built(crash).at} (the size of the vocabulary with all special symbols)"
        place = built(crash)
    return Told(
        f"{name(crash)}{size}{got}",
        fix,
        place,
        (
            ("rows", rows),
            ("highest_index", seen.max if seen else None),
            ("lowest_index", seen.min if seen else None),
        ),
    )


def _target(crash: Crash, match: "re.Match[str]") -> Told:
    label, seen = int(match.group(1)), _indices(crash)
    shape = input_shape(crash)
    classes = shape[1] if shape is not None and len(shape) > 1 else None
    rows = f" has {classes} outputs (classes 0 to {classes - 1})" if classes is not None else ""
    spread = f"; the labels run from {seen.min:g} to {seen.max:g}" if seen is not None else ""
    fix = "make the last layer as wide as there are classes, or number the classes from 0"
    if label < 0:
        fix = f"encode the classes from 0 to C-1; if {label} marks what should not count, pass ignore_index={label}"
    elif classes == 1:
        fix = "for one output and labels 0 and 1 use BCEWithLogitsLoss, or give the last layer one output per class"
    elif classes is not None and seen is not None and seen.min >= 1 and seen.max == classes:
        fix = "the labels start at 1: subtract 1 (y - 1)"
    elif classes is not None and seen is not None:
        fix = f"give the last layer {seen.max + 1:g} outputs, or number the classes from 0 to {classes - 1}"
    return Told(
        f"cross-entropy at {crash.where.at}{rows} and gets label {label}{spread}",
        fix,
        crash.where,
        (("label", label), ("classes", classes)),
    )


def _unit(crash: Crash, match: "re.Match[str]") -> Told:
    which = match.group(1)
    if which == "target":
        return Told(
            f"binary cross-entropy at {crash.where.at} gets labels outside 0 to 1",
            "convert the labels: (y + 1) / 2 for -1 and 1, y - 1 for 1 and 2, y / 255 for masks; for more than two classes use CrossEntropyLoss",
            crash.where,
        )
    return Told(
        f"binary cross-entropy at {crash.where.at} wants probabilities and gets values outside 0 to 1 (raw outputs, or NaN)",
        "use BCEWithLogitsLoss on the raw outputs, or put a sigmoid last",
        crash.where,
    )


def _position(crash: Crash, match: "re.Match[str]") -> Told:
    index, dim, size = (int(g) for g in match.groups())
    return Told(
        f"{crash.op or 'indexing'} at {crash.where.at} takes position {index} of dimension {dim}, which has {size} (0 to {size - 1})",
        "see whether the positions count from 1, and whether the dimension is the one that is meant",
        crash.where,
        (("index", index), ("dimension", dim), ("size", size)),
    )


PATTERNS = (
    pattern(r"index out of range in self", _embedding),
    pattern(r"Target (-?\d+) is out of bounds", _target),
    pattern(r"index (-?\d+) is out of bounds for dimension (\d+) with size (\d+)", _position),
    pattern(r"index (-?\d+) is out of bounds for axis (\d+) with size (\d+)", _position),
    pattern(r"all elements of (input|target) should be between 0 and 1", _unit),
    simple(
        r"Class values must be (smaller than num_classes|non-negative)",
        "one_hot gets a class index that is not {0}",
        "pass the number of classes that there are, and number them from 0",
    ),
    simple(
        r"Index (\d+) of input takes value (-?\d+) which is not in the valid range (\[[\d, ]+\))",
        "the embedding bag has rows {2} and gets index {1}",
        "set num_embeddings to the largest index plus one",
    ),
    simple(
        r"(target out of range)",
        "the loss gets a class index outside of the outputs of the last layer",
        "number the classes from 0, and make the last layer as wide as there are classes",
    ),
    simple(
        r"(device-side assert triggered)",
        "an index or label is out of range on the graphics processor; its line cannot be trusted, because calls there run later than they are written",
        "run once on the CPU (or with CUDA_LAUNCH_BLOCKING=1) to see which; usual causes: labels that start at 1, a vocabulary larger than the embedding",
    ),
)


@rule.check
def check(crash: Crash) -> Finding:
    """Explain a message about an index, a class or a probability out of range."""
    return explain(rule, crash, PATTERNS, "indices from 0 to one less than the size")
