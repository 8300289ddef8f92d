"""Outputs of modules on sampled steps: hooks that are put in when the step begins and taken away when it is over."""

import weakref
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch._C import _len_torch_dispatch_stack, _len_torch_function_stack  # pyright: ignore

from ..capture.compiled import FUSED, is_compiled
from ..capture.compiling import something_compiled
from ..capture.flatten import tensors
from ..capture.measure import has_values
from ..capture.sandbox import Unseen
from .account import Account
from .activations import Kept, Shelf, work_out
from .packet import Moment

MOST_MODULES = 400
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
        self.given: set[tuple[int, ...]] = set()  # forms of what the network was given in this sample
        self._paths: weakref.WeakKeyDictionary[torch.nn.Module, str] = weakref.WeakKeyDictionary()
        self._root: weakref.ref[torch.nn.Module] | None = None
        self._fast: weakref.WeakSet[torch.nn.Module] = weakref.WeakSet()
        self._handles: list[Any] = []
        self._seen: set[str] = set()
        self._moment: Moment | None = None
        self._channels_first = False
        self._shelf = Shelf()
        self._kept: list[Kept] = []
        self._hooks: weakref.WeakKeyDictionary[torch.nn.Module, Callable[..., None]] = (
            weakref.WeakKeyDictionary()
        )
        self._orders: dict[type, bool | None] = {}
        self._last: tuple[weakref.ref[torch.Tensor], int, int, torch.Tensor] | None = None

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
            self.given.clear()
            self.rows = 0
        self._moment = moment
        if self._handles or something_compiled():
            return
        root = self._root() if self._root is not None else None
        if root is not None:
            self._handles.append(root.register_forward_pre_hook(self._enters, with_kwargs=True))
        untouchable = {id(m) for f in self._fast if not f.training for m in f.modules()}
        for module, path in list(self._paths.items()):
            if id(module) not in untouchable:  # a hook would keep torch from taking its fused kernel
                self._handles.append(module.register_forward_hook(self._hook(module, path)))

    def settle(self) -> None:
        """Work out what has only been copied up to now."""
        kept, self._kept = self._kept, []
        self._last = None
        self._shelf.clear()
        if kept:
            with Unseen(), torch.no_grad():
                for each in kept:
                    work_out(each, self._shelf, rank=self.rank)

    def take_out(self) -> None:
        """The sampled step is over, or an evaluation begins. What is not settled is lost."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._kept.clear()
        self._last = None
        self._shelf.clear()
        self._moment = None

    def __deepcopy__(self, memo: object) -> "OutputReader":
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
                    with Unseen():
                        first = next((t for _, t in tensors((args, kwargs))), None)
                        shape = tuple(first.shape) if first is not None else ()
                    self.rows += shape[0] if shape else 1
                    if first is not None:
                        self.given.add(shape)
            except Exception:  # the harm boundary
                self.failed()

    # What a hook does finds none of its code in the processor's caches, so that every operation and every call of Python counts.

    def _hook(self, module: torch.nn.Module, path: str) -> Callable[..., None]:
        """The forward hook of a module, the same at every sample."""
        hook = self._hooks.get(module)
        if hook is not None:
            return hook
        name, account, clock = f"module/{path}/", self.account, self.account.clock
        known, arrives = id(module), self._arrival(f"module/{path}/grad_norm")

        def returned(module: torch.nn.Module, args: Any, out: Any) -> None:
            moment = self._moment
            if moment is None or not torch.is_grad_enabled() or _transformed():
                return
            start = clock()
            try:
                if name in self._seen or id(module) != known:  # a replica has the hooks of its original
                    return
                self._seen.add(name)
                if type(out) is torch.Tensor and not _modes():
                    self._take(module, args, out, name, moment, arrives)
                else:
                    with Unseen():
                        tensor = next((t for _, t in tensors(out) if t.is_floating_point()), None)
                        if tensor is not None:
                            self._take(module, args, tensor, name, moment, arrives)
            except Exception:  # the harm boundary
                self.failed()
            finally:
                account.took(clock() - start)

        self._hooks[module] = returned
        return returned

    def _take(
        self,
        module: torch.nn.Module,
        args: Any,
        tensor: torch.Tensor,
        name: str,
        moment: Moment,
        arrives: Callable[[torch.Tensor], None],
    ) -> None:
        """Copy what is looked at of an output, and wait for its gradient."""
        if (
            not tensor.requires_grad
            or not tensor.is_floating_point()
            or not tensor.numel()
            or not has_values(tensor)
        ):
            return
        order = self._orders.get(type(module))
        if order is None:
            order = self._orders[type(module)] = _order(module)
        self._channels_first = order if order is not None else self._channels_first
        dims = tensor.dim()
        axis = 1 if dims == 4 or (self._channels_first and dims > 2) else dims - 1
        if self._shelf.full:
            self.settle()
        kept = Kept(name, module, axis, self._shelf.put(tensor, axis), moment)
        if isinstance(module, _NORMS) and module.training:
            self._add_given(kept, module, args)
        self._kept.append(kept)
        self._last = (weakref.ref(tensor), tensor._version, axis, kept.values)
        tensor.register_hook(arrives)

    def _add_given(self, kept: Kept, module: Any, args: Any) -> None:
        """What came into a batch normalization: as a rule the output that was copied last."""
        given = args[0] if args else None
        if module.running_mean is None or not isinstance(given, torch.Tensor) or given.dim() < 2:
            return
        last = self._last
        if last is not None and last[0]() is given and last[1] == given._version and last[2] == 1:
            kept.given = last[3]
        else:
            kept.given = self._shelf.put(given, 1)
        kept.running = torch.stack([module.running_mean, module.running_var]).to(kept.given.dtype)

    def _arrival(self, name: str) -> Callable[[torch.Tensor], None]:
        """The hook for the gradient of an output."""
        account, clock = self.account, self.account.clock

        def arrives(grad: torch.Tensor) -> None:
            moment = self._moment
            if moment is None or name in self._seen:
                return
            start = clock()
            try:
                self._seen.add(name)
                if not has_values(grad):
                    return
                kind = torch.float64 if grad.dtype is torch.float64 else torch.float32
                if type(grad) is torch.Tensor and not _modes() and not grad.requires_grad:
                    moment.hold([name], torch._foreach_norm([grad], 2, dtype=kind)[0])
                else:
                    with Unseen():
                        moment.hold([name], torch._foreach_norm([grad.detach()], 2, dtype=kind)[0])
            except Exception:  # the harm boundary
                self.failed()
            finally:
                account.took(clock() - start)

        return arrives


def _modes() -> bool:
    """Whether modes are in force, the program's own or ours: none of them is to see what is done here."""
    return bool(_len_torch_function_stack() or _len_torch_dispatch_stack())


def _order(module: torch.nn.Module) -> bool | None:
    """Whether outputs of a module have their channels first or last; ``None``: as those before it."""
    if isinstance(module, _CHANNELS_FIRST):
        return True
    if isinstance(module, torch.nn.Linear | torch.nn.LayerNorm | torch.nn.Embedding | torch.nn.RNNBase):
        return False
    return None


def _closed(module: torch.nn.Module) -> bool:
    return is_compiled(module) or isinstance(module, torch.jit.ScriptModule)


def _is_leaf(module: torch.nn.Module) -> bool:
    if isinstance(module, torch.nn.MultiheadAttention):  # never calls its parts
        return True
    return not isinstance(module, _UNMEASURED) and not any(
        c is not None
        for c in module._modules.values()  # pyright: ignore[reportPrivateUsage]
    )


def _transformed() -> bool:
    return bool(torch._C._are_functorch_transforms_active())  # pyright: ignore
