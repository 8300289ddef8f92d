"""What a re-run of a program is to change. Plain data, so that it can be sent to another process and be the key of a cache."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Setting = float | int | str | bool | None | list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How the program was started: target and arguments, the folder it was started in, and its environment then."""

    target: str
    argv: tuple[str, ...] = ()
    is_module: bool = False
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loader:
    """Which DataLoader: the line that makes it, the number of its samples, and its turn (0: the first one made)."""

    file: str | None
    line: int | None
    samples: int
    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subset:
    """Train on ``share`` (0 to 1) of the samples of a DataLoader.

    An epoch keeps its number of batches: the subset is gone over as often as is needed for that, in the order that the program's own sampler gives.
    Smaller subsets of one ``seed`` are parts of larger ones. ``by_turn``: the loader is known by its turn alone, not by line and size.
    """

    share: float
    loader: Loader
    seed: int = 0
    by_turn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """A named change, made at the hooks of the re-run (:mod:`netwright.rerun.interventions`), with its settings."""

    name: str
    settings: Mapping[str, Setting] = field(default_factory=dict[str, Setting])


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to change, and when to stop. The plan without arguments changes nothing and runs to the end.

    ``seed`` is added to every seed that the program gives to a global generator (torch, NumPy, random), and seeds those that it never seeds: 0 leaves the seeds of the
    program as they are. ``steps`` ends the training after so many steps of an optimizer; with ``evaluate`` the program may go on from there to its evaluation, until it wants
    to train again. ``seconds`` ends the program wherever it is. ``digests`` adds digests of the first weights, of the inputs of every step and of the last weights. ``threads`` is for torch's
    threads (``None``: as in the program itself). With a seed and ``same_hashes`` sets of strings have the same order in every re-run. ``overlay`` is the text of files, by their real absolute path, that the re-run finds in place of what is there.
    ``copy`` tells apart re-runs that are otherwise equal.
    """

    seed: int | None = None
    subset: Subset | None = None
    steps: int | None = None
    evaluate: bool = True
    seconds: float | None = None
    interventions: tuple[Intervention, ...] = ()
    digests: bool = False
    threads: int | None = None
    same_hashes: bool = True
    overlay: Mapping[str, str] = field(default_factory=dict[str, str])
    copy: int = 0

    def to_json(self) -> str:
        """The plan as text; equal plans give equal text."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> "Plan":
        """The plan of a text."""
        data: dict[str, Any] = json.loads(text)
        subset = data["subset"]
        if subset is not None:
            subset["loader"] = Loader(**subset["loader"])
            data["subset"] = Subset(**subset)
        data["interventions"] = tuple(Intervention(**i) for i in data["interventions"])
        return Plan(**data)
