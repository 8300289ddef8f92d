"""What the recording must know of where the program stands, to take a call for what it is."""

from dataclasses import dataclass


@dataclass(slots=True)
class Stage:
    """``evaluating``: the program has said that it evaluates. ``seen_forward``: a network has run or a backward pass was made, so that what is written to parameters from now on is no initialization."""

    evaluating: bool = False
    seen_forward: bool = False
