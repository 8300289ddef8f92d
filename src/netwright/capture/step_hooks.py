"""Functions of ours before and after the step of every optimizer."""

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils.hooks import RemovableHandle

from .compiling import compiling, not_compiled, something_compiled

Hook = Callable[[torch.optim.Optimizer, Any, Any], None]


class StepHooks:
    """A function before and one after the step of every optimizer, as long as they are in place.

    torch walks over one dictionary of all hooks while it calls them. Whoever puts a hook in or takes one away meanwhile, from within a hook, makes the program's step raise
    as soon as the program has hooks of its own there. So all of ours share one entry in it, which stays, and goes away between two steps. A step that the program compiles has the hooks
    compiled into it, and is compiled anew when they change: such a step does not call ours.
    """

    def __init__(self, before: Hook, after: Hook) -> None:
        self._before, self._after = before, after

    def put_in(self) -> None:
        """Call them from now on: both, as they were given."""
        _in_place[self] = self._before, self._after
        _exchange()

    def only_count(self, counts: Hook, *, before: Hook | None = None) -> None:
        """Call this alone from now on, at the end of a step, and by torch itself where nothing else of ours looks at steps: what stands between costs a short step more than the counting.

        ``counts``, and ``before`` that is called before a step if given, look themselves whether a step is being compiled.
        """
        _in_place[self] = before, counts
        _exchange(straight=True)

    def take_out(self) -> None:
        """Call nothing any more."""
        if _in_place.pop(self, None) is not None:
            _exchange()


_in_place: dict[StepHooks, tuple[Hook | None, Hook | None]] = {}
_now: list[Hook] = []  # before and after a step
_handles: list[RemovableHandle] = []
# The function that torch calls hooks from.
_STEP = torch.optim.Optimizer.profile_hook_step(lambda: None).__code__


@not_compiled
def _before_every(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
    if not compiling():
        _now[0](optimizer, args, kwargs)


@not_compiled
def _after_every(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
    if not compiling():
        _now[1](optimizer, args, kwargs)


def _exchange(*, straight: bool = False) -> None:
    _now[:] = [_together([h for pair in _in_place.values() if (h := pair[place])]) for place in (0, 1)]
    if not _handles and _in_place:
        _handles.append(register_optimizer_step_pre_hook(_before_every))
        _handles.append(register_optimizer_step_post_hook(_after_every))
    elif not _in_place and not steps_under_way():
        for handle in _handles:
            handle.remove()
        _handles.clear()
    # Where steps were compiled other functions in torch's dictionaries would have them compiled anew.
    alone = straight and len(_in_place) == 1 and not something_compiled()
    for handle, hook in zip(_handles, _now if alone else (_before_every, _after_every), strict=False):
        hooks = handle.hooks_dict_ref()
        # A new value under a key that is there: whoever walks over the dictionary at this moment does not notice.
        if hooks is not None and handle.id in hooks:
            hooks[handle.id] = hook


def _together(hooks: list[Hook]) -> Hook:
    """One function that calls them all: the only one itself, as every step comes by here."""
    if len(hooks) == 1:
        return hooks[0]

    def every(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        for hook in hooks:
            hook(optimizer, args, kwargs)

    return every if hooks else _nothing


def _nothing(_optimizer: torch.optim.Optimizer, _args: Any, _kwargs: Any) -> None: ...


def steps_under_way() -> int:
    """How many steps the caller is within: more than one where an optimizer's step makes another one's, or that of its base class."""
    found = 0
    frame = sys._getframe(1)
    while frame is not None:
        found += frame.f_code is _STEP
        frame = frame.f_back
    return found


def has_closure(args: Any, kwargs: Any) -> bool:
    """Whether a step is given a closure, by what a hook gets (the first argument is the optimizer)."""
    return any(map(callable, args)) or callable(kwargs.get("closure"))
