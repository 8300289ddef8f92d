"""What a remedy is."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..evidence import NOWHERE, Where
from ..rerun import Intervention
from ..rule import Finding
from .source import Change, Refused, Source

Edit = Callable[[Source, Finding], Sequence[Change]]
Hook = Callable[[Finding], Intervention]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One way to mend a program: an edit of its source at the place that a finding names, and for some the same at the hooks of a re-run.

    ``mends`` are codes of rules. ``assumes`` says in words what must hold, and what the edit refuses without. The prose is the docstring of the module.
    ``name`` is kebab-case. ``bends_loss`` says that the loss after it is another than before, so that the two cannot be compared, ``bends_training`` that
    the loss in training is (it is of other samples, or of less noise), and that of an evaluation is not, ``late`` that what it is worth may show only at the end of a training (a smaller rate, a schedule,
    regularization), ``for_rare`` that it trades right answers of a large class for those of rare ones, so that an accuracy over all samples says little of what it is worth. ``beyond_step`` says why it cannot be rehearsed on recorded steps though it can be made at hooks: it changes what is in none of them.
    """

    name: str
    mends: tuple[str, ...]
    assumes: str
    bends_loss: bool = False
    bends_training: bool = False
    late: bool = False
    for_rare: bool = False
    beyond_step: str = ""
    _edits: list[Edit] = field(default_factory=list[Edit], repr=False)
    _hooks: list[Hook] = field(default_factory=list[Hook], repr=False)
    _steps: list[Hook] = field(default_factory=list[Hook], repr=False)

    def edit(self, function: Edit) -> Edit:
        """Decorator: this function makes the changes."""
        self._edits.append(function)
        return function

    def hook(self, function: Hook) -> Hook:
        """Decorator: this function names the intervention that does the same in a re-run of the program as it is."""
        self._hooks.append(function)
        return function

    def on_steps(self, function: Hook) -> Hook:
        """Decorator: this function names the intervention that does the same on copies of the recorded steps, where that of a re-run is none that can be made on them."""
        self._steps.append(function)
        return function

    @property
    def steps(self) -> tuple[Hook, ...]:
        """What names the intervention on copies of the recorded steps: first what is made for them, then that of a re-run."""
        return (*self._steps, *self._hooks)

    @property
    def rehearses(self) -> bool:
        """Whether it can be tried on copies of the recorded steps."""
        return bool(self.steps) and not self.beyond_step

    @property
    def hooks(self) -> bool:
        """Whether it can be tried without an edit."""
        return bool(self._hooks)

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
            bends_training=self.bends_training,
            late=self.late,
            for_rare=self.for_rare,
            source=source,
            changes=tuple(changes),
        )

    def treat(self, finding: Finding, *, why: str = "") -> "Treatment":
        """The same without an edit, for a source that is not understood.

        Args:
            finding: what is to be mended.
            why: why the edit refuses.

        Raises:
            Refused: it cannot be done at hooks, or not here.
        """
        if finding.code not in self.mends:
            raise Refused(f"{self.name} does not mend {finding.code}")
        if not self._hooks:
            raise Refused("it can be tried by an edit alone")
        return self._treatment(finding, self._hooks[0](finding), why)

    def rehearsed(self, finding: Finding) -> "Treatment":
        """The same on copies of the recorded steps.

        Raises:
            Refused: it has no such form, or not here.
        """
        if finding.code not in self.mends:
            raise Refused(f"{self.name} does not mend {finding.code}")
        if self.beyond_step or not self.steps:
            raise Refused(self.beyond_step or "it has no form on a recorded step")
        return self._treatment(finding, self.steps[0](finding), "")

    def _treatment(self, finding: Finding, intervention: Intervention, why: str) -> "Treatment":
        return Treatment(
            remedy=self.name,
            title=self.title,
            codes=(finding.code,),
            where=finding.where,
            bends_loss=self.bends_loss,
            bends_training=self.bends_training,
            late=self.late,
            for_rare=self.for_rare,
            intervention=intervention,
            why=why,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What a remedy changes in a re-run of the program as it is. ``where`` is the place of the finding that it mends, ``why`` says why there is no patch, ``beyond`` is as in :class:`Patch`."""

    remedy: str
    title: str
    codes: tuple[str, ...]
    intervention: Intervention = field(hash=False)  # its settings have none
    where: Where = NOWHERE
    why: str = ""
    bends_loss: bool = False
    bends_training: bool = False
    late: bool = False
    for_rare: bool = False
    beyond: "Treatment | None" = None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it apart from others."""
        return self.intervention.name, repr(sorted(self.intervention.settings.items()))

    @property
    def by_hand(self) -> str:
        """What a person is to do in the source."""
        settings = self.intervention.settings
        file, line = settings.get("file"), settings.get("line")
        argument = " or ".join(str(settings.get("argument", "")).split())
        where = f" at {Path(str(file)).name}:{line}" if file and line else ""
        if self.intervention.name != "argument":
            what = ""
        elif "factor" in settings:
            what = f" ({settings['factor']} times {argument})"
        else:
            what = f" ({argument}={settings['value']})" if "value" in settings else f" (without {argument})"
        return f"{self.title}{where}{what}"

    def meets(self, other: "Treatment") -> bool:
        """Whether both change the same thing, so that they cannot be made together."""
        mine, theirs = (
            {k: v for k, v in t.intervention.settings.items() if k not in ("value", "factor")}
            for t in (self, other)
        )
        return self.intervention.name == other.intervention.name and mine == theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """What a remedy changes in one file. ``where`` is the place of the finding that it mends. ``beyond`` is more of the same, for where this much helps: another tenth of a learning rate."""

    remedy: str
    title: str
    codes: tuple[str, ...]
    source: Source
    changes: tuple[Change, ...]
    where: Where = NOWHERE
    bends_loss: bool = False
    bends_training: bool = False
    late: bool = False
    for_rare: bool = False
    beyond: "Patch | None" = None

    @property
    def path(self) -> Path:
        """The file."""
        return self.source.path

    @property
    def key(self) -> tuple[str, tuple[Change, ...]]:
        """What tells it apart from others."""
        return str(self.path), self.changes

    @property
    def after(self) -> str:
        """The file's text with the changes made."""
        return self.source.changed(self.changes)


def merged(remedies: Sequence[Patch | Treatment]) -> dict[Path, str]:
    """The files that patches change, with all of their changes made.

    Raises:
        Refused: two of the remedies want to change the same place.
    """
    treatments = [r for r in remedies if isinstance(r, Treatment)]
    if any(a.meets(b) for i, a in enumerate(treatments) for b in treatments[i + 1 :]):
        raise Refused("two changes of one call")
    files: dict[Path, list[Patch]] = {}
    for patch in remedies:
        if isinstance(patch, Patch):
            files.setdefault(patch.path, []).append(patch)
    return {
        path: group[0].source.changed(change for patch in group for change in patch.changes)
        for path, group in files.items()
    }


def interventions(remedies: Sequence[Patch | Treatment]) -> tuple[Intervention, ...]:
    """What treatments do, at the lines where the patches beside them leave theirs."""
    patches = [r for r in remedies if isinstance(r, Patch)]
    found: list[Intervention] = []
    for treatment in remedies:
        if isinstance(treatment, Treatment):
            settings = dict(treatment.intervention.settings)
            line = settings.get("line")
            beside = [p for p in patches if p.path.resolve() == Path(str(settings.get("file"))).resolve()]
            if isinstance(line, int) and beside:
                settings["line"] = beside[0].source.moved(line, [c for p in beside for c in p.changes])
            found.append(Intervention(name=treatment.intervention.name, settings=settings))
    return tuple(found)
