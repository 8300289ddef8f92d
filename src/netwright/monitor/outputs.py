"""Outputs of modules on sampled steps: hooks that are put in when the step begins and taken away when it is over."""

import sys
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Self

import torch

from ..capture.compiled import FUSED, is_compiled
from ..capture.flatten import tensors
from ..capture.measure import has_values
from .account import Account
from .packet import Moment

MOST_VALUES = 1 << 15
MOST_MODULES = 400
_SATURATING: dict[type, tuple[float, float]] = {
    torch.nn.Sigmoid: (0.01, 0.99),
    torch.nn.Tanh: (-0.99, 0.99),
    torch.nn.Softsign: (-0.99, 0.99),
    torch.nn.Hardsigmoid: (0.01, 0.99),
    torch.nn.Hardtanh: (-0.99, 0.99),
}
_RECTIFIERS = (torch.nn.ReLU, torch.nn.ReLU6, torch.nn.Threshold, torch.nn.Hardshrink, torch.nn.Softshrink)
_UNMEASURED = (torch.nn.Identity, torch.nn.Flatten, torch.nn.Unflatten)
_NORMS = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d, torch.nn.SyncBatchNorm)
_CHANNELS_FIRST = (
    *_NORMS,
    torch.nn.modules.conv._ConvNd,  # pyright: ignore[reportPrivateUsage]
    torch.nn.GroupNorm,
    torch.nn.modules.instancenorm._InstanceNorm,  # pyright: ignore[reportPrivateUsage]
    torch.nn.modules.pooling._MaxPoolNd,  # pyright: ignore[reportPrivateUsage]
)


class OutputReader:
    """Measures the first output of every leaf module in one training pass.

    Args:
        account: charged for every hook.
        rank: also the effective rank of the outputs.
        failed: told of a failure of ours, which goes no further.
    """

    def __init__(self, account: Account, *, rank: bool, failed: Callable[[], None]) -> None:
        self.account = account
        self.rank = rank
        self.failed = failed
        self.rows = 0
        self._paths: weakref.WeakKeyDictionary[torch.nn.Module, str] = weakref.WeakKeyDictionary()
        self._root: weakref.ref[torch.nn.Module] | None = None
        self._fast: weakref.WeakSet[torch.nn.Module] = weakref.WeakSet()
        self._handles: list[Any] = []
        self._seen: set[str] = set()
        self._moment: Moment | None = None
        self._channels_first = False

    def __len__(self) -> int:
        return len(self._paths)

    def follow(self, modules: Mapping[str, torch.nn.Module], root: torch.nn.Module | None) -> None:
        """The modules by their paths, of which the leaves are measured, and the network whose batches are counted.

        What is compiled is passed over: a hook would make it compile again.
        """
        hidden = {id(m) for c in modules.values() if _closed(c) for m in c.modules()}
        for path, module in modules.items():
            if len(self._paths) < MOST_MODULES and id(module) not in hidden and _is_leaf(module):
                self._paths.setdefault(module, path)
        self._fast = weakref.WeakSet(m for m in modules.values() if isinstance(m, FUSED))
        self._root = weakref.ref(root) if root is not None and not _closed(root) else None

    def follows(self, module: torch.nn.Module) -> bool:
        """Whether a module is a network, or holds one, that is followed, or has layers that torch may fuse."""
        root = self._root() if self._root is not None else None
        return module is root or any(m is root or isinstance(m, FUSED) for m in module.modules())

    def begin(self, moment: Moment, *, first: bool) -> None:
        """A sampled step begins, or goes on after an evaluation or a step of another optimizer (``first`` is false)."""
        if first:
            self.take_out()
            self._seen.clear()
            self.rows = 0
        self._moment = moment
        if self._handles or something_compiled():
            return
        root = self._root() if self._root is not None else None
        if root is not None:
            self._handles.append(root.register_forward_pre_hook(self._enters, with_kwargs=True))
        untouchable = {id(m) for f in self._fast if not f.training for m in f.modules()}
        for module in list(self._paths):
            if id(module) in untouchable:  # a hook would keep torch from taking its fused kernel
                continue
            self._handles.append(module.register_forward_hook(self._returned))

    def take_out(self) -> None:
        """The sampled step is over, or an evaluation begins."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._moment = None

    def __deepcopy__(self, memo: object) -> Self:
        """A network that copies its own attributes takes hooks along: never with a second one of this behind them."""
        return self

    @property
    def in_place(self) -> bool:
        """Whether hooks stand on a network."""
        return bool(self._handles)

    # -- hooks ------------------------------------------------------------------------------------------------------------------

    def _enters(self, module: torch.nn.Module, args: Any, kwargs: Any = None) -> None:
        # Without kwargs where it is taken away while torch goes through the hooks of this very call.
        with self.account.charged():
            try:
                if torch.is_grad_enabled() and module.training:
                    first = next((t for _, t in tensors((args, kwargs))), None)
                    self.rows += first.shape[0] if first is not None and first.dim() else 1
            except Exception:  # the harm boundary
                self.failed()

    def _returned(self, module: torch.nn.Module, args: Any, out: Any) -> None:
        moment = self._moment
        if moment is None or not torch.is_grad_enabled() or _transformed():
            return
        with self.account.charged():
            path = self._paths.get(module)
            if path is None or path in self._seen:
                return
            self._seen.add(path)
            try:
                self._measure(module, args, out, f"module/{path}/", moment)
            except Exception:  # the harm boundary
                self.failed()

    def _measure(self, module: torch.nn.Module, args: Any, out: Any, name: str, moment: Moment) -> None:
        tensor = next((t for _, t in tensors(out) if t.is_floating_point()), None)
        if tensor is None or not tensor.numel() or not has_values(tensor) or not tensor.requires_grad:
            return
        if isinstance(module, _CHANNELS_FIRST):
            self._channels_first = True
        elif isinstance(module, torch.nn.Linear | torch.nn.LayerNorm | torch.nn.Embedding | torch.nn.RNNBase):
            self._channels_first = False
        with torch._C.DisableTorchFunction(), torch.no_grad():  # pyright: ignore[reportPrivateUsage]
            axis = 1 if tensor.dim() == 4 or (self._channels_first and tensor.dim() > 2) else tensor.dim() - 1
            values = subset(tensor.detach(), axis)
            statistics(values, axis, module, name, moment)
            if isinstance(module, _NORMS) and module.training:
                _distance(module, args, name, moment)
            if self.rank and values.shape[axis] > 1:
                moment.hold([name + "rank"], effective_rank(values.movedim(axis, -1)).reshape(1))
            tensor.register_hook(self._gradient(name + "grad_norm"))

    def _gradient(self, name: str) -> Callable[[torch.Tensor], None]:
        def hook(grad: torch.Tensor) -> None:
            moment = self._moment
            if moment is None or name in self._seen:
                return
            self._seen.add(name)
            with self.account.charged():
                try:
                    with torch._C.DisableTorchFunction(), torch.no_grad():  # pyright: ignore[reportPrivateUsage]
                        if has_values(grad):
                            kind = torch.float64 if grad.dtype is torch.float64 else torch.float32
                            norm = torch.linalg.vector_norm(grad.detach(), dtype=kind)
                            moment.hold([name], norm.reshape(1))
                except Exception:  # the harm boundary
                    self.failed()

        return hook


def subset(values: torch.Tensor, axis: int) -> torch.Tensor:
    """At most about 32,768 values: every unit and sample at evenly taken places in between; of samples the first, when that is still too many."""
    if values.numel() > MOST_VALUES:
        inner = [d for d in range(1, values.dim()) if d != axis]
        while values.numel() > MOST_VALUES and any(values.shape[d] > 1 for d in inner):
            largest = max(inner, key=lambda d: values.shape[d])
            stride = min(values.shape[largest], -(-values.numel() // MOST_VALUES), 4)
            index = [slice(None)] * values.dim()
            index[largest] = slice(None, None, max(stride, 2))
            values = values[tuple(index)]
        if values.numel() > MOST_VALUES and axis:
            rows = max(1, MOST_VALUES * values.shape[0] // values.numel())
            values = values[:rows]
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def statistics(values: torch.Tensor, axis: int, module: torch.nn.Module, name: str, moment: Moment) -> None:
    """Mean, spread, extremes and shares of a module's output, as numbers that still lie on the device."""
    others = [d for d in range(values.dim()) if d != axis]
    low = values.amin(others) if others else values
    high = values.amax(others) if others else values
    mean, count = values.mean(), values.numel()
    spread = torch.linalg.vector_norm(values - mean) / count**0.5
    zero = 1 - torch.count_nonzero(values).to(values.dtype) / count
    names = ["mean", "std", "min", "max", "zero_share"]
    numbers = [mean, spread, low.min(), high.max(), zero]
    if isinstance(module, _RECTIFIERS):
        names.append("dead_share")
        numbers.append(((low == 0) & (high == 0)).to(values.dtype).mean())
    flat = _SATURATING.get(type(module))
    if flat is not None:
        names.append("saturated_share")
        numbers.append(((values < flat[0]) | (values > flat[1])).to(values.dtype).mean())
    moment.hold([name + n for n in names], torch.stack(numbers))


def effective_rank(values: torch.Tensor) -> torch.Tensor:
    """Exponential of the entropy of the normalized singular values of the centered outputs, rows of at most 512 x 512 (Roy & Vetterli 2007)."""
    rows = values.reshape(-1, values.shape[-1])[:512, :512]
    rows = rows - rows.mean(0)
    shares = torch.linalg.svdvals(rows.nan_to_num())
    shares = shares / shares.sum().clamp_min(1e-30)
    return torch.exp(-(shares * shares.clamp_min(1e-30).log()).sum())


def _distance(module: Any, args: Any, name: str, moment: Moment) -> None:
    """Root mean square over the channels of (mean of the batch - running mean) in running standard deviations."""
    given = args[0] if args else None
    if module.running_mean is None or not isinstance(given, torch.Tensor) or given.dim() < 2:
        return
    values = subset(given.detach(), 1)
    mean = values.mean([d for d in range(values.dim()) if d != 1])
    distance = (mean - module.running_mean) / (module.running_var + module.eps).sqrt()
    moment.hold([name + "running_distance"], distance.square().mean().sqrt().reshape(1))


def _closed(module: torch.nn.Module) -> bool:
    return is_compiled(module) or isinstance(module, torch.jit.ScriptModule)


def _is_leaf(module: torch.nn.Module) -> bool:
    if isinstance(module, torch.nn.MultiheadAttention):  # never calls its parts
        return True
    return not isinstance(module, _UNMEASURED) and not any(
        c is not None
        for c in module._modules.values()  # pyright: ignore[reportPrivateUsage]
    )


def something_compiled() -> bool:
    """Whether the compiler has worked in this process: then a hook could make it work again."""
    utils: Any = sys.modules.get("torch._dynamo.utils")
    return utils is not None and bool(utils.counters["frames"]["total"])


def _transformed() -> bool:
    return bool(torch._C._are_functorch_transforms_active())  # pyright: ignore
