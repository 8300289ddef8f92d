"""Exchange of the optimizer, with the parameters and the weight decay that it has."""

import libcst as cst

from ..source import Change, Refused, Source, last_name, name_of


def exchanged(
    source: Source, call: cst.Call, old: tuple[str, ...], new: str, settings: str, *, decay: bool = True
) -> Change:
    """The call anew.

    Args:
        source: the file.
        call: makes the optimizer.
        old: the classes that may be exchanged.
        new: the class to take.
        settings: arguments of the new one.
        decay: keep the weight decay that is written.

    Raises:
        Refused: it is none of these classes, or its arguments are not understood.
    """
    library = name_of(call.func).rpartition(".")[0]
    if last_name(call.func) not in old or not (library or imported(source, new)):
        raise Refused(f"the optimizer is none of {', '.join(old)}, or {new} is not at hand")
    positional = [a for a in call.args if a.keyword is None]
    if any(a.star for a in call.args) or "#" in source.code(call) or len(positional) > 2:
        raise Refused("the arguments of the optimizer are not all understood")
    parameters, kept = source.argument(call, "params", 0), source.argument(call, "weight_decay")
    if parameters is None or "lr" in source.code(parameters.value):
        raise Refused("the parameters have rates of their own")
    rest = f", weight_decay={source.code(kept.value)}" if decay and kept is not None else ""
    name = f"{library}.{new}" if library else new
    return source.replace(call, f"{name}({source.code(parameters.value)}, {settings}{rest})")


def imported(source: Source, name: str) -> bool:
    """Whether a class is imported by its name."""
    return any(name_of(a.name) == name for a in source.every(cst.ImportAlias))
