"""The size of the batches that the training loop gets."""

import libcst as cst

from .._loops import training_loop
from .._settings import number_of, set_setting
from ..source import Change, Refused, Source, last_name, name_of


def resized(source: Source, factor: float) -> list[Change]:
    """Batches of another size in training alone.

    Args:
        source: the file.
        factor: what the size is multiplied by.

    Raises:
        Refused: the loader is not seen, or its batch size is not given, or cannot become smaller.
    """
    loop = training_loop(source)
    over = loop.batches.iter
    while isinstance(over, cst.Call) and last_name(over.func) in ("tqdm", "enumerate") and over.args:
        over = over.args[0].value
    call, keyword, position = _maker(source, over)
    size = number_of(source, call, keyword, position)
    given = source.argument(call, keyword, position)
    if size is None and given is not None and name_of(given.value) != "None":
        return [source.replace(given.value, _scaled(source, given.value, factor))]
    new = int(size * factor) if size is not None and size == int(size) else 0
    if new < 1 or new == size:
        raise Refused("the batch size is not given, or cannot become smaller")
    return [set_setting(source, call, keyword, str(new), position)]


def _scaled(source: Source, value: cst.BaseExpression, factor: float) -> str:
    """An expression for a batch size, times a factor."""
    text = source.code(value)
    if not isinstance(value, cst.Name | cst.Attribute | cst.Subscript | cst.Call):
        text = f"({text})"
    return f"{text} // {round(1 / factor)}" if factor < 1 else f"{round(factor)} * {text}"


def _maker(source: Source, over: cst.BaseExpression) -> tuple[cst.Call, str, int]:
    """The call that a batch size is an argument of: ``DataLoader(data, 64)``, ``torch.randperm(n).split(64)``."""
    if isinstance(over, cst.Name | cst.Attribute):
        name = name_of(over)
        made = [
            a.value for a in source.every(cst.Assign) if any(name_of(t.target) == name for t in a.targets)
        ]
        if len(made) == 1:
            over = made[0]
    if isinstance(over, cst.Call) and last_name(over.func) == "DataLoader":
        return over, "batch_size", 1
    if isinstance(over, cst.Call) and last_name(over.func) == "split" and len(over.args) == 1:
        return over, "split_size", 0
    raise Refused("what the training loop goes through is no DataLoader of this file")
