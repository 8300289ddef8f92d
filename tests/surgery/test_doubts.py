"""What is only worth knowing is tried where the training did not come to its end, and the program is healthy unless a trial proves otherwise."""

import subprocess
from dataclasses import replace

import pytest

from handmade import finding, report
from netwright.report.model import HEALTHY, SICK
from netwright.rerun import Command, Trace
from netwright.rule import Severity
from netwright.surgery import door, examination, operation
from netwright.surgery.doubts import doubted
from netwright.surgery.operation import Operation, operate
from netwright.trial import Cure
from netwright.trial.cure import Attempt

INFO = Severity.INFO
UNFINISHED = finding("NW615", severity=INFO)
SIGMOIDS = finding("NW206", severity=INFO, remedies=("exchange-activation",))


def test_a_slow_activation_is_doubted_where_the_loss_still_fell_at_the_end():
    doubt = doubted(report(UNFINISHED, SIGMOIDS))
    assert doubt is not None
    assert doubt.verdict == SICK
    assert [(f.code, f.severity) for f in doubt.serious] == [("NW206", Severity.WARNING)]


@pytest.mark.parametrize(
    "found",
    [
        (SIGMOIDS,),  # the training came to its end
        (UNFINISHED,),
        (
            UNFINISHED,
            finding("NW107", severity=INFO, remedies=("weigh-classes",)),
        ),  # has remedies, and is no reason for a loss that falls slowly
        (UNFINISHED, replace(SIGMOIDS, remedies=())),
    ],
)
def test_otherwise_nothing_is(found):
    assert doubted(report(*found)) is None


@pytest.mark.parametrize("sick", [True, False])
def test_where_it_is_only_doubted_nothing_else_is_tried(monkeypatch, tmp_path, sick):
    """No rate is: whether anything is wrong is only to be seen."""
    (tmp_path / "train.py").write_text("import torch\nopt = torch.optim.Adam(p, lr=0.1)\nloss.backward()\n")
    command = Command(target="train.py", folder=tmp_path, environment={})
    doubt = doubted(report(UNFINISHED, SIGMOIDS))
    assert doubt is not None
    monkeypatch.setattr(operation, "_search", lambda *_, **__: None)
    tried = operate(command, doubt, budget=10, sick=sick, quiet=True)
    assert [p.remedy for options in tried.nominated for p in options] == ["exchange-activation"]
    assert bool(tried.standard) == sick


@pytest.mark.parametrize("proven", [True, False])
def test_what_is_not_proven_leaves_the_program_healthy(monkeypatch, tmp_path, capsys, proven):
    healthy, doubt = report(UNFINISHED, SIGMOIDS), doubted(report(UNFINISHED, SIGMOIDS))
    shown, given = [], []

    class Found(Cure):
        @property
        def proven(self):
            return proven

    cure = Found(
        yardstick=None, control=Attempt(patches=(), trace=Trace(ended="finished"), value=None, gain=0.0)
    )

    def tried(command, report, **how):
        given.append((report, how["sick"]))
        return Operation(command=command, report=report, cure=cure)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(door, "examine", lambda command, budget: healthy)
    monkeypatch.setattr(door, "watch", lambda command, seconds: healthy)
    monkeypatch.setattr(door, "operate", tried)
    monkeypatch.setattr(door, "show", lambda *args, **_: shown.append(args))
    options = {"argv": (), "is_module": False, "seeds": 5, "write": False, "unproved": False, "quiet": True}
    assert healthy.verdict == HEALTHY
    assert door.run(target="train.py", budget=60, **options) == 0
    assert given == [(doubt, False)]
    assert bool(shown) == proven
    assert ("nothing to mend" in capsys.readouterr().err) != proven


def test_a_quick_program_is_watched_at_every_eighth_step_whatever_that_costs(monkeypatch, tmp_path):
    """Within the usual share of the run time it may end without a single sample of its weights."""
    asked = []

    def begun(self, command, arguments):
        asked.append(arguments)
        return subprocess.Popen(["true"])

    monkeypatch.setattr(examination, "examination", lambda *_: None)
    monkeypatch.setattr(examination.Examination, "_anew", begun)
    command = Command(target="train.py", folder=tmp_path, environment={})
    assert examination.watch(command, seconds=5) is None
    examination.Examination(command, 5.0).stop()
    assert asked[0][:3] == ["run", "--watch-every", "8"]
    assert "--watch-every" not in asked[1]
