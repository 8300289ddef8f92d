"""Calls at a line of the program: another argument, another function or class, none at all."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch

from ..plan import Setting
from .hooks import Act, At, Hooks, number, words
from .names import owners

_DIGITS = 3  # of a number that is multiplied, as an edit of the source would write it


def argument(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """Gives an argument of a call another value.

    Settings: ``call`` (names, see :mod:`.names`), ``argument`` (of several names the one that the call knows), ``file`` and ``line``; ``value``, or ``factor`` for what is there already, or neither: the argument is left out. With ``was`` only a call in which it has this
    value is changed. ``position`` is where a function that is written in C takes it, counted from 0.
    """
    names = words(settings, "argument")

    def act(original: Act, *args: Any, **kwargs: Any) -> Any:
        given, more = changed(original, args, kwargs, names, settings)
        return original(*given, **more)

    _everywhere(hooks, settings, act)


def changed(
    original: Act,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    names: list[str],
    settings: Mapping[str, Setting],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call with one of them changed as the settings of :func:`argument` say."""
    try:
        signature = inspect.signature(original)
        bound = signature.bind(*args, **kwargs)
    except (TypeError, ValueError):  # written in C, or called in a way that fails by itself
        signature = bound = None
    known = [n for n in names if signature is not None and n in signature.parameters]
    name = (known or names)[0]
    held: dict[str, Any] = bound.arguments if bound is not None else kwargs
    default: Any = inspect.Parameter.empty
    if signature is not None and known:
        default = signature.parameters[name].default
    elif signature is not None:  # def __init__(self, *args, **kwargs)
        loose = [n for n, p in signature.parameters.items() if p.kind is p.VAR_KEYWORD]
        if not loose:
            return args, kwargs
        held = held.setdefault(loose[0], {})
    position = settings.get("position")
    if signature is None and isinstance(position, int) and position < len(args) and "value" in settings:
        return (*args[:position], settings["value"], *args[position + 1 :]), kwargs
    now = held.get(name, default)
    if "was" in settings and now != settings["was"]:
        return args, kwargs
    if "value" in settings:
        value = settings["value"]
        held[name] = tuple(value) if isinstance(value, list) else value
    elif "factor" in settings and isinstance(now, int | float):
        held[name] = float(f"{now * number(settings, 'factor'):.{_DIGITS}g}")
    elif "factor" not in settings:
        held.pop(name, None)
    return (bound.args, bound.kwargs) if bound is not None else (args, kwargs)


def instead(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """Calls something else.

    Settings: ``call`` (names), ``function`` and ``module`` (what is called, or made, instead; where both are missing a function gives back its first argument and a module is an ``nn.Identity``), ``file`` and ``line``.
    """
    at = At.of(hooks, settings)
    for owner, name in _owners(settings):
        if name == "__init__":
            made = getattr(torch.nn, str(settings.get("module", "Identity")))
            hooks.calls.change(owner, name, at, _maker(made))
        else:
            hooks.calls.change(owner, name, at, _function(named(owner, settings.get("function"))))


def named(owner: Any, name: Setting) -> Act | None:
    """The function of a name beside one that ``owner`` holds; some stand in ``torch.nn.functional`` alone."""
    if not isinstance(name, str):
        return None
    return getattr(owner, name, None) or getattr(torch.nn.functional, name)


def _function(other: Act | None) -> Act:
    def act(original: Act, *args: Any, **kwargs: Any) -> Any:
        if other is not None:
            return other(*args, **kwargs)
        return args[0] if args else next(iter(kwargs.values()), None)

    return act


def _maker(made: type) -> Act:
    """An object becomes one of another class before it is initialized, so that the caller holds what it would have made."""

    def act(original: Act, instance: Any, *args: Any, **kwargs: Any) -> None:
        instance.__class__ = made
        made.__init__(instance, *args, **kwargs)

    return act


def exchange_optimizer(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """Makes another optimizer for the same parameters, with the weight decay that was asked for.

    Settings: ``optimizer`` (a class of ``torch.optim``), ``was`` (the class that is exchanged), ``lr``, ``file`` and ``line``.
    """
    made, was, given = exchanged(settings)

    def act(original: Act, instance: Any, *args: Any, **kwargs: Any) -> None:
        bound = inspect.signature(original).bind(instance, *args, **kwargs).arguments
        kept = {k: bound[k] for k in ("weight_decay",) if k in bound}
        instance.__class__ = made
        made.__init__(instance, bound["params"], **given, **kept)

    hooks.calls.change(was, "__init__", At.of(hooks, settings), act)


def exchanged(settings: Mapping[str, Setting]) -> tuple[Any, type, dict[str, Any]]:
    """The class that is made, the one that it is made instead of, and what it is given."""
    made, was = (getattr(torch.optim, str(settings[name])) for name in ("optimizer", "was"))
    return made, was, {"lr": number(settings, "lr")}


def _owners(settings: Mapping[str, Setting]) -> list[tuple[Any, str]]:
    return list(dict.fromkeys(pair for name in words(settings, "call") for pair in owners(name)))


def _everywhere(hooks: Hooks, settings: Mapping[str, Setting], act: Act) -> None:
    at = At.of(hooks, settings)
    for owner, name in _owners(settings):
        hooks.calls.change(owner, name, at, act)
