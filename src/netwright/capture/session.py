"""One recording of one program: when it begins and ends, and which part is told of what happens meanwhile."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from ..evidence import NonFinite, Where
from ..forks import hear
from .backward import BackwardWatch
from .evaluations import WANTED, EvaluationWatch
from .frames import user_where
from .gathering import Gathering
from .kept import KeptWatch
from .loading import LoaderWatch
from .looking_back import look_back
from .parameters import ParameterWatch
from .presence import Presence
from .randomness import Randomness
from .recorder import Busy, Recorder
from .recording import Limits, Recording
from .step_hooks import StepHooks, steps_under_way
from .tape import RootCall
from .updates import Updates
from .use import ParameterUse
from .wrappers import install


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
        # Told of the frame in which a block of no_grad or inference_mode is entered, likewise.
        self.on_no_grad: list[Callable[[FrameType], None]] = []
        self.resting = False
        # Set by whoever trains copies of the step from its first weights.
        self.keep_start = False
        # Set by whoever wants further batches after the measured steps; on_measured is then called between the two.
        self.gathering: Gathering | None = None
        self.on_measured: Callable[[], None] = lambda: None
        # Set by whoever ends the program from on_tick: then backward is followed to the end.
        self.ends_program = False
        # Set by whoever wants a later step recorded instead of the first ones: its number, from 0.
        self.look_at: int | None = None
        self.recorder = Recorder()
        self.recording = Recording()
        self.parameters = ParameterWatch()
        self.use = ParameterUse(self.parameters)
        self.loaders = LoaderWatch(self.recording.loaders)
        self.kept = KeptWatch()
        self.backwards = BackwardWatch(self.recorder, self.recording, self.parameters, self.use)
        self.updates = Updates(self.recorder.values, self.recording, self.parameters, self.use)
        self.evaluation = EvaluationWatch(self.recorder, self.recording.evaluations)
        self.presence = Presence(self.recorder, lambda: install(self))
        self.recorded = False
        self.started: float | None = None
        self.phase = "before training"
        self._hooks = StepHooks(self._before_step, self._after_step)
        # Set by whoever counts the steps after the recording.
        self.watched = False
        self.randomness = Randomness()
        self.other_thread = False
        self.scheduling = False  # inside a scheduler's step
        self._seen_networks: set[int] = set()
        self.epochs_cut = 0
        self.fruitless = 0  # blocks of no_grad after the recording that were part of training

    # -- putting in place and taking away -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin. Safe to call when torch has just been imported, and later."""
        self.randomness.begin()
        self.recorder.on_clip = self._on_clip
        self.recorder.on_wait = self.recording.waited
        self.recorder.on_new_iteration = self.iteration_without_optimizer
        self.recorder.writes.on_manual = self.updates.by_hand
        self.recorder.stack.on_network = self._on_network
        self._hooks.put_in()
        hear(in_child=self.presence.leave_child)
        self.presence.begin()

    def seeded(self, library: str, where: Where, value: object) -> None:
        """The program seeds a random generator."""
        self.recording.seeds.setdefault(library, where)
        if not self.recorded:
            known = value if isinstance(value, int | str) else None
            self.recording.note("seed", where, library=library, value=known)

    def follow(self, model: torch.nn.Module | None, optimizer: torch.optim.Optimizer | None) -> None:
        """Objects made before the recording began: their parameters are followed from now on."""
        with contextlib.suppress(Busy), self.recorder.own():
            if optimizer is not None:
                self.recording.optimizer_index(optimizer)
            for parameter in model.parameters() if model is not None else ():
                self.parameters.track(parameter)

    def close(self) -> None:
        """Take everything away."""
        if self.presence.end():
            self._hooks.take_out()

    # -- forward passes ---------------------------------------------------------------------------------------------------------

    def _on_clip(self, where: Where, kind: str, limit: float | None) -> None:
        self.recording.note("clip", where, kind=kind, limit=limit)

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
                    before = self.backwards.before()
        except Busy:
            self.other_thread |= threading.get_ident() != self.recorder.thread
            return call()
        if self.recorded:
            self._no_evaluation_after_all()
            return call()
        self.phase = "backward"
        paused = self.recorder.paused
        self.recorder.paused = True
        self.updates.forget_unended()
        try:
            call()
        finally:
            self.recorder.paused = paused
        with contextlib.suppress(Busy), self.recorder.own():
            if self.gathering is not None and self._gathers:
                self.backwards.gather(self.gathering, where, roots)
            else:
                self._after_backward(where, roots, before)
        self.phase = "update"
        if self.recording.backwards >= self.limits.backwards:
            self._maybe_finish()
        return None

    def _after_backward(self, where: Where, roots: list[torch.Tensor], before: list[float | None]) -> None:
        if self.started is None:
            self.started = time.perf_counter()
        # Also where no module is ever called: what is written from now on is no initialization.
        self.recorder.stage.seen_forward = True
        self.loaders.trains()
        self.updates.look_for_unseen()
        self.backwards.after(where, roots, before, keep_start=self.keep_start)

    @property
    def _gathers(self) -> bool:
        return self.gathering is not None and self.gathering.active

    def look_back(
        self, frame: FrameType | None, loss: float | None, *, scaled: bool = False
    ) -> NonFinite | None:
        """A loss or gradient is not finite, after the recording: see :func:`netwright.capture.looking_back.look_back`."""
        return look_back(self.recording, self.recorder.modules.networks.values(), frame, loss, scaled=scaled)

    # -- optimizer steps ----------------------------------------------------------------------------------------------------------

    def _before_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        if self.recorder.paused or self.recorded or self._gathers:
            return
        with contextlib.suppress(Busy), self.recorder.own():
            self.updates.step_begins(optimizer, args, kwargs)

    def _after_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        if self.watched and self.recorded:
            if self.presence.mode.sweep():
                self._hooks.take_out()
            return None
        if steps_under_way() == 1:
            self.recording.made += 1
        if self.recorded:
            self.presence.mode.sweep()
            if self.look_at is not None and self.recording.steps >= self.look_at:
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
                if not self.updates.step_ends(optimizer):
                    return None
                self.kept.look(sys._getframe(1), self.recorder.values.tape)
                self.evaluation.flush([])
                self.recorder.next_tape()
            self.phase = "forward"
        return self._maybe_finish()

    def _maybe_finish(self) -> None:
        if self.gathering is not None and self._gathers:
            if self.gathering.ended():
                self.finish_recording()
            return
        elapsed = time.perf_counter() - (self.started or time.perf_counter())
        if self.limits.reached(self.recording, elapsed):
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
        with self.presence.away():
            self.on_measured()
        self.gathering.begin([*self.recording.captures, *self.recording.later])
        if self.gathering.over:
            self.finish_recording()

    def iteration_without_optimizer(self) -> None:
        """A forward pass begins; if weights were updated by hand since the last backward, an iteration ended."""
        tape = self.recorder.values.tape
        if not tape.updated_by_hand or self.recorded:
            return
        tape.updated_by_hand = False
        with contextlib.suppress(Busy), self.recorder.own():
            self.updates.iteration_ends()
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
        if self.look_at is not None and self.recording.steps <= self.look_at:
            self._step_aside(watching=False)
            if self.recording.steps == self.look_at:
                self._look_again()
            return
        self.look_at = None
        self._step_aside(watching=True)
        self.on_recorded()

    def _look_again(self) -> None:
        """The step that is wanted comes next: it is recorded, in place of the first ones."""
        self.look_at = None
        if self.recorder.broken:
            return
        self.backwards.begin_anew()
        self.limits = Limits(
            steps=self.recording.steps + 2,
            seconds=self.limits.seconds,
            backwards=self.recording.backwards + 64,
        )
        self.started = None
        self.recorded = False
        self.recorder.next_tape()
        self.presence.begin()

    def _step_aside(self, *, watching: bool) -> None:
        """Record nothing; keep only the wrappers that are needed to see an evaluation begin, and to end the program."""
        self.presence.stand_aside(watching=watching, ending=self.ends_program, blocks=self.watched)
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
        self.recording.note("loader_start", user_where(2), loader=self.recording.loaders.index(record))
        self.loaders.current = record

    def cuts_short(self, iterator: Any) -> bool:
        """Whether a training epoch ends here: a program that will be ended anyway should come to its evaluation soon.

        Only after the recording, only for the loader that was trained on, and never before one batch of an epoch.
        """
        record = self.loaders.of(iterator)
        if not self.ends_program or not self.evaluation.wanted or record is None or not record.trained:
            return False
        # An evaluation on the training data runs on.
        if self.presence.there or getattr(iterator, "_num_yielded", 0) < 1:
            return False
        self.epochs_cut += 1
        return True

    # -- evaluation after the recording -----------------------------------------------------------------------------------------

    def evaluation_begins(self, by: str) -> None:
        """The program switches to evaluation (``by`` says how that was seen)."""
        self.evaluation.begin(by)
        if self.recorded and self.evaluation.wanted and not self.presence.there and not self.recorder.broken:
            self.recorder.next_tape()
            self.presence.begin()

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
        if self.recorded and self.presence.there:
            self._step_aside(watching=self.evaluation.wanted)
