"""What probes look at: one recording with everything that belongs to it."""

from dataclasses import dataclass

import torch

from ..capture.parameters import ParameterWatch
from ..capture.recorder import Recorder
from ..capture.recording import Recording
from ..capture.session import Session


@dataclass(frozen=True, slots=True)
class Observed:
    """A session's recording, seen by the probes."""

    session: Session

    @property
    def recording(self) -> Recording:
        """What was recorded."""
        return self.session.recording

    @property
    def recorder(self) -> Recorder:
        """The recorder, with its tables of modules."""
        return self.session.recorder

    @property
    def watch(self) -> ParameterWatch:
        """The parameters."""
        return self.session.parameters

    def roots(self) -> list[torch.nn.Module]:
        """The outermost modules: networks that ran, or the modules that hold them, each once."""
        modules = [m for ref, _ in self.recorder.modules.made_at.values() if (m := ref()) is not None]
        used = [m for u in self.recorder.modules.uses.values() if (m := u.module()) is not None]
        children: dict[int, torch.nn.Module] = {}
        for module in [*modules, *used]:
            for child in module._modules.values():  # pyright: ignore[reportPrivateUsage]
                if child is not None:
                    children.setdefault(id(child), module)
        found: dict[int, torch.nn.Module] = {}
        for network in self.recorder.modules.networks.values():
            top, seen = network, {id(network)}
            while id(top) in children and id(children[id(top)]) not in seen:
                top = children[id(top)]
                seen.add(id(top))
            found.setdefault(id(top), top)
        return list(found.values())
