"""Layers that stand one behind the other in a Sequential."""

import itertools
from collections.abc import Iterator

import libcst as cst

from ..source import Change, Refused, Source, last_name, name_of

LAYERS = ("Linear", "Conv1d", "Conv2d")
ACTIVATIONS = (
    "ReLU",
    "LeakyReLU",
    "ELU",
    "GELU",
    "SiLU",
    "Tanh",
    "Sigmoid",
    "Softplus",
    "ReLU6",
    "Mish",
)


def hidden(source: Source) -> Iterator[tuple[cst.Arg, cst.Arg]]:
    """Every layer of a Sequential with the activation right behind it, where another part follows.

    Raises:
        Refused: the file has no Sequential with such a pair.
    """
    found = False
    for owner in source.every(cst.Call):
        if last_name(owner.func) != "Sequential" or any(a.star or a.keyword for a in owner.args):
            continue
        parts = list(owner.args)
        for layer, activation in itertools.pairwise(parts[:-1]):
            if _makes(layer, LAYERS) and _makes(activation, ACTIVATIONS):
                found = True
                yield layer, activation
    if not found:
        raise Refused("no Sequential of layers and activations is written out in the file")


def _makes(part: cst.Arg, kinds: tuple[str, ...]) -> bool:
    return isinstance(part.value, cst.Call) and last_name(part.value.func) in kinds


def behind(source: Source, part: cst.Arg, made: str) -> Change:
    """Put a module behind a part that another follows: on a line of its own where that stands on one.

    Args:
        source: the file.
        part: the part.
        made: the module as a call, without its library, which is that of the part.
    """
    assert isinstance(part.value, cst.Call)
    owner = source.parent(part)
    assert isinstance(owner, cst.Call)
    library = name_of(part.value.func).rpartition(".")[0]
    text = f"{library}.{made}" if library else made
    following = owner.args[list(owner.args).index(part) + 1]
    start = source.span(following)[0]
    indent = source.indent(following)
    own_line = not indent.strip()
    return Change(start, start, f"{text},{source.newline}{indent}" if own_line else f"{text}, ")


def known(source: Source, part: cst.Arg, name: str) -> None:
    """Whether a module can be made beside a part.

    Raises:
        Refused: its class is not imported.
    """
    assert isinstance(part.value, cst.Call)
    if isinstance(part.value.func, cst.Name) and not any(
        name_of(a.name) == name for a in source.every(cst.ImportAlias)
    ):
        raise Refused(f"{name} is not imported")
