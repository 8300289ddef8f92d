"""What of ours stands in the program's way while it is recorded, and how it is taken away again."""

import contextlib
import os
from collections.abc import Callable, Iterator

from .mode import RecordingMode
from .patches import Patches
from .recorder import Recorder
from .sandbox import Below
from .warned import Attribution

# What stays wrapped after the recording: to see an evaluation begin, and for whoever ends the program.
_WATCH = {"train", "__enter__", "__iter__"}
_ENDING = {"backward", "__next__"}


class Presence:
    """The mode that sees torch calls, the wrappers, and what puts the lines of warnings right as long as the mode is there.

    Args:
        recorder: is told of the calls.
        wrap: puts all wrappers in place, where they are not.
    """

    def __init__(self, recorder: Recorder, wrap: Callable[[], None]) -> None:
        self.recorder, self.wrap = recorder, wrap
        self.patches = Patches()
        self.mode = Below(RecordingMode(recorder))
        self._warnings = Attribution()
        self._process = os.getpid()

    @property
    def there(self) -> bool:
        """Whether torch calls are seen."""
        return self.mode.there

    def begin(self) -> None:
        """Record from now on."""
        self.wrap()
        self._insert()
        self.recorder.paused = False

    def stand_aside(self, *, watching: bool, ending: bool, blocks: bool = False) -> None:
        """Record nothing; keep only the wrappers that are needed to see an evaluation begin (``watching``; ``blocks``: also those of no_grad), and to end the program (``ending``)."""
        self.recorder.paused = True
        self._remove()
        kept = (_WATCH if watching else {"train"}) | (_ENDING if ending else set())
        kept |= {"__enter__"} if blocks else set()
        self.patches.undo(keep=lambda name: name in kept)

    def _insert(self) -> None:
        self._warnings.start()
        self.mode.enter()

    def _remove(self) -> None:
        if self.mode.there:
            self.mode.leave()
            self._warnings.stop()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """The program runs a part that must not meet anything of ours (a compiled module, a fused kernel)."""
        before, in_place = self.recorder.paused, self.mode.there
        self.recorder.paused = True
        self._remove()
        self.patches.suspend()
        try:
            yield
        finally:
            self.patches.resume()
            if in_place:
                self._insert()
            self.recorder.paused = before

    def leave_child(self) -> None:
        """This is a process that the program has forked: nothing is recorded in it."""
        self.recorder.paused = True
        with contextlib.suppress(Exception):
            self._remove()
            self.patches.undo()

    def end(self) -> bool:
        """Take everything away. Whether it was there: in a process that was forked it is gone already."""
        self.recorder.paused = True
        if os.getpid() != self._process:
            return False
        self._remove()
        self.mode.sweep()
        self.patches.undo()
        return True
