"""Comparisons of a network's outputs with targets that the program has made in one phase, by the set of samples that they are of."""

import weakref
from dataclasses import dataclass, field

import torch

from .asked import ABSOLUTE, BINARY, LABELS, PICKS, SQUARED
from .sums import Sums

_ORDER = (
    ABSOLUTE,
    SQUARED,
    BINARY,
    PICKS,
    LABELS,
)  # the later one tells more exactly what the program prints
_MOST = 4096  # passes of which it is known what they were compared with


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of a network.

    ``loader`` is the number of the iteration of a DataLoader that its batch came from (0: none; -1: all that come are of one set), ``trained`` whether that one's data are trained on; ``rows`` the batch size.
    ``given`` tells what came in, ``output`` which of the outputs it is. ``joined`` says that it stands for several, whose outputs the program has put together.
    """

    number: int
    network: int
    rows: int = 0
    loader: int = 0
    trained: bool = False
    given: frozenset[tuple[int, int]] = frozenset()
    joined: bool = False
    output: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the numbers of a target lie: from ``begin`` to ``end`` in the memory of ``owner``. ``whole`` is what the program was seen to slice it from. Neither is kept alive."""

    begin: int
    end: int
    owner: "weakref.ref[torch.Tensor]"
    whole: "weakref.ref[torch.Tensor] | None" = None

    @classmethod
    def of(cls, tensor: torch.Tensor, whole: "weakref.ref[torch.Tensor] | None" = None) -> "Place":
        """That of a tensor."""
        base, begin = tensor._base, tensor.data_ptr()
        numbers = tensor.shape[0] * tensor.stride(0) if tensor.dim() else 1
        owner = weakref.ref(tensor if base is None else base)
        return cls(begin, begin + numbers * tensor.element_size(), owner, whole)

    def beside(self, other: "Place") -> bool:
        """Whether both lie in the same memory, which is still there."""
        owner = self.owner()
        return owner is not None and other.owner() is owner

    def same(self, other: "Place") -> bool:
        """Whether these are the same numbers."""
        return (self.begin, self.end) == (other.begin, other.end) and self.beside(other)

    def meets(self, other: "Place") -> bool:
        """Whether some numbers are in both."""
        return self.beside(other) and self.begin < other.end and other.begin < self.end

    def joined(self, other: "Place | None") -> "Place":
        """From the first to the last number of both."""
        if other is None or not self.beside(other):
            return self
        return Place(min(self.begin, other.begin), max(self.end, other.end), self.owner)


@dataclass(slots=True, eq=False)
class Pair:
    """What a comparison of outputs with targets has told. It counts once the program has reduced it to one number, without anything in between that leaves some of it out.

    The mean of it times ``factor`` is the loss (0: it is not). ``wide`` is the number of samples where the values of the classes are still to be summed, ``half`` says that the other half is still to be added.
    """

    form: str
    sums: Sums
    place: Place
    factor: float = 0.0
    wide: int = 0
    half: bool = False


@dataclass(slots=True, eq=False)
class _Set:
    """Sums of one set of samples, by form. Without a loader its batches are ``parts`` of one tensor, in order and of one size (the last one may be smaller)."""

    network: int
    loader: int
    place: Place
    trained: bool
    size: int
    parts: int = 1
    mixed: bool = False
    last: "tuple[Place, frozenset[tuple[int, int]]] | None" = None
    sums: dict[str, Sums] = field(default_factory=dict[str, Sums])
    unclear: set[str] = field(default_factory=set[str])
    lossless: set[str] = field(default_factory=set[str])

    def takes(self, place: Place) -> bool:
        """Whether a target is the same once more, or that of the next batch."""
        known = self.place
        if known.same(place):
            return True
        if not known.beside(place):
            return False
        if known.end != place.begin or not known.end - known.begin == self.size >= place.end - place.begin:
            return False
        # The first batch was sliced before anything was seen of the evaluation.
        first = known.whole is None and self.parts == 1
        whole = place.whole() if place.whole is not None else None
        if whole is None or not (first or (known.whole is not None and known.whole() is whole)):
            return False
        self.place = place
        self.parts += 1
        return True


class Pairs:
    """Of one phase. What cannot be told apart (two sets of samples, two targets of one output) gives no number.

    Args:
        trained_on: where the targets lie that are trained on, where that is known.
        others_seen: whether the program evaluates on other data than these: then an evaluation on these alone gives no number beside them.
    """

    def __init__(self, trained_on: Place | None = None, *, others_seen: bool = False) -> None:
        self._trained_on = trained_on if trained_on is not None and trained_on.owner() is not None else None
        self._sets: list[_Set] = []
        self.others_seen = others_seen
        self._of_pass: dict[int, _Set] = {}
        self._taken: dict[tuple[int, str], tuple[int, int, int]] = {}

    def add(self, made: Pass, pair: Pair, mean: torch.Tensor | None) -> None:
        """The program has reduced a comparison to one number; ``mean`` is that number where it is the loss but for the factor."""
        form, target = pair.form, (pair.place.begin, pair.place.end, made.output)
        of = self._of_pass.get(made.number)
        earlier = self._taken.get((made.number, form))
        if of is not None and earlier is not None:
            if earlier != target:
                of.unclear.add(form)
            return
        if made.joined and any(form in s.sums for s in self._sets):  # counted batch by batch already
            return
        if of is None:
            of = self._set(made, pair.place)
            # The target of another pass once more: of a network that is called twice for a batch.
            if of.last is not None and of.last[0].same(pair.place) and of.last[1] != made.given:
                of.mixed = True
            elif of.last is not None and of.last[0].same(pair.place):
                return
            of.last = (pair.place, made.given)
        if len(self._taken) >= _MOST:
            self._taken.clear()
            self._of_pass.clear()
        self._of_pass[made.number], self._taken[made.number, form] = of, target
        sums = pair.sums
        if mean is None or sums.count is None:
            of.lossless.add(form)
        else:
            sums.loss = mean.detach().double().reshape(()) * pair.factor * sums.count
        known = of.sums.setdefault(form, sums)
        if known is not sums:
            known.add(sums)

    def _set(self, made: Pass, place: Place) -> _Set:
        """That which a pass belongs to."""
        trained = made.trained or (self._trained_on is not None and place.meets(self._trained_on))
        for known in self._sets:
            same = (known.network, known.loader, known.trained) == (made.network, made.loader, trained)
            if same and (made.loader or known.takes(place)):
                return known
        self._sets.append(_Set(made.network, made.loader, place, trained, place.end - place.begin))
        return self._sets[-1]

    def numbers(self) -> tuple[list[str], torch.Tensor] | None:
        """Names of the metrics and their values on the device, of the only set there is beside that which is trained on."""
        others = [s for s in self._sets if not s.trained]
        sets = others or self._sets
        if len(sets) != 1 or sets[0].mixed or (self.others_seen and not others):
            return None
        # Two parts of a tensor may as well be two sets, and so may more of them where it is not known which are trained on.
        if sets[0].parts > 1 and (sets[0].parts == 2 or self._trained_on is None):
            return None
        self.others_seen |= bool(others)
        found: dict[str, torch.Tensor] = {}
        for form in _ORDER:
            sums = sets[0].sums.get(form)
            if sums is None or form in sets[0].unclear:
                continue
            if form in sets[0].lossless:
                sums.loss = None
            numbers = sums.numbers()
            if numbers is not None:
                found.update(zip(numbers[0], numbers[1].unbind(), strict=True))
        return (list(found), torch.stack(list(found.values()))) if found else None


def address(tensor: torch.Tensor) -> tuple[int, int]:
    """Tells a tensor from others that are there at the same time."""
    return tensor.data_ptr(), tensor.numel()
