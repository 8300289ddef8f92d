"""What a training step takes of the memory."""

from dataclasses import dataclass

# Of the memory that is free this much is counted on: allocators lose some to gaps, and kernels take some for themselves.
COUNTED_ON = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMemory:
    """One training step as a line: ``fixed`` bytes, whatever the batch (gradients), and ``per_sample`` bytes for each sample.

    ``batch`` is the number of samples in use. ``free`` are the bytes that a step may take, ``state`` those that the optimizer will yet make its own. ``sizes`` are the batch sizes on which this was measured;
    none: it is counted from the shapes that were recorded up to a failing call, which a whole step goes beyond.
    ``ran`` is the largest batch that a step was seen to come to its end with (0: none).
    """

    batch: int
    per_sample: float
    fixed: int
    free: int
    state: int = 0
    sizes: tuple[int, ...] = ()
    ran: int = 0

    @property
    def line(self) -> int:
        """The largest batch that fits, by the line; 0: none."""
        room = COUNTED_ON * self.free - self.fixed - self.state
        return max(0, int(room / self.per_sample)) if self.per_sample > 0 else 0

    @property
    def fits(self) -> int:
        """The largest batch that fits: by the line, and never less than one that was seen to."""
        return max(self.line, self.ran)
