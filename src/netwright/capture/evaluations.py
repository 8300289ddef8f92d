"""Recognises evaluation passes, and captures the first few: what came in, in which mode, whether it repeats."""

import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch

from ..evidence import NOWHERE, NoisyOp, Where
from .calls import plain_name
from .graphs import GraphCapture, build
from .measure import has_values
from .recorder import Recorder
from .replay import CannotReplay, Replay
from .sandbox import untouched
from .tape import Call, RootCall

WANTED = 2


@dataclass(slots=True)
class EvaluationCapture:
    """One evaluation pass. ``callers`` are the user's lines on the stack, innermost first."""

    where: Where
    by: str
    grad_enabled: bool
    training_flags: float | None
    mode_modules: tuple[str, ...]
    capture: GraphCapture
    noise: tuple[NoisyOp, ...] = ()
    repeatable: bool | None = None
    before_training: bool = False
    module: "weakref.ref[torch.nn.Module] | None" = None
    callers: tuple[Where, ...] = ()


@dataclass(slots=True)
class EvaluationWatch:
    """Collects evaluation passes out of the running tape. ``by`` is how the current evaluation was recognised."""

    recorder: Recorder
    found: list[EvaluationCapture]
    by: str | None = None
    trained: bool = False
    # The calls themselves: the number of one that is gone may be that of a later one.
    _handled: set[RootCall] = field(default_factory=set[RootCall])
    _targets: set[tuple[int, str | None, int | None]] = field(
        default_factory=set[tuple[int, str | None, int | None]]
    )

    @property
    def wanted(self) -> bool:
        """Whether more passes are wanted."""
        return len(self.found) < WANTED

    def begin(self, by: str) -> None:
        """The program switches to evaluation."""
        self.by = by if self.by is None or by == "eval_mode" else self.by
        if by in ("eval_mode", "other_loader"):
            self.recorder.stage.evaluating = True

    def end(self) -> None:
        """The program goes back to training."""
        self.by = None
        self.recorder.stage.evaluating = False

    def flush(self, losses: Iterable[torch.Tensor]) -> None:
        """Capture the evaluation passes on the tape; what a loss depends on is training."""
        losses = list(losses)
        tape = self.recorder.values.tape
        goals = [v.index for t in losses if (v := tape.find(t)) is not None]
        training: set[int] = set()
        for call in tape.slice(goals):
            training.update(call.outputs)
        if losses:
            self.trained = True
            self._training_after_all()
        for root in tape.roots:
            if root in self._handled or not root.end:
                continue
            self._handled.add(root)
            evaluating = not root.grad_enabled or (self.recorder.stage.evaluating and not losses)
            place = (root.key, root.where.file, root.where.line)
            if training.intersection(root.outputs):
                if not root.grad_enabled:  # a target network, a teacher: its results go into the loss
                    self._targets.add(place)
                continue
            if place in self._targets or not evaluating or not self.wanted:
                continue
            self.found.append(self._capture(root))

    def _training_after_all(self) -> None:
        """A backward came: what ran with autograd was training, whatever mode the network was in."""
        if not self.recorder.stage.evaluating:
            return
        self.end()
        for use in self.recorder.modules.uses.values():
            if not use.train and use.evaluation:
                use.train, use.flags_train = use.evaluation, set(use.flags_eval)
                use.evaluation, use.flags_eval = 0, set()

    def _capture(self, root: RootCall) -> EvaluationCapture:
        sensitive = root.sensitive or ()
        capture = build(
            self.recorder.values.tape,
            self.recorder.modules,
            root.outputs,
            loss_value=None,
            backward=NOWHERE,
            step=0,
        )
        repeatable, noise = self._repeat(root, capture)
        return EvaluationCapture(
            where=root.where,
            by=self.by or "no_grad",
            grad_enabled=root.grad_enabled,
            training_flags=sum(flag for _, flag in sensitive) / len(sensitive) if sensitive else None,
            mode_modules=tuple(n for n, flag in sensitive if flag)[:16],
            capture=capture,
            noise=noise,
            repeatable=repeatable,
            before_training=not self.trained,
            module=root.module,
            callers=root.callers,
        )

    def _repeat(self, root: RootCall, capture: GraphCapture) -> tuple[bool | None, tuple[NoisyOp, ...]]:
        """Run the pass twice with other random numbers: does it give the same, and which calls drew random numbers?"""
        drew: dict[int, Call] = {}
        state: list[torch.Tensor] = []

        def watch(call: Call, outputs: list[torch.Tensor]) -> None:
            now = torch.get_rng_state()
            if state and not torch.equal(state[0], now) and call.index >= root.start:
                drew[call.index] = call
            state[:] = [now]

        try:
            with untouched(), torch.no_grad():
                first = Replay(self.recorder.values.tape, root.outputs, fresh_random=True, grad=False)
                state[:] = [torch.get_rng_state()]
                one = first.run(watch)
                two = Replay(self.recorder.values.tape, root.outputs, fresh_random=True, grad=False).run()
        except (CannotReplay, RuntimeError, TypeError, ValueError, IndexError):
            return None, ()
        if not all(has_values(t) for t in one):
            return None, ()
        same = all(torch.equal(a, b) or bool(a.isnan().any()) for a, b in zip(one, two, strict=True))
        return same, tuple(self._noisy(c, capture) for c in drew.values())

    def _noisy(self, call: Call, capture: GraphCapture) -> NoisyOp:
        module = call.frame.module() if call.frame is not None else None
        node = next(
            (
                n
                for n in capture.graph.nodes
                if n.kind == "op" and n.where == call.where and n.op == plain_name(call.name)
            ),
            None,
        )
        return NoisyOp(
            op=plain_name(call.name),
            where=call.where,
            module=node.module if node is not None else None,
            made=self.recorder.modules.made_where(module)
            if module is not None and call.frame is not None and call.frame.torch_own
            else None,
        )
