"""What is given up after a part of the steps, and what goes on."""

from dataclasses import replace

import pytest

from netwright.rerun import Metric, Trace
from netwright.trial import Rung, search
from trial.test_search import names, patch

A = patch("a", 1)
MANY = [replace(patch(f"s{i}", 2), codes=()) for i in range(8)]


def program(reached):
    """Re-runs whose accuracy follows from the set of remedies and how long it is run (``None``: to the end); with a list of what was run."""
    seen = []

    def run(wanted, steps=None):
        traces = []
        for patches, _ in wanted:
            tried = frozenset(names(patches))
            seen.append((tried, steps))
            value = reached(tried, steps)
            metrics = (
                () if value is None else (Metric(step=9, name="accuracy", value=value, samples=9, at="t:9"),)
            )
            ended = "crashed" if value is None else "finished" if steps is None else "steps"
            traces.append(Trace(ended=ended, metrics=metrics))
        return traces

    return run, seen


def rung(run, cost=0.25):
    return Rung(run=lambda wanted: run(wanted, 25), steps=25, cost=cost)


def whole(seen):
    return {s for s, steps in seen if steps is None}


def test_what_is_no_better_by_then_and_not_of_the_best_half_is_given_up():
    run, seen = program(lambda s, steps: 0.9 if s == {"s6"} and not steps else 0.5 if s == {"s6"} else 0.2)
    cure = search([], run, standard=MANY, rung=rung(run))
    assert names(cure.patches) == {"s6"}
    assert cure.proven
    assert whole(seen) == {frozenset()} | {frozenset({n}) for n in ("s6", "s0", "s1", "s2")}
    assert {(*names(a.patches), a.steps, a.value, a.beside) for a in cure.dropped} == {
        (n, 25, 0.2, 0.2) for n in ("s3", "s4", "s5", "s7")
    }


def test_all_that_are_better_by_then_go_on():
    run, seen = program(lambda s, steps: 0.3 if s else 0.2)
    cure = search([], run, standard=MANY, rung=rung(run))
    assert cure.dropped == ()
    assert len(whole(seen)) == 9


def test_what_fails_by_then_is_not_run_longer():
    run, seen = program(lambda s, steps: None if "s0" in s else 0.3 if s else 0.2)
    cure = search([], run, standard=MANY, rung=rung(run))
    assert frozenset({"s0"}) not in whole(seen)
    (gone,) = cure.dropped
    assert gone.value is None


def test_what_shows_its_worth_late_goes_the_whole_length():
    late = [*MANY, replace(patch("slow", 3), codes=(), late=True)]
    run, seen = program(lambda s, steps: 0.9 if s == {"slow"} and not steps else 0.2)
    cure = search([], run, standard=late, rung=rung(run))
    assert names(cure.patches) == {"slow"}
    assert (frozenset({"slow"}), 25) not in seen


def test_where_only_the_end_tells_everything_goes_there():
    def told_at_the_end(wanted, steps=None):
        traces = run(wanted, steps)
        if steps is None:
            lines = ("f1 0.9",), ("f1 0.2",)
            return [
                replace(t, metrics=(), tail=lines["s7" not in names(p)])
                for (p, _), t in zip(wanted, traces, strict=True)
            ]
        return [replace(t, metrics=()) for t in traces]

    run, seen = program(lambda s, steps: 0.2)
    cure = search([], told_at_the_end, standard=MANY, rung=rung(told_at_the_end))
    assert names(cure.patches) == {"s7"}
    assert cure.dropped == ()
    assert len(whole(seen)) == 9


@pytest.mark.parametrize(("sets", "cost", "pays"), [(8, 0.25, True), (8, 0.45, False), (3, 0.1, False)])
def test_few_sets_or_a_short_run_that_takes_long_are_not_worth_it(sets, cost, pays):
    run, seen = program(lambda s, steps: 0.2)
    search([], run, standard=MANY[:sets], rung=rung(run, cost))
    assert any(steps for _, steps in seen) is pays


def test_all_that_is_nominated_together_is_never_given_up():
    pairs = [[patch("a", 1)], [patch("b", 2)], [patch("c", 3)]]
    more = [replace(patch(f"x{i}", 1), codes=("NW001",)) for i in range(5)]
    pairs[0] += more
    run, _ = program(lambda s, steps: 0.9 if len(s) == 3 and not steps else 0.1 if s else 0.2)
    cure = search(pairs, run, rung=rung(run))
    assert names(cure.patches) == {"a", "b", "c"}
    assert len(cure.dropped) > 0


def test_without_a_shorter_length_nothing_is_given_up():
    run, seen = program(lambda s, steps: 0.2)
    assert search([[A]], run, standard=MANY).dropped == ()
    assert all(steps is None for _, steps in seen)
