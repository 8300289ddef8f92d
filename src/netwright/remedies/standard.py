"""What is tried on a sick program when nothing that a finding nominates makes it better: a smaller and a larger learning rate, Adam, clipped gradients, then the files of ``usual``.

The likeliest come first, and what changes one setting before what changes the network or the data: every one costs the search a run of the program. Rate and optimizer are changed at the hooks of the re-runs
where the source does not say them as numbers.
"""

import contextlib
from collections.abc import Callable, Iterable
from functools import partial

import libcst as cst

from ..rerun import Intervention
from ..rerun.plan import Setting
from ._settings import number_of, set_setting
from ._training import OPTIMIZERS
from .gradients.clip_gradients import clipped
from .remedy import Patch, Treatment
from .source import Change, Refused, Source, last_name
from .usual import (
    add_decay,
    add_dropout,
    best_epoch,
    cosine_decay,
    decoupled_decay,
    initialization,
    larger_batches,
    longer,
    lstm,
    mirrored_images,
    noisy_inputs,
    normalization,
    remove_decay,
    remove_dropout,
    sgd_with_momentum,
    smaller_batches,
    warm_up,
)
from .usual._optimizer import exchanged
from .usual._usual import Usual

_DEFAULTS = {"SGD": 1e-3, "Adam": 1e-3, "AdamW": 1e-3, "RMSprop": 1e-2, "NAdam": 2e-3, "RAdam": 1e-3}
_ADAM = "3e-4"  # Karpathy, "A Recipe for Training Neural Networks" (2019), under "adam is safe"
_MOST = 8  # patches: a search makes each of them alone
_AGAIN = {2: "twice", 3: "three-times"}  # what scales is made so often, as long as it helps
USUAL: tuple[Usual, ...] = (
    normalization.remedy,
    smaller_batches.remedy,
    sgd_with_momentum.remedy,
    lstm.remedy,
    initialization.remedy,
    remove_dropout.remedy,
    remove_decay.remedy,
    warm_up.remedy,
    cosine_decay.remedy,
    larger_batches.remedy,
    decoupled_decay.remedy,
    add_dropout.remedy,
    add_decay.remedy,
    mirrored_images.remedy,
    noisy_inputs.remedy,
    best_epoch.remedy,
    longer.remedy,
)
# What a network lacks that is worse than a simple model and has no fault that is seen: updates, above all.
_UPDATES = (longer.remedy.name, smaller_batches.remedy.name)
_LATE = frozenset(("rate-divided-by-10", *(r.name for r in USUAL if r.late)))


def standard(sources: Iterable[Source], *, updates: bool = False) -> list[Patch | Treatment]:
    """The remedies, for the program's one optimizer.

    Args:
        sources: files of the program in which the optimizer may be made.
        updates: whether what gives a training more updates comes right behind the rates.

    Returns:
        The first eight of those that hold. Where several optimizers are made in one file, their rates alone, all by the same factor: which of them is sick is not known. None where they are made in several.
    """
    made = [(s, c) for s in sources for c in s.every(cst.Call) if last_name(c.func) in OPTIMIZERS]
    if len({id(s) for s, _ in made}) != 1:
        return []
    source, calls = made[0][0], [c for _, c in made]
    call = calls[0]
    wanted: list[tuple[str, str, Callable[[int], list[Change]]]] = [
        (
            "rate-divided-by-10",
            "Divide the learning rate by ten",
            lambda times: [change for c in calls for change in _rate(source, c, 0.1**times)],
        ),
        (
            "rate-times-10",
            "Multiply the learning rate by ten",
            lambda times: [change for c in calls for change in _rate(source, c, 10**times)],
        ),
    ]
    if len(calls) == 1:
        usual = sorted(USUAL, key=lambda r: r.name not in _UPDATES) if updates else USUAL
        edits = [(r.name, r.title, partial(r.changes, source, call)) for r in usual]
        front = len(_UPDATES) if updates else 0
        wanted += [
            *edits[:front],
            (
                "adam",
                f"Adam with a learning rate of {_ADAM} instead of SGD",
                _once(lambda: [exchanged(source, call, ("SGD",), "Adam", f"lr={_ADAM}")]),
            ),
            ("clip-at-1", "Clip the norm of the gradients at 1", _once(lambda: clipped(source))),
            *edits[front:],
        ]
    found: list[Patch | Treatment] = []
    for name, title, edit in wanted:
        if len(found) == _MOST:
            break
        try:
            found.append(_patch(source, name, title, edit, 1))
        except Refused as why:
            intervention = _hooked(source, call, name) if len(calls) == 1 else None
            if intervention is not None:
                found.append(
                    Treatment(
                        remedy=name,
                        title=title,
                        codes=(),
                        intervention=intervention,
                        why=str(why),
                        late=name in _LATE,
                    )
                )
    return found


def _once(edit: Callable[[], list[Change]]) -> Callable[[int], list[Change]]:
    def changes(times: int) -> list[Change]:
        if times > 1:
            raise Refused("there is no more of it")
        return edit()

    return changes


def _patch(source: Source, name: str, title: str, edit: Callable[[int], list[Change]], times: int) -> Patch:
    """The change made so many times, with what lies beyond it.

    Raises:
        Refused: it does not hold.
    """
    changes = tuple(edit(times))
    source.changed(changes)
    beyond = None
    if times + 1 in _AGAIN:
        with contextlib.suppress(Refused):
            beyond = _patch(source, name, title, edit, times + 1)
    again = _AGAIN.get(times, "")
    return Patch(
        remedy=f"{name}{again and f'-{again}'}",
        title=f"{title}{again and f', {again}'}",
        codes=(),
        source=source,
        changes=changes,
        late=name in _LATE,
        beyond=beyond,
    )


def _hooked(source: Source, call: cst.Call, name: str) -> Intervention | None:
    """The same at the hooks, where the source is only not understood: what else a remedy refuses for holds there as well."""
    if name.startswith("rate") or (name == "adam" and any(a.star for a in call.args)):
        return at_hooks(name, last_name(call.func), str(source.path), source.line_of(call))
    return None


def at_hooks(name: str, kind: str, file: str, line: int) -> Intervention | None:
    """What the first of the standard remedies change of an optimizer of a kind that is made on a line; ``None`` where that is nothing."""
    at: dict[str, Setting] = {"file": file, "line": line}
    if name.startswith("rate"):
        factor = 0.1 if name == "rate-divided-by-10" else 10.0
        settings: dict[str, Setting] = {"call": "optimizer", "argument": "lr", "factor": factor}
        return Intervention(name="argument", settings=settings | at)
    if name == "adam" and kind == "SGD":
        return Intervention(
            name="exchange-optimizer", settings={"optimizer": "Adam", "was": "SGD", "lr": float(_ADAM), **at}
        )
    return Intervention(name="clip-gradients", settings={"norm": 1.0}) if name == "clip-at-1" else None


def _rate(source: Source, call: cst.Call, factor: float) -> list[Change]:
    if source.argument(call, "lr", 1) is None:
        rate = _DEFAULTS.get(last_name(call.func))
        if any(a.star for a in call.args):
            rate = None
    else:
        rate = number_of(source, call, "lr", position=1)
    given = source.argument(call, "lr", 1)
    if rate is None and given is not None and isinstance(given.value, cst.BinaryOperation):
        return [source.replace(given.value, f"{factor:.3g} * ({source.code(given.value)})")]
    if rate is None:
        raise Refused("the rate is not written as a number")
    return [set_setting(source, call, "lr", f"{rate * factor:.3g}", position=1)]
