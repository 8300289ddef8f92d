"""Remedies for what is not finite, in the forms in which it is written."""

import pytest

from netwright.remedies import Refused

from .variants import changed, mended

FORMS = [
    ("log", "forward", "torch.log(p)", "torch.log(p.clamp(min=1e-8))"),
    ("log", "backward", "(a - b).log()", "(a - b).clamp(min=1e-8).log()"),
    ("log", "forward", "torch.log(torch.softmax(x, 1))", "torch.log_softmax(x, 1)"),
    ("log1p", "forward", "torch.log1p(x)", "torch.log1p(x.clamp(min=-1 + 1e-7))"),
    ("logit", "forward", "torch.logit(p)", "torch.logit(p, eps=1e-6)"),
    ("sqrt", "backward", "torch.sqrt(d)", "torch.sqrt(d + 1e-8)"),
    ("sqrt", "backward", "d.sqrt()", "(d + 1e-8).sqrt()"),
    ("sqrt", "forward", "(a - b).sqrt()", "(a - b).clamp(min=1e-8).sqrt()"),
    ("pow", "backward", "(a - b) ** 0.5", "(a - b + 1e-8) ** 0.5"),
    ("pow", "forward", "torch.pow(a, 1.5)", "torch.pow(a.clamp(min=1e-8), 1.5)"),
    ("std", "backward", "x.std(dim=1)", "(x.var(dim=1) + 1e-8).sqrt()"),
    ("acos", "backward", "torch.acos(c)", "torch.acos(c.clamp(-1 + 1e-6, 1 - 1e-6))"),
    ("exp", "forward", "torch.exp(s * t)", "torch.exp((s * t).clamp(max=80))"),
    ("pow", "backward", "d**0.5", "(d + 1e-8)**0.5"),
    ("div", "forward", "a / (b - c)", "a / (b - c + 1e-8)"),
    ("div", "forward", "a / b.sum()", "a / (b.sum() + 1e-8)"),
    ("div", "backward", "torch.div(a, b)", "torch.div(a, b + 1e-8)"),
    ("div", "forward", "(a / 2) / n", "(a / 2) / (n + 1e-8)"),
]


@pytest.mark.parametrize(("op", "phase", "before", "after"), FORMS)
def test_what_enters_a_call_is_kept_in_its_range(op, phase, before, after):
    text = f"h = {before}  # here\n"
    assert mended("finite-form", "NW414", text, "# here", op=op, phase=phase) == f"h = {after}  # here\n"


def test_a_divisor_of_its_own_needs_no_parentheses():
    assert mended("finite-form", "NW414", "h /= n\n", "h", op="div", phase="forward") == "h /= n + 1e-8\n"


MASKED = """\
    def attend(q, k, mask):
        s = q @ k.T
        s = s.masked_fill(mask, float("-inf"))
        return torch.softmax(s, dim=-1)
    """


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ("s.masked_fill(mask, float('-inf'))", "s.masked_fill(mask, torch.finfo(s.dtype).min)"),
        ("s.masked_fill(mask, -torch.inf)", "s.masked_fill(mask, torch.finfo(s.dtype).min)"),
        ("torch.where(mask, -float('inf'), s)", "torch.where(mask, -1e9, s)"),
    ],
)
def test_a_mask_fills_in_a_finite_number(call, wanted):
    text = MASKED.replace('s.masked_fill(mask, float("-inf"))', call)
    after = mended("finite-form", "NW414", text, "softmax", op="softmax", phase="forward")
    assert changed(text, after) == [f"s = {wanted}"]


@pytest.mark.parametrize(
    ("op", "phase", "line"),
    [
        ("linear", "forward", "h = self.a(x)"),
        ("log", "data", "h = torch.log(x)"),
        ("log", "forward", "h = torch.log(a) + torch.log(b)"),
        ("log", "forward", "h = f(a)"),
        ("div", "forward", "h = a / b / c"),
        ("div", "forward", "h = a / 2"),
        ("pow", "forward", "h = a**2 + b**2"),
        ("softmax", "forward", "h = torch.softmax(s, 1)"),
        ("", "update", "h = 1"),
    ],
)
def test_a_form_that_is_not_known_is_left(op, phase, line):
    with pytest.raises(Refused):
        mended("finite-form", "NW414", line + "\n", "h", op=op, phase=phase)


NETWORK = """\
    class Net(nn.Module):
        def forward(self, x, y):
            return self.a(x) + y
    net = Net()
    for x, y, t in loader:
        out = net(x, y)  # here
        loss = F.mse_loss(out[:, 0], t)
    """


def test_inputs_are_filled_where_the_network_takes_them():
    after = mended("fill-non-finite", "NW105", NETWORK, "# here", input="y", is_target=False)
    assert changed(NETWORK, after) == ["y = y.nan_to_num(0.0, 0.0, 0.0)"]
    text = "net = nn.Sequential(nn.Linear(2, 1))\nout = net(x)\n"
    after = mended("fill-non-finite", "NW414", text, "out", phase="data")
    assert changed(text, after) == [
        "net.register_forward_pre_hook(lambda _, inputs: (inputs[0].nan_to_num(0.0, 0.0, 0.0), *inputs[1:]))"
    ]


def test_targets_that_are_not_finite_are_left_out():
    after = mended("fill-non-finite", "NW105", NETWORK, "mse", input="t", is_target=True)
    assert changed(NETWORK, after) == ["loss = F.mse_loss(out[:, 0][t.isfinite()], t[t.isfinite()])"]


@pytest.mark.parametrize(
    ("code", "text", "measured"),
    [
        ("NW105", NETWORK, {"input": "z", "is_target": False}),
        ("NW105", NETWORK.replace("mse_loss", "cross_entropy"), {"is_target": True}),
        ("NW414", NETWORK, {"phase": "forward"}),
    ],
)
def test_what_is_not_known_is_not_filled(code, text, measured):
    with pytest.raises(Refused):
        mended("fill-non-finite", code, text, "F." if measured.get("is_target") else "# here", **measured)


OPTIMIZER = """\
    LR = 0.5
    opt = torch.optim.SGD(net.parameters(), lr=LR)
    loss.backward()  # here
    opt.step()
    """


@pytest.mark.parametrize(
    ("code", "measured"),
    [
        ("NW603", {}),
        ("NW604", {}),
        ("NW606", {}),
        ("NW611", {}),
        ("NW414", {"phase": "update", "op": ""}),
        ("NW414", {"phase": "forward", "op": "linear"}),
    ],
)
def test_the_rate_is_lowered_wherever_it_is(code, measured):
    after = mended("lower-learning-rate", code, OPTIMIZER, "# here", **measured)
    assert changed(OPTIMIZER, after) == ["LR = 0.05"]


def test_of_several_optimizers_each_gets_a_tenth_of_its_rate():
    two = OPTIMIZER + "two = torch.optim.Adam(p, 300 * 1e-3)\n"
    after = mended("lower-learning-rate", "NW501", two, "opt = ", grown=20.0)
    assert changed(two, after) == ["LR = 0.05", "two = torch.optim.Adam(p, 0.1 * (300 * 1e-3))"]


@pytest.mark.parametrize(("ratio", "rate"), [(2e-4, "5"), (5e-6, "50"), (5e-8, "5000"), (1e-12, "5e4")])
def test_the_rate_is_raised_for_weights_that_hardly_move(ratio, rate):
    after = mended("higher-learning-rate", "NW610", OPTIMIZER, "# here", ratio=ratio)
    (line,) = changed(OPTIMIZER, after)
    assert float(line.removeprefix("LR = ")) == float(rate)


@pytest.mark.parametrize(
    ("name", "code", "text", "measured"),
    [
        ("lower-learning-rate", "NW414", OPTIMIZER, {"phase": "forward", "op": "log"}),
        ("lower-learning-rate", "NW603", OPTIMIZER + "two = torch.optim.Adam(p)\n", {}),
        ("lower-learning-rate", "NW603", OPTIMIZER.replace("optim.SGD", "mine"), {}),
        ("lower-learning-rate", "NW603", OPTIMIZER.replace("0.5", "1 / n"), {}),
        ("higher-learning-rate", "NW610", OPTIMIZER, {"ratio": 0.0}),
        ("clip-gradients", "NW414", "import torch\n" + OPTIMIZER, {"phase": "forward", "op": "log"}),
    ],
)
def test_a_rate_that_is_no_cause_stays(name, code, text, measured):
    with pytest.raises(Refused):
        mended(name, code, text, "# here", **measured)
