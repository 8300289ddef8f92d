"""One recording of one program: puts the recorder in place, notes every event in order, takes everything away again."""

import contextlib
import math
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from ..evidence import NOWHERE, Event, NonFinite, Where
from . import memory
from .evaluations import WANTED, EvaluationWatch
from .frames import user_frame, user_where, where_of
from .gathering import Gathering
from .graphs import GraphCapture, build, data_of, measure
from .kept import KeptWatch
from .loading import LoaderWatch
from .looking_back import look_back, look_into
from .loops import loops_around
from .measure import number_of
from .mode import RecordingMode
from .parameters import ParameterWatch
from .patches import Patches
from .randomness import moved, states
from .recorder import Busy, Recorder
from .recording import Limits, OptimizerRecord, Recording
from .sandbox import Below, Unseen
from .schedules import SchedulerRecord
from .spots import spots
from .step_hooks import StepHooks, has_closure, steps_under_way
from .tape import Call, RootCall
from .use import ParameterUse
from .warned import Attribution
from .wrappers import install

_LATER = 40
# What stays wrapped after the recording: to see an evaluation begin, and for whoever ends the program.
_WATCH = {"train", "__enter__", "__iter__"}
_ENDING = {"backward", "__next__"}


class Session:
    """Watches the program of this process. :meth:`start` it once torch is there; it ends its recording by itself.

    Args:
        limits: when the recording of training ends.
        on_recorded: called once when that is so, between two iterations of the program.
    """

    def __init__(self, limits: Limits | None = None, on_recorded: Callable[[], None] | None = None) -> None:
        self.limits = limits or Limits()
        self.on_recorded = on_recorded or (lambda: None)
        self.on_tick: Callable[[], None] | None = None
        # Told of every module that is switched to training (True) or evaluation (False), also after the recording.
        self.on_mode: list[Callable[[torch.nn.Module, bool], None]] = []
        self.resting = False
        # Set by whoever trains copies of the step from its first weights.
        self.keep_start = False
        # Set by whoever wants further batches after the measured steps; on_measured is then called between the two.
        self.gathering: Gathering | None = None
        self.on_measured: Callable[[], None] = lambda: None
        # Set by whoever ends the program from on_tick: then backward is followed to the end.
        self.ends_program = False
        # Set by whoever wants a later step recorded instead of the first ones: its number, from 1.
        self.look_at: int | None = None
        self.recorder = Recorder()
        self.recording = Recording()
        self.parameters = ParameterWatch()
        self.use = ParameterUse(self.parameters)
        self.loaders = LoaderWatch(self.recording.loaders)
        self.kept = KeptWatch()
        self.patches = Patches()
        self.warnings = Attribution()
        self.mode = Below(RecordingMode(self.recorder))
        self.evaluation = EvaluationWatch(self.recorder, self.recording.evaluations)
        self.recorded = False
        self.started: float | None = None
        self.phase = "before training"
        self._hooks = StepHooks(self._before_step, self._after_step)
        # Set by whoever counts the steps after the recording.
        self.watched = False
        self._random: dict[str, object] = {}
        self._keys: set[tuple[Where, Where]] = set()
        self._depth = 0
        self.scaled = False
        self.unscaled: float | None = (
            None  # the loss that a gradient scaler was given since the last backward
        )
        self.other_thread = False
        self.scheduling = False  # inside a scheduler's step
        self._process = os.getpid()
        self._seen_networks: set[int] = set()
        self.epochs_cut = 0
        self.fruitless = 0  # blocks of no_grad after the recording that were part of training

    # -- putting in place and taking away -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin. Safe to call when torch has just been imported, and later."""
        self._random = states()
        self.recorder.on_clip = self._on_clip
        self.recorder.on_wait = self._on_wait
        self.recorder.writes.on_manual = self._on_manual
        self.recorder.stack.on_network = self._on_network
        self.recorder.on_new_iteration = self.iteration_without_optimizer
        install(self)
        self._hooks.put_in()
        os.register_at_fork(after_in_child=self._in_child)
        self._insert()
        self.recorder.paused = False

    def random_used(self) -> tuple[str, ...]:
        """Libraries whose global random generator the program has drawn from (or seeded)."""
        with Unseen():
            return moved(self._random)

    def seeded(self, library: str, where: Where, value: object) -> None:
        """The program seeds a random generator."""
        self.recording.seeds.setdefault(library, where)
        if not self.recorded:
            known = value if isinstance(value, int | str) else None
            self.note("seed", where, library=library, value=known)

    def follow(self, model: torch.nn.Module | None, optimizer: torch.optim.Optimizer | None) -> None:
        """Objects made before the recording began: their parameters are followed from now on."""
        with contextlib.suppress(Busy), self.recorder.own():
            if optimizer is not None:
                self.optimizer_index(optimizer)
            for parameter in model.parameters() if model is not None else ():
                self.parameters.track(parameter)

    def _insert(self) -> None:
        self.warnings.start()
        self.mode.enter()

    def _remove(self) -> None:
        if self.mode.there:
            self.mode.leave()
            self.warnings.stop()

    def _in_child(self) -> None:
        self.recorder.paused = True
        with contextlib.suppress(Exception):
            self._remove()
            self.patches.undo()

    def close(self) -> None:
        """Take everything away."""
        self.recorder.paused = True
        if os.getpid() != self._process:
            return
        self._remove()
        self.mode.sweep()
        self.patches.undo()
        self._hooks.take_out()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """The program runs a part that must not meet anything of ours (a compiled module, a fused kernel)."""
        before, in_place = self.recorder.paused, self.mode.there
        self.recorder.paused = True
        self._remove()
        self.patches.suspend()
        try:
            yield
        finally:
            self.patches.resume()
            if in_place:
                self._insert()
            self.recorder.paused = before

    # -- events ---------------------------------------------------------------------------------------------------------------

    def note(self, kind: str, where: Where, optimizer: int | None = None, /, **detail: object) -> None:
        """Put an event on the list."""
        if len(self.recording.events) < 20_000:
            self.recording.events.append(
                Event(kind=kind, step=self.recording.steps, where=where, optimizer=optimizer, detail=detail)
            )

    def optimizer_index(self, optimizer: torch.optim.Optimizer, where: Where = NOWHERE) -> int:
        """Position of an optimizer; one not seen before is added."""
        for index, record in enumerate(self.recording.optimizers):
            if record.optimizer() is optimizer:
                return index
        self.recording.optimizers.append(
            OptimizerRecord(weakref.ref(optimizer), where, type(optimizer).__name__)
        )
        return len(self.recording.optimizers) - 1

    def scheduler(self, scheduler: Any) -> SchedulerRecord:
        """The record of a learning-rate scheduler; one not seen before is added."""
        for record in self.recording.schedulers:
            if record.scheduler() is scheduler:
                return record
        optimizer = getattr(scheduler, "optimizer", None)
        index = self.optimizer_index(optimizer) if isinstance(optimizer, torch.optim.Optimizer) else None
        record = SchedulerRecord(weakref.ref(scheduler), NOWHERE, type(scheduler).__name__, index)
        self.recording.schedulers.append(record)
        return record

    def _on_clip(self, where: Where, kind: str, limit: float | None) -> None:
        self.note("clip", where, kind=kind, limit=limit)

    def _on_wait(self, where: Where, op: str, device: torch.device) -> None:
        if where.known:
            self.recording.waits.setdefault((where, op, device.type), set()).add(self.recording.steps)

    def _on_manual(self, where: Where, tensor: torch.Tensor, op: str, call: Call) -> None:
        if self._depth:
            return  # the step of an optimizer that is the program's own
        if self.use.written(tensor, where, op, call, self.recorder.values.tape) and self.recording.backwards:
            self.recording.manual = self.recording.manual or where
            self.recorder.values.tape.updated_by_hand = self.recorder.values.tape.differentiated is not None
            self.note("manual_update", where)

    def _on_network(self, module: torch.nn.Module, root: RootCall) -> None:
        first = id(module) not in self._seen_networks
        if first:
            self._seen_networks.add(id(module))
            with contextlib.suppress(Busy), self.recorder.own():
                for parameter in module.parameters():
                    if not is_lazy(parameter):
                        self.parameters.track(parameter)
        if self.started is None:
            self.started = time.perf_counter()
        self.phase = "forward"

    def network_returned(self) -> None:
        """A network's pass is over: enough passes of an evaluation need not be followed by more."""
        roots = self.recorder.values.tape.roots
        if self.recorded and sum(1 for r in roots if r.end) >= WANTED:
            self.evaluation_ends()
        elif not self.recorded and len(roots) > 2 * WANTED and not any(r.grad_enabled for r in roots):
            with contextlib.suppress(Busy), self.recorder.own():
                self.evaluation.flush([])
                self.recorder.next_tape()
            self.resting = self.recorder.paused = True

    def wakes(self) -> bool:
        """While resting during a long evaluation: whether the pass that begins is training again."""
        if not torch.is_grad_enabled() or self.recorder.broken or self.recorded:
            return False
        self.resting = self.recorder.paused = False
        return True

    def tick(self) -> None:
        """Let the one who waits for an evaluation (``check``) end the program."""
        if self.recorded and self.look_at is None and self.on_tick is not None:
            self.on_tick()

    # -- backward ---------------------------------------------------------------------------------------------------------------

    def backward(self, call: Callable[[], None], tensors: object) -> None:
        """The program calls backward: note the state before, let it run, note the state after, capture the step."""
        where = user_where(2)
        before: list[float | None] = []
        roots = [
            t
            for t in (tensors if isinstance(tensors, tuple | list) else [tensors])
            if isinstance(t, torch.Tensor)
        ]
        try:
            with self.recorder.own():
                self.evaluation.flush(roots)
                if not self.recorded and not self._gathers:
                    self.use.read(self.recorder.values.tape)
                    before = self.parameters.norms(t.tensor for t in self.parameters.tracked.values())
        except Busy:
            self.other_thread |= threading.get_ident() != self.recorder.thread
            return call()
        if self.recorded:
            self._no_evaluation_after_all()
            return call()
        self.phase = "backward"
        paused = self.recorder.paused
        self.recorder.paused = True
        self._depth = 0
        try:
            call()
        finally:
            self.recorder.paused = paused
        with contextlib.suppress(Busy), self.recorder.own():
            if self._gathers:
                self._gather(where, roots)
            else:
                self._after_backward(where, roots, before)
        self.phase = "update"
        if self.recording.backwards >= self.limits.backwards:
            self._maybe_finish()
        return None

    @property
    def _gathers(self) -> bool:
        return self.gathering is not None and self.gathering.active

    def _gather(self, where: Where, roots: list[torch.Tensor]) -> None:
        assert self.gathering is not None
        self.recording.backwards += 1
        tape = self.recorder.values.tape
        goals = [v.index for t in roots if (v := tape.find(t)) is not None]
        value = number_of(roots[0]) if roots else None
        self.gathering.add(
            build(
                tape,
                self.recorder.modules,
                goals,
                loss_value=value,
                backward=where,
                step=self.recording.steps,
            )
        )
        tape.differentiated = tape.next_index

    def _after_backward(self, where: Where, roots: list[torch.Tensor], before: list[float | None]) -> None:
        if self.started is None:
            self.started = time.perf_counter()
        # Also where no module is ever called: what is written from now on is no initialization.
        self.recorder.stage.seen_forward = True
        self.loaders.trains()
        recording = self.recording
        self._look_for_unseen_steps()
        recording.backwards += 1
        tape = self.recorder.values.tape
        goals = [v.index for t in roots if (v := tape.find(t)) is not None]
        self.use.differentiated(roots)
        value = number_of(roots[0]) if roots else None
        after = self.parameters.norms(t.tensor for t in self.parameters.tracked.values())
        capture = build(
            tape, self.recorder.modules, goals, loss_value=value, backward=where, step=recording.steps
        )
        reached = self.use.reached(capture, after)
        marked = {id(t) for t in reached}
        pairs = [
            (t, b)
            for t, b in zip(list(self.parameters.tracked.values()), before, strict=False)
            if id(t) in marked
        ]
        stale = [t for t, b in pairs if b]
        line = capture.graph.nodes[capture.graph.loss].where if capture.graph.loss is not None else NOWHERE
        self.note(
            "backward",
            where,
            grads_before=len(stale) / len(reached) if reached else 0.0,
            grads_after=sum(1 for g in after if g) / max(len(after), 1),
            grads_there=sum(1 for g in after if g is not None) / max(len(after), 1),
            stepped_since=any(t.stepped_since_fill for t in stale),
            loss=value,
            gradient=math.sqrt(sum(g * g for g in after if g)),
            graph_line=line.at,
            scaled=self.scaled,
        )
        scaled, self.scaled = self.scaled, False
        loss, self.unscaled = value if self.unscaled is None else self.unscaled, None
        self.parameters.after_backward(reached, before, after)
        for tracked in reached:
            tracked.filled, tracked.stepped_since_fill = True, False
        for record in recording.optimizers:
            record.backward_since = True
        key = (where, line)
        if key not in self._keys and len(self._keys) < 8:
            self._keys.add(key)
            if self.keep_start:
                self._keep_start(capture)
            capture.spots = spots(data_of(tape), sys._getframe(2))
            recording.captures.append(measure(capture))
        elif len(recording.later) < _LATER:
            recording.later.append(capture)
        if not all(v is None or math.isfinite(v) for v in [value, *after]):
            look_into(recording, self.recorder.modules.networks.values(), capture, scaled=scaled)
        tape.differentiated = tape.next_index
        if loss is not None and recording.captures and recording.captures[0].graph.backward == where:
            recording.losses.append(loss)

    def _look_for_unseen_steps(self) -> None:
        """What makes the steps may not be seen: a step that the program has compiled, an optimizer that is written in another language. Then the weights are not as they were before the last pass."""
        recording = self.recording
        if (
            recording.backwards
            and recording.manual is None
            and not any(r.steps for r in recording.optimizers)
        ) and self.parameters.written_unseen():
            recording.manual = NOWHERE

    def look_back(
        self, frame: FrameType | None, loss: float | None, *, scaled: bool = False
    ) -> NonFinite | None:
        """A loss or gradient is not finite, after the recording: see :func:`netwright.capture.looking_back.look_back`."""
        return look_back(self.recording, self.recorder.modules.networks.values(), frame, loss, scaled=scaled)

    def _keep_start(self, capture: GraphCapture) -> None:
        """Copies of the parameters before the first update, if there is room for them."""
        tensors = list(capture.parameters.values())
        device = tensors[0].device if tensors else None
        if 4 * memory.bytes_of_tensors(tensors) < memory.available_memory(device):
            capture.start = {id(t): t.detach().clone() for t in tensors}

    # -- optimizer steps ----------------------------------------------------------------------------------------------------------

    def _before_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        if self.recorder.paused or self.recorded or self._gathers:
            return
        with contextlib.suppress(Busy), self.recorder.own():
            index = self.optimizer_index(optimizer)
            record = self.recording.optimizers[index]
            if record.around is None:
                record.around = loops_around(sys._getframe(1))
            self._depth += 1
            nested, parameters = self._depth > 1, held(optimizer)
            norms = self.parameters.norms(parameters) if nested else self.parameters.before_step(parameters)
            closure = has_closure(args, kwargs)
            self.note(
                "optimizer_step",
                _step_where(),
                index,
                with_grad=sum(1 for n in norms if n) / max(len(norms), 1),
                backward_since=record.backward_since,
                skipped=False,
                closure=closure,
                nested=nested,
                uncleared=self.parameters.uncleared(parameters, norms, index),
                lr=float(optimizer.param_groups[0].get("lr", 0.0)) if optimizer.param_groups else None,
                lrs=tuple(float(g.get("lr", 0.0)) for g in optimizer.param_groups),
            )
            for capture in self.recording.captures:
                if capture.optimizer is None and record.backward_since:
                    capture.optimizer = index

    def _after_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        if self.watched and self.recorded:
            if self.mode.sweep():
                self._hooks.take_out()
            return None
        if steps_under_way() == 1:
            self.recording.made += 1
        if self.recorded:
            self.mode.sweep()
            if self.look_at is not None and self.recording.steps >= self.look_at - 1:
                self._look_again()
            else:
                self.tick()
            return None
        if self.recorder.broken:
            return self._maybe_finish()
        if self._gathers:
            with contextlib.suppress(Busy), self.recorder.own():
                self.evaluation.flush([])
                self.recorder.next_tape()
            self.phase = "forward"
        elif not self.recorder.paused:
            with contextlib.suppress(Busy), self.recorder.own():
                index = self.optimizer_index(optimizer)
                record = self.recording.optimizers[index]
                record.steps += 1
                self._depth = max(0, self._depth - 1)
                if self._depth:
                    return None
                changed = self.parameters.after_step(held(optimizer), index)
                record.effective += changed > 0
                record.backward_since = False
                self._amend_step(index, changed)
                self.kept.look(sys._getframe(1), self.recorder.values.tape)
                self.evaluation.flush([])
                self.recorder.next_tape()
            self.phase = "forward"
        return self._maybe_finish()

    def _amend_step(self, index: int, changed: float) -> None:
        events = self.recording.events
        for position in range(len(events) - 1, -1, -1):
            if events[position].kind == "optimizer_step" and events[position].optimizer == index:
                old = events[position]
                events[position] = Event(
                    kind=old.kind,
                    step=old.step,
                    where=old.where,
                    optimizer=index,
                    detail={**old.detail, "changed": changed},
                )
                return

    def _maybe_finish(self) -> None:
        limits, recording = self.limits, self.recording
        if self.gathering is not None and self._gathers:
            if self.gathering.ended():
                self.finish_recording()
            return
        elapsed = time.perf_counter() - (self.started or time.perf_counter())
        enough = recording.steps >= limits.steps * max(
            1, len({r.type for r in recording.optimizers if r.steps})
        )
        slow = elapsed > limits.seconds and recording.backwards >= 2
        if enough or slow or recording.backwards >= limits.backwards:
            self._measured_steps_are_there()

    def _measured_steps_are_there(self) -> None:
        """Go on to further batches where they are wanted, else stop recording."""
        if (
            self.gathering is None
            or self.recorder.broken
            or not any(r.steps for r in self.recording.optimizers)
        ):
            self.finish_recording()
            return
        self.recording.captured_steps = self.recording.steps
        with self.away():
            self.on_measured()
        self.gathering.begin([*self.recording.captures, *self.recording.later])
        if self.gathering.over:
            self.finish_recording()

    def iteration_without_optimizer(self) -> None:
        """A forward pass begins; if weights were updated by hand since the last backward, an iteration ended."""
        if not self.recorder.values.tape.updated_by_hand or self.recorded:
            return
        self.recorder.values.tape.updated_by_hand = False
        with contextlib.suppress(Busy), self.recorder.own():
            tracked = [t.tensor for t in self.parameters.tracked.values() if t.tensor.requires_grad]
            self.parameters.after_step(tracked)
            self.recording.made += 1
            self.note("iteration", self.recording.manual or NOWHERE)
            self.recorder.next_tape()
        self._maybe_finish()

    def finish_recording(self) -> None:
        """The training steps wanted are there: get out of the way but for the thin watch for an evaluation."""
        if self.recorded:
            return
        self.recorded = True
        if not self._gathers:
            self.recording.captured_steps = self.recording.steps
        with contextlib.suppress(Busy), self.recorder.own():
            self.evaluation.flush([])
        if self.look_at is not None and self.recording.steps < self.look_at:
            self._step_aside(watching=False)
            return
        self.look_at = None
        self._step_aside(watching=True)
        self.on_recorded()

    def _look_again(self) -> None:
        """The step that is wanted comes next: it is recorded, in place of the first ones."""
        self.look_at = None
        if self.recorder.broken:
            return
        recording = self.recording
        recording.captures.clear()
        recording.later.clear()
        recording.losses.clear()
        self._keys.clear()
        self.limits = Limits(
            steps=recording.steps + 2, seconds=self.limits.seconds, backwards=recording.backwards + 64
        )
        self.started = None
        self.recorded = False
        install(self)
        self.recorder.next_tape()
        self._insert()
        self.recorder.paused = False

    def _step_aside(self, *, watching: bool) -> None:
        """Record nothing; keep only the wrappers that are needed to see an evaluation begin, and to end the program."""
        self.recorder.paused = True
        self._remove()
        kept = (_WATCH if watching else {"train"}) | (_ENDING if self.ends_program else set())
        self.patches.undo(keep=lambda name: name in kept)
        self.recorder.next_tape()
        if self.watched:
            self._hooks.put_in()  # until the mode is swept away

    # -- loaders ---------------------------------------------------------------------------------------------------------------

    def loader_starts(self, loader: Any) -> None:
        """A DataLoader begins an epoch: the first one iterated before training steps is the training loader."""
        record = self.loaders.record(loader)
        record.epochs += 1
        if self._gathers and self.gathering is not None and record.trained and not self.recorded:
            self.gathering.over = True  # the same samples come again
        if self.recorded:
            if not record.trained and self.loaders.trained:
                self.evaluation_begins("other_loader")
            return
        self.note("loader_start", user_where(2), loader=self.recording.loaders.index(record))
        self.loaders.current = record

    def cuts_short(self, iterator: Any) -> bool:
        """Whether a training epoch ends here: a program that will be ended anyway should come to its evaluation soon.

        Only after the recording, only for the loader that was trained on, and never before one batch of an epoch.
        """
        record = self.loaders.of(iterator)
        if not self.ends_program or not self.evaluation.wanted or record is None or not record.trained:
            return False
        # An evaluation on the training data runs on.
        if self.mode.there or getattr(iterator, "_num_yielded", 0) < 1:
            return False
        self.epochs_cut += 1
        return True

    # -- evaluation after the recording -----------------------------------------------------------------------------------------

    def evaluation_begins(self, by: str) -> None:
        """The program switches to evaluation (``by`` says how that was seen)."""
        self.evaluation.begin(by)
        if self.recorded and self.evaluation.wanted and not self.mode.there and not self.recorder.broken:
            install(self)
            self.recorder.next_tape()
            self._insert()
            self.recorder.paused = False

    def _no_evaluation_after_all(self) -> None:
        """A backward comes in what was taken for an evaluation: a block of no_grad that updates weights by hand, a target network's pass."""
        self.fruitless += 1
        self.evaluation_ends()
        self.tick()

    def evaluation_ends(self) -> None:
        """The program goes back to training, or enough was seen."""
        with contextlib.suppress(Busy), self.recorder.own():
            self.evaluation.flush([])
        self.evaluation.end()
        if self.recorded and self.mode.there:
            self._step_aside(watching=self.evaluation.wanted)


def held(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """Every parameter of an optimizer, once."""
    seen: dict[int, torch.Tensor] = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            seen[id(parameter)] = parameter
    return list(seen.values())


def _step_where() -> Where:
    frame, _, _ = user_frame(sys._getframe(2))
    return NOWHERE if frame is None else where_of(frame.f_code, frame.f_lineno)
