"""What is proven, in the words that terminal and page share."""

import math
import statistics
from collections.abc import Iterator, Sequence

from ..diagnosis import Cause, Diagnosis, Proof, Proved


def number(value: float | None) -> str:
    """A value of the yardstick, short."""
    return "no result" if value is None or not math.isfinite(value) else f"{value:.4g}"


def labels(diagnosis: Diagnosis) -> tuple[str, ...]:
    """What each cause is called in the proof: its number among the findings, or the name of its remedy where no finding names it."""
    count = 0
    made: list[str] = []
    for cause in diagnosis.causes:
        count += bool(cause.code)
        made.append(str(count) if cause.code else cause.remedy)
    return tuple(made)


def listed(words: Sequence[str]) -> str:
    """``"1, 2 and 3"``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def sentences(diagnosis: Diagnosis) -> Iterator[str]:
    """The proof: over matched seeds together, and with the program's own seed together and alone."""
    proof = diagnosis.proof
    if proof is None or not proof.yardstick or not proof.cure:
        return
    healing = [
        (label, c)
        for label, c in zip(labels(diagnosis), diagnosis.causes, strict=True)
        if c.proved in (Proved.PROVEN, Proved.HELPED)
    ]
    names = listed([label for label, _ in healing]) or listed([e.name for e in proof.cure])
    length = f"{proof.steps} steps each" if proof.steps else "to their own end"
    yield f"same program, seeds and data, {length}: {_over_seeds(proof, names)}"
    if len(healing) > 1 and proof.together is not None:
        together = f"{number(proof.control)} as it is, {number(proof.together)} with {names}"
        alone = [f"{number(c.alone)} with {label} alone" for label, c in healing if c.alone is not None]
        yield f"with its own seed: {proof.yardstick} {'; '.join([together, *alone])}"


def _over_seeds(proof: Proof, names: str) -> str:
    if not proof.before:
        return (
            f"{proof.yardstick} {number(proof.control)} -> {number(proof.together)} with {names} and the program's own seed; "
            "there was no time for more seeds: not proven"
        )
    before, after = (
        [v for v in values if v is not None and math.isfinite(v)] for values in (proof.before, proof.after)
    )
    said = f"{proof.yardstick} {_middle(before)} -> {_middle(after)} with {names} (medians of {len(proof.before)} seeds, better in {proof.better}"
    said += f", p = {proof.p:.2g}" if proof.p is not None else ""
    said += (
        f"; two seeds of the program as it is differ by {proof.luck:.2g})" if proof.luck is not None else ")"
    )
    return said + ("" if proof.proven else f": not proven{'; ' * bool(proof.why)}{proof.why}")


def _middle(values: Sequence[float]) -> str:
    return number(statistics.median(values)) if values else "no result"


def of_cause(cause: Cause, proof: Proof) -> str:
    """How one cause is proven, with what its remedy does alone and what the others do without it."""
    if cause.proved is Proved.NOT_TRIED:
        return f"not tried: {cause.why or proof.why}"
    alone = (
        f"{proof.yardstick} {number(cause.alone)} with {cause.remedy} alone"
        if cause.alone is not None
        else ""
    )
    if cause.proved is Proved.NO_HELP:
        if proof.cure:
            return f"tried and not needed: as good without {cause.remedy}" + (f" ({alone})" if alone else "")
        if not alone and cause.why:
            return f"tried and did not help: {proof.yardstick} {cause.why} with {cause.remedy} alone"
        return f"tried and did not help: {alone or cause.remedy} ({number(proof.control)} as it is)"
    without = (
        f"{proof.yardstick if not alone else ''} {number(cause.without)} with the others only".strip()
        if len(proof.cure) > 1 and cause.without is not None
        else ""
    )
    untested = f"; {cause.why}" if cause.why and not cause.by_hand else ""
    return f"{cause.proved.value}: {', '.join(p for p in (alone, without) if p) or cause.remedy}{untested}"


def no_help(proof: Proof) -> str:
    """Remedies that no finding names, and that made nothing better."""
    return ", ".join(dict.fromkeys(e.name for e in proof.edits if not e.codes and e.proved is Proved.NO_HELP))


def by_hand(proof: Proof) -> tuple[str, ...]:
    """What of the set that heals no patch has, because it was tried without an edit of the source."""
    said = (
        f"{e.by_hand}: tried without an edit of the source{f' ({e.why})' if e.why else ''}, so no patch has it"
        for e in proof.cure
        if e.by_hand
    )
    return tuple(dict.fromkeys(said))


def patch(proof: Proof, command: str) -> str:
    """The command that writes what is proven; nothing where all of it is to be changed by hand, or the program cannot be started anew."""
    has_one = proof.proven and any(not e.by_hand for e in proof.cure)
    return f"netwright fix --write {command}" if has_one and command else ""


def not_proven(diagnosis: Diagnosis, command: str) -> str:
    """What is said in place of a proof where nothing was tried; nothing where the program cannot be started anew."""
    if not command:
        return ""
    fix = f"netwright fix {command}"
    following = diagnosis.next
    tells = (
        f" tells {following.tells}"
        if following is not None and following.command == fix
        else " tries the remedies on the program itself"
    )
    return f"not proven: {fix}{tells}"


def next_words(diagnosis: Diagnosis) -> str:
    """The next best measurement, where it is not the trial that is named in place of the proof."""
    following = diagnosis.next
    if following is None or (diagnosis.proof is None and following.command.startswith("netwright fix ")):
        return ""
    return f"{following.command}  tells {following.tells}"
