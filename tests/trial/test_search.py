"""The search for the smallest set that heals, with re-runs that are made up: which sets are tried, which remedies stay, what counts as proof."""

from dataclasses import replace
from pathlib import Path

import pytest

from netwright.remedies import Patch, Source, Treatment, interventions
from netwright.remedies.source import Change
from netwright.rerun import Intervention, Metric, Point, Trace
from netwright.trial import search
from netwright.trial.proving import hopeless
from netwright.trial.yardstick import Stays, choose, sign_flip

SOURCE = Source(Path("train.py"), "a = 1\nb = 2\nc = 3\n")


def patch(name, line, *, bends_loss=False):
    change = SOURCE.replace(SOURCE.statement(line), f"{name} = 0")
    return Patch(
        remedy=name, title=name, codes=("NW001",), source=SOURCE, changes=(change,), bends_loss=bends_loss
    )


A, B, C = patch("a", 1), patch("b", 2), patch("c", 3)


def program(accuracy):
    """Re-runs of a program whose accuracy follows from the set of remedies and the seed; with a list of what was run."""
    seen = []

    def run(wanted):
        traces = []
        for patches, seed in wanted:
            names = frozenset(p.remedy for p in patches)
            seen.append((names, seed))
            value = accuracy(names, seed)
            metrics = (
                ()
                if value is None
                else (Metric(step=9, name="accuracy", value=value, samples=100, at="t:9"),)
            )
            traces.append(Trace(ended="finished" if value is not None else "crashed", metrics=metrics))
        return traces

    return run, seen


def names(patches):
    return {p.remedy for p in patches}


def test_both_of_two_independent_causes_are_found():
    run, seen = program(lambda s, seed: 0.1 + 0.5 * ("a" in s) + 0.3 * ("b" in s) + 0.001 * seed)
    cure = search([[A], [B]], run)
    assert names(cure.patches) == {"a", "b"}
    assert cure.proven
    assert cure.p == 1 / 32
    assert list(cure.before) == pytest.approx([0.1 + 0.001 * s for s in range(1, 6)])
    assert cure.not_needed == ()
    assert (frozenset(), 0) in seen
    assert ({"a", "b"}, 5) in seen  # proven on other seeds than the one that chose


def test_a_remedy_that_does_nothing_is_taken_away_again():
    run, _ = program(lambda s, seed: 0.9 if "a" in s else 0.1)
    cure = search([[A], [B], [C]], run)
    assert names(cure.patches) == {"a"}
    assert names(cure.not_needed) == {"b", "c"}


def test_a_remedy_that_only_helps_with_another_stays():
    run, _ = program(lambda s, seed: 0.9 if {"a", "b"} <= s else 0.1)
    cure = search([[A], [B], [C]], run)
    assert names(cure.patches) == {"a", "b"}


def test_of_two_remedies_of_one_finding_the_better_is_taken():
    run, _ = program(lambda s, seed: 0.9 if "b" in s else 0.3 if "a" in s else 0.1)
    cure = search([[A, B]], run)
    assert names(cure.patches) == {"b"}


def test_more_of_the_same_is_tried_as_long_as_it_helps():
    reached = {"a": 0.4, "b": 0.6, "c": 0.61}
    run, seen = program(lambda s, seed: max([0.1, *(reached[n] for n in s)]))
    cure = search([], run, standard=[replace(A, beyond=replace(B, beyond=C))])
    assert names(cure.patches) == {"b"}
    assert ({"c"}, 0) in seen  # a fiftieth more is not worth another step
    assert cure.proven
    cure = search([], run, standard=[replace(A, beyond=patch("a", 2))])
    assert cure.patches[0].path == SOURCE.path
    assert names(cure.patches) == {"a"}


def test_what_falls_short_is_not_proven():
    run, _ = program(lambda s, seed: 0.9 if s else 0.1)
    cure = search([[A]], run)
    assert cure.proven
    assert not replace(cure, short=True).proven


def test_what_makes_it_worse_is_no_cure():
    run, seen = program(lambda s, seed: 0.8 - 0.3 * len(s))
    cure = search([[A], [B]], run)
    assert cure.patches == ()
    assert not cure.proven
    assert {seed for _, seed in seen} == {0}  # nothing to prove


def test_luck_is_no_cure():
    values = [0.2, 0.10, 0.30, 0.20, 0.25, 0.15]
    run, _ = program(lambda s, seed: values[seed] + (0.02 if s else 0.0))
    cure = search([[A]], run)
    assert cure.p == 1 / 32
    assert not cure.proven  # seeds differ by more than it gains


def test_one_seed_that_loses_is_no_proof_and_those_after_it_are_not_run():
    run, seen = program(lambda s, seed: 0.5 + (0.3 if s and seed != 3 else -0.1 if s else 0.0))
    cure = search([[A]], run)
    assert not cure.proven
    assert cure.futile
    assert (len(cure.before), cure.seeds) == (4, 5)
    assert max(seed for _, seed in seen) == 3


def test_more_seeds_can_bear_one_that_loses():
    run, seen = program(lambda s, seed: 0.5 + (0.3 if s and seed != 3 else -0.1 if s else 0.0))
    cure = search([[A]], run, seeds=10)
    assert cure.proven
    assert not cure.futile
    assert max(seed for _, seed in seen) == 9


def test_what_the_budget_cut_off_is_neither_gain_nor_loss():
    run, _ = program(lambda s, seed: 0.9 if s else 0.1)

    def short(wanted):
        cut = {True: Trace(ended="killed")}
        return [cut.get(seed > 2, trace) for (_, seed), trace in zip(wanted, run(wanted), strict=True)]

    cure = search([[A]], short)
    assert cure.before == (0.1, 0.1, 0.1)
    assert not cure.futile
    assert not cure.proven


@pytest.mark.parametrize("gains", [(1.0, 1.0, -0.5), (0.0,), (1.0, 0.0), (-1.0,), (float("-inf"), 1.0)])
def test_no_proof_is_left_whatever_follows(gains):
    assert hopeless(gains, 5)
    for rest in (1e-9, 1.0, 1e9, float("inf")):
        assert sign_flip([*gains, *[rest] * (5 - len(gains))]) > 1 / 32


@pytest.mark.parametrize(("gains", "seeds"), [((), 5), ((1.0,), 5), ((1.0, 0.1, 3.0), 5), ((-1.0,), 6)])
def test_a_proof_is_still_possible(gains, seeds):
    assert not hopeless(gains, seeds)
    assert sign_flip([*gains, *[1e9] * (seeds - len(gains))]) <= 1 / 32


def test_the_only_set_that_there_was_to_try_is_proven_from_the_first_seed_on():
    run, seen = program(lambda s, seed: (0.9 if s else 0.1) + 0.001 * seed)
    cure = search([[A]], run)
    assert cure.proven
    assert list(cure.before) == pytest.approx([0.1, 0.101, 0.102, 0.103, 0.104])
    assert len(seen) == 10


def test_seeds_are_run_beside_each_other_only_as_many_as_there_are_cores_for():
    run, _ = program(lambda s, seed: 0.9 if s else 0.1)
    sizes = []

    def counted(wanted):
        sizes.append(len(wanted))
        return run(wanted)

    search([[A], [B]], counted, at_once=4)
    assert sizes[-3:] == [4, 4, 2]


def test_a_crash_that_is_mended_is_proven():
    run, _ = program(lambda s, seed: 0.9 if s else None)
    cure = search([[A]], run)
    assert cure.control.value is None
    assert cure.proven


def test_remedies_of_the_same_place_are_not_made_together():
    clash = Patch(remedy="x", title="x", codes=("NW002",), source=SOURCE, changes=(Change(0, 3, "z ="),))
    run, seen = program(lambda s, seed: 0.9 if "a" in s else 0.1)
    cure = search([[A], [clash]], run)
    assert names(cure.patches) == {"a"}
    assert any("x" in why for why in cure.refused)
    assert not any({"a", "x"} <= s for s, _ in seen)


def test_a_loss_that_a_remedy_changes_is_no_yardstick():
    traces = [
        Trace(ended="finished", metrics=(Metric(step=1, name="loss", value=1.0, samples=9, at="t:1"),))
    ] * 2
    assert choose(traces, Stays(loss=False)) is None
    assert choose(traces, Stays()).name == "loss"


def test_a_metric_that_is_0_in_every_run_is_no_yardstick():
    def made(accuracy, loss=0.4):
        values = (("accuracy", accuracy), ("loss", loss))
        metrics = tuple(Metric(step=9, name=n, value=v, samples=9, at="t:9") for n, v in values)
        return Trace(ended="finished", metrics=metrics)

    assert choose([made(0.0), made(0.0)], Stays()).name == "loss"
    assert choose([made(0.0), made(0.0)], Stays(loss=False)) is None
    assert choose([made(0.0), made(0.1)], Stays()).name == "accuracy"


def test_the_p_value_of_paired_gains():
    assert sign_flip([1, 2, 3, 4, 5]) == 1 / 32
    assert sign_flip([1, -1]) == 3 / 4  # of ++ +- -+ --, all but -- reach the sum 0
    assert sign_flip([0.0, 0.0]) == 1.0
    assert sign_flip([float("inf"), 1.0]) == 1 / 4


S, T = patch("s", 2), patch("t", 3)


def test_standard_remedies_are_tried_alone_where_nothing_is_nominated():
    run, seen = program(lambda s, seed: 0.9 if "s" in s else 0.1)
    cure = search([], run, standard=[S, T])
    assert names(cure.patches) == {"s"}
    assert cure.proven
    assert ({"t"}, 0) in seen


def test_a_standard_remedy_stays_on_top_only_where_it_adds_much():
    run, seen = program(lambda s, seed: 0.1 + 0.7 * ("a" in s) + 0.1 * ("s" in s))
    cure = search([[A]], run, standard=[S, T])
    assert names(cure.patches) == {"a"}
    assert ({"a", "s"}, 0) in seen
    assert ({"s"}, 0) not in seen
    run, _ = program(lambda s, seed: 0.1 + 0.2 * ("a" in s) + 0.5 * ("s" in s))
    cure = search([[A]], run, standard=[S, T])
    assert names(cure.patches) == {"a", "s"}
    assert cure.proven


def test_nothing_is_tried_on_top_of_what_heals():
    run, seen = program(lambda s, seed: 0.1 + 0.2 * ("a" in s) + 0.5 * ("s" in s))
    asked = []
    cure = search([[A]], run, standard=[S, T], healthy=lambda patches: asked.append(names(patches)) or True)
    assert names(cure.patches) == {"a"}
    assert asked == [{"a"}]
    assert {s for s, _ in seen} == {frozenset(), frozenset({"a"})}


def test_nothing_is_tried_on_top_where_nothing_can_add_enough():
    run, seen = program(lambda s, seed: 0.95 if "a" in s else 0.1)
    search([[A]], run, standard=[S, T], healthy=lambda _: pytest.fail("needless"))
    assert {s for s, _ in seen} == {frozenset(), frozenset({"a"})}
    run, seen = program(lambda s, seed: 0.8 if "a" in s else None)
    search([[A]], run, standard=[S, T], healthy=lambda _: pytest.fail("needless"))
    assert {s for s, _ in seen} == {frozenset(), frozenset({"a"})}


def test_an_edit_that_two_findings_nominate_is_tried_once():
    run, seen = program(lambda s, seed: 0.9 if "a" in s else 0.1)
    cure = search([[A], [replace(A, codes=("NW002",))]], run, seeds=1)
    assert names(cure.patches) == {"a"}
    assert [s for s, _ in seen].count({"a"}) == 1  # and by that one seed proven as far as it was asked for


def test_standard_remedies_are_tried_after_and_with_those_that_do_not_help_alone():
    run, seen = program(lambda s, seed: 0.9 if {"a", "s"} <= s else 0.1)
    cure = search([[A]], run, standard=[S, T])
    assert names(cure.patches) == {"a", "s"}
    assert ({"s"}, 0) in seen
    assert ({"a"}, 0) in seen


def test_standard_remedies_are_tried_where_the_nominated_come_to_nothing():
    run, _ = program(lambda s, seed: 0.8 + 0.001 * seed if "s" in s else None)
    cure = search([[A]], run, standard=[S, T])
    assert names(cure.patches) == {"s"}
    assert cure.proven


def test_only_the_first_standard_remedies_are_tried_on_top_of_others():
    more = [patch(f"s{i}", 2) for i in range(6)]
    run, seen = program(lambda s, seed: 0.5)
    search([[A]], run, standard=more)
    alone = {s for s, _ in seen if len(s) == 1}
    assert len(alone) == 7
    assert {s for s, _ in seen if len(s) == 2} == {frozenset({"a", f"s{i}"}) for i in range(4)}


def test_what_was_nominated_is_left_out_where_the_standard_remedy_does_it_alone():
    run, _ = program(lambda s, seed: 0.9 if "s" in s else 0.1)
    cure = search([[A]], run, standard=[S, T])
    assert names(cure.patches) == {"s"}


def test_nothing_nominated_and_nothing_standard_finds_nothing():
    run, _ = program(lambda s, seed: 0.5)
    assert search([], run).patches == ()


def treatment(name, line, **settings):
    at = {"call": "optimizer", "argument": "lr", "file": "train.py", "line": line, **settings}
    return Treatment(
        remedy=name, title=name, codes=("NW003",), intervention=Intervention(name="argument", settings=at)
    )


def test_a_treatment_is_tried_like_a_patch():
    run, _ = program(lambda s, seed: 0.1 + 0.5 * ("a" in s) + 0.3 * ("t" in s))
    cure = search([[A], [treatment("t", 3, factor=0.1)], [B]], run)
    assert names(cure.patches) == {"a", "t"}
    assert names(cure.not_needed) == {"b"}


def test_two_treatments_of_one_argument_are_not_made_together():
    run, seen = program(lambda s, seed: 0.9 if "t" in s else 0.1)
    cure = search([[treatment("t", 3, factor=0.1)], [treatment("u", 3, value=1.0)]], run)
    assert names(cure.patches) == {"t"}
    assert any("u" in why for why in cure.refused)
    assert not any({"t", "u"} <= s for s, _ in seen)


def test_a_treatment_finds_its_line_where_a_patch_leaves_it():
    above = Patch(
        remedy="x", title="x", codes=(), source=SOURCE, changes=(SOURCE.before(SOURCE.statement(1), "n = 0"),)
    )
    below = replace(above, changes=(SOURCE.after(SOURCE.statement(2), "n = 0"),))
    mine = treatment("t", 2)
    (moved,) = interventions([above, below, mine])
    assert moved.settings["line"] == 3
    assert interventions([mine]) == (mine.intervention,)


@pytest.mark.parametrize("ended", ["steps", "seconds", "killed"])
@pytest.mark.parametrize("line", ["", "test f1 0.6"])
def test_what_only_ends_sooner_is_no_better_than_a_program_that_was_stopped(ended, line):
    """Re-runs of so many steps: with larger batches the program comes to its end by then, and as it is it does not."""
    tried = []

    def run(wanted):
        tried.extend(patches for patches, _ in wanted)
        whole = Trace(ended="finished", tail=("test f1 0.7",))
        return [whole if patches else Trace(ended=ended, tail=(line,)) for patches, _ in wanted]

    cure = search([[replace(A, bends_loss=True)]], run, standard=[B])
    if line and ended == "steps":  # it evaluates as it trains
        assert cure.yardstick.name == "f1" and names(cure.patches) == {"a"}
    else:
        assert cure.yardstick is None and cure.patches == ()
        assert tried == [(), (replace(A, bends_loss=True),)]  # nothing could be said of others either


def test_what_does_nothing_is_no_trial_of_the_cause_and_is_not_made_with_others():
    def digest(s):
        return "".join(sorted(s - {"b"}))

    run, seen = program(lambda s, seed: 0.9 if {"a", "s"} <= s else 0.5)

    def digested(wanted):
        points = (Point(step=0, loss=1.0),)
        return [
            replace(t, points=points, losses_digest=digest(names(s)))
            for (s, _), t in zip(wanted, run(wanted), strict=True)
        ]

    cure = search([[A], [B]], digested, standard=[S, T])
    assert {frozenset(names(a.patches)): a.void for a in cure.attempts if len(a.patches) == 1} == {
        frozenset({"a"}): False,  # as good as without, and another run
        frozenset({"b"}): True,
        frozenset({"s"}): False,
        frozenset({"t"}): False,
    }
    assert names(cure.patches) == {"a", "s"}
    assert cure.not_needed == ()
    assert not any({"b", "s"} <= s for s, _ in seen)


def scored(accuracy, recall, *, tail=()):
    metric = Metric(step=9, name="accuracy", value=accuracy, samples=100, at="t:9", recall=recall)
    return Trace(ended="finished", metrics=(metric,), tail=tail)


def test_a_remedy_for_rare_classes_is_judged_by_balanced_accuracy():
    def run(wanted):
        return [scored(0.91, 0.8) if s else scored(0.95, 0.5 + 0.001 * seed) for s, seed in wanted]

    cure = search([[replace(A, for_rare=True, bends_loss=True)]], run)
    assert cure.yardstick.name == "balanced accuracy"
    assert cure.proven
    assert (cure.control.value, cure.attempts[0].value) == (0.5, 0.8)
    assert cure.yardstick.most(0.5) == 0.5
    cure = search([[A]], run)
    assert (cure.yardstick.name, cure.patches) == ("accuracy", ())


@pytest.mark.parametrize(
    ("recall", "tail", "name"),
    [
        (0.5, (), "balanced accuracy"),
        (0.5, ("test F1 0.4",), "f1"),  # what the program itself is after
        (0.5, ("accuracy 0.9",), "balanced accuracy"),
        (None, ("test AUC 0.8",), "auc"),
        (None, (), "accuracy"),  # compared elsewhere than in torch
    ],
)
def test_what_sees_rare_classes_goes_before_accuracy(recall, tail, name):
    traces = [scored(0.9, recall, tail=tail)] * 2
    assert choose(traces, Stays(rare=True)).name == name
    assert choose(traces, Stays()).name == "accuracy"
