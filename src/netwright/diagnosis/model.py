"""What trials of remedies showed, and what follows from it and from the findings. Plain records, without a framework."""

import math
from dataclasses import dataclass
from enum import Enum

from ..evidence import NOWHERE, Where
from ..rule import Kind


class Proved(Enum):
    """What trials say of a cause."""

    PROVEN = "proven"  # its remedy is one of the smallest set that heals over matched seeds
    HELPED = "helped, not proven"  # better with the program's own seed; that it was no luck is not shown
    NOT_TRIED = "not tried"
    NO_HELP = "tried and did not help"  # as good without its remedy

    @property
    def rank(self) -> int:
        """0 for the surest cause."""
        return list(Proved).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One remedy and what its trials gave.

    ``codes`` and ``where`` are those of the finding that it mends (no code: a standard remedy, which nothing nominates). ``alone`` is the yardstick with this remedy alone, ``without`` with the whole set
    but this one; ``None`` where that was not run or gave no result. ``by_hand`` says what to change in the source where it was tried without an edit of it, so that no patch has it. ``why`` says why it was not tried;
    of one that helped, why there is no patch, or that there was no time to see whether it is as good without; of one that did not help, what it had reached
    when it was given up before its end.
    """

    name: str
    title: str
    codes: tuple[str, ...] = ()
    where: Where = NOWHERE
    proved: Proved = Proved.NOT_TRIED
    alone: float | None = None
    without: float | None = None
    by_hand: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """A remedy on copies of the weights: what so many ``steps`` on the recorded ``batches`` come to with it and without.

    ``measure`` is ``"loss"``, ``"accuracy"`` or ``"squared error"`` on these batches (empty: nothing could be compared, and ``why`` says the reason), ``begins`` its value before the first step, ``without`` and ``treated`` those after the
    last, NaN where it is not finite.
    """

    remedy: str
    codes: tuple[str, ...] = ()
    where: Where = NOWHERE
    measure: str = ""
    steps: int = 0
    batches: int = 0
    begins: float = 0.0
    without: float = 0.0
    treated: float = 0.0
    why: str = ""

    @property
    def gain(self) -> float:
        """By which part of what is left the remedy is better: 1 where nothing is left, 0 where it is as good, below where it is worse."""
        if not math.isfinite(self.treated):
            return -math.inf if math.isfinite(self.without) else 0.0
        if not math.isfinite(self.without):
            return 1.0
        if self.measure == "accuracy":
            left, better = 1.0 - self.without, self.treated - self.without
        else:
            left, better = max(abs(self.without), 1e-3 * abs(self.begins)), self.without - self.treated
        return better / left if left else 0.0 if better == 0 else -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What an examination still finds in the mended program."""

    code: str
    name: str
    kind: Kind
    where: Where = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What re-runs of the program with remedies showed.

    ``yardstick`` is the number they are judged by (``"accuracy"``), empty where nothing could be judged, and ``why``, which also says why there are fewer seeds than were asked for. ``edits`` are all remedies that were thought of. ``budget_s`` is the time that all re-runs were given, ``steps`` the length of one (``None``: to its own end).
    ``control`` and ``together`` are the values with the program's own seed, as it is and with the whole set; ``before`` and ``after`` those by matched seed, ``p`` of the one-sided sign-flip test on
    them, ``luck`` the median difference of two seeds of the program as it is. ``left`` is ``None`` where the mended program was not examined.
    """

    yardstick: str = ""
    why: str = ""
    edits: tuple[Edit, ...] = ()
    budget_s: float = 0.0
    steps: int | None = None
    control: float | None = None
    together: float | None = None
    before: tuple[float | None, ...] = ()
    after: tuple[float | None, ...] = ()
    better: int = 0
    p: float | None = None
    luck: float | None = None
    left: tuple[Left, ...] | None = None

    @property
    def proven(self) -> bool:
        """Whether a set of remedies is proven to heal."""
        return any(e.proved is Proved.PROVEN for e in self.edits)

    @property
    def cure(self) -> tuple[Edit, ...]:
        """The smallest set that heals, proven or not."""
        return tuple(e for e in self.edits if e.proved in (Proved.PROVEN, Proved.HELPED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One explanation of what is wrong. ``code`` is empty for a setting that no rule names and a trial found.

    ``remedy`` is the one that speaks for it, with its ``alone``, ``without`` and ``by_hand`` as :class:`Edit` has them; ``why`` says why none was tried, why there is no patch, or that it was not seen whether it is as good without.
    """

    code: str
    name: str
    kind: Kind
    where: Where = NOWHERE
    proved: Proved = Proved.NOT_TRIED
    remedy: str = ""
    alone: float | None = None
    without: float | None = None
    by_hand: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """The next best measurement: what it would tell, and the command that makes it."""

    command: str
    tells: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Why a program does not train as it should.

    ``kind`` is that of the leading cause, ``others`` the kinds of further ones, ``excluded`` the kinds whose rules judged this program and found nothing (after a proof: nothing in the mended program either).
    ``causes`` are in order. ``unexplained`` says what stays open, ``next`` what to measure next (``None``: nothing would tell more).
    """

    kind: Kind
    others: tuple[Kind, ...] = ()
    excluded: tuple[Kind, ...] = ()
    causes: tuple[Cause, ...] = ()
    proof: Proof | None = None
    unexplained: tuple[str, ...] = ()
    next: Measurement | None = None
