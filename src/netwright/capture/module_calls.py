"""The table of module calls with their shapes, for the explanation of a crash."""

from dataclasses import replace
from typing import Any

import torch

from ..evidence import ModuleCall, Where
from .facts import plain_attributes
from .flatten import tensors
from .measure import info_of
from .tape import ModuleFrame

_MOST = 4000
_TENSORS = 8


class ModuleCalls:
    """The last module calls in order, each with what went in and, once it returned, what came out."""

    def __init__(self) -> None:
        self.calls: list[ModuleCall] = []
        self._begins = 0  # where the running iteration does

    def next_iteration(self) -> None:
        """An iteration is over."""
        self._begins = len(self.calls)

    def of_iteration(self) -> list[ModuleCall]:
        """The calls of the running iteration, as far as they are kept."""
        return self.calls[self._begins :]

    def begun(
        self,
        module: torch.nn.Module,
        frame: ModuleFrame,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        made: Where | None,
    ) -> None:
        """A call begins; ``made`` is the line that constructed the module."""
        if len(self.calls) > _MOST:
            del self.calls[: _MOST // 2]
            self._begins = max(0, self._begins - _MOST // 2)
        depth, parent = 0, frame.parent
        while parent is not None:
            depth, parent = depth + 1, parent.parent
        self.calls.append(
            ModuleCall(
                module=str(frame.key),
                type=frame.type,
                inputs=tuple(info_of(t) for _, t in list(tensors((args, kwargs)))[:_TENSORS]),
                outputs=(),
                made=made,
                depth=depth,
                config=plain_attributes(module) if frame.torch_own else {},
            )
        )

    def returned(self, frame: ModuleFrame, made: list[torch.Tensor]) -> None:
        """A call came back with these tensors."""
        self._finish(frame, outputs=tuple(info_of(t) for t in made[:_TENSORS]))

    def failed(self, frame: ModuleFrame) -> None:
        """A call raised."""
        self._finish(frame, failed=True)

    def _finish(self, frame: ModuleFrame, **change: Any) -> None:
        key = str(frame.key)
        for position in range(len(self.calls) - 1, -1, -1):
            known = self.calls[position]
            if known.module == key and not known.outputs and not known.failed:
                self.calls[position] = replace(known, **change)
                return
