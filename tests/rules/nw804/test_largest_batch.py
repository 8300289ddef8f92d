"""The largest batch that fits: the search between what ran and what did not, and what is said of it."""

import os
import time
from dataclasses import replace

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from netwright.capture.patches import Patches
from netwright.evidence import BatchRun, LargestBatch, Loaders, Program, StepMemory
from netwright.experiments import largest_batch as module
from netwright.registry import find_rule
from netwright.report.tried import sentences
from netwright.rerun import Command, Intervention, Plan, Point, Trace
from netwright.rerun.interventions import Hooks, apply
from netwright.rerun.pool import rerun
from netwright.rule import NotApplicable

from ...rerun import programs

STEP = StepMemory(batch=32, per_sample=1 << 20, fixed=1 << 20, free=1 << 30, sizes=(2, 4, 8))
FOUND = LargestBatch(
    batch=32,
    step=STEP,
    runs=(BatchRun(batch=900, ran=True), BatchRun(batch=960, ran=False)),
    fits=900,
    fails=960,
)
NO_MEMORY = "RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes."


def search(monkeypatch, tmp_path, largest, samples=10**9, error=NO_MEMORY, seconds=60.0):
    """The search on a program that memory is enough for up to a batch of ``largest``."""

    def run(command, plans, **_):
        size = plans[0].interventions[0].settings["becomes"]
        if size > largest:
            return [Trace(ended="crashed", code=1, error=error)]
        return [Trace(ended="steps", steps=2, points=(Point(step=0, loss=1.0, samples=min(size, samples)),))]

    monkeypatch.setattr(module, "rerun", run)
    command = Command(target="train.py", folder=tmp_path, environment={})
    return module._Search(command, 32, time.monotonic() + seconds)


@pytest.mark.parametrize("largest", [33, 50, 100, 480, 1000, 3000])
@pytest.mark.parametrize("first", [100, 1000])
def test_it_ends_between_what_fits_and_what_does_not(monkeypatch, tmp_path, largest, first):
    runs = list(search(monkeypatch, tmp_path, largest).runs(first))
    ran = max([r.batch for r in runs if r.ran], default=32)
    failed = min(r.batch for r in runs if not r.ran)
    assert ran <= largest < failed
    assert len(runs) == module._MOST or failed <= module._NEAR * ran + 1


def test_after_a_crash_it_looks_below_the_batch_that_failed(monkeypatch, tmp_path):
    for largest in (1, 7, 30):
        found = search(monkeypatch, tmp_path, largest)
        monkeypatch.setattr(module, "_Search", lambda *_, made=found: made)
        step = replace(STEP, batch=32, free=20 << 20)
        told = module.after_crash(found.command, step, seconds=60.0, progress=lambda share: None)
        assert told.fits <= largest < told.fails
        assert told.fails <= module._NEAR * told.fits + 1
        monkeypatch.undo()


def test_no_more_than_the_training_set(monkeypatch, tmp_path):
    found = search(monkeypatch, tmp_path, 10**9, samples=500)
    assert [(r.batch, r.ran) for r in found.runs(100)] == [(100, True), (200, True), (400, True), (500, True)]
    assert found.whole == 500


def test_another_failure_is_not_taken_for_memory(monkeypatch, tmp_path):
    found = search(monkeypatch, tmp_path, 50, error="ValueError: expected 32 rows")
    assert list(found.runs(100)) == []
    assert "expected 32 rows" in found.why


def test_a_batch_that_does_not_change_is_said(monkeypatch, tmp_path):
    found = search(monkeypatch, tmp_path, 10**9, samples=32)
    assert list(found.runs(100)) == []
    assert "no DataLoader" in found.why


def test_out_of_time(monkeypatch, tmp_path):
    found = search(monkeypatch, tmp_path, 50, seconds=0.0)
    assert list(found.runs(100)) == []
    assert found.why == "the time was over"


def test_loaders_of_that_batch_size_get_another():
    data = TensorDataset(torch.zeros(100, 1))
    hooks = Hooks(Patches())
    apply((Intervention(name="batch-size", settings={"was": 8, "becomes": 40}),), hooks)
    for batch, drop, sizes in ((8, False, [40, 40]), (8, True, [40, 40]), (10, False, [10] * 10)):
        loader = DataLoader(data, batch_size=batch, drop_last=drop)
        for made in hooks.loader:
            made(loader)
        assert [len(b) for (b,) in loader] == sizes
    hooks = Hooks(Patches())
    apply((Intervention(name="batch-size", settings={"was": 8, "becomes": 400}),), hooks)
    loader = DataLoader(data, batch_size=8, drop_last=True)
    hooks.loader[0](loader)
    assert [len(b) for (b,) in loader] == [100]


def test_a_program_run_with_another_batch(tmp_path):
    (tmp_path / "train.py").write_text(programs.TRAIN)
    command = Command(target="train.py", folder=tmp_path, environment=dict(os.environ))
    changes = (
        Intervention(name="batch-size", settings={"was": 24, "becomes": 60}),
        Intervention(name="limit-memory", settings={"bytes": 1 << 30}),
    )
    (trace,) = rerun(command, [Plan(steps=2, evaluate=False, interventions=changes)], seconds=60, cache=False)
    assert trace.ended == "steps", trace
    assert [p.samples for p in trace.points] == [60, 120]


def judged(found):
    return find_rule("NW804").function(
        found=found, program=Program(script="train.py"), loaders=Loaders(loaders=())
    )


def test_words():
    finding = judged(FOUND)
    assert finding.message == "a batch of 900 fits, one of 960 does not; 32 is in use"
    assert finding.severity.value == "info"
    assert (finding.measured["fits"], finding.measured["fails"], finding.measured["batch"]) == (900, 960, 32)
    (line,) = sentences({LargestBatch: FOUND})
    assert "1 MiB for each" in line and "900 ran, 960 did not" in line
    untried = replace(FOUND, runs=(), fits=None, fails=None)
    assert "about 920 fits (not tried)" in judged(untried).message
    with pytest.raises(NotApplicable):
        judged(replace(untried, step=None))
    whole = judged(replace(FOUND, fits=500, fails=None, all_samples=True))
    assert "the whole training set" in whole.message
