"""Class-level patches that are in place only while something is being recorded, and are taken back afterwards."""

import functools
import types
from collections.abc import Callable
from typing import Any

Make = Callable[[Callable[..., Any]], Callable[..., Any]]


class Patches:
    """Replaces attributes of classes and modules by wrappers, and puts the originals back.

    An attribute that somebody else replaced in the meantime is left alone on the way back.
    """

    def __init__(self) -> None:
        self._wanted: dict[tuple[int, str], tuple[Any, str, Make]] = {}
        self._done: dict[tuple[int, str], tuple[Any, str, object, object, bool]] = {}

    def wrap(self, owner: Any, name: str, make: Make) -> None:
        """Replace ``owner.name`` by ``make(original)``, once. A missing attribute is passed over."""
        key = (id(owner), name)
        if key in self._done or not hasattr(owner, name):
            return
        own = name in vars(owner)
        raw = vars(owner).get(name)
        original = getattr(owner, name)
        wrapper: object
        if isinstance(raw, classmethod | types.ClassMethodDescriptorType):
            inner: Callable[..., Any] = raw.__func__ if isinstance(raw, classmethod) else _unbound(raw)
            wrapper = classmethod(functools.wraps(inner)(make(inner)))
        else:
            wrapper = functools.wraps(original)(make(original))
        setattr(owner, name, wrapper)
        self._wanted[key] = (owner, name, make)
        self._done[key] = (owner, name, raw if own else original, vars(owner)[name], own)

    def suspend(self) -> None:
        """Put everything back for a moment; :meth:`resume` wraps it again."""
        for key in reversed(list(self._done)):
            self._restore(key)

    def resume(self) -> None:
        """Wrap again what :meth:`suspend` put back."""
        for owner, name, make in list(self._wanted.values()):
            self.wrap(owner, name, make)

    def undo(self, keep: Callable[[str], bool] = lambda _: False) -> None:
        """Put back everything for good, but for the attributes whose name ``keep`` holds for."""
        for key in reversed(list(self._done)):
            if not keep(key[1]):
                self._restore(key)
                self._wanted.pop(key, None)

    def _restore(self, key: tuple[int, str]) -> None:
        target, attribute, original, wrapper, own = self._done.pop(key)
        if vars(target).get(attribute) is not wrapper:
            return
        if own:
            setattr(target, attribute, original)
        else:
            delattr(target, attribute)


def _unbound(method: types.ClassMethodDescriptorType) -> Callable[..., Any]:
    """A class method written in C (torch 2.14: ``autograd.Function.apply``) as a function of the class it is called on."""

    @functools.wraps(method)
    def call(owner: type, *args: Any, **kwargs: Any) -> Any:
        return method.__get__(None, owner)(*args, **kwargs)

    return call
