"""What a whole run looked like: series of numbers over its steps. Live and from a record it is the same."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .where import Where

# The names of series. A name is a path: what is measured, of what, then the quantity; each part is one of these or a name of the program's.
#   loss/<line number in order>             value of the scalar that backward starts from
#   rate/<optimizer>/<group>                learning rate
#   parameter/<name>/<quantity>             one parameter tensor; PARAMETER_QUANTITIES (shares are of the gradient); on request quantiles: weight_q05, grad_q95
#   module/<path>/<quantity>                output of one module in training; MODULE_QUANTITIES
#   clip/<order>/active                     1 where a call of clip_grad_* shortened something, else 0; clip/<order>/norm: what it was before
#   scaler/<order>/scale                    scale of a gradient scaler; scaler/<order>/skipped: 1 where it skipped the step
#   metric/<phase>/<name>                   inferred from the task; phase is ``train`` or ``eval``
#   answers/<phase>/predicted               share of the most frequent class among the predictions; answers/<phase>/targets: among the targets
#   run/<quantity>                          RUN_QUANTITIES
PARAMETER_QUANTITIES = (
    "grad_norm",
    "weight_norm",
    "update_norm",
    "update_ratio",
    "zero_share",
    "nonfinite_share",
)
MODULE_QUANTITIES = (
    "mean", "std", "min", "max", "zero_share", "dead_share", "saturated_share", "grad_norm", "rank", "running_distance",
)  # fmt: skip
RUN_QUANTITIES = (
    "samples_per_s",
    "steps_per_s",
    "loading_share",
    "watch_share",
    "memory_bytes",
    "device_memory_bytes",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was measured at one step: ``step`` optimizer steps are done, ``seconds`` have passed since the first. ``values`` by the name of the series."""

    step: int
    seconds: float
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One number over the run. ``steps`` counts optimizer steps (of any optimizer) done before the value was taken; it never falls.

    ``values`` may hold NaN and infinities. A long series has been thinned: it is then every so many-th sample, never an average.
    """

    steps: tuple[int, ...]
    values: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class InitializedAgain:
    """Weights into which an initializer wrote after ``steps`` steps had trained them, and that a forward pass used after it; ``share`` is that of all numbers trained.

    ``loaded``: instead, they had been loaded, and not used since; ``share`` is that of all numbers loaded with them.
    """

    names: tuple[str, ...]
    share: float
    where: Where
    steps: int
    loaded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The run so far.

    ``steps`` is how many optimizer steps were done, ``seconds`` how long since the first one. ``places`` says where a series comes from: the line of the backward
    call of a loss, of the construction of an optimizer or module. ``ended`` is whether the program is over. ``again`` are weights that are used as they were initialized after the last step, or after they were loaded.
    """

    series: Mapping[str, Series]
    steps: int
    seconds: float
    places: Mapping[str, Where] = field(default_factory=dict[str, Where])
    ended: bool = False
    again: InitializedAgain | None = None

    def under(self, prefix: str) -> Iterator[tuple[str, Series]]:
        """The series whose names start with ``prefix`` and a slash, with the rest of their names, in order."""
        start = prefix.rstrip("/") + "/"
        for name in self.series:
            if name.startswith(start):
                yield name[len(start) :], self.series[name]
