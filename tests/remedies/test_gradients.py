"""Remedies for gradients and for what crashes the backward pass, in the styles in which programs are written."""

import pytest

from netwright.remedies import Refused

from .variants import changed, mended

GATED = """\
    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = 1, 2
            self.scale = torch.zeros(1)  # starts closed

        def forward(self, h):
            return h + self.scale * self.block(h)
    """


def test_zeros_become_a_parameter():
    after = mended("trainable-tensor", "NW404", GATED, "return h", lost_in="mul")
    assert changed(GATED, after) == ["self.scale = nn.Parameter(torch.zeros(1))  # starts closed"]


@pytest.mark.parametrize(
    ("old_new", "lost"),
    [(("torch.zeros(1)", "mask"), "mul"), (("", ""), "relu"), (("self.scale *", ""), "mul")],
)
def test_what_is_no_tensor_of_zeros_is_left(old_new, lost):
    with pytest.raises(Refused):
        mended(
            "trainable-tensor",
            "NW404",
            GATED.replace(*old_new) if old_new[0] else GATED,
            "return h",
            lost_in=lost,
        )


NOISY = """\
    class Net(nn.Module):
        def forward(self, x):
            h = self.a(x)
            h = h + torch.randn_like(h)  # noise
            return self.b(h)
    """


@pytest.mark.parametrize("statement", ["h = h + torch.randn_like(h)", "h += torch.randn_like(h)"])
def test_noise_is_added_in_training_alone(statement):
    text = NOISY.replace("h = h + torch.randn_like(h)", statement)
    after = mended("noise-in-training-alone", "NW419", text, "# noise")
    lines = after.split("\n")
    at = lines.index("        if self.training:")
    assert lines[at + 1] == f"            {statement}  # noise"
    assert lines[at + 2] == "        return self.b(h)"


def test_line_ends_of_windows_stay():
    text = "class Net(nn.Module):\r\n    def forward(self, h):\r\n        h = h + torch.rand(1)\r\n        return h\r\n"
    after = mended("noise-in-training-alone", "NW419", text, "torch.rand")
    assert after.count("\r\n") == after.count("\n") == 5


def test_a_function_that_drops_units_is_told_the_mode():
    text = NOISY.replace("h + torch.randn_like(h)", "F.dropout(h, 0.5)")
    after = mended("noise-in-training-alone", "NW419", text, "# noise")
    assert changed(text, after) == ["h = F.dropout(h, 0.5, training=self.training)  # noise"]


@pytest.mark.parametrize(
    "statement", ["h = torch.randn_like(h)", "z = h + torch.randn_like(h)", "h = f(torch.randn(1), h)"]
)
def test_noise_without_a_value_before_it_is_left(statement):
    with pytest.raises(Refused):
        mended(
            "noise-in-training-alone",
            "NW419",
            NOISY.replace("h = h + torch.randn_like(h)", statement),
            "# noise",
        )


def test_noise_outside_of_a_network_is_left():
    with pytest.raises(Refused):
        mended(
            "noise-in-training-alone", "NW419", "def f(x):\n    x = x + torch.rand(1)\n    return x\n", "rand"
        )


def test_float64_goes_from_network_and_data():
    text = "x = torch.tensor(a, dtype=torch.float64)\nz = b.astype(np.float64)\nmodel = Net().double()\n"
    after = mended("single-precision", "NW422", text, "model", dtype="float64")
    assert changed(text, after) == [
        "x = torch.tensor(a, dtype=torch.float32)",
        "z = b.astype(np.float32)",
        "model = Net().float()",
    ]
    half = text.replace("torch.float64", "torch.half").replace("float64", "float16").replace("double", "half")
    assert mended("single-precision", "NW118", half, "model", dtype="float16") == after
    with pytest.raises(Refused):
        mended("single-precision", "NW118", text, "model", before=17)  # fractions cut off
    with pytest.raises(Refused):
        mended("single-precision", "NW422", "model = Net()\n", "model", dtype="float64")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("h += x", "h = h + x"),
        ("self.h *= x + 1", "self.h = self.h * (x + 1)"),
        ("h @= w", "h = h @ w"),
        ("h = F.relu(h, inplace=True)", "h = F.relu(h)"),
        ("act = nn.ReLU(inplace=True)", "act = nn.ReLU()"),
        ("h.add_(x)", "h = h.add(x)"),
        ("return h.relu_()", "return h.relu()"),
    ],
)
def test_a_new_tensor_is_computed(line, wanted):
    text = f"def forward(h, x):\n    {line}  # here\n"
    assert mended("new-tensor", "NW906", text, "# here") == f"def forward(h, x):\n    {wanted}  # here\n"


@pytest.mark.parametrize("line", ["h[0] += x", "h[:, 1] = x", "f(h).add_(x)"])
def test_parts_and_what_has_no_name_are_left(line):
    with pytest.raises(Refused):
        mended("new-tensor", "NW906", f"def forward(h, x):\n    {line}\n", line)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("out, state = model(x, state)", ["state = state.detach()"]),
        ("h = cell(x, h)", ["h = h.detach()"]),
        ("out, (h, c) = lstm(x, (h, c))", ["h = h.detach()", "c = c.detach()"]),
    ],
)
def test_what_is_carried_is_detached(line, wanted):
    text = f"for x in loader:\n    {line}  # here\n    step()\n"
    after = mended("detach-carried-state", "NW907", text, "# here", carried_over_at=["t:2"])
    assert changed(text, after) == wanted
    assert after.index("detach") < after.index("step()")


def test_both_states_of_an_lstm_are_detached():
    text = "rnn = nn.LSTM(1, 2)\nfor x in loader:\n    out, state = rnn(x, state)\n"
    after = mended("detach-carried-state", "NW907", text, "out,", carried_over_at=["t:3"])
    assert changed(text, after) == ["state = tuple(part.detach() for part in state)"]


@pytest.mark.parametrize(
    ("line", "measured"), [("out, s = model(x)", {"carried_over_at": ["t"]}), ("h = cell(x, h)", {})]
)
def test_what_is_not_carried_is_left(line, measured):
    with pytest.raises(Refused):
        mended("detach-carried-state", "NW907", f"{line}\n", line, **measured)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("loss = f(torch.randn_like(out).requires_grad_(), y)", "loss = f(out, y)"),
        ("h = torch.zeros_like(out)", "h = out"),
    ],
)
def test_a_tensor_that_has_only_the_shape_gives_way_to_the_one_it_has_it_of(line, wanted):
    after = mended("keep-graph", "NW405", f"{line}\n", line, cut="randn_like")
    assert after == f"{wanted}\n"


@pytest.mark.parametrize(
    ("line", "cut"),
    [("h = out + torch.randn_like(out)", "randn_like"), ("h = torch.randn_like(out)", "detach")],
)
def test_noise_that_is_added_and_what_cuts_nothing_stay(line, cut):
    with pytest.raises(Refused):
        mended("keep-graph", "NW405", f"{line}\n", line, cut=cut)


KEPT = """\
    for x, y in loader:
        out, state = model(x)
        loss = f(out, y)
        loss.backward()
        losses.append(loss)
        total += loss * len(x)
        error = error + g(out, y)
        seen += len(x)
        rows += x.shape[0]
        steps.append(step)
        plain.append(loss.item())
    """


def test_what_is_kept_lets_go_of_its_graph():
    after = mended("let-go-of-graphs", "NW614", KEPT, "loss.backward")
    assert changed(KEPT, after) == [
        "losses.append(loss.detach())",
        "total += (loss * len(x)).detach()",
        "error = error + g(out, y).detach()",
    ]
    after = mended("let-go-of-graphs", "NW803", KEPT, "losses.append")
    assert changed(KEPT, after) == ["losses.append(loss.detach())"]


@pytest.mark.parametrize("mark", ["seen +=", "rows +=", "steps.append", "plain.append"])
def test_numbers_stay_as_they_are(mark):
    with pytest.raises(Refused):
        mended("let-go-of-graphs", "NW803", KEPT, mark)


def test_a_sum_that_is_differentiated_keeps_its_graph():
    text = "for x, y in loader:\n    loss += f(model(x), y)\nloss.backward()\n"
    with pytest.raises(Refused):
        mended("let-go-of-graphs", "NW803", text, "loss +=")


def test_mixed_precision_is_switched_off():
    text = "scaler = torch.amp.GradScaler('cuda')\nwith torch.autocast('cuda', enabled=use):\n    pass\n"
    after = mended("without-autocast", "NW509", text, "scaler")
    assert changed(text, after) == [
        "scaler = torch.amp.GradScaler('cuda', enabled=False)",
        "with torch.autocast('cuda', enabled=False):",
    ]


def test_a_choice_among_all_parameters_gives_way_to_all_of_them_wherever_it_is_made():
    text = (
        "first = Adam(list(net.parameters())[-2:], lr=1)\n"
        "second = SGD(list(net.parameters())[-2:], lr=2)\n"
        "third = SGD(other.parameters(), lr=3)\n"
    )
    after = mended("optimize-all-parameters", "NW401", text, "first")
    assert changed(text, after) == [
        "first = Adam(net.parameters(), lr=1)",
        "second = SGD(net.parameters(), lr=2)",
    ]
    with pytest.raises(Refused):  # all of this one's are there: those that are missing are another's
        mended("optimize-all-parameters", "NW401", text, "third")
