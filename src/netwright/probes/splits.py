"""The samples of the evaluation beside those that were trained on: twins, and what tells the two apart."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from ..capture.batches import door_of, earliest_form, is_random
from ..capture.graphs import GraphCapture
from ..capture.measure import has_values
from ..capture.replay import CannotReplay, Replay
from ..capture.sandbox import untouched
from ..evidence import NOWHERE, Splits, Task, TaskKind, Where
from ..inference import read_objective
from ..rule import NotApplicable
from ._held_out import held_out
from ._separation import separations
from .observed import Observed

_ROWS = 2048
_NEW_ROWS = 512
_BYTES = 256 << 20
_NUMBERS = 256  # of one sample, where distances are measured
_NEAR = 0.01  # of the usual distance of neighbours
_FEW = 8
_LEAST = 2
Form = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class _Batch:
    """One batch at the door: a hash of each sample's inputs, and its floating-point numbers (rows, numbers) where there are any."""

    hashes: tuple[bytes, ...]
    numbers: torch.Tensor | None
    form: Form


def splits(observed: Observed, task: Task) -> Splits:
    """Compare what came in at the door in training with what came in in the evaluation."""
    session = observed.session
    evaluations = observed.recording.evaluations
    if not evaluations:
        raise NotApplicable("no evaluation was seen")
    gathered = session.gathering.captures if session.gathering is not None else []
    captures = [*observed.recording.captures, *observed.recording.later, *gathered]
    trained = list(_batches(captures, _ROWS))
    new = list(_batches([e.capture for e in evaluations], _NEW_ROWS))
    forms = {b.form for b in new} & {b.form for b in trained}
    if len(forms) != 1:
        raise NotApplicable("no input was seen both in training and in evaluation, with the same form")
    trained = [b for b in trained if b.form in forms]
    new = [b for b in new if b.form in forms]
    known = {h for b in trained for h in b.hashes}
    asked = {h for b in new for h in b.hashes}
    if min(len(known), len(asked)) < _FEW:
        raise NotApplicable(
            f"{len(known)} samples of training and {len(asked)} of the evaluation are too few to compare"
        )
    near, apart = _near(trained, new, known)
    tables = [_numbers(side) for side in (trained, new)]
    changed, before = _unchanged(captures, forms)
    first = next(e for e in evaluations if any(b.form in forms for b in _batches([e.capture], _NEW_ROWS)))
    return Splits(
        training=len(known),
        evaluation=len(asked),
        equal=len(asked & known),
        near=near,
        chance=_chance(trained, new, len(known), apart),
        whole=any(set(b.hashes) == set(t.hashes) for b in new for t in trained),
        held_out=held_out(first.callers),
        separations=separations(*tables),
        changed=changed,
        unchanged=separations(before, tables[1]),
        paired=_paired(captures, task),
        where=first.where,
        trained_at=next((r.where for c in captures for r in c.tape.roots if r.where.known), first.where),
    )


def _batches(captures: Sequence[GraphCapture], most: int) -> Iterator[_Batch]:
    """The batches, each once, up to a number of samples and bytes."""
    rows = size = 0
    seen: set[tuple[bytes, ...]] = set()
    for capture in captures:
        if rows >= most or size >= _BYTES:
            return
        batch = _batch(capture, most - rows)
        if batch is None or batch.hashes in seen:
            continue
        seen.add(batch.hashes)
        rows += len(batch.hashes)
        size += sum(t.numel() * t.element_size() for t in _doors(capture).values())
        yield batch


def _unchanged(captures: Sequence[GraphCapture], forms: set[Form]) -> tuple[Where, torch.Tensor | None]:
    """The last line that changes training batches by random numbers, and the batches as they were before it; nothing where no such change was seen."""
    where, parts = NOWHERE, list[torch.Tensor]()
    for capture in captures:
        doors = _doors(capture)
        if len(doors) != 1 or sum(len(p) for p in parts) >= _ROWS:
            continue
        ((name, door),) = doors.items()
        if not door.is_floating_point() or ((name, tuple(door.shape[1:])),) not in forms:
            continue
        try:
            node = door_of(capture, len(door))
            source, line = earliest_form(capture, node, len(door))
            if not any(is_random(c) for c in capture.tape.slice([node], frozenset({source}))):
                continue
            with untouched():
                (was,) = Replay(capture.tape, [source], grad=False).run()
        except (NotApplicable, CannotReplay, RuntimeError, TypeError, ValueError, IndexError):
            continue
        if was.numel() == door.numel() and has_values(was):
            where = where if where.known else line
            parts.append(_few(was.detach().reshape(door.shape).cpu()))
    return where, torch.cat(parts)[:_ROWS] if parts else None


def _doors(capture: GraphCapture) -> dict[str, torch.Tensor]:
    """What came in at the door for this loss, or for this pass of an evaluation: passes of both may lie on one tape."""
    found: dict[str, torch.Tensor] = {}
    goal = capture.graph.loss
    ours = capture.graph.ancestors(goal) if goal is not None else frozenset[int]()
    for node, name in capture.doors.items():
        tensor = capture.data.get(node) if node in ours else None
        if (
            tensor is not None
            and tensor.dim()
            and tensor.numel()
            and has_values(tensor)
            and name not in found
        ):
            found[name] = tensor.detach()
    return found


def _batch(capture: GraphCapture, room: int) -> _Batch | None:
    doors = _doors(capture)
    lengths = {t.shape[0] for t in doors.values()}
    if len(lengths) != 1 or (count := lengths.pop()) < _LEAST:
        return None
    parts = [t[:room].cpu().contiguous() for t in doors.values()]
    raw = [t.reshape(len(t), -1).view(torch.uint8).numpy() for t in parts]
    hashes = tuple(
        hashlib.blake2b(b"".join(r[i].tobytes() for r in raw), digest_size=16).digest()
        for i in range(min(count, room))
    )
    floating = [_few(t) for t in parts if t.is_floating_point()]
    numbers = torch.cat(floating, dim=1) if len(floating) == len(parts) else None
    if numbers is not None and not bool(numbers.isfinite().all()):
        numbers = None
    form = tuple((name, tuple(t.shape[1:])) for name, t in doors.items())
    return _Batch(hashes, numbers, form)


def _few(tensor: torch.Tensor) -> torch.Tensor:
    """(rows, numbers), at most :data:`_NUMBERS` of a sample, evenly."""
    flat = tensor.reshape(len(tensor), -1).float()
    return flat[:, :: max(1, -(-flat.shape[1] // _NUMBERS))]


def _numbers(batches: Sequence[_Batch]) -> torch.Tensor | None:
    """The numbers of the distinct samples, (rows, numbers); None where inputs are symbols."""
    found: dict[bytes, torch.Tensor] = {}
    for batch in batches:
        if batch.numbers is None:
            return None
        found.update(zip(batch.hashes, batch.numbers, strict=True))
    return torch.stack(list(found.values()))


def _near(trained: Sequence[_Batch], new: Sequence[_Batch], known: set[bytes]) -> tuple[int, float | None]:
    """How many samples of the evaluation are next to one of training without being equal, and the distance up to which that is said (None: distances mean nothing)."""
    old, fresh = _numbers(trained), _numbers([*new])
    if old is None or fresh is None or fresh.shape[1] < _LEAST:
        return 0, None
    among = _distances(fresh, fresh).fill_diagonal_(math.inf).min(dim=1).values
    apart = _NEAR * float(among.median())
    if not apart > 0:
        return 0, None
    equal = torch.tensor([h in known for h in dict.fromkeys(h for b in new for h in b.hashes)])
    close = _distances(fresh, old).min(dim=1).values <= apart
    return int((close & ~equal).sum()), apart


def _distances(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist")


def _chance(
    trained: Sequence[_Batch], new: Sequence[_Batch], known: int, apart: float | None
) -> float | None:
    """The largest share of twins that natural duplicates explain.

    No sample is drawn twice into one batch of an epoch, so twins within single batches are natural ones. Their share of all pairs, at its upper 95 % limit, times the samples trained on, bounds the
    chance that a sample has one among these. Training batches may be drawn with repetition; then the evaluation alone tells, so the smaller of both bounds holds.
    """
    bounds: list[float] = []
    for side in (trained, new):
        twins, pairs = 0, 0
        for batch in side:
            count = len(batch.hashes)
            pairs += count * (count - 1) // 2
            if apart is not None and batch.numbers is not None:
                close = _distances(batch.numbers, batch.numbers) <= apart
                twins += (int(close.sum()) - count) // 2
            else:
                same = [batch.hashes.count(h) for h in set(batch.hashes)]
                twins += sum(n * (n - 1) // 2 for n in same)
        if pairs:
            bounds.append(known * _upper(twins) / pairs)
    return min(1.0, *bounds) if bounds else None


def _upper(count: int) -> float:
    """Upper 95 % limit of a mean of which ``count`` events were seen (Poisson; Byar's approximation to the exact limit, which is 3.0 for none)."""
    k = count + 1
    return k * (1 - 1 / (9 * k) + 1.6449 / (3 * math.sqrt(k))) ** 3


def _paired(captures: Sequence[GraphCapture], task: Task) -> bool:
    """Whether targets have the form of the inputs (denoising, reconstruction), or are no targets of single samples."""
    single = {TaskKind.CLASSIFICATION, TaskKind.BINARY, TaskKind.MULTILABEL, TaskKind.REGRESSION}
    if not task.objectives or any(o.kind not in single for o in task.objectives):
        return True
    for capture in captures[:1]:
        term = read_objective(capture.graph, 0).term
        if term is None or term.target is None:
            return True
        info = capture.graph.nodes[term.target].outputs[term.target_output]
        if len(info.shape) > 1 and any(tuple(t.shape) == info.shape for t in _doors(capture).values()):
            return True
    return False
