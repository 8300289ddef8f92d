"""Lines that are written while a program runs: whole, rarely, and out of the way of progress bars."""

import io
import itertools
import sys
import types

import pytest

from netwright.evidence import History, Series
from netwright.report.live import LiveView, status_line


class Terminal(io.StringIO):
    def isatty(self):
        return True


def history(steps=2000, losses=None, **series):
    values = losses if losses is not None else [2.0] * 1000 + [1.0] * 1000
    found = {"loss/0": Series(steps=tuple(range(len(values))), values=tuple(values))}
    found.update({k: Series(steps=(0,), values=(v,)) for k, v in series.items()})
    return History(series=found, steps=steps, seconds=10.0)


def test_status_line():
    line = status_line(
        history(
            **{"rate/0/0": 1e-3, "run/steps_per_s": 123.4, "run/watch_share": 0.006, "run/loading_share": 0.4}
        )
    )
    assert line == (
        "netwright: step 2,000 · loss 1 (at step 1,000: 2) · rate 0.001 · 123 steps/s · 40% loading data · watching 0.6%"
    )
    assert "loss nan" in status_line(history(losses=[1.0, float("nan")]))
    assert status_line(History(series={}, steps=0, seconds=0.0)) == "netwright: step 0"


def test_lines_come_at_growing_distances_on_a_terminal_only():
    now = [0.0]
    view = LiveView(Terminal(), clock=lambda: now[0])
    plain = LiveView(io.StringIO(), clock=lambda: now[0])
    at = []
    for second in range(0, 3600, 5):
        now[0] = float(second)
        assert not plain.due
        if view.due:
            view.status(history())
            at.append(second)
    assert at[:5] == [15, 30, 60, 120, 240]
    assert len(at) < 20
    assert max(b - a for a, b in itertools.pairwise(at)) <= 305


@pytest.mark.parametrize(("stream", "start"), [(Terminal(), "\r\x1b[K"), (io.StringIO(), "")])
def test_an_unfinished_line_is_cleared_on_a_terminal(stream, start):
    LiveView(stream).say(["one", "two"])
    assert stream.getvalue() == start + "one\ntwo\n"


def test_quiet_and_closed_streams():
    stream = Terminal()
    view = LiveView(stream, quiet=True, clock=lambda: 1e6)
    view.say(["one"])
    assert not view.due
    assert not stream.getvalue()
    stream.close()
    LiveView(stream).say(["one"])


def test_bars_make_room(monkeypatch):
    class Bars:
        _instances = (1,)
        written = []  # noqa: RUF012

        @classmethod
        def write(cls, text, file):
            cls.written.append((text, file))

    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(tqdm=Bars))
    stream = Terminal()
    LiveView(stream).say(["one", "two"])
    assert Bars.written == [("one\ntwo", stream)]
    assert not stream.getvalue()
    Bars._instances = ()
    LiveView(stream).say(["three"])
    assert stream.getvalue().endswith("three\n")
