"""Plain search as a baseline: what it may change, how it keeps its time, what it takes for the best. The re-runs are made up."""

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from bench.faultbench import settings, tuning
from netwright.capture.patches import Patches
from netwright.rerun import LoaderUse, Metric, Trace
from netwright.rerun.interventions import Hooks


def made(change, optimizer):
    """An optimizer changed as a re-run would change it, right after it was made."""
    hooks = Hooks(Patches())
    settings.optimizer(hooks, change)
    for call in hooks.optimizer:
        call(optimizer)
    return hooks


def test_an_optimizer_becomes_another_that_steps_as_if_the_program_had_made_it():
    torch.manual_seed(0)
    start = torch.randn(3)
    mine, other = (torch.nn.Parameter(start.clone()) for _ in range(2))
    changed = torch.optim.Adagrad([mine], lr=0.5)
    hooks = made({"kind": "adamw", "rate": 0.01, "decay": 0.1}, changed)
    right = torch.optim.AdamW([other], lr=0.01, weight_decay=0.1)
    for _ in range(3):
        for parameter, optimizer in ((mine, changed), (other, right)):
            optimizer.zero_grad()
            (parameter**4).sum().backward()
            if optimizer is changed:
                for call in hooks.gradients:
                    call(optimizer)
            optimizer.step()
    assert torch.equal(mine, other)


def test_ratios_of_rates_groups_without_decay_and_the_direction_stay():
    a, b = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    groups = [{"params": [a]}, {"params": [b], "lr": 0.3, "weight_decay": 0}]
    optimizer = torch.optim.Adam(groups, lr=0.1, weight_decay=0.5, maximize=True)
    made({"kind": "momentum", "rate": 1.0, "decay": 0.2}, optimizer)
    assert type(optimizer) is torch.optim.SGD
    assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([1.0, 3.0])
    assert [g["weight_decay"] for g in optimizer.param_groups] == [0.2, 0.0]
    assert all(g["momentum"] == 0.9 and g["maximize"] for g in optimizer.param_groups)


def test_only_the_loaders_that_train_get_other_batches():
    hooks = Hooks(Patches())
    settings.batches(hooks, {"size": 5, "turns": "0,2"})
    loaders = [DataLoader(TensorDataset(torch.arange(10)), batch_size=2) for _ in range(3)]
    for loader in loaders:
        for call in hooks.loader:
            call(loader)
    assert [len(loader) for loader in loaders] == [2, 5, 2]
    assert [len(next(iter(loader))[0]) for loader in loaders] == [5, 2, 5]


def trace(accuracy, *, cpu_s=1.0, ended="finished"):
    metrics = (
        () if accuracy is None else (Metric(step=1, name="accuracy", value=accuracy, samples=10, at="t:1"),)
    )
    loader = LoaderUse(turn=1, file="t.py", line=3, samples=10, trained=True)
    return Trace(ended=ended, metrics=metrics, loaders=(loader,), cpu_s=cpu_s)


def study():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))


def test_the_best_is_kept_and_failures_are_none():
    seen = []

    def run(plans, _):
        seen.extend(plans)
        if len(seen) == 1:
            return [trace(0.5)]
        # Adam is better here than anything else; half of all runs crash on their way.
        kinds = [p.interventions[0].settings["kind"] for p in plans]
        return [
            trace(0.9 if k == "adam" else 0.4, ended="crashed" if k == "sgd" else "finished") for k in kinds
        ]

    found = tuning.search(study(), run, seconds=900.0, cpu_s=40.0, at_once=2)
    assert found.yardstick.name == "accuracy"
    assert found.best[0]["kind"] == "adam"
    assert found.best[2] == 0.9
    assert not seen[0].interventions  # the program as it is takes part
    assert seen[1].interventions[2].settings["turns"] == "1"
    assert all(value is None for drawn, _, value in found.tried if drawn["kind"] == "sgd")


def test_where_nothing_is_better_the_program_stays_as_it_is():
    found = tuning.search(
        study(), lambda plans, _: [trace(0.5) for _ in plans], seconds=900.0, cpu_s=9.0, at_once=2
    )
    assert found.best[0] == {}


@pytest.mark.parametrize(("cpu_s", "trials"), [(0.5, 0), (15.0, 14), (1000.0, 29)])
def test_the_search_ends_when_its_time_is_used_up(monkeypatch, cpu_s, trials):
    now = [0.0]
    monkeypatch.setattr(tuning.time, "monotonic", lambda: now[0])

    def run(plans, _):
        now[0] += 1.0
        return [trace(0.5, cpu_s=1.0) for _ in plans]

    assert len(tuning.search(study(), run, seconds=10.0, cpu_s=cpu_s, at_once=1).tried) == trials
