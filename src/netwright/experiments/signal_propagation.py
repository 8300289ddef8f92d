"""How signal and gradient change their size from layer to layer, over all captured batches, at the first weights and at those after the captured steps."""

import inspect
import math
import time
from collections.abc import Hashable, Mapping, Sequence

import torch

from ..capture import memory
from ..capture.replay import Replay, Watch
from ..capture.sandbox import untouched
from ..capture.step import Step
from ..capture.tape import Call
from ..evidence import Flow, ParameterFlow, SignalPropagation
from ..rule import NotApplicable
from ._layer_calls import sites
from ._layer_tally import Tally, as_layer, at_input, at_output, listen, norm_of, real
from .experiment import Experiment, Material, Work
from .progress import Progress, unseen
from .trainee import ERRORS, Trainee, differentiates

_BATCHES = 8
_LEAST = 3  # fewer give no interval


def signal_propagation(
    step: Step,
    optimizer: torch.optim.Optimizer | None = None,
    *,
    others: Sequence[Step] = (),
    names: Mapping[int, str] | None = None,
    scaled: bool = False,
    copies: bool = True,
    seconds: float = 10.0,
    progress: Progress = unseen,
) -> SignalPropagation:
    """Run every batch forward and backward on copies of the parameters, with the recorded random numbers, and measure each layer and each parameter.

    First at the weights of the first step, then at those that the program has now. Where the first ones were not kept, those of now stand in their place.

    Args:
        step: the captured step.
        optimizer: the program's optimizer, to tell how far one step of its kind moves each parameter.
        others: further steps of the program, each with its own batch.
        names: names of the program's parameters by ``id``.
        scaled: whether the loss is multiplied before it is differentiated.
        copies: whether there is memory for copies of the parameters; without them only the weights of now are looked at, and no step of the optimizer is made.
        seconds: time for everything; at least three batches are run.
        progress: called with the share that is done.

    Raises:
        NotApplicable: the step cannot be run again, has no layers, or there is no memory.
    """
    began = time.perf_counter()
    need = step.capture.value_bytes or memory.activation_bytes(step.capture.graph)
    device = next((t.device for t in step.capture.parameters.values()), None)
    have = memory.available_memory(device)
    if need > have // 2:
        raise NotApplicable(f"the step's values take {need >> 20} MiB and {have >> 20} MiB are free")
    with untouched():
        try:
            captures = [step.capture, *(s.capture for s in others)]
            trainee = Trainee(captures, dropout=True, copies=copies)
            optimizer = optimizer if copies else None
            states = [trainee.start]
            if step.capture.start and copies:
                states.append({id(t): t.detach() for c in trainee.captures for t in c.parameters.values()})
            flows: list[Flow] = []
            for number, state in enumerate(states):
                sweep = _Sweep(trainee, state, None if scaled else optimizer, names or {})
                deadline = began + seconds * (number + 1) / len(states)
                for index in range(min(_BATCHES, len(trainee.captures))):
                    if index >= _LEAST and time.perf_counter() > deadline:
                        break
                    sweep.batch(index)
                    progress(min(0.99, (number + (index + 1) / _BATCHES) / len(states)))
                flows.append(sweep.flow())
        except ERRORS as error:
            raise NotApplicable(f"the step could not be run: {type(error).__name__}: {error}") from None
    return SignalPropagation(
        start=flows[0],
        now=flows[1] if len(flows) > 1 else None,
        optimizer=type(optimizer).__name__ if optimizer is not None else None,
        scaled=scaled,
        seconds=time.perf_counter() - began,
    )


class _Sweep:
    """All batches at one state of the weights."""

    def __init__(
        self,
        trainee: Trainee,
        state: Mapping[int, torch.Tensor],
        optimizer: torch.optim.Optimizer | None,
        names: Mapping[int, str],
    ) -> None:
        self.trainee, self.state, self.optimizer, self.names = trainee, state, optimizer, names
        self.tallies: dict[Hashable, Tally] = {}
        self.sites = {i: sites(c) for i, c in enumerate(trainee.captures[:_BATCHES])}
        for site in self.sites[0]:
            self.tallies.setdefault(site.key, Tally(site))
        if not any(t.site.weighted for t in self.tallies.values()):
            raise NotApplicable("no layer with weights was seen")
        self.losses: list[float] = []
        self.keys = [key for key, w in trainee.weights.items() if w.requires_grad]
        self.key_of = {id(self.trainee.weights[key]): key for key in self.keys}
        self.gradients: dict[int, list[float]] = {key: [] for key in self.keys}
        self.touched: dict[int, float] = dict.fromkeys(self.keys, 0.0)
        self.updates: dict[int, list[float]] = {key: [] for key in self.keys}
        self._load()

    def _load(self) -> None:
        if not self.trainee.copies:
            return
        with torch.no_grad():
            for key, weight in self.trainee.weights.items():
                weight.copy_(self.state[key])

    def batch(self, index: int) -> None:
        """One batch forward, backward, and one step of the optimizer."""
        run = self.trainee.replay(index)
        followed = self._followed(index)
        run.env.update(followed)
        listening: list[
            int
        ] = []  # filled for the backward pass that is meant, not for derivatives that the step itself asks for
        loss = run.run(self._watch(run, index, listening))[0]
        listening.append(index)
        weights = [self.trainee.weights[key] for key in self.keys]
        found: Sequence[torch.Tensor | None] = [None] * len(weights)
        if loss.requires_grad and weights:
            wanted = [*weights, *followed.values()]
            found = torch.autograd.grad(loss.sum(), wanted, allow_unused=True)[: len(weights)]
        self.losses.append(float(loss.detach().double().sum()))
        for key, weight, grad in zip(self.keys, weights, found, strict=True):
            self.gradients[key].append(0.0 if grad is None else norm_of(grad) / math.sqrt(weight.numel()))
            if grad is not None:
                values = grad.coalesce().values() if grad.is_sparse else grad
                share = float(torch.count_nonzero(values)) / weight.numel()
                self.touched[key] = max(self.touched[key], share)
        if self.optimizer is not None:
            self._update(found)

    def _followed(self, index: int) -> Mapping[int, torch.Tensor]:
        """Copies of the network's inputs that autograd follows, where a recurrent layer may run over them: its gradient at each time step is that of its input."""
        capture = self.trainee.captures[index]
        if all(s.time is None for s in self.sites[index]) or differentiates(capture):
            return {}
        return {
            capture.value_of_node[door, 0]: data.detach().requires_grad_().clone()
            for door in capture.doors
            if real(data := capture.data.get(door)) and data is not None and not data.requires_grad
        }

    def _update(self, gradients: Sequence[torch.Tensor | None]) -> None:
        """How far one step of the program's kind of optimizer moves each parameter, from these gradients and the same weights."""
        assert self.optimizer is not None
        try:
            if isinstance(self.optimizer, torch.optim.LBFGS):
                raise NotApplicable("its step is not made from one gradient")
            copy = self.trainee.like(self.optimizer)
            for key, grad in zip(self.keys, gradients, strict=True):
                self.trainee.weights[key].grad = grad
            with torch.no_grad():
                # Past the hooks on every optimizer's step, of which some belong to the program.
                inspect.unwrap(type(copy).step)(copy)
        except (NotApplicable, *ERRORS):
            self.optimizer = None
            self._load()
            return
        for group in copy.param_groups:
            momentum = group.get("momentum", 0.0)
            lasting = 1 / (1 - momentum) if isinstance(momentum, float) and 0 < momentum < 1 else 1.0
            for weight in (w for w in group["params"] if id(w) in self.key_of):
                key = self.key_of[id(weight)]
                size = norm_of(self.state[key])
                moved = norm_of(weight.detach() - self.state[key])
                self.updates[key].append(lasting * moved / size if size else math.inf)
        for weight in self.trainee.weights.values():
            weight.grad = None
        self._load()

    def _watch(self, run: Replay, batch: int, listening: list[int]) -> Watch:
        """Looks at every layer as it is called, and listens for its gradients."""
        by_value = {s.out: s for s in self.sites[batch] if s.key in self.tallies}
        calls: dict[Hashable, int] = {}
        rows: dict[Hashable, int] = {}

        def watch(call: Call, outputs: list[torch.Tensor]) -> None:
            site = by_value.get(call.outputs[0]) if call.outputs and outputs else None
            if site is None or not real(out := outputs[0]):
                return
            tally = self.tallies[site.key]
            number = calls[site.key] = calls.get(site.key, -1) + 1
            if out.dim():
                # Time steps of the same samples are no further samples.
                tally.rows += max(0, out.shape[0] - rows.get(site.key, 0))
                rows[site.key] = max(out.shape[0], rows.get(site.key, 0))
            data = run.env.get(site.data) if site.data is not None else None
            tally.forward(data, out)
            if out.requires_grad:
                listen(out, at_output(tally, batch, number, listening))
            written_over = real(data) and data is not None and data.data_ptr() == out.data_ptr()
            if data is not None and real(data) and data.requires_grad and not written_over:
                listen(data, at_input(tally, batch, listening))

        return watch

    def flow(self) -> Flow:
        """What was found, as plain numbers."""
        numbers: dict[int, int] = {}  # position among all layers of the n-th layer with weights
        owners: dict[int, list[int]] = {}
        for position, tally in enumerate(self.tallies.values()):
            if tally.site.weighted:
                numbers[len(numbers)] = position
                for leaf in tally.site.parameters:
                    tensor = self.trainee.captures[0].parameters[leaf]
                    owners.setdefault(id(tensor), []).append(position)
        count = len(self.losses)
        return Flow(
            layers=tuple(
                as_layer(t, tuple(sorted(numbers[i] for i in t.site.before)), count)
                for t in self.tallies.values()
            ),
            parameters=tuple(
                ParameterFlow(
                    name=self.names.get(key, f"parameter of {self.tallies_at(owners[key][0])}"),
                    layer=owners[key][0],
                    size=self.trainee.weights[key].numel(),
                    gradients=tuple(self.gradients[key]),
                    touched=self.touched[key],
                    updates=tuple(self.updates[key]) if self.optimizer is not None else (),
                )
                for key in self.keys
                if len(owners.get(key, ())) == 1
            ),
            losses=tuple(self.losses),
        )

    def tallies_at(self, position: int) -> str:
        """What the layer at a position is called."""
        node = list(self.tallies.values())[position].site.node
        return node.module or node.op


def _of(material: Material, seconds: float, progress: Progress) -> SignalPropagation:
    networks = material.session.recorder.modules.networks.values()
    # A part of a network that was called by itself has shorter names for the same parameters.
    named = sorted(((n, p) for m in networks for n, p in m.named_parameters()), key=lambda x: len(x[0]))
    events = material.session.recording.events
    return signal_propagation(
        material.step,
        material.optimizer,
        others=material.others,
        names={id(p): n for n, p in named},
        copies=material.copies,
        scaled=any(e.kind == "backward" and e.detail.get("scaled") is True for e in events),
        seconds=seconds,
        progress=progress,
    )


EXPERIMENT = Experiment(
    SignalPropagation, 0.1, 10.0, _of, work=Work(copies=4, trains=True, steps=6, bare=True)
)
