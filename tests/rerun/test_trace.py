"""Which of several evaluations says how good the program is."""

from netwright.rerun import Metric, Trace


def held_out(*metrics, **how):
    made = [
        Metric(step=step, name="accuracy", value=value, samples=100, at=at, loader=loader)
        for step, at, loader, value in metrics
    ]
    return Trace(ended="finished", metrics=tuple(made)).held_out(**how)["accuracy"].value


PRETRAINED, FINE_TUNED = (100, "t.py:9", 2, 0.9), (300, "t.py:9", 4, 0.7)


def test_what_was_trained_last_counts_and_the_first_training_where_that_is_asked_for():
    assert held_out(PRETRAINED, FINE_TUNED) == 0.7
    assert held_out(PRETRAINED, FINE_TUNED, earliest=True) == 0.9


def test_a_validation_set_counts_before_a_test_set_looked_at_once():
    validated = [(step, "t.py:9", 2, step / 100) for step in (10, 20, 30)]
    assert held_out(*validated, (40, "t.py:12", 3, 0.1)) == 0.3
    assert held_out((40, "t.py:9", 2, 0.8), (40, "t.py:12", 3, 0.1)) == 0.8  # of both at once the first
