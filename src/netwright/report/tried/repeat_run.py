"""What came of running the program twice."""

from ...evidence import RepeatRun


def sentence(run: RepeatRun) -> str:
    """The same, or what differed first."""
    if run.first is None:
        told = f"the first {run.steps} losses are the same to the bit"
    else:
        what = {"inputs": "the inputs differ", "weights": "the first weights differ"}.get(
            run.differs or "", "the computation differs on the same inputs and weights"
        )
        told = f"the losses differ from step {run.first} on: {what}"
    return f"two runs with one seed: {told} ({run.seconds:.1f} s)"
