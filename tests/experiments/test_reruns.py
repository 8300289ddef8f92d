"""Experiments that run the whole program again."""

import os

import pytest

from netwright.evidence import CurvePoint
from netwright.experiments import learning_curve, repeat_run, seeds
from netwright.experiments.catalogue import all_experiments, planned
from netwright.experiments.learning_curve import Law, _bootstrap, _fitter
from netwright.experiments.repeat_run import order_dependent
from netwright.rerun import Command
from netwright.rule import NotApplicable

from ..rerun import programs

SECONDS = 300.0
THREE = programs.TRAIN.replace("range(3)", "range(2)")


def command(folder, text):
    (folder / "train.py").write_text(text)
    return Command(target="train.py", folder=folder, environment=dict(os.environ))


def test_all_leaves_them_out():
    names = {e.name for e, _ in planned(("all",), 60.0)}
    again = {e.name for e in all_experiments() if e.reruns}
    assert again == {"repeat-run", "seeds", "learning-curve", "largest-batch"}
    assert not names & again
    assert [e.name for e, _ in planned(("seeds",), 60.0)] == ["seeds"]


def test_a_seeded_program_repeats_and_an_unseeded_one_is_seeded(tmp_path):
    found = repeat_run(command(tmp_path, THREE.replace("torch.manual_seed(0)\n", "")), seconds=SECONDS)
    assert (found.first, found.differs, found.steps) == (None, None, 20)


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        ("manual_seed(7)", "manual_seed(int.from_bytes(__import__('os').urandom(4), 'big'))", "inputs"),
        (
            "optimizer = ",
            "model[0].weight.data += 1e-3 * int.from_bytes(__import__('os').urandom(4), 'big') / 2**32\noptimizer = ",
            "weights",
        ),
        (
            "        loss.backward()",
            "        loss = loss * (1 + (epoch == 1) * int.from_bytes(__import__('os').urandom(4), 'big') / 2**32)\n        loss.backward()",
            "computation",
        ),
    ],
)
def test_what_differed_first(tmp_path, old, new, differs):
    text = THREE.replace(old, new)
    assert text != THREE
    found = repeat_run(command(tmp_path, text), seconds=SECONDS)
    assert found.differs == differs
    assert found.first == (10 if differs == "computation" else 0)
    assert found.losses[0] != found.losses[1]


def test_lines_without_a_fixed_order(tmp_path):
    made = command(
        tmp_path,
        "import os\nnames = {n for n in 'abc'}\nfor n in names:\n    pass\nfor n in sorted(names):\n    pass\n"
        "a = os.listdir('.')\nb = sorted(os.listdir('.'))\nc = len(names)\nd = list(set('abc'))\ne = [n for n in [1, 2]]\n",
    )
    assert [w.line for w in order_dependent(made, [])] == [3, 7, 10]


def test_three_seeds_and_their_spread(tmp_path):
    found = seeds(command(tmp_path, THREE), seconds=SECONDS)
    assert len(found.runs) >= 3
    assert found.steps is None
    assert {s.name for s in found.spreads} == {"training loss", "evaluation loss", "evaluation accuracy"}
    assert all(s.deviation > 0 and s.low < s.mean < s.high for s in found.spreads)
    assert len({r.last for r in found.runs}) == len(found.runs)


def test_a_program_that_does_not_fit_is_cut_at_one_step_or_not_tried(tmp_path):
    made = command(tmp_path, programs.TRAIN.replace("range(3)", "range(10**6)"))
    try:
        found = seeds(made, seconds=15)
    except NotApplicable as why:  # on a machine that is too busy
        assert "--budget" in str(why) or "in the time given" in str(why)
    else:
        assert found.steps >= 20
        assert len(found.runs) == 3


def test_a_program_that_fails_is_told(tmp_path):
    with pytest.raises(NotApplicable, match="no more"):
        seeds(command(tmp_path, "import torch\nraise ValueError('no more')\n"), seconds=SECONDS)


def test_a_program_without_a_loader_has_no_learning_curve(tmp_path):
    text = (
        "import torch\nmodel = torch.nn.Linear(2, 1)\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "for step in range(30):\n    model(torch.randn(4, 2)).square().mean().backward()\n    optimizer.step()\n"
    )
    with pytest.raises(NotApplicable, match="no DataLoader"):
        learning_curve(command(tmp_path, text), seconds=SECONDS)


def test_a_power_law_is_found_again():
    fit = _fitter()
    law = Law(0.05, 3.0, 0.6)
    sizes = (100, 200, 400, 800)
    found = fit([(n, law.at(n)) for n in sizes], (0.1, 0.5, 1.0))
    assert found.gain(800) == pytest.approx(law.gain(800), rel=0.02)
    assert (found.floor, found.exponent) == pytest.approx((0.05, 0.6), rel=0.05)
    noisy = tuple(
        CurvePoint(share=n / 800, samples=n, values=(law.at(n) * (1 + e), law.at(n) * (1 - e)))
        for n, e in zip(sizes, (0.02, -0.03, 0.01, -0.02), strict=True)
    )
    again = fit([(p.samples, v) for p in noisy for v in p.values], (0.1, 0.5, 1.0))
    gains = _bootstrap(noisy, again, fit)
    assert gains[10] < law.gain(800) < gains[-10]
    assert gains == sorted(gains)
