"""Warnings that torch attributes to the line that called it: while we stand in between, the user's line is put back."""

import sys
import warnings
from collections.abc import Callable
from typing import Any

from .frames import is_ours, user_frame


class Attribution:
    """Makes ``warnings.showwarning`` name the user's line where torch's ``stacklevel`` ends in a file of ours."""

    def __init__(self) -> None:
        self._original: Callable[..., None] | None = None

    def start(self) -> None:
        """Begin; what was installed before is called with the corrected place."""
        if self._original is None:
            self._original = warnings.showwarning
            warnings.showwarning = self._show

    def stop(self) -> None:
        """End; a hook that somebody else installed meanwhile is left alone."""
        if self._original is not None and warnings.showwarning == self._show:
            warnings.showwarning = self._original
        self._original = None

    def _show(
        self, message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None
    ) -> None:
        if is_ours(filename):
            frame, _, _ = user_frame(sys._getframe(1))
            if frame is not None:
                filename, lineno = frame.f_code.co_filename, frame.f_lineno
        if self._original is not None:
            self._original(message, category, filename, lineno, file, line)
