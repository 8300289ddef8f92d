"""Remedies rehearsed on copies: what is measured, how it is compared, what is said of it, and that the program is left alone."""

import io
import math
from dataclasses import replace

import jsonschema
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright.capture.sandbox import untouched
from netwright.capture.session import Limits, Session
from netwright.diagnosis import Edit, Proof, Proved, Rehearsed
from netwright.rehearsal import Sandbox, rehearse, treat, treated
from netwright.remedies import Treatment
from netwright.report.build import diagnosed
from netwright.report.html import to_html
from netwright.report.json import from_json, schema, to_json
from netwright.report.rehearsed import of_finding, untried
from netwright.report.terminal import show
from netwright.rerun import Intervention
from netwright.rule import NotApplicable

from .. import handmade
from ..programs import examine

SLOW = {"call": "optimizer", "argument": "lr", "factor": 100.0}


def recorded(step, steps=4):
    """The recording of a program that is a function, which gives its step."""
    torch.manual_seed(0)
    session = Session(Limits(steps=steps))
    session.keep_start = True
    session.start()
    try:
        advance = step()
        for number in range(steps + 1):
            advance(number)
    finally:
        session.close()
    assert session.recorder.broken is None, session.recorder.broken
    return session


def classes(loss=F.cross_entropy, rate=1e-3, last=nn.Identity, update=lambda optimizer, loss: None):
    """Three classes, of which a linear model is capable; ``last`` comes behind it."""

    def step():
        x = torch.randn(96, 6)
        y = x[:, :3].argmax(1)
        model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 3), last())
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)

        def advance(number):
            batch = slice(24 * (number % 4), 24 * (number % 4) + 24)
            optimizer.zero_grad()
            value = loss(model(x[batch]), y[batch])
            value.backward()
            update(optimizer, value)
            optimizer.step()

        step.model, step.optimizer = model, optimizer
        return advance

    return step


def treatment(intervention, **more):
    return Treatment(remedy="it", title="it", codes=("NW502",), intervention=intervention, **more)


def of(name, **settings):
    return Intervention(name=name, settings=settings)


def test_a_rehearsal_compares_the_loss_with_and_without():
    (found,) = rehearse(recorded(classes()), [treatment(of("argument", **SLOW))], seconds=30)
    assert (found.measure, found.batches, found.why) == ("loss", 4, "")
    assert found.treated < 0.9 * found.without < 0.9 * found.begins * 1.01
    assert found.gain == pytest.approx((found.without - found.treated) / found.without)


def test_a_remedy_that_changes_the_loss_is_compared_by_accuracy():
    turned = classes(lambda out, y: -F.cross_entropy(out, y), rate=0.5)
    (found,) = rehearse(recorded(turned), [treatment(of("divide-loss", by=-1), bends_loss=True)], seconds=30)
    assert found.measure == "accuracy"
    assert found.without < 0.2 and found.treated > 0.7


def test_amounts_are_compared_by_their_error_where_the_loss_changes():
    def step():
        x = torch.randn(64, 4)
        model = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

        def advance(number):
            optimizer.zero_grad()
            F.mse_loss(model(x), x[:, :1], reduction="sum").backward()
            optimizer.step()

        step.keep = optimizer
        return advance

    session = recorded(step)
    line = session.recording.captures[0].graph.backward
    mean = of("argument", call="nn.functional.mse_loss", argument="reduction", file=line.file, line=line.line)
    (found,) = rehearse(session, [treatment(mean, bends_loss=True)], seconds=30)
    # The sum over 64 samples at this rate grows without bound; the mean does not.
    assert found.measure == "squared error"
    assert not found.without < found.begins and found.treated < found.begins


def test_where_nothing_can_be_compared_nothing_is_said():
    def step():
        x = torch.randn(16, 4)
        model = nn.Linear(4, 4)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

        def advance(number):
            optimizer.zero_grad()
            (-model(x).var()).backward()
            optimizer.step()

        step.keep = optimizer
        return advance

    divided = treatment(of("divide-loss", by=-1), bends_loss=True)
    (found,) = rehearse(recorded(step), [divided], seconds=30)
    assert not found.measure and "nothing else to compare" in found.why


def test_what_has_no_form_on_a_step_says_why():
    names = {"batch-size": "batches", "evaluation-mode": "evaluations", "limit-memory": "nothing in a step"}
    session = recorded(classes())
    found = rehearse(session, [treatment(of(name)) for name in names], seconds=30)
    assert [word in f.why for word, f in zip(names.values(), found, strict=True)] == [True] * len(names)
    with pytest.raises(NotApplicable, match="re-runs alone"), untouched():
        treated(session, of("another"))
    schedule = of("argument", call="scheduler", argument="T_max", value=3)
    with pytest.raises(NotApplicable, match="schedule"), untouched():
        treated(session, schedule)


def test_a_rehearsal_leaves_the_program_alone():
    step = classes()
    session = recorded(step)
    before = {k: v.clone() for k, v in step.model.state_dict().items()}
    grads = [p.grad.clone() for p in step.model.parameters()]
    settings = [{k: v for k, v in g.items() if k != "params"} for g in step.optimizer.param_groups]
    state = torch.get_rng_state()
    rehearse(
        session,
        [treatment(of("argument", **SLOW)), treatment(of("clip-gradients", norm=0.1))],
        seconds=30,
    )
    assert all(torch.equal(v, before[k]) for k, v in step.model.state_dict().items())
    assert all(torch.equal(p.grad, g) for p, g in zip(step.model.parameters(), grads, strict=True))
    assert settings == [{k: v for k, v in g.items() if k != "params"} for g in step.optimizer.param_groups]
    assert torch.equal(torch.get_rng_state(), state)


def test_too_little_time_gives_none():
    assert rehearse(recorded(classes()), [treatment(of("argument", **SLOW))], seconds=1e-4) == ()


@pytest.mark.parametrize(
    ("update", "word"),
    [
        (lambda optimizer, loss: optimizer.param_groups[0]["params"][0].data.mul_(0.9), "by hand"),
        (
            lambda optimizer, loss: nn.utils.clip_grad_norm_(
                optimizer.param_groups[0]["params"], torch.tensor(1.0)
            ),
            "clips",
        ),
    ],
)
def test_what_cannot_be_done_on_copies_is_not_rehearsed(update, word):
    with pytest.raises(NotApplicable, match=word), untouched():
        Sandbox(recorded(classes(update=update)))


def test_recorded_iterations_are_those_of_the_program():
    """Gradients of two batches in each step, cleared by hand, and clipped: the losses of all backward passes."""
    losses = []

    def step():
        x, y = torch.randn(80, 6), torch.randint(0, 3, (80,))
        model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 3))
        slow, fast = [{"params": [*m.parameters()], "lr": r} for m, r in ((model[0], 0.1), (model[2], 1.0))]
        optimizer = torch.optim.SGD([slow, fast], lr=0.5, momentum=0.9, nesterov=True)

        def advance(number):
            for half in (0, 1):
                batch = slice(16 * number + 8 * half, 16 * number + 8 * half + 8)
                loss = F.cross_entropy(model(x[batch]), y[batch]) / 2
                loss.backward()
                losses.append(loss.item())
            nn.utils.clip_grad_norm_(model.parameters(), 0.3)
            optimizer.step()
            for p in model.parameters():
                p.grad = None

        step.keep = optimizer
        return advance

    session = recorded(step)
    with untouched():
        found = list(Sandbox(session).train(4))
    assert found == losses[:8]


def test_a_step_that_goes_on_with_what_an_earlier_one_has_computed_is_not_rehearsed():
    """A generator's pass, whose output the discriminator gets first: it learns in a step that it was not computed in."""

    def step():
        made, judge = nn.Linear(3, 2), nn.Linear(2, 1)
        optimizers = [torch.optim.SGD(m.parameters(), lr=0.1) for m in (judge, made)]

        def advance(number):
            fake = made(torch.randn(8, 3))
            for given, optimizer, wanted in ((fake.detach(), optimizers[0], 0.0), (fake, optimizers[1], 1.0)):
                optimizer.zero_grad()
                F.mse_loss(judge(given), torch.full((8, 1), wanted)).backward()
                optimizer.step()

        step.keep = optimizers
        return advance

    with pytest.raises(NotApplicable, match="goes on with"), untouched():
        Sandbox(recorded(step))


def test_iterations_that_do_not_come_again_are_not_rehearsed():
    """What the program did to its weights unseen, between two steps, is missing on the copies."""
    step = classes(update=lambda optimizer, loss: step.model[0].weight.detach().numpy().__imul__(0.5))
    assert rehearse(recorded(step), [treatment(of("argument", **SLOW))], seconds=30) == ()


def test_an_optimizer_that_computes_the_loss_itself_is_not_rehearsed():
    def step():
        x = torch.randn(8, 3)
        model = nn.Linear(3, 1)
        optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1)

        def closure():
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            return loss

        step.keep = optimizer
        return lambda number: optimizer.step(closure)

    session = recorded(step, steps=2)
    assert all(e.detail["closure"] for e in session.recording.events if e.kind == "optimizer_step")
    with pytest.raises(NotApplicable, match="computes the loss itself"), untouched():
        Sandbox(session)


def test_layers_begin_as_torch_makes_them():
    """Other random numbers than those of the program, of the same spread."""

    def step():
        model = nn.Linear(400, 3)
        nn.init.constant_(model.weight, 0.5)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        x = torch.randn(8, 400)

        def advance(number):
            model(x).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()

        step.keep = model, optimizer
        return advance

    session = recorded(step)
    model = step.keep[0]
    _, place, _ = session.recorder.writes.first_to(model.weight.untyped_storage()._cdata)[-1]
    sandbox = Sandbox(session)
    with untouched():
        treat(sandbox, of("instead", call="nn.init.*", file=place.file, line=place.line))
    weight, bias = sandbox.weights[id(model.weight)], sandbox.weights[id(model.bias)]
    assert float(weight.detach().std()) == pytest.approx(1 / math.sqrt(3 * 400), rel=0.1)
    assert torch.equal(sandbox.start[id(model.weight)], weight)
    assert torch.equal(bias, session.recording.captures[0].start[id(model.bias)])


STEPWISE = [
    (
        "match-shapes",
        "F.mse_loss(model(x), y)",
        "F.mse_loss(model(x), y[:, None])",
        {"first": [16.0, 1.0], "second": [16.0]},
    ),
    (
        "detach-target",
        "F.mse_loss(model(x), model(x) * 2)",
        "F.mse_loss(model(x), (model(x) * 2).detach())",
        {},
    ),
    (
        "scale-outputs",
        "F.l1_loss(model(x), y[:, None])",
        "F.l1_loss(model(x) * 3.0 + 7.0, y[:, None])",
        {"centre": 7.0, "width": 3.0},
    ),
]


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize(("name", "before", "after", "settings"), STEPWISE)
def test_what_acts_on_steps_alone_is_what_the_edit_does(name, before, after, settings):
    def program(text):
        def step():
            model = nn.Linear(4, 1)
            names = {"x": torch.randn(16, 4), "y": torch.randn(16), "model": model, "F": F}
            optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
            loss = eval(f"lambda: {text}", names)

            def advance(number):
                optimizer.zero_grad()
                value = loss()
                value.backward()
                optimizer.step()
                step.losses.append(value.item())

            step.losses, step.keep = [], optimizer
            return advance

        return step

    edited, plain = program(after), program(before)
    recorded(edited)
    session = recorded(plain)
    with untouched():
        place = session.recording.captures[0].graph.nodes[session.recording.captures[0].graph.loss].where
        sandbox = treated(session, of(name, **settings, file=place.file, line=place.line))
        assert list(sandbox.train(4)) == edited.losses[:4] != plain.losses[:4]


SCRIPT = """\
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


def main():
    x = torch.randn(128, 8)
    y = x[:, :3].argmax(1)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(12):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        print(loss.item())


main()
"""


@pytest.mark.parametrize("check", [True, False])
def test_the_report_holds_rehearsals_where_they_are_asked_for(check, tmp_path):
    """Also of a program whose network and optimizer are gone when its findings are known."""
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    found, plain = (examine(script, check=check, wait_evaluation=0.0, rehearse=r) for r in (20.0, 0.0))
    assert found.stdout == plain.stdout and not plain.report["rehearsed"]
    jsonschema.validate(found.report, schema(), jsonschema.Draft202012Validator)
    by_name = {r["remedy"]: r for r in found.report["rehearsed"]}
    last = by_name["remove-last-activation"]
    assert (last["codes"], last["measure"], last["steps"]) == (["NW302"], "accuracy", 40), last
    assert last["treated"] > last["begins"]
    assert {"rate-divided-by-10", "rate-times-10", "clip-at-1"} <= set(by_name)
    assert by_name["rate-divided-by-10"]["treated"] > by_name["rate-divided-by-10"]["without"]


def report(*found, proof=None):
    made = handmade.report(handmade.finding("NW302"), handmade.finding("NW501"))
    return diagnosed(replace(made, rehearsed=found), proof)


def rehearsed(code="NW302", **changes):
    given = {
        "remedy": "lower-rate", "codes": (code,), "where": handmade.finding().where, "measure": "loss", "steps": 40,
        "batches": 8, "begins": 2.3, "without": 2.29, "treated": 0.61,
    }  # fmt: skip
    return Rehearsed(**{**given, **changes})


def test_what_is_said_of_a_cause_that_no_rerun_was_spent_on():
    made = report(rehearsed(), rehearsed(remedy="worse", treated=2.4))
    said = "on copies of the weights, 40 steps on the 8 recorded batches: loss 2.3 -> 0.61 with lower-rate, 2.3 -> 2.29 without"
    assert dict(untried(made)) == {1: said}
    assert of_finding(made.serious[1], made) == ""
    assert "loss 2.3 -&gt; 0.61 with lower-rate" in to_html(made)
    shown = io.StringIO()
    show(made, stream=shown)
    assert said in " ".join(shown.getvalue().split())
    assert from_json(to_json(made)).rehearsed == made.rehearsed


def test_trials_tell_more():
    edit = Edit(
        name="lower-rate", title="", codes=("NW302",), where=handmade.finding().where, proved=Proved.NO_HELP
    )
    made = report(rehearsed(), proof=Proof(yardstick="accuracy", edits=(edit,), control=0.5))
    assert not dict(untried(made))


@pytest.mark.parametrize(
    ("changes", "gain"),
    [
        ({"without": 2.0, "treated": 0.5}, 0.75),
        ({"without": 0.5, "treated": 2.0}, -3.0),
        ({"without": math.nan, "treated": 2.0}, 1.0),
        ({"without": 2.0, "treated": math.nan}, -math.inf),
        ({"without": math.nan, "treated": math.nan}, 0.0),
        ({"measure": "accuracy", "without": 0.5, "treated": 0.9}, 0.8),
        ({"measure": "accuracy", "without": 1.0, "treated": 1.0}, 0.0),
    ],
)
def test_how_much_better_a_rehearsal_went(changes, gain):
    assert rehearsed(**changes).gain == pytest.approx(gain)
