"""Verdicts against the truth: detection, right cause, right line, false alarms, with 95 % intervals (Wilson's score)."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from scipy.stats import binomtest

from bench.faultbench.programs import HERE, tomllib
from bench.faultbench.verdict import Verdict

TRUTH = tomllib.loads((HERE / "truth.toml").read_text(encoding="utf-8"))
EQUIVALENT: list[frozenset[str]] = [frozenset(codes) for codes in TRUTH["equivalence"].values()]
WORDS: dict[str, tuple[str, ...]] = {word: tuple(codes) for word, codes in TRUTH["words"].items()}


def with_equivalents(codes: Iterable[str]) -> frozenset[str]:
    """The codes and all that count as the same cause."""
    wanted = set(codes)
    for same in EQUIVALENT:
        if same & set(codes):
            wanted |= same
    return frozenset(wanted)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One faulty program and how well it was diagnosed."""

    id: str
    operator: str
    family: str
    kind: str
    seen: str
    counts: bool
    why: str  # why it counts, or why not
    truth: tuple[str, ...]
    detected: bool
    rank: int | None
    line: bool | None  # None: the right cause was not named, or no line is known
    extra: int  # findings that name none of the true causes
    said: tuple[str, ...]
    seconds: float | None
    ended: str


def judge(
    verdict: Verdict, *, truth: Sequence[str], lines: Iterable[int], counts: bool, why: str, **names: str
) -> Judged:
    """Hold a verdict against the true codes and lines."""
    codes = with_equivalents(truth)
    rank = verdict.rank(codes)
    known = frozenset(lines)
    return Judged(
        truth=tuple(truth),
        detected=bool(verdict.said),
        rank=rank,
        line=verdict.on_line(codes, known) if rank is not None and known else None,
        extra=sum(not codes.intersection(said.codes) for said in verdict.said),
        said=tuple(
            "/".join(said.codes) + "".join(f":{line}" for line in said.lines[:1]) for said in verdict.said
        ),
        seconds=verdict.seconds,
        ended=verdict.ended,
        counts=counts,
        why=why,
        **names,  # type: ignore[arg-type]
    )


def rate(hits: int, of: int) -> dict[str, Any]:
    """A share with its interval."""
    if not of:
        return {"hits": 0, "of": 0, "rate": None, "low": None, "high": None}
    interval = binomtest(hits, of).proportion_ci(method="wilson")
    return {
        "hits": hits,
        "of": of,
        "rate": round(hits / of, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
    }


def summary(judged: Sequence[Judged]) -> dict[str, Any]:
    """Detection, cause and line over a set of faulty programs; all of them count."""
    times = [j.seconds for j in judged if j.seconds is not None]
    lined = [j for j in judged if j.line is not None]
    said = sum(len(j.said) for j in judged)
    return {
        "programs": len(judged),
        "detection": rate(sum(j.detected for j in judged), len(judged)),
        "top1": rate(sum(j.rank == 1 for j in judged), len(judged)),
        "top3": rate(sum(j.rank is not None and j.rank <= 3 for j in judged), len(judged)),
        "line": rate(sum(bool(j.line) for j in lined), len(lined)),
        "precision": rate(said - sum(j.extra for j in judged), said),
        "seconds": round(statistics.median(times), 2) if times else None,
    }


def grouped(judged: Sequence[Judged], key: Callable[[Judged], str]) -> dict[str, dict[str, Any]]:
    """A summary for every value of a key, in order of first appearance."""
    groups: dict[str, list[Judged]] = {}
    for j in judged:
        groups.setdefault(key(j), []).append(j)
    return {name: summary(members) for name, members in groups.items()}


def alarms(
    verdicts: Sequence[tuple[str, Verdict]], left: Mapping[str, frozenset[str]] | None = None
) -> dict[str, Any]:
    """Errors and warnings on programs that are well: how many per program, how many programs have any, and which.

    `left` names, by program, the faults that its fact sheet knows of and that its fix may have left in place: findings that name one of them
    are listed and not counted as alarms.
    """
    known = left or {}
    split = [
        (name, v, [bool(known.get(name, frozenset()).intersection(s.codes)) for s in v.said])
        for name, v in verdicts
    ]
    total = sum(marks.count(False) for _, _, marks in split)
    times = [v.seconds for _, v in verdicts if v.seconds is not None]
    return {
        "programs": len(verdicts),
        "alarms": total,
        "left": sum(marks.count(True) for _, _, marks in split),
        "per_program": round(total / len(verdicts), 4) if verdicts else None,
        "programs_with_any": rate(sum(False in marks for _, _, marks in split), len(verdicts)),
        "seconds": round(statistics.median(times), 2) if times else None,
        "list": [
            {
                "id": name,
                "said": [
                    f"{'/'.join(s.codes)} {s.severity}: {s.message}"
                    + (" (a fault of its fact sheet, left by the fix: not counted)" if mark else "")
                    for s, mark in zip(v.said, marks, strict=True)
                ],
            }
            for name, v, marks in split
            if v.said
        ],
    }
