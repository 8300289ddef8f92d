"""What a person asked for on the command line, in one record: the doors write it, the doctor reads it."""

from dataclasses import dataclass
from pathlib import Path

RUNS = Path(".netwright") / "runs"  # below a working folder
ON_ERROR = ("warn", "stop", "snapshot")
USAGE_ERROR = 2
FAILED_ON = 4
NOT_PROVEN = 5
SERIOUS = "serious"  # in place of names of experiments: those that an error or a warning can rest on
REHEARSE_S = 4.0  # for rehearsals of all remedies together
PROVE_S = 300.0  # for all re-runs of a proof, unless said otherwise
_AHEAD_S, _MOST_AHEAD_S = (
    30.0,
    0.075,
)  # of a run in which what watches it may go ahead of its budget, and by how much


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run a program and what to do with what is found.

    ``target`` is a script's path, or a module's name when ``is_module``; ``argv`` is what comes after it, untouched.
    ``stop_after_preflight`` is ``netwright check``. ``fail_on`` is ``"error"``, ``"warning"`` or ``None``. ``select`` and ``ignore`` are codes,
    names or prefixes of codes. ``run_dir`` is where the run is recorded (``None``: nothing is written unless ``json_path`` or
    ``html_path`` says so), ``record`` whether its record is to be among it. ``wait_evaluation`` is how many seconds to wait for a first evaluation pass after the training steps, ``steps``
    how many optimizer steps to capture. ``experiments`` are names of experiments to run after them (``"all"``: every one that does not run the program again, ``"serious"``: of these what an error or a warning can rest on), within ``budget`` seconds.

    ``watch`` is whether the rest of the run is watched, ``watch_budget`` the share of the run time that this may take. ``watch_every`` samples every so many steps
    whatever it costs, ``watch_rank`` and ``watch_histograms`` ask for more in each sample.
    ``on_error`` is what happens when something grave is found while the run is watched: ``warn``, ``stop`` or ``snapshot``.
    ``rehearse`` is the time for rehearsals of the remedies of what is found, on copies of the weights (0: there are none).
    ``look_at`` is the number, from 0, of a step to look at in place of the first ones.
    """

    target: str
    is_module: bool = False
    argv: tuple[str, ...] = ()
    stop_after_preflight: bool = False
    json_path: Path | None = None
    html_path: Path | None = None
    fail_on: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    verbose: bool = False
    quiet: bool = False
    run_dir: Path | None = None
    record: bool = True
    wait_evaluation: float = 1.0
    steps: int = 8
    experiments: tuple[str, ...] = ()
    budget: float = 60.0
    watch: bool = True
    watch_budget: float = 0.01
    watch_every: int | None = None
    watch_rank: bool = False
    watch_histograms: bool = False
    on_error: str = "warn"
    look_at: int | None = None
    rehearse: float = 0.0


def allowance(share: float, seconds: float) -> float:
    """Seconds that what has a share of the run time may take until so many seconds of the run.

    From half a minute on it is that share. Before, some of the next seconds' part is there as well, 75 ms at most: 1 % of a run's first second would be
    ten milliseconds, and a run of a second or two would end without a single sample.
    """
    ahead = share * ((_AHEAD_S * seconds) ** 0.5 - seconds) if 0 < seconds < _AHEAD_S else 0.0
    return share * seconds + min(ahead, _MOST_AHEAD_S)
