"""Two number types do not go together.

## What it measures
The exception that ended the program, if it speaks of dtypes: the two types, the module or call that raised, and its line.

## Why it matters
The program cannot run. The usual causes: numpy makes float64 where networks hold float32; class indices must be int64; losses on numbers want floats.

## How to fix
Convert where the data is made: ``.float()`` for inputs and regression targets, ``.long()`` for class indices.

## Known false alarms
None: the exception has happened.

## Source
The messages of PyTorch 2.13, produced by small programs.
"""

import re

from ...evidence import Crash
from ...rule import Finding, Kind, Rule, Severity
from .._crashes import Told, explain, name, pattern, simple

rule = Rule(
    code="NW902",
    name="dtype-mismatch",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T6", "T4"),
    remedies=("convert-input",),
)

_WORDS = {
    "double": "float64",
    "float": "float32",
    "half": "float16",
    "long": "int64",
    "long int": "int64",
    "int": "int32",
    "byte": "uint8",
    "unsigned char": "uint8",
    "char": "int8",
    "bfloat16": "bfloat16",
    "c10::half": "float16",
    "c10::bfloat16": "bfloat16",
}


def word(text: str) -> str:
    """torch's word for a dtype as a user writes it (``Double`` is ``float64``)."""
    plain = text.strip().removeprefix("torch.").removesuffix("Tensor").lower()
    return _WORDS.get(plain, plain)


def _two(crash: Crash, match: "re.Match[str]") -> Told:
    got, want = word(match.group(1)), word(match.group(2))
    wanted = want if got in ("float64", "int64", "uint8", "int32", "bool") else got
    fix = (
        f"convert the input: x.to(torch.{wanted})" if wanted != "float32" else "convert the input: x.float()"
    )
    if got == "float64":
        fix += " (numpy arrays are float64: .astype('float32') or torch.tensor(a, dtype=torch.float32))"
    if {got, want} & {"float16", "bfloat16"}:
        fix = "let autocast choose the types (no .half() on inputs or network), or convert both to one type"
    return Told(
        f"{name(crash)} gets {got} and holds {want}",
        fix,
        crash.where,
        (("got", got), ("wanted", want)),
    )


def _scalar(crash: Crash, match: "re.Match[str]") -> Told:
    want, got = word(match.group(1)), word(match.group(2))
    if crash.phase == "forward":
        return _fixed(crash, f"{name(crash)} wants {want} and gets {got}", got, want)
    return _fixed(
        crash, f"{crash.op or 'the call'} at {crash.where.at} wants {want} and gets {got}", got, want
    )


def _scalar_swapped(crash: Crash, match: "re.Match[str]") -> Told:
    got, want = word(match.group(1)), word(match.group(2))
    return _fixed(
        crash, f"{crash.op or 'the loss'} at {crash.where.at} wants {want} and gets {got}", got, want
    )


def _fixed(crash: Crash, message: str, got: str, want: str) -> Told:
    method = {"int64": ".long()", "float32": ".float()", "float64": ".double()"}.get(
        want, f".to(torch.{want})"
    )
    if {got, want} == {"float32", "float64"}:
        method = ".float()"
    return Told(message, f"convert with {method}", crash.where, (("got", got), ("wanted", want)))


def _class_target(crash: Crash, match: "re.Match[str]") -> Told:
    got = word(match.group(1))
    return Told(
        f"the class indices at {crash.where.at} are {got}, and cross-entropy wants int64",
        "convert the target: y.long(); for real numbers as target use MSELoss",
        crash.where,
        (("got", got), ("wanted", "int64")),
    )


def _index(crash: Crash, match: "re.Match[str]") -> Told:
    got = word(match.group(2))
    return Told(
        f"{name(crash)} wants whole numbers as {match.group(1)} and gets {got}",
        "convert the indices: x.long()",
        crash.where,
        (("got", got), ("wanted", "int64")),
    )


def _recurrent(crash: Crash, match: "re.Match[str]") -> Told:
    got, want = word(match.group(1)), word(match.group(2))
    return _fixed(crash, f"{name(crash)} gets {got} and holds {want}", got, want)


def _cast(crash: Crash, match: "re.Match[str]") -> Told:
    result, stored = word(match.group(1)), word(match.group(2))
    return Told(
        f"{crash.op or 'the call'} at {crash.where.at} must store {result} results in {stored}: one side is of whole numbers",
        "convert the whole numbers with .float() (in binary losses that is the target)",
        crash.where,
        (("result", result), ("stored", stored)),
    )


PATTERNS = (
    pattern(r"mat1 and mat2 must have the same dtype, but got (\w+) and (\w+)", _two),
    pattern(r"expected m1 and m2 to have the same dtype, but got: ([\w: ]+) != ([\w: ]+)", _two),
    pattern(r"Input type \(([\w: ]+)\) and (?:bias|weight) type \(([\w: ]+)\) should be the same", _two),
    pattern(r"RNN input dtype \(([\w.]+)\) does not match weight dtype \(([\w.]+)\)", _recurrent),
    pattern(r"expected target dtype to be Long or Byte, but got (\w+)", _class_target),
    pattern(r"[Ee]xpected scalar type (\w+) but found (\w+)", _scalar),
    pattern(r"Found dtype (\w+) but expected (\w+)", _scalar_swapped),
    pattern(r"result type (\w+) can't be cast to the desired output type (\w+)", _cast),
    pattern(
        r"Expected tensor for argument #\d+ '(\w+)' to have one of the following scalar types: Long, Int; but got ([\w.]+)",
        _index,
    ),
    simple(
        r"Expected floating point type for target with class probabilities, got (\w+)",
        "the target has the shape of the prediction, so cross-entropy takes it for probabilities, and it holds whole numbers",
        "pass class indices (y.argmax(1)) or convert the one-hot codes with y.float()",
    ),
    simple(
        r"one_hot is only applicable to index tensor",
        "one_hot gets real numbers instead of class indices",
        "convert the indices: y.long()",
    ),
    simple(
        r"(mixed dtype \(CPU\))",
        "a normalization layer and its input have different types (usually float64 data from numpy)",
        "convert the input: x.float()",
    ),
    simple(
        r"\"(\w+)\" not implemented for '(\w+)'",
        "{0} does not exist for {1} numbers",
        "convert before it: .float() for computation, .long() for indices",
    ),
    simple(
        r"(\w+)\(\): could not infer output dtype\. Input dtype must be either a floating point or complex dtype\. Got: (\w+)",
        "{0} of whole numbers ({1})",
        "convert before it: x.float().{0}()",
    ),
    simple(
        r"(Only Tensors of floating point and complex dtype can require gradients)",
        "a tensor of whole numbers is asked to require gradient",
        "make it of real numbers: torch.tensor(..., dtype=torch.float32)",
    ),
    simple(
        r"can't convert np\.ndarray of type ([\w.]+)",
        "a numpy array of type {0} has no counterpart in torch: it mixes numbers with text or None, or has rows of different lengths",
        "make it an array of numbers first: a.astype('float32') (encode text columns, fill missing values)",
    ),
    simple(
        r"(tensors used as indices must be long|gather\(\): Expected dtype int32/int64 for index)",
        "real numbers are used as indices",
        "convert the indices: i.long()",
    ),
    simple(
        r"self \((\w+)\) and source \((\w+)\) must have the same scalar type",
        "{1} values are written into a tensor of {0}",
        "convert the values to the type of the tensor they go into",
    ),
    simple(
        r"Expected query, key, and value to have the same dtype, but got query\.dtype: (\w+) key\.dtype: (\w+) and value\.dtype: (\w+)",
        "attention gets query, key and value of types {0}, {1} and {2}",
        "convert them to one type",
    ),
    simple(
        r"(Subtraction, the `-` operator, with two bool tensors is not supported|Subtraction, the `-` operator, with a bool tensor)",
        "truth values are subtracted",
        "convert before it: mask.float(), or use ~mask for the opposite",
    ),
    simple(
        r"argument '(\w+)' \(position \d+\) must be Tensor, not ([\w.]+)",
        "argument {0} is a {1} and must be a tensor",
        "convert it: torch.as_tensor(x, dtype=torch.float32) (class indices: dtype=torch.int64); of a tuple take the part that is meant",
    ),
)


@rule.check
def check(crash: Crash) -> Finding:
    """Explain a message about dtypes."""
    return explain(rule, crash, PATTERNS, "one type on both sides")
