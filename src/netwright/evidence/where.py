"""Places in the user's own program: a source line, a module, a parameter, a step."""

from dataclasses import dataclass, replace
from pathlib import PurePath


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A place. Every field may be unknown (``None``); ``file`` is an absolute path in the user's own code.

    ``module`` is the dotted path from the root model (``"encoder.layers.0"``), ``""`` for the root itself.
    """

    file: str | None = None
    line: int | None = None
    function: str | None = None
    code: str | None = None
    module: str | None = None
    parameter: str | None = None
    step: int | None = None

    @property
    def at(self) -> str:
        """``"model.py:31"``, or a word saying that the line is unknown."""
        if self.file is None or self.line is None:
            return "(line unknown)"
        return f"{PurePath(self.file).name}:{self.line}"

    @property
    def known(self) -> bool:
        """Whether a source line is known."""
        return self.file is not None and self.line is not None

    def on(
        self, *, module: str | None = None, parameter: str | None = None, step: int | None = None
    ) -> "Where":
        """The same line, with more said about what stands there."""
        return replace(
            self,
            module=self.module if module is None else module,
            parameter=self.parameter if parameter is None else parameter,
            step=self.step if step is None else step,
        )


NOWHERE = Where()
