"""Where the first NaN or infinity of a run came from."""

from dataclasses import dataclass

from .tensors import TensorInfo
from .where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class NonFinite:
    """The first value that is not finite.

    ``phase`` is where it arose: ``data`` (it came in with the inputs or targets), ``forward`` (a call made it of finite values), ``backward`` (the loss is finite, and
    the derivative of a call is not), ``update`` (the weights were not finite any more when the pass began).
    ``op`` is the call (``""`` where it could not be told), ``inputs`` are the tensors it was given, ``numbers`` the plain numbers beside them (``base_is_number``: the first of these stands before all tensors), ``output`` what it returned, each with statistics. ``name`` is what the program calls the
    input that held it (``data``). ``since`` is an earlier call that put in the infinity on purpose (a mask) of which ``op`` made a NaN; ``became`` the later call that made a NaN of the infinity of ``op``. ``parameters`` are the names of those that are not
    finite. ``steps`` optimizer steps were done before; ``loss`` is its value at that time. ``at_end``: it was seen when the program was over, and may be older.
    ``finite`` is the last step before it whose loss was seen to be finite, ``broken`` the first whose loss was seen not to be where that became known only later (steps are counted from 0); ``gradients`` says whether all gradients of the
    step ``finite`` were finite (None: not all were looked at). ``replayed``: it was found by running the step again with that batch and those weights.
    """

    phase: str
    steps: int
    loss: float | None
    nan: bool
    op: str = ""
    inputs: tuple[TensorInfo, ...] = ()
    numbers: tuple[float, ...] = ()
    base_is_number: bool = False
    output: TensorInfo | None = None
    where: Where = NOWHERE
    module: str | None = None
    name: str | None = None
    since: tuple[str, Where] | None = None
    became: tuple[str, Where] | None = None
    parameters: tuple[str, ...] = ()
    replayed: bool = False
    at_end: bool = False
    backward: Where = NOWHERE
    finite: int | None = None
    broken: int | None = None
    gradients: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finiteness:
    """Whether every loss and every gradient that was looked at was finite; ``first`` is the first that was not."""

    first: NonFinite | None = None
