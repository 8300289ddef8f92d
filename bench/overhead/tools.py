"""The ways to look into a run that are compared. Each is put to one network in training, and can stand aside while another has its turn."""

import importlib
import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn

from bench.overhead.programs import Trained
from netwright.monitor import Watcher

_SETTLES_S, _SETTLES_STEPS = 40.0, 2


class Tool:
    """``turn`` is a context in which the tool is at work; ``step`` makes one training step with it. Base: nothing is looked at.

    ``leaves`` says that outside of its turn nothing of it is on its network, so that the bare steps beside it can be made with the same one.
    """

    leaves = True

    def __init__(self, trained: Trained) -> None:
        self.trained = trained
        self.failed = ""  # why it cannot work with this program

    def turn(self) -> AbstractContextManager[object]:
        """While it lasts the tool is in place, and nowhere else."""
        return nullcontext()

    def step(self) -> None:
        """One training step."""
        self.trained.step()

    def settle(self) -> None:
        """Make steps until the tool has done what it does once, or at first."""

    def close(self) -> None:
        """Take everything away."""

    def says(self) -> str:
        """What the tool itself says of its cost."""
        return ""


class Netwright(Tool):
    """The watcher of ``netwright run``, in its default, or with ``every=1``."""

    def __init__(self, trained: Trained, every: int | None = None) -> None:
        super().__init__(trained)
        self.every = every
        self.watcher = Watcher(None, every=every)
        self.watcher.follow(trained.model)
        self.watcher.start()
        self.watcher.pause()
        self.ahead = 0.0  # the most seconds it ever was ahead of its budget

    def settle(self) -> None:
        """It looks at the first steps more closely, and saves that up afterwards: a run of seconds would show little else."""
        if self.every is not None:
            return
        account = self.watcher.account
        end = time.perf_counter() + _SETTLES_S
        with self.turn():
            while time.perf_counter() < end:
                self.step()
                owed = account.spent - account.budget * account.elapsed
                self.ahead = max(self.ahead, owed)
                if self.watcher.steps > _SETTLES_STEPS and owed <= 0:
                    break

    @contextmanager
    def turn(self) -> Iterator[None]:
        self.watcher.resume()
        try:
            yield
        finally:
            self.watcher.pause()

    def close(self) -> None:
        self.watcher.close()
        if self.watcher.broken:
            raise RuntimeError(self.watcher.broken)

    def says(self) -> str:
        first = f"; in its first seconds {1000 * self.ahead:.0f} ms ahead of its budget" if self.ahead else ""
        return f"{self.watcher.samples} samples in {self.watcher.steps} steps, by its own account {100 * self.watcher.share:.2f} %{first}"


class Naive(Tool):
    """What is often written by hand: forward hooks on every module and norms of every parameter, each number fetched with ``.item()``."""

    def __init__(self, trained: Trained) -> None:
        super().__init__(trained)
        self.numbers: dict[str, list[float]] = {}

    @contextmanager
    def turn(self) -> Iterator[None]:
        modules = self.trained.model.named_modules()
        handles = [module.register_forward_hook(self._hook(name)) for name, module in modules]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _hook(self, name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _args: Any, out: Any) -> None:
            out = out[0] if isinstance(out, tuple) else out
            values = out.detach()
            for quantity in (values.mean(), values.std(), values.min(), values.max()):
                self.numbers.setdefault(name, []).append(quantity.item())

        return hook

    def step(self) -> None:
        self.trained.step()
        for name, parameter in self.trained.model.named_parameters():
            assert parameter.grad is not None
            for tensor in (parameter.detach(), parameter.grad):
                self.numbers.setdefault(name, []).append(tensor.norm().item())


class TensorBoard(Tool):
    """Histograms of every weight and gradient at every step."""

    def __init__(self, trained: Trained) -> None:
        super().__init__(trained)
        writer: Any = importlib.import_module("torch.utils.tensorboard")
        self.folder = tempfile.TemporaryDirectory()
        self.writer: Any = writer.SummaryWriter(self.folder.name)
        self.count = 0

    def step(self) -> None:
        self.trained.step()
        self.count += 1
        for name, parameter in self.trained.model.named_parameters():
            self.writer.add_histogram(name, parameter, self.count)
            self.writer.add_histogram(name + ".grad", parameter.grad, self.count)

    def close(self) -> None:
        self.writer.close()
        self.folder.cleanup()


class Wandb(Tool):
    """``wandb.watch(model, log="all")`` with a ``log`` of the loss at every step, offline. All share one run, as it is kept in a global."""

    leaves = False  # its hooks stay, and count the passes

    def __init__(self, trained: Trained, every: int = 1000) -> None:
        super().__init__(trained)
        wandb: Any = importlib.import_module("wandb")
        self.folder = tempfile.mkdtemp()
        os.environ.setdefault("WANDB_SILENT", "true")
        self.run: Any = wandb.init(mode="offline", dir=self.folder)
        self.run.watch(trained.model, log="all", log_freq=every)

    def step(self) -> None:
        self.run.log({"loss": self.trained.step().item()})

    def close(self) -> None:
        self.run.finish()
        shutil.rmtree(self.folder, ignore_errors=True)


class Anomaly(Tool):
    """``torch.autograd.detect_anomaly``."""

    def turn(self) -> AbstractContextManager[object]:
        return torch.autograd.detect_anomaly()


class DoesNotRunError(RuntimeError):
    """A tool cannot work with a program."""


class Cockpit(Tool):
    """Cockpit in its configuration "economy", at every step. BackPACK gives it the gradients of single samples, and has to know every layer for that."""

    leaves = False

    def __init__(self, trained: Trained) -> None:
        super().__init__(trained)
        cockpit: Any = importlib.import_module("cockpit")
        configuration: Any = importlib.import_module("cockpit.utils.configuration")
        extend: Any = importlib.import_module("backpack").extend
        extend(trained.model)
        self.loss: Any = extend(nn.CrossEntropyLoss())
        quantities = configuration.configuration("economy")
        self.cockpit: Any = cockpit.Cockpit(trained.model.parameters(), quantities=quantities)
        self.count = 0

    def step(self) -> None:
        try:
            self._step()
        except Exception as error:
            first: BaseException = error
            while first.__context__ is not None:  # Cockpit goes on, and fails once more
                first = first.__context__
            raise DoesNotRunError(f"{type(first).__name__}: {str(first).split('. ')[0]}") from error

    def _step(self) -> None:
        trained = self.trained
        trained.optimizer.zero_grad()
        outputs = trained.outputs()
        loss = self.loss(outputs, trained.targets)
        losses = nn.functional.cross_entropy(outputs, trained.targets, reduction="none")
        info = {
            "batch_size": len(trained.targets),
            "individual_losses": losses,
            "loss": loss,
            "optimizer": trained.optimizer,
        }
        with self.cockpit(self.count, info=info):
            loss.backward(create_graph=self.cockpit.create_graph(self.count))
        trained.optimizer.step()
        self.count += 1


TOOLS: dict[str, tuple[Callable[[Trained], Tool], str | None]] = {
    "bare, once more": (Tool, None),
    "netwright, default": (Netwright, None),
    "netwright, everything at every step": (lambda t: Netwright(t, every=1), None),
    "hooks with .item(), every step": (Naive, None),
    "TensorBoard histograms, every step": (TensorBoard, "tensorboard"),
    'wandb.watch(log="all"), default (every 1000)': (Wandb, "wandb"),
    'wandb.watch(log="all"), every step': (lambda t: Wandb(t, every=1), "wandb"),
    "torch.autograd.detect_anomaly": (Anomaly, None),
    'Cockpit ("economy"), every step': (Cockpit, "cockpit pkg_resources"),
}


def usable(package: str | None) -> bool:
    """Whether the packages that a tool needs (with spaces in between) are installed."""
    return package is None or all(importlib.util.find_spec(name) for name in package.split())
