"""``check`` and ``watch``: what they find, and that they leave everything as it was."""

import copy
import warnings

import pytest
import torch
from torch import nn

import netwright
from netwright import api
from netwright.runs import Run
from netwright.runs.repeat import CannotRepeat, changed_since
from programs import examine


def _parts(softmax=True):
    torch.manual_seed(0)
    layers = [nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 3)]
    model = nn.Sequential(*layers, *([nn.Softmax(1)] if softmax else []))
    x = torch.randn(512, 20)
    y = x[:, :3].argmax(1)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32, shuffle=True)
    return model, loader, torch.optim.Adam(model.parameters(), lr=1e-3)


def _serious(report):
    return {f.code for f in report.serious}


def test_check_names_the_fault_and_restores_everything(capsys):
    model, loader, optimizer = _parts()
    nn.functional.cross_entropy(model(torch.randn(8, 20)), torch.zeros(8, dtype=torch.long)).backward()
    optimizer.step()
    weights, state = copy.deepcopy(model.state_dict()), copy.deepcopy(optimizer.state_dict())
    grads = [p.grad.clone() for p in model.parameters()]
    model.eval()
    random = torch.get_rng_state()
    report = netwright.check(model, nn.CrossEntropyLoss(), loader, optimizer)
    assert _serious(report) >= {"NW302"}
    assert all(torch.equal(v, weights[k]) for k, v in model.state_dict().items())
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), grads, strict=True))
    assert str(optimizer.state_dict()) == str(state)
    assert torch.equal(random, torch.get_rng_state())
    assert not model.training
    assert nn.Module.__call__ is nn.Module._wrapped_call_impl
    assert "NW302" in capsys.readouterr().err


def test_check_is_quiet_on_a_healthy_model(capsys):
    model, loader, optimizer = _parts(softmax=False)
    report = netwright.check(model, nn.CrossEntropyLoss(), loader, optimizer, quiet=True)
    assert report.verdict == "healthy", report.findings
    assert capsys.readouterr().err == ""


def test_check_takes_mappings_and_models_that_return_their_loss():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 2)

        def forward(self, x, labels):
            logits = self.head(x)
            return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}

    batches = []
    for _ in range(10):
        x = torch.randn(16, 4)
        batches.append({"x": x, "labels": (x[:, 0] > 0).long()})
    report = netwright.check(Model(), None, batches, quiet=True)
    assert report.verdict == "healthy", report.findings
    assert report.steps == 8


def test_check_without_batches_or_with_odd_ones():
    model, _, optimizer = _parts()
    with pytest.raises(ValueError, match="no batch"):
        netwright.check(model, nn.CrossEntropyLoss(), [], optimizer, quiet=True)
    with pytest.raises(ValueError, match="a batch is a int"):
        netwright.check(model, nn.CrossEntropyLoss(), [3], optimizer, quiet=True)


def test_what_the_model_raises_is_raised_again_and_explained(capsys):
    model, _, optimizer = _parts()
    before = copy.deepcopy(model.state_dict())
    batches = [(torch.randn(8, 21), torch.zeros(8, dtype=torch.long))]
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        netwright.check(model, nn.CrossEntropyLoss(), batches, optimizer)
    assert "NW901" in capsys.readouterr().err
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_watch_does_not_change_the_loop():
    def train(watched):
        model, loader, optimizer = _parts()
        with netwright.watch(model, optimizer, quiet=True) if watched else _nothing() as found:
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
        return model.state_dict(), found.report

    bare, _ = train(False)
    seen, report = train(True)
    assert all(torch.equal(v, bare[k]) for k, v in seen.items())
    assert "NW302" in _serious(report)


class _nothing:
    report = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


def test_nothing_of_ours_stays_behind():
    before = {
        "call": nn.Module.__call__,
        "init": nn.Module.__init__,
        "backward": torch.autograd.backward,
        "no_grad": torch.no_grad.__enter__,
        "zero_grad": torch.optim.Optimizer.zero_grad,
    }
    model, loader, optimizer = _parts()
    netwright.check(model, nn.CrossEntropyLoss(), loader, optimizer, quiet=True)
    assert before == {
        "call": nn.Module.__call__,
        "init": nn.Module.__init__,
        "backward": torch.autograd.backward,
        "no_grad": torch.no_grad.__enter__,
        "zero_grad": torch.optim.Optimizer.zero_grad,
    }
    assert not torch.overrides._get_current_function_mode_stack()
    assert not model._forward_hooks
    assert not model._forward_pre_hooks
    assert api.check is netwright.check


def _broken_later(seen, **options):
    """A loop that is watched and comes to NaN at step 20."""
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    x = torch.randn(64, 4)
    with netwright.watch(model, optimizer, quiet=True, **options) as found:
        for step in range(60):
            optimizer.zero_grad()
            scale = 1.0 if step < 20 else float("nan")
            (model(x).square().mean() * scale).backward()
            optimizer.step()
            seen.append(step)
        seen.append("end of the block")
    return model, found


def test_on_error_stop_leaves_the_block_and_the_program_goes_on(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    seen = []
    _, found = _broken_later(seen, on_error="stop")
    assert seen[-1] == 19  # the step that was to come next was not made
    assert _serious(found.report) & {"NW603", "NW414"}
    assert any("--on-error stop" in note for note in found.report.notes)
    assert not torch.overrides._get_current_function_mode_stack()
    assert not list(tmp_path.iterdir()), "nothing is written unless asked for"
    seen.clear()
    _broken_later(seen)
    assert seen[-1] == "end of the block"


def test_watch_leaves_a_record_where_one_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    _, found = _broken_later([], record=True, on_error="snapshot")
    (folder,) = (tmp_path / ".netwright" / "runs").iterdir()
    assert found.folder == folder
    assert {p.name for p in folder.iterdir()} >= {"record.sqlite", "report.json", "report.html"}
    assert list(folder.glob("state-NW*.pt"))
    run = Run(folder)
    assert (run.status, run.command["kind"]) == ("finished", "watch")
    assert 40 <= run.history.series["loss/0"].steps[-1] <= 59  # in so short a time not every step is read
    assert {f["code"] for f in run.findings} & {"NW603", "NW414"}
    with pytest.raises(CannotRepeat, match=r"watched by nw\.watch"):
        changed_since(run)
    _, other = _broken_later([], record=tmp_path / "elsewhere", on_error="stop")
    assert other.folder.parent == tmp_path / "elsewhere" / ".netwright" / "runs"
    assert Run(other.folder).status == "stopped"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (lambda m, o: (o, m), "the wrong way round: a SGD is an optimizer and a Linear a network"),
        (lambda m, o: (m, m), r"optimizer is a Linear, and has to be a torch\.optim\.Optimizer"),
        (lambda m, o: ("x", None), r"model is a str, and has to be a torch\.nn\.Module"),
        (lambda m, o: (nn.Linear, o), "model is the class Linear itself"),
        (lambda m, o: (m, [o]), "of several optimizers give none"),
        (lambda m, o: (m, nn.Parameter), "optimizer is the class Parameter itself"),
    ],
)
def test_what_is_no_network_or_optimizer_is_refused_before_anything_is_touched(arguments, said):
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    call = nn.Module.__call__
    given = arguments(model, optimizer)
    with pytest.raises(TypeError, match=said) as refused:
        netwright.watch(*given)
    assert "with netwright.watch(model, optimizer):" in str(refused.value)
    with pytest.raises(TypeError, match=said):
        netwright.check(given[0], nn.MSELoss(), [], given[1])
    assert nn.Module.__call__ is call


def test_other_arguments_that_mean_nothing_are_refused():
    model = nn.Linear(2, 2)
    for more, said in (
        ({"on_error": "stpo"}, "'warn', 'stop', 'snapshot'"),
        ({"budget": 30}, "a share of the run time"),
        ({"every": 0}, "every is 0"),
        ({"steps": 0}, "steps is 0"),
    ):
        with pytest.raises(ValueError, match=said):
            netwright.watch(model, **more)
    with pytest.raises(TypeError, match="model is None"):
        netwright.check(None, nn.MSELoss(), [])
    with pytest.raises(TypeError, match="loader is a MSELoss"):
        netwright.check(model, nn.L1Loss(), nn.MSELoss())
    with pytest.raises(TypeError, match="loss_fn is a list"):
        netwright.check(model, [], [])


def test_a_watch_that_is_never_used_says_so_once_at_its_line():
    with pytest.warns(RuntimeWarning, match="nothing is watched") as heard:
        netwright.watch(nn.Linear(2, 2))
    (warning,) = heard
    assert warning.filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        used = netwright.watch(quiet=True)
        with used:
            pass
        with pytest.raises(RuntimeError, match="make a new one"), used:
            pass
        del used

        @netwright.watch(quiet=True)
        def never_called():
            pass

        del never_called


def test_a_decorated_function_is_watched_each_time():
    reports = []

    @netwright.watch(quiet=True)
    def train():
        reports.append(torch.overrides._get_current_function_mode_stack())

    train()
    train()
    assert len(reports) == 2
    assert not torch.overrides._get_current_function_mode_stack()


WATCHED = """
import netwright, torch
model = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.randn(8, 4)
for where in (True, "elsewhere"):
    with netwright.watch(model, optimizer, record=where, quiet=True) as w:
        for _ in range(10):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
    print(w.folder)
"""


def test_within_a_recorded_run_one_record_is_enough(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "train.py"
    script.write_text(WATCHED)
    outer = tmp_path / ".netwright" / "runs" / "a"
    outcome = examine(script, run_dir=outer)
    assert outcome.code == 0, outcome.stderr
    within, elsewhere = outcome.stdout.split()
    assert within == str(outer)
    assert [p.name for p in outer.parent.iterdir()] == ["a"]
    assert {p.name for p in outer.iterdir()} >= {"record.sqlite", "report.json", "report.html"}
    assert Run(elsewhere).command["kind"] == "watch"
    assert Run(outer).status == "finished"
