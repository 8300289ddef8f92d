"""The program's DataLoaders, and which of them it trains on."""

import weakref
from typing import Any

from ..evidence import NOWHERE
from .recording import LoaderRecord


class LoaderWatch:
    """Knows the record of every DataLoader. The first one that is iterated before training steps is the training loader.

    Args:
        records: where they are kept.
    """

    def __init__(self, records: list[LoaderRecord]) -> None:
        self.records = records
        self.current: LoaderRecord | None = None
        self._iterators: weakref.WeakKeyDictionary[Any, LoaderRecord] = weakref.WeakKeyDictionary()

    def record(self, loader: Any) -> LoaderRecord:
        """That of a DataLoader; one not seen before is added."""
        for record in self.records:
            if record.loader() is loader:
                return record
        self.records.append(LoaderRecord(weakref.ref(loader), NOWHERE))
        return self.records[-1]

    def iterates(self, iterator: Any, loader: Any) -> None:
        """A DataLoader has handed out an iterator."""
        self._iterators[iterator] = self.record(loader)

    def of(self, iterator: Any) -> LoaderRecord | None:
        """The record of the DataLoader that handed out an iterator."""
        return self._iterators.get(iterator)

    def trains(self) -> None:
        """The program calls backward."""
        if self.current is not None:
            self.current.trained = True

    @property
    def trained(self) -> bool:
        """Whether there is one that was trained on."""
        return any(r.trained for r in self.records)
