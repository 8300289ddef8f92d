"""What stays open, and the cheapest next measurement that tells the leading explanations apart."""

from collections.abc import Collection, Sequence

from ..rule import Kind
from .model import Cause, Measurement, Proof, Proved

# The reason that an experiment gives whose turn did not come: it can still be done.
LEFT_OUT = "left out, the budget was spent"

# Cheapest first, as the default examination has them. Each tells causes of these kinds from those of others (Tobin, "Troubleshooting deep neural networks": a network
# that cannot learn one batch by heart has a bug or a bad setting; one that can lacks data or fits them badly).
_EXPERIMENTS: tuple[tuple[str, frozenset[Kind], str], ...] = (
    (
        "overfit-batch",
        frozenset({Kind.BUG, Kind.HYPERPARAMETER}),
        "whether the network learns one batch by heart: if not, a bug or a setting is the cause; if so, the data or the size of the network",
    ),
    (
        "range-test",
        frozenset({Kind.HYPERPARAMETER}),
        "which learning rates train, and so whether the setting is the cause",
    ),
    (
        "simple-models",
        frozenset({Kind.DATA}),
        "what simple models learn from the same inputs, and so whether the data are the cause",
    ),
    (
        "ladder",
        frozenset({Kind.FIT}),
        "whether a smaller network trains, and so whether the form of this one is the cause",
    ),
)
_CHANCE = (
    ("seeds", "how much of the result is chance"),
    ("learning-curve", "whether more data would help"),
)


def unexplained(proof: Proof | None) -> tuple[str, ...]:
    """What the trials leave open. Nothing is said where there were none."""
    if proof is None:
        return ()
    if not proof.yardstick:
        return (proof.why,)
    said: list[str] = []
    if not proof.cure:
        nothing = "nothing that was tried made it better, so what was found does not explain it by itself"
        said.append(proof.why or nothing)  # the budget was too short to tell
    said += [
        f"{f.code} {f.name} at {f.where.at} is still found in the mended program" for f in proof.left or ()
    ]
    return tuple(said)


def next_measurement(
    causes: Sequence[Cause],
    proof: Proof | None,
    *,
    done: Collection[str],
    hopeless: Collection[str],
    command: str,
) -> Measurement | None:
    """The cheapest measurement that tells the leading explanations apart; ``None`` where none would, or where the program cannot be started anew."""
    if not command or not causes or (proof is not None and not proof.yardstick):
        return None
    out = {*done, *hopeless}
    if proof is None:
        return _apart(causes, out, command) or _trial(causes, command)
    if proof.proven:
        return _look_again(proof, command)
    if proof.cure:
        return _more_seeds(proof, command)
    if proof.why:
        return None
    left = [c for c in causes if c.proved is Proved.NOT_TRIED]
    return _apart(left or causes, out, command) or _chance(out, command)


def _apart(causes: Sequence[Cause], out: Collection[str], command: str) -> Measurement | None:
    """An experiment that speaks for one of the two leading kinds of cause and against the other."""
    kinds = list(dict.fromkeys(c.kind for c in causes))[:2]
    for name, side, tells in _EXPERIMENTS:
        if len(kinds) == 2 and name not in out and (kinds[0] in side) != (kinds[1] in side):
            return Measurement(command=f"netwright check --only {name} {command}", tells=tells)
    return None


def _trial(causes: Sequence[Cause], command: str) -> Measurement:
    tells = (
        "which of these causes it is: their remedies are tried on the program itself, alone and together"
        if len(causes) > 1
        else "whether that is the cause: its remedies are tried on the program itself"
    )
    return Measurement(command=f"netwright fix {command}", tells=tells)


def _look_again(proof: Proof, command: str) -> Measurement | None:
    if not proof.left:
        return None
    return Measurement(
        command=f"netwright fix --write {command}",
        tells="how the mended program trains; netwright fix then tries what is left in it",
    )


def _more_seeds(proof: Proof, command: str) -> Measurement:
    more = max(10, 2 * len(proof.before))
    seeds = f" --seeds {more}" if proof.before else ""
    return Measurement(
        command=f"netwright fix{seeds} --budget {3 * proof.budget_s:g} {command}",
        tells="whether the gain is more than chance",
    )


def _chance(out: Collection[str], command: str) -> Measurement | None:
    for name, tells in _CHANCE:
        if name not in out:
            return Measurement(command=f"netwright check --only {name} {command}", tells=tells)
    return None
