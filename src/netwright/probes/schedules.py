"""Learning-rate schedulers: in what unit they are stepped, how often they will be, and which rates they will set."""

from ..capture.facts import plain_attributes
from ..capture.recording import Recording
from ..capture.sandbox import untouched
from ..capture.schedules import Course, SchedulerRecord, course
from ..evidence import Schedule, Schedules
from ..rule import NotApplicable
from ._never_stepped import never_stepped
from .observed import Observed

_POINTS = 400
_AHEAD = 10  # times what was seen, where nothing is known of the end
_MOST = 50_000


def schedules(observed: Observed) -> Schedules:
    """Every learning-rate scheduler the program made."""
    recording = observed.recording
    if not recording.schedulers:
        raise NotApplicable("no learning-rate scheduler was seen")
    return Schedules(schedules=tuple(schedule(recording, record) for record in recording.schedulers))


def schedule(recording: Recording, record: SchedulerRecord) -> Schedule:
    """What is known of one scheduler."""
    scheduler = record.scheduler()
    seen = [
        e
        for e in recording.events
        if e.kind == "optimizer_step" and e.optimizer == record.optimizer and not e.detail.get("nested")
    ]
    per_batch, epoch, epochs, planned = _units(recording, record, len(seen))
    unknown = max(_AHEAD * max(record.steps, 1), epoch or 0 if per_batch else 0)
    ahead = planned - record.steps if planned is not None else unknown
    with untouched():
        coming = course(scheduler, max(0, min(ahead, _MOST))) if scheduler is not None else None
    rates, peaks = _joined([e.detail.get("lrs") for e in seen], coming, per_batch)
    stride = max(1, -(-len(rates) // _POINTS))
    return Schedule(
        type=record.type,
        optimizer=record.optimizer,
        where=record.where,
        stepped_at=record.stepped_at,
        steps=record.steps,
        updates=len(seen),
        per_batch=per_batch,
        epoch=epoch,
        epochs=epochs,
        planned=planned,
        never=record.steps == 0 and not record.part and never_stepped(record.where, record.type),
        part=record.part,
        rates=tuple(rates[::stride]),
        stride=stride,
        peaks=peaks,
        final=rates[-1] if rates else None,
        ended=None if coming is None or coming.ended is None else record.steps + coming.ended,
        settings=_settings(scheduler),
    )


def _units(
    recording: Recording, record: SchedulerRecord, updates: int
) -> tuple[bool | None, int | None, int | None, int | None]:
    """Whether it is stepped once a batch, batches in an epoch, epochs, and how often it will be stepped."""
    driven = recording.optimizers[record.optimizer].around if record.optimizer is not None else None
    if driven is None:
        return None, None, None, None
    shared = {(x.file, x.line) for x in record.made.loops}
    own = [x for x in driven.loops if (x.file, x.line) not in shared]
    nested = len(own) >= 2
    epoch = own[-1].times if nested else None
    epochs = driven.times(record.made, skip=1) if nested else None
    if record.around is None:
        # Not stepped yet: its turn comes when an epoch is over.
        waits = epoch is not None and updates <= epoch
        return None, epoch, epochs, epochs if waits and not record.part else None
    same = [(x.file, x.line) for x in record.around.loops] == [(x.file, x.line) for x in driven.loops]
    per_batch = same and updates > 1 and record.steps >= updates - 1
    planned = record.around.times(record.made) if per_batch or not same else None
    return per_batch, epoch, epochs, planned


def _joined(
    seen: list[object], coming: Course | None, per_batch: bool | None
) -> tuple[list[float], tuple[float, ...]]:
    """Rates of the first group, seen and to come, and the peaks of all groups."""
    if coming is None:
        return [], ()
    past = [tuple(float(v) for v in s) for s in seen if isinstance(s, tuple)]
    past = [p for p in past if len(p) == len(coming.rates[0])]
    past = past[:-1] if per_batch and past and past[-1] == coming.rates[0] else past
    past = past if per_batch else past[:1]
    every = [*past, *coming.rates]
    return [r[0] for r in every], tuple(max(r[g] for r in every) for g in range(len(every[0])))


def _settings(scheduler: object) -> dict[str, object]:
    if scheduler is None:
        return {}
    plain = plain_attributes(scheduler)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return {k: v for k, v in plain.items() if k not in ("last_epoch", "verbose")}
