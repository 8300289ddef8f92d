"""What a remedy is."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..evidence import NOWHERE, Where
from ..rule import Finding
from .source import Change, Refused, Source

Edit = Callable[[Source, Finding], Sequence[Change]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One way to mend a program: an edit of its source at the place that a finding names.

    ``mends`` are codes of rules. ``assumes`` says in words what must hold, and what the edit refuses without. The prose is the docstring of the module.
    ``name`` is kebab-case. ``bends_loss`` says that the loss after it is another than before, so that the two cannot be compared.
    """

    name: str
    mends: tuple[str, ...]
    assumes: str
    bends_loss: bool = False
    _edits: list[Edit] = field(default_factory=list[Edit], repr=False)

    def edit(self, function: Edit) -> Edit:
        """Decorator: this function makes the changes."""
        self._edits.append(function)
        return function

    @property
    def title(self) -> str:
        """First line of its page."""
        module = inspect.getmodule(self._edits[0])
        return inspect.cleandoc(module.__doc__ or "").partition("\n")[0].rstrip(".") if module else self.name

    def apply(self, finding: Finding, source: Source | None = None) -> "Patch":
        """The source with the fault of a finding mended.

        Args:
            finding: what is to be mended; it must know its line.
            source: the file (default: read from where the finding points).

        Raises:
            Refused: the remedy does not hold here; the message says why.
        """
        if finding.code not in self.mends:
            raise Refused(f"{self.name} does not mend {finding.code}")
        if source is None:
            if finding.where.file is None or finding.where.line is None:
                raise Refused("the line of the fault is not known")
            source = Source(Path(finding.where.file))
        changes = self._edits[0](source, finding)
        if not changes:
            raise Refused("there is nothing to change")
        source.changed(changes)
        return Patch(
            remedy=self.name,
            title=self.title,
            codes=(finding.code,),
            where=finding.where,
            bends_loss=self.bends_loss,
            source=source,
            changes=tuple(changes),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """What a remedy changes in one file. ``where`` is the place of the finding that it mends."""

    remedy: str
    title: str
    codes: tuple[str, ...]
    source: Source
    changes: tuple[Change, ...]
    where: Where = NOWHERE
    bends_loss: bool = False

    @property
    def path(self) -> Path:
        """The file."""
        return self.source.path

    @property
    def after(self) -> str:
        """The file's text with the changes made."""
        return self.source.changed(self.changes)


def merged(patches: Sequence[Patch]) -> dict[Path, str]:
    """The files that patches change, with all of their changes made.

    Raises:
        Refused: two of them want to change the same place.
    """
    files: dict[Path, list[Patch]] = {}
    for patch in patches:
        files.setdefault(patch.path, []).append(patch)
    return {
        path: group[0].source.changed(change for patch in group for change in patch.changes)
        for path, group in files.items()
    }
