"""The report: one frozen record of what was seen and concluded. Drawing it is the business of other modules."""

from collections import Counter
from dataclasses import dataclass

from ..diagnosis import Diagnosis, Rehearsed
from ..engine import Checked, State
from ..evidence import (
    NOWHERE,
    EvalInputs,
    Floor,
    ModuleCall,
    ModuleInfo,
    Program,
    Signals,
    Targets,
    Task,
    TrainInputs,
    Where,
)
from ..rule import Finding, Severity, gravest
from .svg import Series

SCHEMA = "netwright.report/1"

HEALTHY = "healthy"
SICK = "sick"
CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sample as the network got it, small enough to draw.

    ``values`` are row-major in ``shape`` (without the batch dimension). ``target`` is its target in words, empty if unknown.
    """

    name: str
    shape: tuple[int, ...]
    values: tuple[float, ...]
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRow:
    """One call of the step, in words: what it took, what it gave, on which line.

    ``grad_rms`` is that of the loss's gradient with respect to its output. ``on_path`` says that the loss depends on it.
    """

    index: int
    op: str
    arguments: str
    shape: str
    dtype: str
    module: str
    where: Where = NOWHERE
    mean: float | None = None
    std: float | None = None
    grad_rms: float | None = None
    on_path: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphTable:
    """One step as a table. ``omitted`` calls were left out in the middle."""

    title: str
    rows: tuple[GraphRow, ...]
    omitted: int = 0
    loss: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines over named positions: what an experiment found. ``log`` says whether the axis of values is logarithmic."""

    title: str
    names: tuple[str, ...]
    series: tuple[Series, ...]
    log: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line over optimizer steps; ``None`` where the value was no number. ``low`` and ``high`` are the ends of what a point stands for (empty: for itself)."""

    name: str
    steps: tuple[int, ...]
    values: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Curves of the watched run in one picture. ``mark`` is a level to compare them with."""

    title: str
    curves: tuple[Curve, ...]
    log: bool = False
    mark: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Evidence that is drawn rather than judged. Every part may be missing. ``calls`` lead up to a crash."""

    inputs: TrainInputs | None = None
    eval_inputs: EvalInputs | None = None
    targets: Targets | None = None
    signals: Signals | None = None
    graphs: tuple[GraphTable, ...] = ()
    modules: tuple[ModuleInfo, ...] = ()
    samples: tuple[Sample, ...] = ()
    calls: tuple[ModuleCall, ...] = ()
    charts: tuple[Chart, ...] = ()
    courses: tuple[Course, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A finding as it came up while the program ran: the steps at which it was first and last seen, at which it was said, and at which it was taken back (``None``: it was not)."""

    code: str
    name: str
    severity: Severity
    message: str
    where: Where = NOWHERE
    first: int
    last: int
    said: int | None = None
    withdrawn: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything a reader needs. ``findings`` are ordered, those proven first, then the gravest, each with its consequences beneath it.

    ``diagnosis`` is there where something is wrong. ``rehearsed`` are remedies that were tried on copies of the weights, where that was asked for.

    ``live`` are the findings of the watch in the order in which they came up, those that have healed too; ``watched`` is how many steps it saw. ``tried`` says what each experiment found, ``not_tried`` why others could not be done. ``floor`` is what simple models reach. ``notes`` say in plain words what could not be seen. ``traces`` are tracebacks of parts of netwright that failed (NW000).
    """

    program: Program
    verdict: str
    task: Task | None = None
    findings: tuple[Finding, ...] = ()
    diagnosis: Diagnosis | None = None
    rehearsed: tuple[Rehearsed, ...] = ()
    checked: tuple[Checked, ...] = ()
    tried: tuple[str, ...] = ()
    not_tried: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()
    seconds: float = 0.0
    steps: int = 0
    live: tuple[Live, ...] = ()
    watched: int = 0
    floor: Floor | None = None
    pictures: Pictures | None = None
    schema: str = SCHEMA

    @property
    def serious(self) -> tuple[Finding, ...]:
        """Findings shown without asking: those that hold an error or a warning."""
        return tuple(f for f in self.findings if gravest(f) is not Severity.INFO)

    @property
    def infos(self) -> tuple[Finding, ...]:
        """Findings shown only on request."""
        return tuple(f for f in self.findings if gravest(f) is Severity.INFO)

    @property
    def states(self) -> Counter[State]:
        """How many rules ended in each state."""
        return Counter(c.state for c in self.checked)
