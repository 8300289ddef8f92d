"""Remedies for settings, in the places where programs write them."""

import pytest

from netwright.registry import find_rule
from netwright.remedies import Refused, remedies_of

from .variants import changed, mended

ADAM = "opt = torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.999, 0.9), eps=1)  # the optimizer\n"


@pytest.mark.parametrize(
    ("setting", "recommended", "wanted"),
    [
        ("betas", [0.9, 0.999], ADAM.replace("(0.999, 0.9)", "(0.9, 0.999)")),
        ("lr", 0.25, ADAM.replace("lr=1e-3", "lr=0.25")),
        ("eps", None, ADAM.replace(", eps=1", "")),
    ],
)
def test_a_setting_gets_the_value_that_the_finding_recommends(setting, recommended, wanted):
    more = {"recommended": recommended} if recommended is not None else {}
    assert mended("usual-setting", "NW504", ADAM, "opt", setting=setting, value=1.0, **more) == wanted


@pytest.mark.parametrize("setting", ["weight_decay of norms and biases", "maximize", "momentum"])
def test_a_setting_that_is_not_written_is_left(setting):
    with pytest.raises(Refused):
        mended("usual-setting", "NW504", ADAM, "opt", setting=setting, value=1.0, recommended=0.9)


STYLES = [
    ("DECAY = 1.0\nopt = Adam(p, weight_decay=DECAY)\n", "DECAY = 0.01"),
    (
        "class Config:\n    decay: float = 1.0\nopt = Adam(p, weight_decay=Config.decay)\n",
        "decay: float = 0.01",
    ),
    (
        "p.add_argument('--decay', type=float, default=1.0)\nopt = Adam(p, weight_decay=args.decay)\n",
        "default=0.01)",
    ),
    ("cfg = dict(decay=1.0)\nopt = Adam(p, weight_decay=cfg['decay'])\n", "dict(decay=0.01)"),
    ("def train(net, decay=1.0):\n    opt = Adam(p, weight_decay=decay)\n\ntrain(net)\n", "decay=0.01)"),
]


@pytest.mark.parametrize(("text", "wanted"), STYLES)
def test_a_setting_is_changed_where_it_is_written(text, wanted):
    after = mended("weaker-weight-decay", "NW506", text, "opt =")
    assert wanted in after
    assert len(changed(text, after)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "opt = Adam(p, weight_decay=1 / n)\n",
        "class A:\n    decay = 1.0\n    def f(self):\n        opt = Adam(p, weight_decay=self.decay)\n",
        "cfg = load()\nopt = Adam(p, weight_decay=cfg['decay'])\n",
        "def train(net, decay=1.0):\n    opt = Adam(p, weight_decay=decay)\n\ntrain(net, 3)\n",
        "DECAY = 1.0\nprint(DECAY)\nopt = Adam(p, weight_decay=DECAY)\n",
    ],
)
def test_a_setting_whose_number_is_not_seen_is_left(text):
    with pytest.raises(Refused):
        mended("weaker-weight-decay", "NW506", text, "opt =")


LOOP = """\
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5)
    for epoch in range(9):
        for x, y in loader:
            loss(model(x), y).backward()
            optimizer.step()
            scheduler.step()  # the rate
        evaluate()
    """


def test_the_schedule_moves_behind_the_loop_over_batches():
    after = mended(
        "schedule-in-its-unit", "NW505", LOOP, "scheduler =", also=("scheduler.step",), after=9, idle=0.9
    )
    lines = [line.partition("#")[0].strip() for line in after.split("\n")]
    assert "    scheduler.step()  # the rate\n" in after
    assert lines.index("optimizer.step()") < lines.index("scheduler.step()") < lines.index("evaluate()")
    assert after.count("scheduler.step()") == 1
    assert next(line for line in after.split("\n") if "scheduler.step()" in line).startswith("    scheduler")


def test_the_schedule_stays_where_there_is_no_loop_over_epochs():
    text = "sched = torch.optim.lr_scheduler.StepLR(o, 5)\nfor x in loader:\n    o.step()\n    sched.step()\n"
    with pytest.raises(Refused):
        mended("schedule-in-its-unit", "NW505", text, "sched =", also=("sched.step",), after=9)


def test_a_one_cycle_schedule_gets_the_length_of_the_run():
    text = "s = torch.optim.lr_scheduler.OneCycleLR(opt, 0.1, total_steps=10)\n"
    after = mended("schedule-in-its-unit", "NW505", text, "s =", planned=300, ended=10)
    assert "total_steps=300" in after
    with pytest.raises(Refused):
        mended(
            "schedule-in-its-unit",
            "NW505",
            text.replace("total_steps=10", "epochs=2, steps_per_epoch=5"),
            "s =",
            planned=300,
            ended=10,
        )


def test_gradients_are_clipped_before_the_step():
    text = "import torch\n" + "\n".join(line[4:] for line in LOOP.split("\n"))
    after = mended("clip-gradients", "NW407", text, "optimizer =")
    assert changed(text, after) == ["torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)"]
    lines = [line.strip() for line in after.split("\n")]
    assert lines.index("torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)") + 1 == lines.index(
        "optimizer.step()"
    )


@pytest.mark.parametrize(
    "old_new",
    [
        ("optimizer.step()", "optimizer.step(closure)"),
        ("optimizer.step()", "torch.nn.utils.clip_grad_norm_(p, 5); optimizer.step()"),
        ("evaluate()", "scaler = torch.amp.GradScaler()"),
    ],
)
def test_gradients_that_are_clipped_or_scaled_are_left(old_new):
    text = "import torch\n" + "\n".join(line[4:] for line in LOOP.split("\n")).replace(*old_new)
    with pytest.raises(Refused):
        mended("clip-gradients", "NW407", text, "optimizer =")


def test_the_optimizer_knows_its_parameters_where_the_network_has_another_name():
    text = "import torch\nopt = torch.optim.Adam(a.parameters())\ndef step(opt):\n    opt.step()\n"
    after = mended("clip-gradients", "NW407", text, "opt =")
    assert changed(text, after) == [
        'torch.nn.utils.clip_grad_norm_([p for group in opt.param_groups for p in group["params"]], 1.0)'
    ]


TOO_HIGH = {"in_use": 1.0, "best": 0.01, "recommended": 0.033}


@pytest.mark.parametrize(
    ("text", "measured", "wanted"),
    [
        ("opt = SGD(p, lr=1.0)\n", {}, "opt = SGD(p, lr=0.033)\n"),
        ("opt = SGD(p, lr=args.lr)\n", {}, "opt = SGD(p, lr=0.033)\n"),
        # Under a schedule the largest rate becomes the recommended one.
        (
            "opt = SGD(p, lr=0.5)\ns = OneCycleLR(opt, max_lr=2.0, total_steps=9)\n",
            {"schedule": "OneCycleLR", "peak": 2.0},
            "opt = SGD(p, lr=0.5)\ns = OneCycleLR(opt, max_lr=0.033, total_steps=9)\n",
        ),
        (
            "opt = SGD(p, lr=0.5)\ns = LambdaLR(opt, lambda t: 4 * t)\n",
            {"schedule": "LambdaLR", "peak": 2.0},
            "opt = SGD(p, lr=0.0083)\ns = LambdaLR(opt, lambda t: 4 * t)\n",
        ),
        # Groups: the guilty one alone, or all by the same factor.
        (
            'opt = SGD([{"params": a, "lr": 1.0}, {"params": b}], lr=1e-3)\n',
            {"groups": [0], "rates": {"0": 0.02}},
            'opt = SGD([{"params": a, "lr": 0.02}, {"params": b}], lr=1e-3)\n',
        ),
        (
            'opt = SGD([dict(params=a), {"params": b}], lr=1.0)\n',
            {"groups": [0, 1], "rates": {"0": 0.02, "1": 0.3}},
            'opt = SGD([dict(params=a, lr=0.02), {"params": b, "lr": 0.3}], lr=1.0)\n',
        ),
        (
            'opt = SGD([{"params": a, "lr": 2.0}, {"params": b}], lr=1.0)\n',
            {},
            'opt = SGD([{"params": a, "lr": 0.066}, {"params": b}], lr=0.033)\n',
        ),
    ],
)
def test_the_recommended_rate_is_the_one_that_is_used(text, measured, wanted):
    assert mended("learning-rate-of-range-test", "NW501", text, "opt =", **TOO_HIGH | measured) == wanted


@pytest.mark.parametrize(
    ("text", "measured"),
    [
        ("opt = SGD(groups, lr=1.0)\n", {"groups": [0], "rates": {"0": 0.02}}),
        ("opt = SGD(p, lr=1.0)\n", {"schedule": "OneCycleLR", "peak": 2.0}),
        ("opt = SGD(p, lr=1.0)\n", {"best": None, "recommended": None}),
    ],
)
def test_a_rate_that_would_not_take_effect_is_left(text, measured):
    with pytest.raises(Refused):
        mended("learning-rate-of-range-test", "NW501", text, "opt =", **TOO_HIGH | measured)


def test_where_the_range_test_recommends_a_rate_no_other_is_made_up():
    text = "opt = SGD(p, lr=1.0)\n"
    assert mended("lower-learning-rate", "NW501", text, "opt", grown=9.0) == "opt = SGD(p, lr=0.1)\n"
    with pytest.raises(Refused):
        mended("lower-learning-rate", "NW501", text, "opt", **TOO_HIGH)
    assert mended("higher-learning-rate", "NW502", text, "opt", times=100) == "opt = SGD(p, lr=100)\n"
    with pytest.raises(Refused):
        mended("higher-learning-rate", "NW502", text, "opt", best=9.0)


def test_a_finding_nominates_the_remedies_that_it_names_and_no_others():
    rule = find_rule("NW505")
    named = [
        [r.name for r in remedies_of(rule.found("m", expected="e", fix="f", remedies=names))]
        for names in (None, ())
    ]
    assert named == [list(rule.remedies), []]


UPDATE = """\
for x, y in loader:
    loss = loss_fn(net(x), y)
{body}    schedule.step()
"""


def update(*lines):
    return UPDATE.format(body="".join(f"    {line}\n" for line in lines))


@pytest.mark.parametrize(
    ("faulty", "right"),
    [
        (
            ("opt.zero_grad()", "opt.step()", "loss.backward()"),
            ("opt.zero_grad()", "loss.backward()", "opt.step()"),
        ),
        (
            ("loss.backward()", "opt.zero_grad()", "opt.step()"),
            ("opt.zero_grad()", "loss.backward()", "opt.step()"),
        ),
    ],
)
def test_what_stands_in_the_wrong_place_is_moved(faulty, right):
    assert mended("order-of-update", "NW410", update(*faulty), "zero_grad") == update(*right)


def test_what_is_in_order_is_left():
    with pytest.raises(Refused, match="no step stands between"):
        mended(
            "order-of-update",
            "NW410",
            update("opt.zero_grad()", "loss.backward()", "opt.step()"),
            "zero_grad",
        )
