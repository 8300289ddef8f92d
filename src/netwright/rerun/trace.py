"""What comes back from a re-run."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

# How a re-run ended.
FINISHED = "finished"  # by itself
STEPS = "steps"  # at the number of steps wanted
SECONDS = "seconds"  # at its time, by its own clock
KILLED = "killed"  # from outside: it did not come to an end in time
CRASHED = "crashed"  # by an exception, a signal, or an exit code other than 0
ENDS = (FINISHED, STEPS, SECONDS, KILLED, CRASHED)
STOPPED = (STEPS, SECONDS, KILLED)  # by us, before its own end


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One backward pass: its loss, the optimizer steps made before it, the samples trained on up to it, and which line of the program's losses it was (0: the first).

    ``inputs`` is a digest of what came into the networks for it, when digests were wanted.
    """

    step: int
    loss: float
    samples: int = 0
    line: int = 0
    inputs: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number of one evaluation, over all of its batches. ``name`` is ``loss``, ``accuracy``, ``squared error`` or ``absolute error``.

    ``at`` is the line that computes it, ``loader`` the turn of the DataLoader that the batches came from (``None``: none), ``samples`` how many numbers it is a mean of.
    ``recall`` is, of an accuracy, the mean over the classes of the share of their targets that were answered right; ``None`` where that is not known.
    """

    step: int
    name: str
    value: float
    samples: int
    at: str = ""
    loader: int | None = None
    recall: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderUse:
    """A DataLoader of the program. ``samples`` is what its sampler hands out in an epoch, ``kept`` how many different ones are left of them by a subset. ``why_whole`` is why no
    subset can be taken of it."""

    turn: int
    file: str | None
    line: int | None
    samples: int | None
    trained: bool = False
    kept: int | None = None
    why_whole: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One re-run. Failures are results: see ``ended``, ``error`` and ``tail`` (the last lines that the program printed).

    ``steps`` are those of the optimizer that made most (backward passes, when none did). ``before_s`` are the seconds before the first backward pass. ``start`` and ``weights`` are digests of the
    parameters before the first and after the last step, ``losses_digest`` that of all losses, to the last bit. ``seeded`` are the calls that seeded a generator. ``files`` are those of the program's own
    folder that it read, with what they were then.
    """

    ended: str
    code: int = 0
    error: str | None = None
    tail: tuple[str, ...] = ()
    steps: int = 0
    points: tuple[Point, ...] = ()
    metrics: tuple[Metric, ...] = ()
    loaders: tuple[LoaderUse, ...] = ()
    lines: tuple[str, ...] = ()
    losses_digest: str = ""
    start: str | None = None
    weights: str | None = None
    seeded: tuple[str, ...] = ()
    wall_s: float = 0.0
    cpu_s: float = 0.0
    before_s: float = 0.0
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    cached: bool = False

    @property
    def whole(self) -> bool:
        """Whether it came to the end that was wanted."""
        return self.ended in (FINISHED, STEPS)

    def same_as(self, other: "Trace") -> bool:
        """Whether two re-runs that came to their end computed the same from the first step to the last bit: what one of them has changed does nothing. Where a program fails, or never trains, that is not known."""
        if not self.points or not (self.whole and other.whole):
            return False
        return (self.steps, self.losses_digest) == (
            other.steps,
            other.losses_digest,
        ) and self._measured == other._measured

    @property
    def _measured(self) -> list[str]:
        """What evaluations gave, wherever it stands in the file: a change may move lines. NaN is as good as NaN."""
        return [repr((m.step, m.name, m.value, m.samples, m.loader)) for m in self.metrics]

    @property
    def losses(self) -> tuple[float, ...]:
        """The losses of the first line that differentiates one."""
        return tuple(p.loss for p in self.points if p.line == 0)

    def why(self) -> str:
        """In words how it ended, with the last line printed when it failed."""
        last = f": {self.error}" if self.error else (f": {self.tail[-1]}" if self.tail else "")
        return {
            FINISHED: "it ended by itself",
            STEPS: f"it was stopped after {self.steps} steps",
            SECONDS: f"it was stopped after {self.wall_s:.0f} s and {self.steps} steps",
            KILLED: f"it was ended from outside after {self.wall_s:.0f} s and {self.steps} steps",
        }.get(self.ended, f"it failed with exit code {self.code}{last}")

    def first_loss(self, count: int = 5) -> float | None:
        """The mean of the first losses."""
        return _mean(self.losses[:count])

    def last_loss(self, share: float = 0.1, most: int = 100) -> float | None:
        """The mean over the last ``share`` of the losses, ``most`` of them at most: one batch alone is noise."""
        losses = self.losses
        return _mean(losses[-max(1, min(most, int(share * len(losses)))) :]) if losses else None

    def held_out(self, *, earliest: bool = False) -> dict[str, Metric]:
        """The last value of each metric on data that were not trained on, as far as that can be told by DataLoader.

        Where several lines or loaders give one, the one evaluated most often is taken: a validation set rather than a test set looked at once. Of equals it is the one that was evaluated after the most steps, since
        what a program trains last (a fine-tuning) is what it is after; among those the first.

        Args:
            earliest: of equals the first, whatever was trained after it: what is known of the first training only may be held against this one.
        """
        trained = {u.turn for u in self.loaders if u.trained}
        groups: dict[tuple[str, str, int | None], list[Metric]] = {}
        for metric in self.metrics:
            groups.setdefault((metric.name, metric.at, metric.loader), []).append(metric)
        found: dict[str, list[Metric]] = {}
        for (name, _, loader), values in groups.items():
            if loader in trained:
                continue
            if name not in found or _rank(values, earliest) > _rank(found[name], earliest):
                found[name] = values
        return {name: values[-1] for name, values in found.items()}

    def to_json(self) -> str:
        """As text. Numbers come back to the last bit."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "Trace":
        """The trace of a text."""
        data: dict[str, Any] = json.loads(text)
        for name, kind in (("points", Point), ("metrics", Metric), ("loaders", LoaderUse)):
            data[name] = tuple(kind(**item) for item in data[name])
        for name in ("tail", "lines", "seeded"):
            data[name] = tuple(data[name])
        return Trace(**data)


def _rank(values: list[Metric], earliest: bool) -> tuple[int, int]:
    return len(values), 0 if earliest else values[-1].step


def _mean(values: tuple[float, ...]) -> float | None:
    return math.fsum(values) / len(values) if values and all(map(math.isfinite, values)) else None
