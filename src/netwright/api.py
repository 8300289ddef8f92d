"""The same examination for objects and loops: ``netwright.check(model, loss_fn, loader, optimizer)`` and ``with netwright.watch(model)``."""

import copy
import sys
import time
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ContextDecorator, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, cast

import torch

from . import doctor, launch, logbook
from .capture.sandbox import untouched
from .evidence import History
from .given import require, require_loss, require_settings
from .options import RunOptions
from .report.deliver import deliver, new_run_dir
from .report.model import Report

_CHECK = "netwright.check(model, loss_fn, loader, optimizer)"
_WATCH = "with netwright.watch(model, optimizer):"
_TARGETS = ("labels", "label", "target", "targets", "y")


def check(
    model: torch.nn.Module,
    loss_fn: Callable[..., Any] | None,
    loader: Iterable[Any],
    optimizer: torch.optim.Optimizer | None = None,
    *,
    steps: int = 8,
    quiet: bool = False,
    html: str | Path | None = None,
    json: str | Path | None = None,
) -> Report:
    """Examine a model with its loss, data and optimizer by training a few steps, and put everything back as it was.

    Each batch of ``loader`` is ``(inputs, targets)``, more than two tensors (the last is the target), or a mapping (given to the
    model by name). ``loss_fn`` is called as ``loss_fn(outputs, targets)``; with ``None`` the model returns its loss (itself, as
    ``.loss`` or under ``"loss"``). Afterwards weights, buffers, gradients, optimizer state, modes and torch's random state are as before;
    the loader was iterated over once in part.

    Args:
        model: the network, on the device and in the mode it is trained in.
        loss_fn: the loss.
        loader: batches, a ``DataLoader`` or any iterable.
        optimizer: the optimizer to be used; SGD at 1e-3 stands in when there is none.
        steps: training steps to look at.
        quiet: print nothing when all is well, one line for each finding otherwise.
        html: where to write the report as a page.
        json: where to write the report as JSON.

    Raises:
        TypeError: something given is not what it has to be (nothing was touched).
        ValueError: the loader gave no batch, or a batch is of a form that is not understood; ``steps`` is below 1.
    """
    require(_CHECK, model, optimizer, needs_model=True)
    require_loss(_CHECK, loss_fn, loader)
    require_settings(steps=steps)
    options = RunOptions(
        target=_caller(2),
        quiet=quiet,
        steps=steps,
        watch=False,
        html_path=None if html is None else Path(html),
        json_path=None if json is None else Path(json),
    )
    given = optimizer if optimizer is not None else torch.optim.SGD(model.parameters(), lr=1e-3)
    with untouched(), _restored(model, given), _examined(options) as found:
        seen = _train(model, loss_fn, loader, given, steps)
        if not seen:
            raise ValueError("the loader gave no batch, so there was nothing to look at")
    assert found.report is not None
    return found.report


def _caller(depth: int) -> str:
    """The file that called us."""
    return sys._getframe(depth).f_code.co_filename


def _train(
    model: torch.nn.Module,
    loss_fn: Callable[..., Any] | None,
    loader: Iterable[Any],
    optimizer: torch.optim.Optimizer,
    steps: int,
) -> int:
    done = 0
    for batch in loader:
        optimizer.zero_grad()
        loss = _loss(model, loss_fn, batch)
        loss.backward()
        optimizer.step()
        done += 1
        if done >= steps:
            break
    return done


def _loss(model: torch.nn.Module, loss_fn: Callable[..., Any] | None, batch: Any) -> Any:
    out, target = _forward(model, batch)
    if loss_fn is not None:
        return loss_fn(out, target)
    if isinstance(out, torch.Tensor):
        return out
    loss: Any = cast("Any", out)["loss"] if isinstance(out, Mapping) else getattr(out, "loss", None)
    if not isinstance(loss, torch.Tensor):
        raise ValueError("loss_fn is None and the model returned no loss: give loss_fn, or return the loss")
    return loss


def _forward(model: torch.nn.Module, batch: Any) -> tuple[Any, Any]:
    """The model's output for a batch, and the batch's target."""
    if isinstance(batch, Mapping):
        named = cast("Mapping[str, Any]", batch)
        return model(**named), next((named[k] for k in _TARGETS if k in named), None)
    if isinstance(batch, torch.Tensor):
        return model(batch), batch
    if isinstance(batch, tuple | list) and batch:
        parts = list(cast("tuple[Any, ...]", batch))
        return model(*(parts[:-1] or parts)), parts[-1]
    kind = type(cast("object", batch)).__name__
    raise ValueError(f"a batch is a {kind}: give (inputs, targets), a mapping, or a tensor")


@contextmanager
def _restored(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Put weights, buffers, gradients, modes and optimizer state back afterwards, to the last bit."""
    tensors = {id(t): t for t in [*model.parameters(), *model.buffers()]}
    for group in optimizer.param_groups:
        tensors.update({id(p): p for p in group["params"]})
    values = [
        (t, t.detach().clone(), t.grad, None if t.grad is None else t.grad.clone()) for t in tensors.values()
    ]
    modes = [(m, m.training) for m in model.modules()]
    state = copy.deepcopy(optimizer.state_dict())
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value, grad, content in values:
                tensor.copy_(value)
                if grad is not None and content is not None:
                    grad.copy_(content)
                tensor.grad = grad
        for module, training in modes:
            module.training = training
        optimizer.load_state_dict(state)


def _run_dir(record: bool | str | Path) -> tuple[Path | None, Path | None]:
    """Where a new record goes, or that of this run which ``netwright run`` keeps already."""
    if record is False:
        return None, None
    fresh = new_run_dir(None if record is True else Path(record))
    kept = logbook.kept_by_command()
    if kept is not None and (record is True or fresh.parent.resolve() == kept.parent.resolve()):
        return None, kept
    return fresh, None


class Watch:
    """What ``with netwright.watch(...) as w`` gives: ``w.report`` is there once the block has ended, ``w.history`` also while it runs, ``w.folder`` is where the run is recorded, if it is."""

    def __init__(self) -> None:
        self.report: Report | None = None
        self.folder: Path | None = None
        self.history: Callable[[], History | None] = lambda: None


def _history(patient: doctor.Patient) -> History | None:
    watcher = patient.vigil.watcher if patient.vigil is not None else None
    return watcher.history() if watcher is not None else None


@contextmanager
def _examined(
    options: RunOptions,
    model: torch.nn.Module | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    kept: Path | None = None,
) -> Iterator[Watch]:
    """Record what happens in the block, and report when it ends, however it ends. ``kept`` is the record of the whole run that this is a part of."""
    patient = doctor.admit(options)
    if kept is not None:
        patient.notes.append(f"recorded with the rest of this run in {kept}")
    logbook.prepare(patient, kind="watch")
    doctor.begin(patient)
    if patient.session is not None:
        patient.session.follow(model, optimizer)
    found = Watch()
    found.folder = patient.options.run_dir or kept
    found.history = lambda: _history(patient)
    ending = launch.Ending()
    try:
        yield found
    except launch.Stop:  # on_error="stop"
        ending = launch.Ending(stopped=True)
    except KeyboardInterrupt:  # also the stop button of a notebook
        ending = launch.Ending(interrupted=True)
        raise
    except Exception as error:
        ending = launch.Ending(code=1, error=error)
        raise
    finally:
        try:
            report = found.report = doctor.conclude(patient, ending, time.perf_counter())
        finally:
            logbook.conclude(patient, ending, found.report)
            if patient.session is not None:
                patient.session.close()
        deliver(report, patient.options)


class Watching(ContextDecorator):
    """A watch that begins with its block (``with``), or with each call of the function that it decorates. One that is never used says so when it is forgotten."""

    def __init__(self, begin: Callable[[], AbstractContextManager[Watch]], file: str, line: int) -> None:
        self._begin, self._file, self._line = begin, file, line
        self._block: AbstractContextManager[Watch] | None = None
        self._unused = weakref.finalize(self, _never_used, file, line)

    def __call__(self, func: Any) -> Any:
        """Watch each call of a function."""
        self._unused.detach()
        return super().__call__(func)

    def _recreate_cm(self) -> "Watching":
        return Watching(self._begin, self._file, self._line)

    def __enter__(self) -> Watch:
        self._unused.detach()
        if self._block is not None:
            raise RuntimeError("this watch has had its block; make a new one for another loop")
        self._block = self._begin()
        return self._block.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        assert self._block is not None
        return self._block.__exit__(kind, error, trace)


def _never_used(file: str, line: int) -> None:
    warnings.warn_explicit(
        f"this watch was never used, so nothing is watched: write `{_WATCH}` and the training loop in its block",
        RuntimeWarning,
        file,
        line,
    )


def watch(
    model: torch.nn.Module | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    *,
    steps: int = 8,
    quiet: bool = False,
    html: str | Path | None = None,
    json: str | Path | None = None,
    budget: float = 0.01,
    every: int | None = None,
    rank: bool = False,
    histograms: bool = False,
    on_error: Literal["warn", "stop", "snapshot"] = "warn",
    record: bool | str | Path = False,
) -> Watching:
    """Watch the training loop in the block, in a script or a notebook; the report is printed when the block ends.

    The loop is not changed in any way. ``model`` and ``optimizer`` made before the block are named so that their parameters are
    followed from the start; without them they are found when they are first used. An exception of the loop is explained and goes on its way.

    Args:
        model: the network.
        optimizer: its optimizer.
        steps: training steps to look at closely; the rest is watched.
        quiet: print nothing when all is well, one line for each finding otherwise.
        html: where to write the report as a page.
        json: where to write the report as JSON.
        budget: the share of the run time that watching may take.
        every: sample every so many steps, whatever it costs.
        rank: also the effective rank of the modules' outputs in each sample.
        histograms: also quantiles of weights and gradients in each sample.
        on_error: what to do when something grave is found while the loop runs (NaN, a loss that grows without bound): say it and go on, leave the block (what comes after it runs), or also
            keep weights, optimizer state and batch in a file of the run's folder or ``.netwright/``.
        record: leave a record of the run and its report for ``netwright runs``: ``True`` in ``.netwright/runs/`` of the working folder, or that of another folder. Nothing is written unless asked for.

    Raises:
        TypeError: ``model`` is no network or ``optimizer`` no optimizer.
        ValueError: a setting means nothing.
    """
    require(_WATCH, model, optimizer)
    require_settings(steps=steps, budget=budget, every=every, on_error=on_error)
    frame = sys._getframe(1)
    target = frame.f_code.co_filename

    def begin() -> AbstractContextManager[Watch]:
        run_dir, kept = _run_dir(record)
        options = RunOptions(
            target=target,
            quiet=quiet,
            steps=steps,
            html_path=None if html is None else Path(html),
            json_path=None if json is None else Path(json),
            watch_budget=budget,
            watch_every=every,
            watch_rank=rank,
            watch_histograms=histograms,
            on_error=on_error,
            run_dir=run_dir,
        )
        return _examined(options, model, optimizer, kept)

    return Watching(begin, target, frame.f_lineno)
