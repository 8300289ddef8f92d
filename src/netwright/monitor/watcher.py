"""The watch over a whole run: what is read at which step, at a cost that is measured and kept within its budget."""

import contextlib
import os
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch._C import _len_torch_dispatch_stack, _len_torch_function_stack  # pyright: ignore

from ..capture.patches import Patches
from ..capture.recording import Recording
from ..capture.sandbox import Unseen
from ..capture.step_hooks import steps_under_way
from ..evidence import History, Sample, Where
from ..forks import hear
from .account import INTERRUPTED_S, Account
from .blocks import Blocks
from .calls import install
from .every_step import StepReader
from .glance import Glance
from .initialized import Initializations
from .known import learn
from .outbox import Outbox
from .outputs import OutputReader
from .pace import Pace
from .packet import Moment
from .parameters import ParameterReader
from .scores import Scores, series_name
from .steps import Steps
from .throughput import Throughput
from .turns import Turns

if TYPE_CHECKING:
    from ..capture.session import Session

_ORDINARY_S = 5e-5  # counted for what was interrupted
_FORMS = 256  # of what networks were given: no more are remembered


class Watcher:
    """Watches the training of this process from :meth:`start` to :meth:`close`.

    Args:
        session: what the pre-flight knows of the program (its networks and optimizers), or ``None``.
        budget: the share of the run time that watching may take.
        on_sample: given every sample, in order, in the time of the account.
        every: sample every so many steps, whatever it costs.
        wary: look at the loss of every step whether it is finite, whatever it costs.
        rank: also the effective rank of the outputs of modules.
        histograms: also quantiles of weights and gradients.
        clock: by which the account is kept.

    The ``outbox`` hands on what was read, in the same account. ``on_nonfinite`` are
    called within the backward call whose loss is not finite, before it runs, with that loss; on an accelerator, where nobody waits for the loss, with ``None`` once
    that is known. ``before_step`` are called with an optimizer before its step, where that step is read at all. What these raise beyond ``Exception`` ends the program.
    """

    def __init__(
        self,
        session: "Session | None",
        *,
        budget: float = 0.01,
        on_sample: Callable[[Sample], None] | None = None,
        every: int | None = None,
        wary: bool = False,
        rank: bool = False,
        histograms: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.session = session
        self.account = Account(budget, clock=clock)
        self.on_nonfinite: list[Callable[[torch.Tensor | None], None]] = []
        self.before_step: list[Callable[[torch.optim.Optimizer], None]] = []
        self.glance = Glance(self, self.account, always=wary)
        self.outbox = Outbox(
            clock=clock, labours=self.labours, on_nonfinite=self.on_nonfinite, glance=self.glance
        )
        self.outbox.on_sample = on_sample
        self.store = self.outbox.store
        self.places: dict[str, Where] = {}
        self.reader = StepReader(self.places, self.on_nonfinite, self.glance)
        self.parameters = ParameterReader(quantiles=histograms, keeps=every == 1)
        self.outputs = OutputReader(self.account, rank=rank, failed=self.fail)
        self.initializations = Initializations(self)
        self.scores = Scores(
            self.account,
            always=every is not None,
            failed=self.fail,
            goes_on=self._training_goes_on,
            steps=lambda: self.steps,
        )
        self.blocks = Blocks(self)
        self.broken: str | None = None
        self.samples = self.first = 0
        self.throughput = Throughput()
        self.awake = self.sampling = False
        self._patches = Patches()
        self.thread = threading.get_ident()
        self.recording = session.recording if session is not None else Recording()
        self._steps = Steps(self)
        self._process = os.getpid()
        self._working = self._laboured = False
        self.by_hand = False
        self._pace = Pace(self.account, every=every, guess=self._guess)
        self.turns = Turns()

    # -- in place -------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to watch."""
        self.thread = threading.get_ident()
        self._put_in()
        hear(in_child=self._step_aside)
        if self.session is not None:
            with Unseen():  # a mode of the program's may be around
                learn(self, self.session)
            self.throughput.begin(self.steps)
            self.session.on_mode.append(self.mode_changes)
            self.session.on_no_grad.append(self.blocks.entered)
            self.session.watched = True
        self.awake = True
        self.account.begin()
        self.outbox.start()
        with Unseen():
            if self._pace.every is not None:
                self._sample_begins()
            self._new_moment()

    def follow(self, model: torch.nn.Module) -> None:
        """A network to watch where there is no session that knows of it."""
        self.outputs.follow(dict(model.named_modules()), model)
        self.scores.follow([model])
        self.parameters.names.update({id(p): name for name, p in model.named_parameters()})

    def close(self) -> None:
        """Take everything away, and hand on what is still waiting."""
        if os.getpid() != self._process or self.account.ended is not None:
            return
        with self.account.charged():
            try:
                if self.scores.evaluating:
                    self._evaluation_ends()
                self.outputs.settle()
                self._step_aside()
                if self.reader.moment is not None:
                    self.outbox.put(self.reader.moment)
                    self.reader.moment = None
                self.outbox.drain()
            except Exception:  # the harm boundary
                self.fail()
        self.account.end()

    def pause(self) -> None:
        """Stand aside between two steps: nothing of ours is in the program's way, and the clock of the account stands still. :meth:`resume` goes on."""
        if self.account.paused is None and self.account.ended is None:
            self.work(self.outputs.settle)
            self.account.pause()
            self.outputs.take_out()
            self.scores.take_out()
            self._take_out()

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        if self.account.paused is not None and self.broken is None:
            self.account.resume()
            self._put_in()
            if self.sampling and self.reader.moment is not None:
                self.outputs.begin(self.reader.moment, first=False)
            if not self.awake:
                self._steps.doze(self._pace.next(self.steps))

    def _put_in(self) -> None:
        install(self, self._patches)
        self.initializations.install(self._patches)
        self._steps.put_in()

    def _take_out(self) -> None:
        self._patches.undo()
        self.initializations.take_out()
        self._steps.take_out()

    def fail(self) -> None:
        """Note a failure of ours with its traceback, and watch no more."""
        self.broken = self.broken or traceback.format_exc()
        self._step_aside()

    def _step_aside(self) -> None:
        self.awake = self.sampling = False
        self.outputs.take_out()
        self.scores.take_out()
        self.parameters.forget()
        self._take_out()
        if self.session is not None:
            with contextlib.suppress(ValueError):
                self.session.on_mode.remove(self.mode_changes)
                self.session.on_no_grad.remove(self.blocks.entered)

    def work(self, action: Callable[..., None], *args: Any) -> None:
        """Do something of ours, on the program's thread, unseen and charged; a failure goes no further."""
        if self._working or threading.get_ident() != self.thread:
            return
        account = self.account
        start = account.clock()
        self._working = True
        try:
            if _len_torch_function_stack() or _len_torch_dispatch_stack():
                with Unseen():
                    action(*args)
            else:
                action(*args)
        except Exception:  # the harm boundary
            self.fail()
        finally:
            self._working = False
            took = account.clock() - start
            if took > INTERRUPTED_S and not (self._laboured or self.sampling):
                took = _ORDINARY_S
            account.took(took)
            self._laboured = False

    def labours(self) -> None:
        """What is being done now takes its time: the clock is to be believed."""
        self._laboured = True

    # -- what is there ------------------------------------------------------------------------------------------------------------

    @property
    def steps(self) -> int:
        """Steps that the program has made, the first ones included."""
        return self.recording.steps

    @property
    def share(self) -> float:
        """Share of the run time that watching took so far."""
        return self.account.share

    @property
    def watched(self) -> int:
        """Steps made since the watch began."""
        return self.steps - self.first

    def history(self, *, ended: bool = False) -> History:
        """The run so far."""
        return History(
            series=self.store.view(),
            steps=self.steps,
            seconds=self.account.elapsed,
            places=dict(self.places),
            ended=ended,
            again=self.initializations.found(self.steps),
        )

    # -- optimizer steps ----------------------------------------------------------------------------------------------------------

    def count(self) -> None:
        """A step is over."""
        self.recording.made += 1

    def step_begins(self, optimizer: torch.optim.Optimizer, *, closure: bool) -> None:
        """An optimizer is about to step."""
        self.reader.in_step = True
        if self.sampling or (self.awake and self.before_step):
            self.work(self._read_before, optimizer, closure)
        elif not self.awake:
            self.glance.before_step(optimizer)

    def step_ends(self, optimizer: torch.optim.Optimizer, *, closure: bool) -> None:
        """An optimizer has made its step."""
        self.reader.in_step = False
        if self.awake:
            self.work(self._stepped, optimizer, closure)
        else:
            self._passed_over()

    def step_skipped(self, scaler: Any, optimizer: Any) -> None:
        """A gradient scaler has left out a step, which counts as one: a run whose steps are all left out goes on all the same."""
        if threading.get_ident() != self.thread or not scaler.is_enabled():
            return
        if self.awake:
            self.work(self._skipped, scaler, optimizer)
        else:
            self._passed_over()

    def _passed_over(self) -> None:
        """A step that is not read is over."""
        self.count()
        self.account.entered(2)  # this one, and that of backward, which returned at once
        if self.glance.losses:
            self.glance.step()
            self.glance.settle()
        if self._pace.reads(self.steps):
            self.work(self.wake)

    def _read_before(self, optimizer: torch.optim.Optimizer, closure: bool) -> None:
        for each in self.before_step:
            each(optimizer)
        moment = self.reader.moment
        if moment is not None and moment.sampled:
            with torch.no_grad():
                self.parameters.before(optimizer, self.turns.number(optimizer), moment, gradients=not closure)

    def _stepped(self, optimizer: torch.optim.Optimizer, closure: bool) -> None:
        moment = self.reader.moment
        if moment is None:
            return
        self.by_hand = False
        index = self.turns.number(optimizer)
        self.turns.stepped(index, self.steps)
        self.reader.rates(optimizer, index)
        if self.sampling:
            with torch.no_grad():
                self.parameters.after(optimizer, moment, gradients=closure)
        self._over(moment, index)

    def _skipped(self, scaler: Any, optimizer: Any) -> None:
        self.reader.scaler_skipped(scaler)
        if self.reader.moment is not None and isinstance(optimizer, torch.optim.Optimizer):
            self._over(self.reader.moment, self.turns.number(optimizer))

    def _over(self, moment: Moment, index: int) -> None:
        """A step of an optimizer is over, made or left out."""
        now = self.account.clock()
        if self.sampling:
            self.outputs.settle()
            if self.turns.over(index):
                self._sample_ends(moment, now)
        self._goes(moment, now)
        self.count()
        self.outbox.put(moment)
        self.reader.moment = None
        self.outbox.look(now)
        if not self.sampling:
            self._plan(now)
        if self.awake:
            self._new_moment()

    def wake(self) -> None:
        """After steps that were not read at all: the next one is."""
        self._steps.rouse()
        self.awake = True
        if self._pace.samples(self.steps, self.account.clock()):
            self._sample_begins()
        self._new_moment()

    def alarm(self, roots: Any) -> None:
        """A step that was to be passed over has a loss that is not finite: it is read from here on."""
        self._steps.rouse()
        self.awake = True
        self.reader.in_step = steps_under_way() > 0
        self._new_moment()
        self.backward(roots)

    def _new_moment(self) -> None:
        account = self.account
        moment = Moment(self.steps, account.clock() - account.began, self.sampling)
        self.reader.begin(moment)
        if self.sampling:
            self.outputs.begin(moment, first=not self.turns.waited)
            if not self.turns.waited:
                self.scores.begin(training=True)

    def backward(self, roots: Any) -> None:
        """The program calls backward."""
        self.scores.leave()
        if self.scores.evaluating:
            self._evaluation_ends()
        if self.by_hand and self.reader.moment is not None and self.reader.moment.values:
            self._iterated(self.reader.moment)
        self.reader.loss(roots)

    def _iterated(self, moment: Moment) -> None:
        """Without an optimizer a backward pass ends what the one before began."""
        now = self.account.clock()
        self._goes(moment, now)
        self.recording.iterations += 1
        self.outbox.put(moment)
        self.outbox.look(now)
        self._new_moment()

    def mode_changes(self, module: torch.nn.Module, training: bool) -> None:
        """The program switches a module to training or to evaluation, in which no hook of ours may stand on its layers."""
        if self.outputs.follows(module) and self.account.paused is None:
            self.work(self._phase, training)

    def rouse(self) -> None:
        """What is left of us while steps are only counted would not see training go on."""
        self._steps.rouse()

    def _training_goes_on(self) -> None:
        """After an evaluation of a network that was not switched to it."""
        self._evaluation_ends()
        if self.sampling and self.reader.moment is not None:
            self.scores.begin(training=True)

    def _phase(self, training: bool) -> None:
        self.blocks.forget()
        if self.scores.evaluating:
            self._evaluation_ends()
        if not training:
            self._steps.rouse()
            self.outputs.settle()
            self.outputs.take_out()
            self.scores.begin(training=False)
        elif self.sampling and self.reader.moment is not None:
            self.outputs.begin(self.reader.moment, first=False)
            self.scores.begin(training=True)

    def bare(self) -> None:
        """Somebody takes a network as it is (a copy, a file, a script): no hook of ours may stand on it, and what they have seen so far is all of this step or evaluation."""
        if not (self.outputs.in_place or self.scores.in_place):
            return
        with self.account.charged():
            try:
                if self.scores.evaluating:
                    self._evaluation_ends()
                self.outputs.take_out()
                self.scores.take_out()
            except Exception:  # the harm boundary
                self.fail()

    def _evaluation_ends(self) -> None:
        found = self.scores.end()
        self.blocks.ended(fruitful=found is not None)
        if found is not None:
            moment = Moment(self.steps, self.account.clock() - self.account.began)
            moment.hold([series_name("eval", name) for name in found[0]], found[1])
            self.outbox.put(moment)

    # -- planning -------------------------------------------------------------------------------------------------------------------

    def _plan(self, now: float) -> None:
        """What the next step is: sampled, read, or left alone."""
        if self._pace.samples(self.steps, now):
            self._sample_begins()
        elif not self._pace.reads(self.steps):
            self.awake = False
            self.glance.plan(self.watched)
            self._steps.doze(self._pace.next(self.steps))

    def _guess(self) -> float:
        """Seconds that a first sample may take, by the number and size of the parameters."""
        tensors = [p for o in self.turns.met for g in o.param_groups for p in g["params"]]
        size = sum(t.numel() * t.element_size() for t in tensors if t.device.type == "cpu")
        return 1e-3 + 4e-5 * (len(tensors) + len(self.outputs)) + 3e-9 * size

    # -- samples --------------------------------------------------------------------------------------------------------------------

    def _sample_begins(self) -> None:
        self.sampling = True
        self.turns.sample(self.steps)
        self._pace.begins()

    def _sample_ends(self, moment: Moment, now: float) -> None:
        self.sampling, self._laboured = False, True
        self.outputs.take_out()
        found = None if self.scores.evaluating else self.scores.end()
        if found is not None:
            moment.hold([series_name("train", name) for name in found[0]], found[1])
        self.throughput.rows = self.outputs.rows / self.turns.waited
        self._goes(moment, now, sampled=True)
        if len(self.recording.ran) < _FORMS:
            self.recording.ran |= self.outputs.given
        self.samples += 1
        self.outbox.urge()

    def _goes(self, moment: Moment, now: float, *, sampled: bool = False) -> None:
        """How the run as a whole goes: with every sample, and by the clock."""
        seconds = now - self.account.began
        if sampled or self.throughput.due(seconds):
            moment.timed = True
            moment.values.update(self.throughput.read(seconds, self.steps + 1))
            moment.values["run/watch_share"] = self.account.share
