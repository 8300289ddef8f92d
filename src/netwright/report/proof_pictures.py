"""The trials of remedies as pictures: what each set reached, and the matched seeds with and without."""

from ..diagnosis import Diagnosis, Proof, Proved
from .proof import labels
from .svg import Series, bars, line_chart


def sets(diagnosis: Diagnosis) -> str:
    """Bars of the yardstick with the program's own seed: as it is, with each remedy of the cure alone, with all of them. Empty where there are fewer than two."""
    proof = diagnosis.proof
    if proof is None or not proof.cure:
        return ""
    values = {"as it is": proof.control}
    for label, cause in zip(labels(diagnosis), diagnosis.causes, strict=True):
        if cause.proved in (Proved.PROVEN, Proved.HELPED) and len(proof.cure) > 1:
            values[f"{label} alone"] = cause.alone
    values["mended"] = proof.together
    known = {name: value for name, value in values.items() if value is not None and value >= 0}
    return bars(known, label=f"{proof.yardstick} with each change") if len(known) > 1 else ""


def seeds(proof: Proof) -> str:
    """Lines over the matched seeds: the program as it is, and mended."""
    names = tuple(f"seed {i + 1}" for i in range(len(proof.before)))
    pair = (
        Series(name="as it is", kind="backward", values=proof.before),
        Series(name="mended", kind="forward", values=proof.after),
    )
    return line_chart(names, pair, label=f"{proof.yardstick} by seed", log=False, size=(460.0, 130.0))
