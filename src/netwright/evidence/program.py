"""The program itself: how it was started, what it fixed, how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .memory import StepMemory
from .tensors import TensorInfo
from .where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The command and what it made repeatable. ``command`` is what is typed to start it anew, target and arguments (empty: it was not started by netwright). ``seeds`` maps ``torch``/``numpy``/``random`` to the line that seeded it."""

    script: str
    argv: tuple[str, ...] = ()
    command: str = ""
    seeds: Mapping[str, Where] = field(default_factory=dict[str, Where])
    random_used: tuple[str, ...] = ()
    steps_seen: int = 0
    torch_version: str = ""
    python_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleCall:
    """One module call on the way to a failure: shapes in and, if it returned, out."""

    module: str
    type: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    where: Where = NOWHERE
    made: Where | None = None
    failed: bool = False
    depth: int = 0
    config: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class InPlaceWrite:
    """A call that wrote into an existing tensor that autograd knows. ``made_by`` is the op that made that tensor (``"parameter"`` for one),
    ``made`` the line of the torch module that made the call (``nn.ReLU(inplace=True)``)."""

    op: str
    shape: tuple[int, ...]
    where: Where
    made_by: str | None = None
    made: Where | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """The script ended in an exception.

    ``phase`` is ``before training``, ``forward``, ``loss``, ``backward``, ``update``, ``evaluation`` or ``after``. ``op`` is the torch call that
    raised, if one did, with its tensor arguments and plain arguments; ``calls`` are the module calls of the iteration up to there, in order.
    ``where`` is the innermost line of the user's own code. ``writes`` are the in-place calls of the iteration on tensors that autograd
    knows; ``carried`` are lines that used a tensor which an earlier, already differentiated iteration had made. ``memory`` is what a step takes, where memory was not enough and that could be told.
    """

    type: str
    message: str
    where: Where
    phase: str = "before training"
    op: str | None = None
    op_args: tuple[TensorInfo, ...] = ()
    op_kwargs: Mapping[str, object] = field(default_factory=dict[str, object])
    module: str | None = None
    module_type: str | None = None
    made: Where | None = None
    calls: tuple[ModuleCall, ...] = ()
    graph_tail: tuple[str, ...] = ()
    step: int = 0
    cause: str | None = None
    bytes_by_kind: Mapping[str, int] = field(default_factory=dict[str, int])
    user_frames: tuple[Where, ...] = ()
    writes: tuple[InPlaceWrite, ...] = ()
    carried: tuple[Where, ...] = ()
    memory: StepMemory | None = None
