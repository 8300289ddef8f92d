"""The first value of the run that is not finite."""

from ..evidence import Finiteness
from ..rule import NotApplicable
from .observed import Observed


def finiteness(observed: Observed) -> Finiteness:
    """What was found when the first loss or gradient was not finite, if one was."""
    recording = observed.recording
    if not recording.backwards:
        raise NotApplicable("no training step was seen: the program never called backward")
    return Finiteness(first=recording.nonfinite)
