"""One program under examination: what was asked for, and what is known of it so far."""

import io
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from .config import Config
from .options import RunOptions
from .report.model import Report, Sample
from .rule import Rule

if TYPE_CHECKING:
    from .capture.session import Session
    from .diagnosis import Proof
    from .logbook import Logbook
    from .rehearsal import Made
    from .rerun import Command
    from .vigil import Vigil

    Proofs = Callable[[Command, Report, TextIO], Proof | None]


@dataclass(slots=True)
class Patient:
    """One program under examination, and what is known of it so far."""

    options: RunOptions
    config: Config
    rules: tuple[Rule, ...]
    ignored: Mapping[str, str]
    session: "Session | None" = None
    vigil: "Vigil | None" = None
    evidence: dict[type, object] = field(default_factory=dict[type, object])
    samples: tuple[Sample, ...] = ()
    folder: Path = field(default_factory=Path.cwd)
    environment: dict[str, str] = field(default_factory=dict[str, str])
    command: str = ""
    proofs: "Proofs | None" = None
    notes: list[str] = field(default_factory=list[str])
    traces: list[str] = field(default_factory=list[str])
    started: float = 0.0
    spent: float = 0.0
    deadline: float | None = None
    stops: int = 0
    tried: bool = False
    reran: bool = False
    logbook: "Logbook | None" = None
    optimizers: "dict[int, Made]" = field(default_factory=dict[int, "Made"])
    only_shown: set[type] = field(default_factory=set[type])
    stream: TextIO = field(default_factory=lambda: sys.stderr)

    @property
    def active(self) -> list[Rule]:
        """Rules that are to run."""
        return [r for r in self.rules if r.code not in self.ignored]

    def again(self) -> "Command":
        """How to start the program once more. What it has changed of its environment and working folder by now is not its start."""
        from .rerun import Command

        options = self.options
        return Command(
            target=options.target,
            argv=options.argv,
            is_module=options.is_module,
            folder=self.folder,
            environment=self.environment,
        )

    def where_to(self) -> TextIO:
        """Where the report goes: stderr as it was at the start, whatever the program has put there."""
        for stream in (self.stream, sys.stderr, sys.__stderr__):
            if stream is not None and not stream.closed:
                return stream
        return io.StringIO()
