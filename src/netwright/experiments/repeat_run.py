"""The first steps of the program twice with one seed: do they come to the same, to the last bit?"""

import ast
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from ..evidence import NOWHERE, RepeatRun, Where
from ..rerun import Command, Plan, Trace
from ..rerun.pool import rerun
from ..rule import NotApplicable
from ._reruns import command_of
from .experiment import Experiment, Material
from .progress import Progress, unseen

_STEPS = 50
_FEWEST = 3


def repeat_run(
    command: Command,
    *,
    seconds: float = 60.0,
    data_at: Where = NOWHERE,
    loss_at: Where = NOWHERE,
    progress: Progress = unseen,
) -> RepeatRun:
    """Run the first fifty steps of the unmodified program twice, every generator seeded as the program seeds it (with 0 where it does not), one after the other on as many threads as it uses.

    Args:
        command: how the program was started.
        seconds: time for both runs. Where they do not come that far, the steps that both made are compared.
        data_at: the line that makes the training loader.
        loss_at: the line of the loss.
        progress: called with the share that is done.

    Raises:
        NotApplicable: the program cannot be run again, or hardly a step fits into the time.
    """
    began = time.monotonic()
    plan = Plan(seed=0, steps=_STEPS, evaluate=False, digests=True, same_hashes=False)
    traces: list[Trace] = []
    for copy in range(2):
        left = seconds / 2 if copy == 0 else seconds - (time.monotonic() - began)
        (trace,) = rerun(command, [replace(plan, copy=copy)], at_once=1, seconds=left)
        if trace.ended == "crashed":
            raise NotApplicable(f"run again, the program did not come to its end: {trace.why()}")
        traces.append(trace)
        progress(0.5 * (copy + 1))
    one, two = traces
    steps = min(len(one.points), len(two.points))
    if steps < _FEWEST:
        raise NotApplicable(
            f"only {steps} steps of both runs fit into {seconds:.0f} s (--budget SECONDS gives more)"
        )
    first = next((i for i in range(steps) if _bits(one, i) != _bits(two, i)), None)
    differs = None if first is None else _what(one, two, first)
    suspects = tuple(order_dependent(command, [*one.files])) if differs == "inputs" else ()
    return RepeatRun(
        steps=steps,
        first=first,
        differs=differs,
        losses=None if first is None else (one.points[first].loss, two.points[first].loss),
        suspects=suspects,
        where=loss_at if differs == "computation" else data_at,
        seconds=time.monotonic() - began,
    )


def _bits(trace: Trace, index: int) -> bytes:
    return struct.pack("<d", trace.points[index].loss)


def _what(one: Trace, two: Trace, first: int) -> str:
    """What differed before the losses did."""
    if any(one.points[i].inputs != two.points[i].inputs for i in range(first + 1)):
        return "inputs"
    return "weights" if one.start != two.start else "computation"


def order_dependent(command: Command, files: Iterable[str]) -> Iterator[Where]:
    """Lines of the program that go over a set, or over a listing of a folder that is not sorted."""
    script = str(command.folder / command.target)
    for file in dict.fromkeys([script, *files]):
        if not file.endswith(".py"):
            continue
        try:
            text = Path(file).read_text("utf-8")
            tree = ast.parse(text)
        except (OSError, ValueError, SyntaxError):
            continue
        lines = text.splitlines()
        for line in sorted({node.lineno for node in _unordered(tree)}):
            yield Where(file=file, line=line, code=lines[line - 1].strip())


_TAKES_ORDER = frozenset(("list", "tuple", "enumerate", "iter", "next", "zip", "array", "tensor", "join"))
_LISTS = frozenset(("listdir", "scandir", "glob", "iglob", "rglob", "iterdir"))


def _unordered(tree: ast.AST) -> Iterator[ast.expr]:
    """Expressions whose order is not the same in every run, where something goes over them in order."""
    sets = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _is_set(node.value, frozenset())
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    sorted_ones = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and _name(node) in ("sorted", "len", "set", "frozenset", "sum", "any", "all")
        for argument in node.args
        for inner in ast.walk(argument)
    }
    for node in ast.walk(tree):
        if id(node) in sorted_ones:
            continue
        if isinstance(node, ast.Call) and _name(node) in _LISTS:
            yield node
        given: list[ast.expr] = []
        if isinstance(node, ast.Call) and _name(node) in _TAKES_ORDER:
            given = list(node.args)
        elif isinstance(node, ast.For):
            given = [node.iter]
        elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp):
            given = [g.iter for g in node.generators]
        yield from (g for g in given if id(g) not in sorted_ones and _is_set(g, frozenset(sets)))


def _name(call: ast.Call) -> str:
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _is_set(node: ast.expr, names: frozenset[str]) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in ("set", "frozenset")
    return isinstance(node, ast.Name) and node.id in names


def _of(material: Material, seconds: float, progress: Progress) -> RepeatRun:
    command = command_of(material)
    graph = material.step.capture.graph
    loss_at = graph.nodes[graph.loss].where if graph.loss is not None else graph.backward
    trained = [r.where for r in material.session.recording.loaders if r.trained and r.where.known]
    script = Where(file=str(command.folder / command.target), line=1)
    return repeat_run(
        command,
        seconds=seconds,
        data_at=trained[0] if trained else (loss_at if loss_at.known else script),
        loss_at=loss_at,
        progress=progress,
    )


EXPERIMENT = Experiment(RepeatRun, 0.2, 600.0, _of, reruns=True)
