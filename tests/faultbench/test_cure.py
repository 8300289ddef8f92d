"""Cures: which programs are chosen, what counts as cured, how a patch is held against the fault; on hand-made numbers."""

import dataclasses
import difflib

import pytest

from bench.faultbench import cure, cured, programs, tuning
from bench.faultbench.operators import operators

NAME = "planted/softmax-before-cross-entropy/mnist_lenet/0"


def made(name=NAME, **changes):
    numbers = {
        "code": 0, "changed": True, "removed": 1, "added": 1, "healthy": 0.9, "faulty": 0.5, "after": 0.9, "back": 1.0,
        "seconds": 60.0, "cpu_s": 80.0, "training_s": 5.0, "training_cpu_s": 4.0, "patch": (), "said": "", "netwright": "one",
    }  # fmt: skip
    return cure.Cured(id=name, **{**numbers, **changes})


def diff(before, after):
    return tuple(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]


def metric(**known):
    return programs.Metric(name="m", pattern="x", **{"better": "higher", **known})


def test_how_far_a_metric_came_back():
    known = cure.Known(healthy=(0.9, 0.9), faulty=0.2)
    assert cure.back(metric(trivial=0.1), known, 0.5) == pytest.approx(0.5)
    assert cure.back(metric(), known, 0.55) == pytest.approx(
        0.5
    )  # from the faulty program where no trivial predictor is stated
    assert cure.back(metric(trivial=0.1), known, float("nan")) == 0.0
    assert cure.back(metric(trivial=0.1), known, None) is None
    lower = cure.Known(healthy=(1.0,), faulty=4.0)
    assert cure.back(metric(better="lower", trivial=3.0), lower, 0.5) == pytest.approx(1.25)


def test_known_metrics_of_each_kind_of_program():
    bites = {
        "healthy": {"r": {"metrics": [0.9, None, 0.8]}},
        "planted": {"o/r": {"metrics": [0.3, 0.2]}},
        "real": {"c": {"fixed": [1.0, 0.9, 1.0], "faulty": [0.5, 0.4, 0.5]}},
    }
    assert cure.known(bites, "planted/o/r/0") == cure.Known(healthy=(0.9, 0.8), faulty=0.3)
    assert cure.known(bites, "healthy/r/0") == cure.Known(healthy=(0.9, 0.8), faulty=None)
    assert cure.known(bites, "real/c/faulty/0") == cure.Known(healthy=(1.0, 0.9, 1.0), faulty=0.5)


def test_cured_is_what_was_changed_and_came_back():
    assert made(back=0.95).cured
    assert not made(back=0.94).cured
    assert not made(changed=False).cured
    assert not made(back=None).cured


def test_what_an_earlier_state_did_not_cure_is_tried_again_when_asked():
    results = {"programs": {n: dataclasses.asdict(c) for n, c in {
        "a": made("planted/a/r/0", back=0.1), "b": made("planted/b/r/0"), "healthy/h/0": made("healthy/h/0", changed=False),
    }.items()}}  # fmt: skip
    assert cure.wanted(results, "new", again=False)
    assert not cure.wanted(results, "a", again=False)
    assert [n for n in results["programs"] if cure.wanted(results, n, again=True)] == ["a"]


def test_an_earlier_result_stays_beside_the_new_one(tmp_path):
    results = cure.kept(tmp_path / "cures.json", 300)
    cure.keep(results, made(back=0.1), tmp_path / "cures.json")
    cure.keep(results, made(netwright="two"), tmp_path / "cures.json")
    again = cure.kept(tmp_path / "cures.json", 300)
    assert again["programs"][NAME]["netwright"] == "two"
    assert [c["back"] for c in again["earlier"][NAME]] == [0.1]
    assert cure.kept(tmp_path / "cures.json", 60)["programs"] == {}
    page = cured.render(again)
    assert "(second try)" in page
    assert "| cured | 1.00" in page
    assert "| cured at first sight, before what was mended in between | 0.00" in page


def test_a_patch_held_against_the_fault():
    operator, recipe = operators()["softmax-before-cross-entropy"], programs.recipes()["mnist_lenet"]
    faulty = programs.planted(operator, recipe, 0).text
    right = made(patch=diff(faulty, recipe.text))
    assert cured.patched(faulty, right.patch) == recipe.text
    assert cured.extra(right) == 0
    assert cured.exact(right)
    lines = faulty.splitlines()
    elsewhere = "\n".join([*lines, "print('more')"])
    other = made(patch=diff(faulty, elsewhere))
    assert cured.patched(faulty, other.patch) == elsewhere + "\n"
    assert cured.extra(other) == 1
    assert not cured.exact(other)


def searched(method, *, back, settings):
    return dataclasses.asdict(
        tuning.Tuned(
            id=NAME, method=method, trials=20, yardstick="accuracy", before=0.5, best=0.9, settings=settings, after=0.9, back=back,
            seconds=60.0, cpu_s=80.0, given_s=60.0, given_cpu_s=80.0, netwright="one",
        )
    )  # fmt: skip


def test_baselines_stand_beside_on_the_same_programs():
    own = {"kind": "adam", "rate": 0.001, "decay": 1e-5, "norm": 1.0}
    results = {
        "budget": 300.0,
        "earlier": {},
        "programs": {NAME: dataclasses.asdict(made(back=0.2))},
        "baselines": {
            "optuna": {NAME: searched("optuna", back=0.97, settings=own)},
            "random": {NAME: searched("random", back=0.97, settings={})},
        },
    }
    lines = cured.render(results).splitlines()
    (ours,) = [line for line in lines if line.startswith("| `netwright fix` |")]
    (tpe,) = [line for line in lines if line.startswith("| optuna |")]
    (drawn,) = [line for line in lines if line.startswith("| random |")]
    assert [cell.strip()[:4] for cell in (ours.split("|")[2], tpe.split("|")[2], drawn.split("|")[2])] == [
        "0.00",
        "1.00",
        "0.00",
    ]
    assert tpe.split("|")[4:6] == [" 0 ", " 1 "]
    assert any(line.startswith(f"- `{NAME}` (a proven patch, back 0.2): ") for line in lines)


def test_programs_are_chosen_by_time_alone():
    fitting = ["digits_mlp", "iris_sgd", "wine_small"]
    operator = operators()["zero-grad-missing"]
    bites = {
        "healthy": {name: {"seconds": [s, s + 1]} for name, s in zip(fitting, (4.0, 2.0, 3.0), strict=True)},
        "planted": {
            f"zero-grad-missing/{name}": {
                "state": state, "share": 0.5, "digest": programs.planted(operator, programs.recipes()[name], 0).digest,
            }
            for name, state in zip(fitting, ("bites", "does not bite", "bites"), strict=True)
        },
        "real": {},
    }  # fmt: skip
    found = cure.chosen(bites, seconds=5.0, each=1, real=2, healthy=2)
    assert found == [
        f"planted/zero-grad-missing/{fitting[2]}/0",
        f"healthy/{fitting[1]}/0",
        f"healthy/{fitting[2]}/0",
    ]
    assert cure.chosen(bites, seconds=1.0, each=1, real=2, healthy=0) == []
    assert cure.chosen(bites, seconds=5.0, each=2, real=0, healthy=0) == [
        f"planted/zero-grad-missing/{name}/0" for name in (fitting[2], fitting[0])
    ]
