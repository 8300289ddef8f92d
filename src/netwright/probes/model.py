"""The networks: modules, parameters, and the signal through the layers."""

import inspect
import math

import torch
from torch.nn.parameter import is_lazy

from ..capture.facts import plain_attributes
from ..capture.frames import is_user_file
from ..capture.measure import word
from ..capture.parameters import Tracked
from ..evidence import (
    NOWHERE,
    LayerSignal,
    ModuleInfo,
    Modules,
    ParameterInfo,
    Parameters,
    Signals,
    Where,
)
from ..rule import NotApplicable
from ._freezing import frozen_line, vain_freezing
from .observed import Observed

_WEIGHTED = frozenset(
    "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d lstm gru rnn_tanh rnn_relu matmul mm addmm "
    "einsum bilinear multi_head_attention_forward".split()
)
_INITIALIZERS = frozenset(
    "normal uniform trunc_normal kaiming_uniform kaiming_normal xavier_uniform xavier_normal orthogonal sparse zeros zero ones "
    "constant fill eye dirac random exponential cauchy log_normal".split()
)
_SHOWN = frozenset(
    "batch_norm layer_norm group_norm instance_norm embedding relu leaky_relu prelu elu selu gelu silu mish softplus sigmoid tanh "
    "hardtanh relu6 hardswish hardsigmoid celu softmax log_softmax".split()
)


def modules(observed: Observed) -> Modules:
    """Every module of every network that was used."""
    if not observed.recorder.modules.networks:
        raise NotApplicable("no network module was called")
    found: list[ModuleInfo] = []
    roots = observed.roots()
    known: set[int] = set()
    for position, root in enumerate(roots):
        for path, module in root.named_modules():
            known.add(id(module))
            found.append(_module(observed, module, path, position, registered=True))
    for key, use in observed.recorder.modules.uses.items():
        module = use.module()
        if module is not None and key not in known and observed.recorder.modules.has_parameters(module):
            found.append(_module(observed, module, type(module).__name__, 0, registered=False))
    return Modules(modules=tuple(found), roots=tuple(type(r).__name__ for r in roots))


def _module(
    observed: Observed, module: torch.nn.Module, path: str, root: int, *, registered: bool
) -> ModuleInfo:
    use = observed.recorder.modules.uses.get(id(module))
    made = observed.recorder.modules.made_where(module)

    def flag(seen: set[bool]) -> bool | None:
        return next(iter(seen)) if len(seen) == 1 else None

    return ModuleInfo(
        path=path,
        type=type(module).__name__,
        root=root,
        made=made or NOWHERE,
        config=plain_attributes(module),
        calls_train=use.train if use else 0,
        calls_eval=use.evaluation if use else 0,
        training_in_train=flag(use.flags_train) if use else None,
        training_in_eval=flag(use.flags_eval) if use else None,
        order=use.order if use else None,
        registered=registered,
        user_defined=_user_defined(type(module)),
        parameters=sum(p.numel() for p in module.parameters()),
        input_shape=use.input_shape if use else None,
        output_shape=use.output_shape if use else None,
    )


def _user_defined(kind: type) -> bool:
    try:
        return is_user_file(inspect.getfile(kind))
    except (TypeError, OSError):
        return kind.__module__ == "__main__"


def parameters(observed: Observed) -> Parameters:
    """Every parameter of the networks, the optimizers, and every leaf that was used and wants a gradient."""
    watch, recording = observed.watch, observed.recording
    names = _names(observed)
    for record in recording.optimizers:
        optimizer = record.optimizer()
        for group in optimizer.param_groups if optimizer is not None else ():
            for parameter in group["params"]:
                watch.track(parameter, record.where)
    for root in observed.roots():
        for parameter in root.parameters():
            watch.track(parameter)
    if not watch.tracked:
        raise NotApplicable("the program has no parameters")
    vain = vain_freezing(observed)
    groups = _memberships(observed)
    found = tuple(
        _parameter(observed, t, names, vain, groups.get(id(t.tensor), [])) for t in watch.tracked.values()
    )
    return Parameters(parameters=found, fresh=not recording.loaded)


def _names(observed: Observed) -> dict[int, list[tuple[int, str, torch.nn.Module]]]:
    names: dict[int, list[tuple[int, str, torch.nn.Module]]] = {}
    for position, root in enumerate(observed.roots()):
        for path, module in root.named_modules():
            for name, parameter in module.named_parameters(recurse=False):
                full = f"{path}.{name}" if path else name
                names.setdefault(id(parameter), []).append((position, full, module))
    return names


def _parameter(
    observed: Observed,
    tracked: Tracked,
    names: dict[int, list[tuple[int, str, torch.nn.Module]]],
    vain: dict[int, tuple[str, Where]],
    memberships: list[tuple[int, int]],
) -> ParameterInfo:
    tensor = tracked.tensor
    homes = names.get(id(tensor), [])
    root, name, owner = homes[0] if homes else (None, _describe(tensor), None)
    fans = _fans(tensor)
    writes = observed.recorder.writes.first_to(tracked.storage or -1)
    loaded = _loaded(observed, owner)
    return ParameterInfo(
        name=name,
        shape=tuple(tensor.shape),
        dtype=word(tensor.dtype),
        device=tensor.device.type,
        root=root,
        module=name.rpartition(".")[0] if homes else None,
        module_type=type(owner).__name__ if owner is not None else None,
        where=_place(observed, tracked, owner),
        requires_grad=tensor.requires_grad,
        contiguous=_is_contiguous(tensor),
        registered=bool(homes),
        used=tracked.used,
        on_path=tracked.on_path,
        reached=tracked.reached,
        initial=tracked.initial,
        duplicate_rows=tracked.duplicate_rows,
        fan_in=fans[0],
        fan_out=fans[1],
        init_calls=tuple((n, w) for n, w, _ in writes),
        loaded=loaded is not None,
        init_after_load=_initialized_after(observed, writes, loaded),
        optimizers=tuple(sorted({o for o, _ in memberships})),
        groups=tuple(memberships),
        grad_steps=tuple(tracked.grads),
        changed=tracked.changed,
        changed_outside=tracked.changed_outside,
        update_ratio=tracked.update_ratio,
        shared_with=tuple(n for _, n, _ in homes[1:]),
        distinct_rows_after=_distinct_rows(tensor) if tracked.duplicate_rows else None,
        iterations=None if homes else _iterations(observed, tensor),
        inside=not homes and _inside(observed, tensor),
        frozen_at=frozen_line(observed, tensor),
        changed_while_frozen=tracked.changed_while_frozen,
        frozen_in_vain=vain.get(id(tensor)) if tensor.requires_grad else None,
        outside_gaps=tracked.outside_gaps,
        outside_op=tracked.outside_op if tracked.outside_gaps else None,
        outside_gradient=tracked.outside_gradient,
        outside_scales=tuple(tracked.outside_scales),
        restored=tracked.restored,
    )


def _is_contiguous(tensor: torch.Tensor) -> bool:
    """Whether its values lie in memory in the order of its indices, or in one that torch has a name for (channels last); so taken where that is no question."""
    if tensor.layout is not torch.strided or is_lazy(tensor):
        return True
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    usual = formats.get(tensor.dim())
    return tensor.is_contiguous() or (usual is not None and tensor.is_contiguous(memory_format=usual))


def _initialized_after(
    observed: Observed, writes: list[tuple[str, Where, int]], loaded: int | None
) -> Where | None:
    """The line that initialized a parameter after it was loaded: that of ``model.apply`` where it was called by that."""
    for name, where, sequence in writes:
        if loaded is not None and sequence > loaded and name in _INITIALIZERS:
            return observed.recorder.writes.applied.get(sequence, where)
    return None


def _distinct_rows(tensor: torch.Tensor) -> int:
    """Rows that differ by more than rounding."""
    rows = tensor.detach().reshape(tensor.shape[0], -1)[:, :4096].double().nan_to_num().cpu()
    spread = float(rows.abs().max()) or 1.0
    return int((rows / (spread * 1e-4)).round().unique(dim=0).shape[0])


def _iterations(observed: Observed, tensor: torch.Tensor) -> int:
    captures = [*observed.recording.captures, *observed.recording.later]
    return sum(any(p is tensor for p in c.parameters.values()) for c in captures)


def _inside(observed: Observed, tensor: torch.Tensor) -> bool:
    for capture in observed.recording.captures:
        nodes = {n for n, p in capture.parameters.items() if p is tensor}
        if nodes and any(
            n.module_type is not None and any(r.node in nodes for r in n.refs) for n in capture.graph.nodes
        ):
            return True
    return False


def parameter_names(observed: Observed) -> dict[int, tuple[int, str]]:
    """The network and the name of every parameter of the networks, by the tensor's ``id``."""
    return {key: homes[0][:2] for key, homes in _names(observed).items()}


def _describe(tensor: torch.Tensor) -> str:
    return f"unregistered tensor of shape {tuple(tensor.shape)}"


def _place(observed: Observed, tracked: Tracked, owner: torch.nn.Module | None) -> Where:
    made = observed.recorder.modules.made_where(owner) if owner is not None else None
    return made or tracked.where


def _memberships(observed: Observed) -> dict[int, list[tuple[int, int]]]:
    """Optimizer and group of each parameter, by its identity."""
    found: dict[int, list[tuple[int, int]]] = {}
    for index, record in enumerate(observed.recording.optimizers):
        optimizer = record.optimizer()
        for position, group in enumerate(optimizer.param_groups if optimizer is not None else ()):
            for p in group["params"]:
                found.setdefault(id(p), []).append((index, position))
    return found


def _fans(tensor: torch.Tensor) -> tuple[int | None, int | None]:
    if tensor.dim() < 2:
        return None, None
    area = math.prod(tensor.shape[2:])
    return tensor.shape[1] * area, tensor.shape[0] * area


def _loaded(observed: Observed, owner: torch.nn.Module | None) -> int | None:
    if owner is None:
        return None
    for ref, _, sequence in observed.recording.loaded:
        module = ref()
        if module is not None and any(m is owner for m in module.modules()):
            return sequence
    return None


def signals(observed: Observed) -> Signals:
    """Size of the signal at each layer in the first training step, forward and backward."""
    found: list[LayerSignal] = []
    for position, capture in enumerate(observed.recording.captures):
        depth = 0
        if capture.why_not_replayed is not None:
            continue
        on_path = {n.index for n in capture.graph.on_path()}
        for node in capture.graph.nodes:
            if node.kind != "op" or node.index not in on_path or node.op not in _WEIGHTED | _SHOWN:
                continue
            parametric = any(capture.graph[r].kind == "parameter" for r in node.refs)
            if node.op in _WEIGHTED:
                if not parametric:
                    continue
                depth += 1
            measure = capture.measures.get(node.index)
            info = node.output
            found.append(
                LayerSignal(
                    module=node.module or node.op,
                    type=node.module_type or node.op,
                    op=node.op,
                    node=node.index,
                    graph=position,
                    depth=depth,
                    where=node.where,
                    made=node.made,
                    forward=info.stats if info else None,
                    backward=info.grad if info else None,
                    input_rms=measure.input_rms if measure else None,
                    dead=measure.dead if measure else None,
                    units=measure.units if measure else None,
                    saturated=measure.saturated if measure else None,
                )
            )
    if not found:
        why = next((c.why_not_replayed for c in observed.recording.captures if c.why_not_replayed), None)
        raise NotApplicable(f"the step could not be run again: {why}" if why else "no layers were seen")
    return Signals(layers=tuple(found))
