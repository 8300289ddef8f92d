"""Where the program freezes parameters, and where it only seems to."""

import ast
import difflib
import linecache
from collections.abc import Iterator

import torch

from ..capture.frames import is_user_file
from ..capture.trees import tree_of
from ..evidence import NOWHERE, Where
from .observed import Observed

_WISH = "requires_grad"


def frozen_line(observed: Observed, tensor: torch.Tensor) -> Where | None:
    """The line that set ``requires_grad`` of a frozen tensor to False, if it was seen."""
    known = observed.recorder.writes.frozen.get(id(tensor))
    return known[1] if known is not None and known[0]() is tensor and not tensor.requires_grad else None


def vain_freezing(observed: Observed) -> dict[int, tuple[str, Where]]:
    """For each parameter: what was written to freeze it that freezes nothing, and where."""
    found: dict[int, tuple[str, Where]] = {}
    for root in observed.roots():
        for path, module in root.named_modules():
            if vars(module).get(_WISH) is False:
                owner = path or type(module).__name__
                line = _assignment(observed, path.rpartition(".")[2], _WISH)
                for parameter in module.parameters():
                    found[id(parameter)] = (f"{owner}.{_WISH}", line)
        for name, parameter in root.named_parameters():
            for attribute in _misspelt(parameter):
                found[id(parameter)] = (f"{name}.{attribute}", _assignment(observed, "", attribute))
    return found


def _misspelt(parameter: torch.Tensor) -> list[str]:
    """Attributes of the user's own on a parameter that are False and read like ``requires_grad``."""
    own = {k for k, v in vars(parameter).items() if v is False}
    return difflib.get_close_matches(_WISH, own, n=1, cutoff=0.8) if own else []


def _assignment(observed: Observed, owner: str, attribute: str) -> Where:
    """The line of the user's program that assigns False to this attribute, the one on ``owner`` first."""
    lines = [place for file in _files(observed) for place in _assignments(file, attribute)]
    named = [where for where, target in lines if owner and target.rpartition(".")[2] == owner]
    return next(iter(named or [where for where, _ in lines]), NOWHERE)


def _files(observed: Observed) -> list[str]:
    places = [where for _, where in observed.recorder.modules.made_at.values()]
    places += [record.where for record in observed.recording.optimizers]
    files = dict.fromkeys(w.file for w in places if w.file is not None)
    return [f for f in files if is_user_file(f)]


def _assignments(file: str, attribute: str) -> Iterator[tuple[Where, str]]:
    """Lines of a file that assign False to an attribute of this name, with what it is assigned on."""
    tree = tree_of(file)
    for node in ast.walk(tree) if tree is not None else ():
        if (
            not isinstance(node, ast.Assign)
            or not isinstance(node.value, ast.Constant)
            or node.value.value is not False
        ):
            continue
        for target in node.targets:
            if isinstance(target, ast.Attribute) and target.attr == attribute:
                code = linecache.getline(file, node.lineno).strip() or None
                yield Where(file=file, line=node.lineno, code=code), ast.unparse(target.value)
