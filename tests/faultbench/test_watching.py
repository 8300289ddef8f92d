"""What the page of watched trainings says, on answers made by hand."""

import dataclasses

import pytest

pytest.importorskip("scipy")

from bench.faultbench import programs, watching

WHERE = {"file": "/w/a.py", "line": 3}


def finding(code, severity="warning", consequences=()):
    return {
        "code": code,
        "severity": severity,
        "where": WHERE,
        "also": [],
        "message": "m",
        "consequences": list(consequences),
    }


def live(code, first, said, severity="warning", withdrawn=None):
    return {
        "code": code,
        "severity": severity,
        "first": first,
        "last": first,
        "said": said,
        "withdrawn": withdrawn,
    }


def answer(findings=(), heard=(), steps=1000, ended="ok"):
    return {
        "ended": ended,
        "wall": 9.0,
        "steps": steps,
        "live": list(heard),
        "findings": list(findings),
        "broken": [],
        "script": "/w/a.py",
    }


PLANTED = "planted/rate-far-too-low/digits_mlp/0"


def test_a_cause_that_was_named_while_the_program_ran():
    got = watching.seen(
        PLANTED, answer([finding("NW502", consequences=[finding("NW601")])], [live("NW502", 90, 99)])
    )
    assert (got.rank, got.named, got.hinted) == (1, 90, True)
    assert got.final == ("NW502", "NW601")
    assert got.live == ("NW502 at step 99",)


def test_what_is_only_worth_knowing_is_no_alarm_and_may_still_name_the_cause():
    name = "planted/stopped-far-too-early/digits_mlp/0"
    got = watching.seen(name, answer([finding("NW615", "info")], [live("NW605", 50, None, "info")]))
    assert (got.rank, got.hinted, got.named) == (None, True, None)
    assert (got.live, got.final, got.infos) == ((), (), ("NW605",))


def test_another_cause_does_not_count():
    got = watching.seen(PLANTED, answer([finding("NW602")], [live("NW602", 20, 22, withdrawn=40)]))
    assert (got.rank, got.named, got.hinted) == (None, None, False)
    assert got.live == ("NW602 at step 22, taken back at 40",)


def test_the_page_counts_alarms_and_early_names():
    results = {"every": 8, "netwright": "abc", "machine": "m", "programs": {}}
    for name, made in (
        ("healthy/digits_mlp/0", answer()),
        ("healthy/iris_sgd/0", answer([finding("NW601")], [live("NW601", 100, 110)])),
        ("healthy/wine_small/0", answer(ended="out of time")),
        (PLANTED, answer([finding("NW502")], [live("NW502", 90, 99)])),
    ):
        results["programs"][name] = dataclasses.asdict(watching.seen(name, made))
    page = watching.render(results)
    assert "| said an error or a warning while training | 1 of 2 |" in page
    assert "| `rate-far-too-low` (NW502, NW601, NW610) | 1 | 1.00" in page
    assert "`healthy/wine_small/0`: out of time" in page
    assert "first seen at step 90" in page
    assert "healthy/iris_sgd/0`: 1000 steps, said NW601 at step 110" in page


def test_healthy_recipes_and_faults_that_do_harm_are_watched():
    names = watching.programs_to_watch({"healthy": {}, "planted": {}, "real": {}}, 1)
    assert names
    assert all(name.startswith("healthy/") for name in names)  # which faults do harm is not known here


def test_the_quickest_recipes_are_shared_out_among_operators():
    seconds = {"healthy": {n: {"seconds": [float(i)]} for i, n in enumerate(sorted(programs.recipes()))}}
    pairs = watching.quick(seconds, per_operator=2, quickest=2)
    drawn = {(o.name, r.name) for o, r in watching.drawn(2)}
    names = [(o.name, r.name) for o, r in pairs]
    assert len(set(names)) == len(names)
    assert not drawn.intersection(names)
    operators = [o for o, _ in names]
    assert max(operators.count(o) for o in operators) == 2
    recipes = [r for _, r in names]
    assert max(recipes.count(r) for r in recipes) == 1  # there are more recipes than places
    assert watching.quick(seconds, per_operator=2, quickest=1) == pairs[: len(pairs) // 2]
