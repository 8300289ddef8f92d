import pytest

from netwright.evidence import ModuleInfo, Modules, Program, SeedRun, Seeds, Where
from netwright.experiments._reruns import spread
from netwright.rule import Severity
from netwright.rules.optimization.seed_decides_the_outcome import rule

MADE = Where(file="/project/train.py", line=12)


def judge(runs, *, steps=None, single=True, accuracies=()):
    spreads = [spread("training loss", [last for _, last in runs if last is not None])]
    spreads += [spread("evaluation accuracy", accuracies)] if accuracies else []
    seeds = Seeds(
        runs=tuple(SeedRun(seed=i, first=f, last=v) for i, (f, v) in enumerate(runs)),
        spreads=tuple(s for s in spreads if s is not None),
        steps=steps,
        single=single,
    )
    modules = Modules(modules=(ModuleInfo(path="", type="Net", root=0, made=MADE),), roots=("Net",))
    return rule.function(seeds, Program(script="train.py"), modules)


def test_some_seeds_do_not_train():
    found = judge([(2.3, 0.2), (2.3, 2.3), (2.3, 0.3)])
    assert (found.severity, found.where, found.measured["stuck"]) == (Severity.WARNING, MADE, [1])
    assert judge([(2.3, 0.2), (2.3, None), (2.3, 0.3)]).measured["stuck"] == [1]


def test_stopped_early_it_is_no_warning():
    assert judge([(2.3, 0.2), (2.3, 2.3), (2.3, 0.3)], steps=100).severity is Severity.INFO


@pytest.mark.parametrize(
    "runs",
    [
        [(2.3, 2.3), (2.3, 2.31), (2.3, 2.3)],  # none trains: not a matter of seeds
        [(2.3, 2.3), (2.3, 2.31), (2.3, 0.2)],  # more fail than train
        [(-2.3, -2.3), (-2.3, -0.2), (-2.3, -0.2)],  # losses below zero have no such ratio
    ],
)
def test_it_is_not_a_matter_of_seeds(runs):
    found = judge(runs)
    assert found is None or "stuck" not in found.measured


def test_several_losses_need_not_fall():
    found = judge([(0.7, 0.2), (0.7, 0.7), (0.7, 0.3)], single=False)
    assert found is None or "stuck" not in found.measured


def test_close_ends_are_fine_and_far_ones_are_told():
    close = [(2.3, 0.300), (2.3, 0.301), (2.3, 0.302)]
    assert judge(close, accuracies=(0.95, 0.951, 0.952)) is None
    far = [(2.3, 0.1), (2.3, 0.2), (2.3, 0.3)]
    assert judge(far, accuracies=(0.95, 0.951, 0.952)) is None
    assert judge(far).measured["values"] == [0.1, 0.2, 0.3]
    found = judge(close, accuracies=(0.90, 0.95, 0.97))
    assert found.severity is Severity.INFO
    assert found.measured["values"] == [0.90, 0.95, 0.97]


def test_the_interval_is_student_s():
    from scipy import stats

    values = (0.90, 0.95, 0.97, 0.91)
    found = spread("x", values)
    low, high = stats.t.interval(0.95, 3, loc=found.mean, scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-3)
