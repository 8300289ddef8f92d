"""Calls of the recorded steps at a line of the program: another argument, another function, none at all."""

import copy
import inspect
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from ..capture.tape import Call, ModuleFrame, Slot
from ..capture.tape import replace as replaced
from ..evidence import Where
from ..rerun.interventions.calls import changed, exchanged, named
from ..rerun.interventions.hooks import words
from ..rerun.interventions.names import owners
from ..rerun.plan import Setting
from ..rule import NotApplicable
from .iteration import CLIP
from .optimizers import Made, made_otherwise
from .recurrent import batch_first
from .sandbox import Sandbox

_LOADED = (torch.utils.data.DataLoader,)
_CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")
Found = tuple[int, Call]  # place of the step, and one of its calls


def on_line(where: Where | None, settings: Mapping[str, Setting]) -> bool:
    """Whether a place is the line that settings name by ``file`` and ``line``; what they do not name holds everywhere."""
    file, line = settings.get("file"), settings.get("line")
    if where is None or not where.known:
        return file is None and line is None
    mine = file is None or os.path.realpath(str(file)) == os.path.realpath(str(where.file))
    return mine and (line is None or where.line == line)


def argument(sandbox: Sandbox, settings: Mapping[str, Setting]) -> None:
    """Another argument in what is called or made on the line: a function in the step, a module that calls one, an optimizer, a limit of gradients."""
    functions, classes = _named(settings)
    names = words(settings, "argument")
    if any(issubclass(c, torch.optim.Optimizer) for c in classes):
        return _of_optimizers(sandbox, classes, names, settings)
    if any(issubclass(c, torch.optim.lr_scheduler.LRScheduler) for c in classes):
        raise NotApplicable("a schedule shows what it is worth in more steps than were recorded")
    if any(issubclass(c, _LOADED) for c in classes):
        raise NotApplicable("the batches are those that were recorded")
    if any(getattr(f, "__name__", "").startswith("clip_grad") for f in functions):
        return _of_clips(sandbox, settings)
    changes: dict[tuple[int, int], Call] = {}
    for step, call in _calls(sandbox, functions, classes, settings):
        if "batch_first" in names:
            changes[step, call.index] = batch_first(call, settings)
            continue
        args, kwargs = changed(call.func, call.args, dict(call.kwargs), names, settings)
        if (args, kwargs) == (call.args, call.kwargs):
            continue  # it does not have the argument, or has this value
        changes[step, call.index] = replace(call, args=args, kwargs=kwargs)
        if "padding_idx" in names:
            _zero_row(sandbox, call, settings)
    _rewrite(sandbox, changes)
    return None


def instead(sandbox: Sandbox, settings: Mapping[str, Setting]) -> None:
    """Something else is called on the line, or an object of another class made there; what sets weights there does not."""
    functions, classes = _named(settings)
    if any(w.startswith("nn.init") for w in words(settings, "call")):
        return _initialized(sandbox, settings)
    changes: dict[tuple[int, int], Call] = {}
    for step, call in _calls(sandbox, functions, (), settings):
        other = _home(call.func, settings.get("function"))
        changes[step, call.index] = _other(_as_given(call), other) if other else _other(call, _first)
    made = getattr(torch.nn, str(settings.get("module", "Identity")))
    for step, call in _calls(sandbox, (), classes, settings):
        if sum(c.frame is call.frame for c in sandbox.captures[step].tape.calls) != 1:
            raise NotApplicable("what the module on the line does is more than one call")
        other = _home(call.func, settings.get("function"))
        changes[step, call.index] = _other(_as_given(call), other) if other else _other(call, _once(made()))
    _rewrite(sandbox, changes)
    return None


def exchange_optimizer(sandbox: Sandbox, settings: Mapping[str, Setting]) -> None:
    """Another optimizer for the same parameters."""
    kind, was, given = exchanged(settings)
    done = False
    for made in sandbox.made.values():
        if issubclass(made.kind, was) and on_line(made.where, settings):
            usual = inspect.signature(made.kind).parameters["weight_decay"].default
            kept = {k: v for k, v in made.settings.items() if k == "weight_decay" and v != usual}
            made.kind, made.settings, done = kind, {**given, **kept}, True
    if not done:
        raise NotApplicable("no such optimizer is made on the line")


def through(
    sandbox: Sandbox, step: int, start: int, end: int, value: int, change: Callable[[Any], Any]
) -> None:
    """Let a value be changed on its way into every call between two of a step."""

    def slot(item: object) -> object:
        return Slot(value, change) if isinstance(item, Slot) and item.value == value else item

    changes: dict[tuple[int, int], Call] = {}
    for call in sandbox.captures[step].tape.calls:
        if start <= call.index < end and value in call.reads:
            args, kwargs = replaced(call.args, slot), replaced(call.kwargs, slot)
            assert isinstance(args, tuple) and isinstance(kwargs, dict)
            changes[step, call.index] = replace(call, args=args, kwargs=kwargs)
    _rewrite(sandbox, changes)


def behind(sandbox: Sandbox, layers: Sequence[torch.nn.Module], change: Callable[[Any], Any]) -> None:
    """Let what comes out of layers be changed, each of which is one call of torch's."""
    changes: dict[tuple[int, int], Call] = {}
    for layer in layers:
        found = [(s, c) for s, c in _every(sandbox) if c.frame is not None and c.frame.module() is layer]
        for step, call in found:
            if sum(c.frame is call.frame for c in sandbox.captures[step].tape.calls) != 1:
                raise NotApplicable("a layer is more than one call")
            changes[step, call.index] = _other(call, _then(call.func, change))
        if not found:
            raise NotApplicable("a layer is not called in a recorded step")
    _rewrite(sandbox, changes)


def without(sandbox: Sandbox, name: str, settings: Mapping[str, Setting]) -> None:
    """Let calls of a name on the line, where there are any, give back what they get."""
    found = [(s, c) for s, c in _every(sandbox) if c.name == name and on_line(c.where, settings)]
    sandbox.rewrite({(s, c.index): _other(c, _first) for s, c in found})


def _named(settings: Mapping[str, Setting]) -> tuple[list[Any], tuple[type, ...]]:
    """The functions and the classes that settings call by name."""
    functions: list[Any] = []
    classes: list[type] = []
    for owner, attribute in (pair for name in words(settings, "call") for pair in owners(name)):
        if attribute == "__init__":
            classes.append(owner)
        else:
            functions.append(getattr(owner, attribute))
    return functions, tuple(classes)


def _every(sandbox: Sandbox) -> Iterator[Found]:
    for step, capture in enumerate(sandbox.captures):
        for call in capture.tape.calls:
            yield step, call


def _calls(
    sandbox: Sandbox, functions: Sequence[Any], classes: tuple[type, ...], settings: Mapping[str, Setting]
) -> Iterator[Found]:
    """Calls of functions on the line by the program itself, and by modules of torch's that were made there."""
    recorder = sandbox.session.recorder
    for step, call in _every(sandbox):
        if any(call.func is f for f in functions) and _by_itself(call) and on_line(call.where, settings):
            yield step, call
        elif classes and call.tainted and call.frame is not None and not _inside(call.frame):
            module = call.frame.module()
            if (
                module is not None
                and isinstance(module, classes)
                and on_line(recorder.modules.made_where(module), settings)
            ):
                yield step, call


def _inside(frame: ModuleFrame) -> bool:
    """Whether a module is a part that another of torch's has made for itself: it is none of those that the program makes on the line."""
    parent = frame.parent
    while parent is not None and parent.torch_own:
        if parent.type not in _CONTAINERS:
            return True
        parent = parent.parent
    return not frame.torch_own


def _by_itself(call: Call) -> bool:
    """Whether the program makes the call, and no library on its behalf."""
    return all(name == getattr(call.func, "__name__", "") for name in call.via)


def _rewrite(sandbox: Sandbox, changes: dict[tuple[int, int], Call]) -> None:
    if not changes:
        raise NotApplicable("no recorded step has such a call on the line")
    sandbox.rewrite(changes)


def _other(call: Call, function: Callable[..., Any]) -> Call:
    return replace(call, func=function, inplace=False)


def _as_given(call: Call) -> Call:
    """A call without the arguments that have their default: it was recorded with all of them, and another function does not know each."""
    try:
        known = inspect.signature(call.func).parameters
    except (TypeError, ValueError):  # written in C, which is recorded as it was called
        return call
    plain = {n: v for n, v in call.kwargs.items() if v is None or isinstance(v, int | float | str)}
    usual = {n for n, v in plain.items() if n in known and v == known[n].default}
    return replace(call, kwargs={n: v for n, v in call.kwargs.items() if n not in usual})


def _first(*args: Any, **kwargs: Any) -> Any:
    return args[0] if args else next(iter(kwargs.values()))


def _once(module: torch.nn.Module) -> Callable[..., Any]:
    return lambda *args, **kwargs: module.forward(_first(*args, **kwargs))


def _then(function: Callable[..., Any], change: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: change(function(*args, **kwargs))


def _home(function: Any, other: Setting) -> Callable[..., Any] | None:
    """The function of another name that stands where one does."""
    homes = (o for o, n in owners(getattr(function, "__name__", "")) if getattr(o, n) is function)
    return next((named(home, other) for home in homes), None)


def _of_optimizers(
    sandbox: Sandbox, classes: tuple[type, ...], names: list[str], settings: Mapping[str, Setting]
) -> None:
    def change(made: Made) -> bool:
        if not issubclass(made.kind, classes) or not on_line(made.where, settings):
            return False
        signature = inspect.signature(made.kind)
        given = {k: v for k, v in made.settings.items() if k in signature.parameters}
        args, kwargs = changed(made.kind, ((),), given, names, settings)
        made.settings = dict(signature.bind(*args, **kwargs).arguments)
        made.settings.pop(next(iter(signature.parameters)), None)
        return True

    made_otherwise(sandbox.made, sandbox.session, change=change)


def _of_clips(sandbox: Sandbox, settings: Mapping[str, Setting]) -> None:
    limit = settings.get("value")
    places = [i for i, a in enumerate(sandbox.acts) if a.does == CLIP and on_line(a.where, settings)]
    if not places or not isinstance(limit, int | float):
        raise NotApplicable("gradients are not clipped on the line")
    for place in places:
        sandbox.acts[place] = replace(sandbox.acts[place], limit=float(limit))


def _zero_row(sandbox: Sandbox, call: Call, settings: Mapping[str, Setting]) -> None:
    """An embedding that knows of padding begins with zeros there."""
    module = call.frame.module() if call.frame is not None else None
    weight, row = getattr(module, "weight", None), settings.get("value")
    if isinstance(weight, torch.Tensor) and id(weight) in sandbox.start and isinstance(row, int):
        value = sandbox.start[id(weight)].clone()
        value[row] = 0
        sandbox.begin_with(id(weight), value)


def _initialized(sandbox: Sandbox, settings: Mapping[str, Setting]) -> None:
    """What the line sets begins as its layer makes it. The random numbers are others than those that the program drew: this form agrees in distribution, and not to the last bit."""
    recorder, done = sandbox.session.recorder, False
    for network in recorder.modules.networks.values():
        for module in network.modules():
            for name, parameter in module.named_parameters(recurse=False):
                writes = recorder.writes.first_to(_storage(parameter))
                if id(parameter) in sandbox.start and any(on_line(w, settings) for _, w, _ in writes):
                    sandbox.begin_with(id(parameter), _default(module, name))
                    done = True
    if not done:
        raise NotApplicable("the line sets no weights of a recorded step")


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage()._cdata  # pyright: ignore[reportPrivateUsage]


def _default(module: torch.nn.Module, name: str) -> torch.Tensor:
    anew = copy.deepcopy(module)
    reset: Any = getattr(anew, "reset_parameters", None)
    if not callable(reset) or not type(module).__module__.startswith("torch."):
        raise NotApplicable(f"how {type(module).__name__} makes its weights is not known")
    reset()
    return getattr(anew, name)
