"""Which remedies of a proven set stay: each is taken away again over the seeds of the proof."""

import pytest

from netwright.rerun import Trace
from netwright.trial import search
from trial.test_search import A, B, C, names, program


def by_one_seed(s, seed, *, b_adds=0.0):
    """``a`` heals. With the program's own seed ``b`` seems to add to it, with others it adds what is told."""
    if "a" not in s:
        return 0.1 + 0.001 * seed
    return 0.5 + 0.001 * seed + ("b" in s) * (b_adds if seed else 0.3)


def test_a_remedy_that_only_the_first_seed_speaks_for_is_left_out_of_the_proven_set():
    run, seen = program(by_one_seed)
    cure = search([[A], [B]], run)
    assert names(cure.patches) == {"a"}
    assert names(cure.not_needed) == {"b"}
    assert cure.proven
    assert cure.after == tuple(
        by_one_seed({"a"}, seed) for seed in range(1, 6)
    )  # the proof is that of what stays
    assert [(names([w.patch]), w.needed, len(w.after)) for w in cure.without] == [({"b"}, False, 5)]
    assert [seed for s, seed in seen if s == {"a"}] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(("adds", "stays"), [(0.3, True), (0.022, True), (0.01, False), (-0.2, False)])
def test_a_remedy_stays_that_adds_a_twentieth_of_the_gain_in_every_seed(adds, stays):
    run, _ = program(lambda s, seed: by_one_seed(s, seed, b_adds=adds))
    cure = search([[A], [B]], run)
    assert cure.proven
    assert names(cure.patches) == ({"a", "b"} if stays else {"a"})


def test_a_remedy_that_adds_much_in_some_seeds_alone_is_left_out():
    run, _ = program(lambda s, seed: by_one_seed(s, seed, b_adds=0.2 if seed != 3 else -0.01))
    assert names(search([[A], [B]], run).patches) == {"a"}


def test_what_cannot_be_proven_without_a_remedy_needs_it_and_the_other_seeds_are_not_run():
    run, seen = program(lambda s, seed: 0.1 + 0.5 * ("a" in s) + 0.3 * ("b" in s) * (seed != 2 or "a" in s))
    cure = search([[A], [B]], run)
    assert names(cure.patches) == {"a", "b"}
    assert {names([w.patch]).pop(): (w.needed, len(w.after)) for w in cure.without} == {
        "a": (True, 2),
        "b": (True, 5),
    }
    assert max(seed for s, seed in seen if s == {"b"}) == 2


def test_each_is_taken_from_what_the_one_before_it_left():
    run, _ = program(lambda s, seed: 0.1 + 0.8 * bool({"a", "b"} & s) + 0.05 * (seed == 0) * len(s))
    cure = search([[A], [B], [C]], run)
    assert len(cure.patches) == 1
    assert names(cure.patches) < {"a", "b"}
    assert names(cure.not_needed) == {"a", "b", "c"} - names(cure.patches)


def test_a_budget_that_ends_leaves_the_set_and_says_what_was_not_seen():
    run, _ = program(by_one_seed)

    def short(wanted):
        cut = Trace(ended="killed")
        traces = run(wanted)
        return [
            cut if names(s) == {"a"} and seed > 3 else t for (s, seed), t in zip(wanted, traces, strict=True)
        ]

    cure = search([[A], [B]], short)
    assert cure.proven
    assert names(cure.patches) == {"a", "b"}
    (b,) = [w for w in cure.without if w.patch is B]
    assert (b.needed, len(b.after)) == (None, 3)


def test_nothing_is_begun_when_the_time_is_over():
    run, seen = program(by_one_seed)
    cure = search([[A], [B]], run, over=lambda: True)
    assert cure.proven
    assert names(cure.patches) == {"a", "b"}
    assert [w.needed for w in cure.without] == [None, None]
    assert ({"a"}, 1) not in seen


def test_what_else_is_asked_of_a_set_is_asked_of_a_smaller_one():
    run, _ = program(by_one_seed)
    cure = search([[A], [B]], run, enough=lambda smaller: len(smaller.patches) > 1)
    assert names(cure.patches) == {"a", "b"}


def test_of_a_set_that_is_not_proven_nothing_is_taken_away():
    run, seen = program(lambda s, seed: by_one_seed(s, seed) if seed < 2 else 0.1)
    cure = search([[A], [B]], run)
    assert not cure.proven
    assert cure.without == ()
    assert ({"a"}, 1) not in seen
