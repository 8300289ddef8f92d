"""How a run goes is read by the clock: a run that is too short for a sample says so much all the same."""

import time

import pytest
import torch
from torch import nn

from netwright.monitor import Watcher
from netwright.monitor.throughput import Throughput


def test_rates_are_those_since_the_last_reading():
    throughput = Throughput()
    throughput.begin(10)
    throughput.loading, throughput.rows = 0.5, 8.0
    first = throughput.read(2.0, 30)
    assert first["run/steps_per_s"] == pytest.approx(10.0)
    assert first["run/samples_per_s"] == pytest.approx(80.0)
    assert first["run/loading_share"] == pytest.approx(0.25)
    throughput.loading = 1.5
    second = throughput.read(3.0, 35)
    assert second["run/steps_per_s"] == pytest.approx(5.0)
    assert second["run/loading_share"] == pytest.approx(1.0)
    assert throughput.read(3.0, 35) == {}  # no time has passed


def test_a_run_of_any_length_is_read_often_enough_and_not_too_often():
    for length in (1.0, 10.0, 100.0, 1000.0):
        throughput, readings = Throughput(), 0
        for hundredth in range(1, round(100 * length)):
            if throughput.due(hundredth / 100):
                throughput.read(hundredth / 100, hundredth)
                readings += 1
        assert 16 <= readings <= 500


def test_without_a_single_sample_it_is_known_how_the_run_goes():
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    heard = []
    watcher = Watcher(None, budget=1e-9)  # there is nothing for samples
    watcher.outbox.listeners.append(heard.append)
    watcher.follow(model)
    watcher.start()
    try:
        end = time.perf_counter() + 0.7
        while time.perf_counter() < end:
            optimizer.zero_grad()
            model(torch.ones(8, 4)).mean().backward()
            optimizer.step()
            time.sleep(0.001)
    finally:
        watcher.close()
    assert watcher.broken is None, watcher.broken
    assert watcher.samples == 0
    series = watcher.history().series
    assert len(series["run/memory_bytes"]) >= 3
    assert len(series["run/steps_per_s"]) == len(series["run/memory_bytes"]) == len(heard)
