"""What is done when something is found while a program runs: said, kept, the program ended, its state saved; and never anything to the program beside that."""

import io
from types import SimpleNamespace

import pytest
import torch

import netwright
from netwright import launch
from netwright.evidence import Where
from netwright.live import Heard, Speaker, State
from netwright.monitor import snapshot
from netwright.options import RunOptions
from netwright.rule import Finding, Kind, Severity
from netwright.vigil import Vigil

from .monitor import loops


def heard(severity=Severity.ERROR, state=State.SAID):
    finding = Finding(
        code="NW603",
        name="not-a-number",
        severity=severity,
        kind=Kind.BUG,
        message="no number any more",
        expected="finite losses",
        fix="stop the run",
        where=Where(file="/p/train.py", line=3),
        measured={"step": 40},
    )
    return Heard(
        finding=finding,
        first=40,
        last=41,
        said=40,
        withdrawn=60 if state is State.WITHDRAWN else None,
        state=state,
    )


class Kept:
    def __init__(self):
        self.states = []

    def finding(self, finding, *, step, state):
        self.states.append((finding.code, step, state))


def vigil(tmp_path=None, **options):
    kept = Kept()
    made = Vigil(
        SimpleNamespace(), RunOptions(target="train.py", run_dir=tmp_path, **options), io.StringIO(), kept
    )
    return made, kept


def test_what_is_found_is_said_and_kept_and_the_program_goes_on():
    watch, kept = vigil()
    watch._heard(heard())
    watch._heard(heard(state=State.WITHDRAWN))
    said = watch.view.stream.getvalue().splitlines()
    assert said[0].startswith("netwright: NW603 not-a-number")
    assert "stop the run" in said[1]
    assert said[2] == "netwright: NW603 at step 60: no longer seen"
    assert kept.states == [("NW603", 40, "stands"), ("NW603", 40, "withdrawn")]
    assert watch.stopped is None
    assert not watch.notes


def test_something_grave_ends_the_program_once():
    watch, _ = vigil(on_error="stop")
    with pytest.raises(launch.Stop):
        watch._heard(heard())
    assert watch.stopped == 41
    assert watch.notes == ["ended at step 41 (--on-error stop)"]
    watch._heard(heard())  # the program's own cleaning up may still train


def test_what_comes_to_be_known_when_the_program_is_over_ends_nothing_and_counts():
    watch, _ = vigil(on_error="stop")
    watch._ending = True
    watch._heard(heard())
    assert watch.stopped == 41
    assert "only when the program had ended" in watch.notes[0]


@pytest.mark.parametrize("found", [heard(Severity.WARNING), heard(state=State.WITHDRAWN)])
def test_what_is_not_grave_ends_nothing(found):
    watch, _ = vigil(on_error="stop")
    watch._heard(found)
    assert watch.stopped is None


def test_quiet_says_nothing_and_ends_the_program_all_the_same():
    watch, kept = vigil(on_error="stop", quiet=True)
    with pytest.raises(launch.Stop):
        watch._heard(heard())
    assert watch.view.stream.getvalue() == ""
    assert kept.states


def test_what_the_first_steps_show_does_not_end_a_program():
    watch, kept = vigil(on_error="stop")
    watch._beginning = True
    watch._heard(heard())
    assert kept.states == [("NW603", 40, "stands")]
    assert "NW603" in watch.view.stream.getvalue()
    watch._beginning = False
    with pytest.raises(launch.Stop):
        watch._heard(heard())


def test_a_snapshot_is_named_and_one_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(snapshot, "save", lambda path, session: saved.append(path))
    watch, _ = vigil(tmp_path, on_error="snapshot")
    watch._heard(heard())
    assert saved == [tmp_path / "state-NW603-41.pt"]
    assert str(saved[0]) in watch.notes[0]

    def full(path, session):
        path.write_bytes(b"a part")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshot, "save", full)
    watch, _ = vigil(tmp_path, on_error="snapshot")
    watch._heard(heard())
    assert "No space left on device" in watch.view.stream.getvalue()
    assert not list(tmp_path.iterdir())
    assert not watch.notes


def test_a_failure_of_a_listener_does_not_touch_the_program(monkeypatch):
    def trained(watched):
        torch.manual_seed(0)
        return loops.eager(40, watched)

    looks = []

    def broken(self, history):
        looks.append(history.steps)
        raise ZeroDivisionError("ours")

    bare = trained(lambda model: torch.enable_grad())
    monkeypatch.setattr(Speaker, "look", broken)
    losses, weights = trained(lambda model: netwright.watch(model, every=1, quiet=True))
    assert looks
    assert losses == bare[0]
    assert all(torch.equal(v, bare[1][k]) for k, v in weights.items())


def test_the_recorded_steps_are_the_first_samples():
    """They cost nothing more, and are what the steps sampled later are compared with."""
    seen = []
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(8, 4)
    with netwright.watch(model, optimizer, every=4, quiet=True) as watched:
        for _ in range(24):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            seen.append(float(model.weight.grad.norm()))
            optimizer.step()
            history = watched.history()
    norms = history.series["parameter/weight/grad_norm"]
    assert norms.steps[:10] == (0, 1, 2, 3, 4, 5, 6, 7, 8, 12)
    assert norms.values[:10] == pytest.approx([seen[s] for s in norms.steps[:10]])
