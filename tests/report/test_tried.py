"""What the terminal says of experiments: only what happened, in plain words."""

from netwright.evidence import Outcome, Overfit, OverfitRun
from netwright.report.tried import overfit_batch


def run(data: str, samples: int, outcome: Outcome, steps: int) -> OverfitRun:
    return OverfitRun(
        data=data,
        samples=samples,
        optimizer="SGD at rate 0.001",
        own=True,
        outcome=outcome,
        losses=(1.0,) * steps,
    )


def test_a_run_that_used_up_its_steps_is_not_said_to_have_used_up_its_time() -> None:
    told = overfit_batch.sentence(Overfit(runs=(run("one batch", 15, Outcome.FALLING, 400),)))
    assert "one batch of 15 samples" in told
    assert "was still falling after 400 steps" in told
    assert "time" not in told


def test_samples_of_all_batches_together_are_not_taken_for_those_of_each() -> None:
    told = overfit_batch.sentence(Overfit(runs=(run("8 batches", 512, Outcome.REACHED, 30),)))
    assert "8 batches (512 samples) with" in told
    assert "learned in 30 passes" in told


def test_a_batch_of_one_is_one_sample() -> None:
    told = overfit_batch.sentence(Overfit(runs=(run("one batch", 1, Outcome.PLATEAU, 20),)))
    assert "one batch of 1 sample with" in told
    assert "stays on a plateau in 20 steps" in told
