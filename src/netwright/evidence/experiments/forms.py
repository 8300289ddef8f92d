"""In which form experiments were done where memory or time did not do for the whole."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """By the name of the experiment, in words: on how many samples of a batch, or without copies, and the numbers that made it so."""

    by_experiment: Mapping[str, str]
