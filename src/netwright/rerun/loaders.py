"""The DataLoaders of a program that is run again: which are trained on, a part of one in place of all of it, an epoch that ends early."""

import os
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _BaseDataLoaderIter

from ..capture.frames import construction_where
from ..evidence import Where
from .interventions import Hooks
from .metrics import Seen
from .plan import Plan
from .subset import population, take, whole_reason
from .trace import LoaderUse


class Loader:
    """One DataLoader of the program while it runs."""

    __slots__ = (
        "evaluated",
        "file",
        "kept",
        "line",
        "loader",
        "samples",
        "trained",
        "turn",
        "why",
        "yielded",
    )

    def __init__(self, loader: Any, turn: int, file: str | None, line: int | None) -> None:
        self.loader = weakref.ref(loader)
        self.turn, self.file, self.line = turn, file, line
        self.trained = self.yielded = self.evaluated = False
        self.kept: int | None = None
        self.why = whole_reason(loader)
        indices = None if self.why else population(loader.sampler)
        self.samples = len(indices) if indices is not None else None

    def use(self) -> LoaderUse:
        """As plain data."""
        return LoaderUse(
            turn=self.turn,
            file=self.file,
            line=self.line,
            samples=self.samples,
            trained=self.trained,
            kept=self.kept,
            why_whole=self.why,
        )


class Loaders:
    """All of them, in the order in which they are made.

    Args:
        plan: with the subset to take.
        hooks: interventions that want to see loaders.
        seen: told which loader an evaluation's batches come from.
        real: the path that a path in the working folder stands for.
        ends: whether the steps wanted are made, so that the epoch ends.
        aside: a context in which our function mode is not there.
    """

    def __init__(
        self,
        plan: Plan,
        hooks: Hooks,
        seen: Seen,
        *,
        real: Callable[[str], str],
        ends: Callable[[], bool],
        aside: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.plan, self.hooks, self.seen = plan, hooks, seen
        self.real, self.ends, self.aside = real, ends, aside
        self.made: list[Loader] = []
        self._iterators: weakref.WeakKeyDictionary[Any, Loader] = weakref.WeakKeyDictionary()
        self._home = (os.getpid(), threading.get_ident())

    def start(self) -> None:
        """Wrap what makes loaders and what they do."""
        wrap = self.hooks.patches.wrap
        wrap(DataLoader, "__init__", self._init)
        wrap(DataLoader, "__iter__", self._iter)
        wrap(_BaseDataLoaderIter, "__next__", self._next)

    def trained(self) -> None:
        """A backward pass: what was handed out before it is trained on."""
        for record in self.made:
            record.trained = record.trained or record.yielded
            record.yielded = False

    def evaluated(self) -> None:
        """An evaluation pass: what was handed out before it may be used up by it."""
        given = [r for r in self.made if r.yielded]
        if given:
            self.seen.loader = given[-1].turn
        for record in given:
            record.evaluated = True

    def _elsewhere(self) -> bool:
        return self._home != (os.getpid(), threading.get_ident())

    def _init(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __init__(loader: Any, *args: Any, **kwargs: Any) -> None:
            self.hooks.calls.within(DataLoader, "__init__", original, sys._getframe(1))(
                loader, *args, **kwargs
            )
            if not self._elsewhere():
                self._note(loader, construction_where(loader, 2))
                for made in self.hooks.loader:
                    made(loader)

        return __init__

    def _note(self, loader: Any, where: Where) -> None:
        file = self.real(where.file) if where.file else None
        record = Loader(loader, len(self.made), file, where.line)
        self.made.append(record)
        subset = self.plan.subset
        if subset is None or record.why is not None:
            return
        known = subset.loader
        alike = (record.file, record.line, record.samples) == (known.file, known.line, known.samples)
        if record.turn == known.turn if subset.by_turn else alike:
            record.kept = take(loader, subset)

    def _record(self, loader: Any) -> Loader | None:
        return next((r for r in self.made if r.loader() is loader), None)

    def _iter(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __iter__(loader: Any) -> Any:
            iterator = original(loader)
            record = self._record(loader)
            if record is not None:
                self._iterators[iterator] = record
            return iterator

        return __iter__

    def _next(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __next__(iterator: Any) -> Any:
            record = self._iterators.get(iterator)
            if record is None or self._elsewhere():
                return original(iterator)
            if record.trained and self.ends() and getattr(iterator, "_num_yielded", 0) > 0:
                raise StopIteration  # the epoch ends here, so that the program comes to its evaluation
            with self.aside():
                batch = original(iterator)
            for other in self.made:  # what an evaluation has used up is not trained on
                other.yielded = other.yielded and not other.evaluated
            record.yielded, record.evaluated = True, False
            return batch

        return __next__
