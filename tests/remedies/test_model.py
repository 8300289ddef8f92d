"""Remedies for layers, in the styles in which programs are written."""

import pytest

from netwright.remedies import Refused

from .variants import changed, mended


@pytest.mark.parametrize(
    ("line", "measured", "wanted"),
    [
        (
            "self.a = nn.MultiheadAttention(w, 4)",
            {},
            "self.a = nn.MultiheadAttention(w, 4, batch_first=True)",
        ),
        (
            "self.a = nn.LSTM(4, w, batch_first=True)",
            {"batch_first": True},
            "self.a = nn.LSTM(4, w)",
        ),
        (
            "self.a = nn.GRU(4, w, batch_first=False, bias=True)",
            {"batch_first": False},
            "self.a = nn.GRU(4, w, batch_first=True, bias=True)",
        ),
    ],
)
def test_the_layer_is_told_where_the_samples_are(line, measured, wanted):
    assert mended("batch-first", "NW219", line + "\n", "self.a", **measured) == wanted + "\n"


@pytest.mark.parametrize("line", ["self.a = nn.LSTM(4, w, batch_first=first)", "self.a = Encoder(4)"])
def test_a_layer_that_says_otherwise_is_left(line):
    with pytest.raises(Refused):
        mended("batch-first", "NW219", line + "\n", "self.a", batch_first=True)


READER = """\
    class Reader(nn.Module):
        def __init__(self):
            self.rnn = nn.GRU(8, 16, batch_first=True)

        def forward(self, x):
            out, hidden = self.rnn(x)
            return self.head(out[-1])
    """


def test_the_last_step_is_taken():
    after = mended("last-step", "NW221", READER, "out[-1]")
    assert changed(READER, after) == ["return self.head(out[:, -1])"]


@pytest.mark.parametrize("old_new", [("out[-1]", "hidden[-1]"), (", batch_first=True", "")])
def test_the_last_layer_and_time_first_are_left(old_new):
    with pytest.raises(Refused):
        mended("last-step", "NW221", READER.replace(*old_new), "[-1]")


def test_attention_becomes_causal():
    text = "seen = F.scaled_dot_product_attention(q, k, v, dropout_p=0.1)\n"
    assert mended("causal-attention", "NW218", text, "seen") == text.replace("0.1", "0.1, is_causal=True")
    with pytest.raises(Refused):
        mended("causal-attention", "NW218", text.replace("dropout_p=0.1", "mask"), "seen")


NARROW = """\
    net = nn.Sequential(
        nn.Linear(64, 2),  # here
        nn.BatchNorm1d(2),
        nn.ReLU(),
        nn.Linear(2, 10),
        nn.Linear(2, 3),
    )
    """


def test_the_narrow_layer_and_what_takes_it_are_widened():
    after = mended("wider-layer", "NW209", NARROW, "# here", width=2, recommended=50)
    assert changed(NARROW, after) == [
        "nn.Linear(64, 50),  # here",
        "nn.BatchNorm1d(50),",
        "nn.Linear(50, 10),",
    ]


def test_in_a_method_layers_are_widened_in_order():
    text = """\
    class Net(nn.Module):
        def __init__(self):
            self.a = nn.Linear(8, 1)
            self.b = nn.Linear(in_features=1, out_features=4)
    """
    after = mended("wider-layer", "NW209", text, "self.a", width=1, recommended=16)
    assert changed(text, after) == [
        "self.a = nn.Linear(8, 16)",
        "self.b = nn.Linear(in_features=16, out_features=4)",
    ]


@pytest.mark.parametrize(
    "old_new", [("nn.Linear(2, 10)", "nn.Linear(k, 10)"), ("Linear(64, 2)", "Linear(64, k)")]
)
def test_a_width_that_is_not_a_number_is_left(old_new):
    with pytest.raises(Refused):
        mended("wider-layer", "NW209", NARROW.replace(*old_new), "# here", width=2, recommended=50)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("        return self.out(x) * self.scale", "        return self.out(x)"),
        ("        return 100 * self.out(x)", "        return self.out(x)"),
        ("        logits = self.out(x) / 0.01", "        logits = self.out(x)"),
    ],
)
def test_a_factor_goes(line, wanted):
    text = f"class N:\n    def forward(self, x):\n{line}\n        pass\n"
    after = mended("no-factor-on-outputs", "NW301", text, line.strip(), output_std=9.0)
    assert after == text.replace(line, wanted)


@pytest.mark.parametrize("line", ["return self.out(x) * self.gate(x)", "return self.out(x)", "return a, b"])
def test_what_is_no_factor_stays(line):
    with pytest.raises(Refused):
        mended("no-factor-on-outputs", "NW301", f"def f(self, x):\n    {line}\n", "return", output_std=9.0)


def test_a_loss_that_is_too_low_has_no_factor_to_take_off():
    with pytest.raises(Refused):
        mended("no-factor-on-outputs", "NW301", "def f(self, x):\n    return 9 * self.o(x)\n", "return")


NET = """\
    import torch

    class Net(nn.Module):
        def forward(self, x):
            x = self.fc1(x)  # here
            x = self.fc2(x)
            return self.fc3(x)
    """


def test_an_activation_comes_behind_the_first_layer_of_each_pair():
    pairs = [["fc1", "fc2"], ["fc2", "fc3"]]
    after = mended("add-activation", "NW205", NET, "# here", module="fc1", pairs=pairs)
    assert changed(NET, after) == ["x = torch.relu(self.fc1(x))  # here", "x = torch.relu(self.fc2(x))"]


def test_an_activation_comes_between_nested_calls():
    text = NET.replace("return self.fc3(x)", "return self.fc3(self.fc2(self.fc1(x)))  # nested")
    text = text.replace("x = self.fc1(x)  # here", "").replace("x = self.fc2(x)", "")
    pairs = [["fc1", "fc2"], ["fc2", "fc3"]]
    after = mended("add-activation", "NW205", text, "# nested", module="fc1", pairs=pairs)
    assert changed(text, after) == [
        "return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x)))))  # nested"
    ]


APPENDED = """\
    layers = []
    for _ in range(3):
        layers.append(nn.Linear(8, 8))  # here
    layers.append(nn.Linear(8, 2))
    """


def test_an_activation_is_appended_where_a_layer_follows():
    after = mended("add-activation", "NW205", APPENDED, "# here")
    assert changed(APPENDED, after) == ["layers.append(nn.ReLU())"]
    assert after.index("ReLU") < after.index("Linear(8, 2)")
    with pytest.raises(Refused, match="the last one"):
        mended("add-activation", "NW205", APPENDED.replace("layers.append(nn.Linear(8, 2))", ""), "# here")


def test_layers_called_in_a_loop_are_left():
    text = "import torch\ndef forward(self, x):\n    for layer in self.layers:\n        x = layer(x)\n    return x\n"
    with pytest.raises(Refused):
        mended("add-activation", "NW205", text, "x = layer", module="layers.0")


def test_hidden_activations_are_exchanged_and_that_of_the_output_stays():
    text = "net = nn.Sequential(nn.Linear(2, 8), nn.Sigmoid(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1), nn.Sigmoid())\n"
    after = mended("exchange-activation", "NW406", text, "net")
    assert after == text.replace("8), nn.Sigmoid()", "8), nn.ReLU()").replace("nn.Tanh", "nn.ReLU")


def test_in_forward_gates_and_outputs_stay():
    text = """\
    class Net(nn.Module):
        def forward(self, x):
            x = torch.sigmoid(self.a(x))
            x = self.b(F.tanh(self.c(x)))
            x = x * torch.sigmoid(self.gate(x))
            g = torch.sigmoid(self.gate(x))
            x = self.d(g * x)
            y = torch.sigmoid(self.e(x))
            return y, torch.sigmoid(self.out(x))
    """
    after = mended("exchange-activation", "NW406", text, "x = torch.sigmoid(self.a")
    assert changed(text, after) == ["x = torch.relu(self.a(x))", "x = self.b(F.relu(self.c(x)))"]
    with pytest.raises(Refused):
        mended(
            "exchange-activation",
            "NW406",
            text.replace("torch.sigmoid", "act").replace("F.tanh", "act"),
            "self.a",
        )


def test_each_line_that_a_finding_speaks_of_is_changed():
    text = """\
    a = torch.sigmoid(self.a(x))
    b = F.max_pool2d(torch.sigmoid(self.b(a)), 2)
    c = torch.sigmoid(self.c(b))
    """
    both = ["a = torch.relu(self.a(x))", "b = F.max_pool2d(torch.relu(self.b(a)), 2)"]
    after = mended("exchange-activation", "NW206", text, "a =", also=["b ="], each=True)
    assert changed(text, after) == both
    assert changed(text, mended("exchange-activation", "NW206", text, "a =", also=["b ="])) == both[:1]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("h = nn.ReLU(inplace=True)", "h = nn.LeakyReLU(inplace=True)"),
        ("h = nn.ReLU(True)", "h = nn.LeakyReLU()"),
        ("h = F.relu(self.a(x))", "h = torch.nn.functional.leaky_relu(self.a(x))"),
        ("h = self.a(x).relu()", "h = torch.nn.functional.leaky_relu(self.a(x))"),
    ],
)
def test_units_that_die_get_a_small_slope(line, wanted):
    assert (
        mended("leaky-activation", "NW606", f"import torch\n{line}\n", "h =") == f"import torch\n{wanted}\n"
    )


def test_where_no_relu_stands_none_is_exchanged():
    with pytest.raises(Refused):
        mended("leaky-activation", "NW606", "h = self.a(x)\n", "h =")


ATTENTION = """\
    import torch
    class Block(nn.Module):
        def __init__(self):
            self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        def forward(self, h):
            w = torch.softmax(scores / 4, dim=-1)
            return self.attention(h, h, h)[0]
    """


def test_attention_written_out_gets_a_causal_mask():
    text = ATTENTION.replace("scores / 4", "scores")
    after = mended("causal-mask", "NW218", text, "softmax", op="softmax")
    mask = "torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)"
    assert changed(text, after) == [f'w = torch.softmax(scores.masked_fill({mask}, float("-inf")), dim=-1)']
    after = mended("causal-mask", "NW218", text, "return", op="multi_head_attention_forward")
    mask = "torch.ones(h.shape[1], h.shape[1], dtype=torch.bool, device=h.device).triu(1)"
    assert changed(text, after) == [f"return self.attention(h, h, h, attn_mask={mask})[0]"]


@pytest.mark.parametrize(("mark", "op"), [("softmax", "softmax"), ("return", "softmax"), ("return", "lstm")])
def test_what_is_no_attention_gets_no_mask(mark, op):
    with pytest.raises(Refused):
        mended("causal-mask", "NW218", ATTENTION, mark, op=op)


@pytest.mark.parametrize(
    ("line", "op", "wanted"),
    [
        ("w = s.softmax(0)", "softmax", "w = s.softmax(-1)"),
        ("w = F.softmax(s, dim=0)", "softmax", "w = F.softmax(s, dim=-1)"),
        ("h = h - h.mean(0)", "mean", "h = h - h.mean(1, keepdim=True)"),
        ("h = h / torch.std(h, dim=0, keepdim=True)", "std", "h = h / torch.std(h, dim=1, keepdim=True)"),
        ("h = F.normalize(h, dim=0)", "normalize", "h = F.normalize(h, dim=-1)"),
    ],
)
def test_samples_are_taken_each_by_itself(line, op, wanted):
    assert mended("within-samples", "NW217", line + "\n", " = ", op=op) == wanted + "\n"


@pytest.mark.parametrize(
    ("line", "op"),
    [("h = h.mean()", "mean"), ("h = h.mean(1)", "mean"), ("h = a(h)", "mean"), ("h = f(h)", "view")],
)
def test_what_is_not_over_the_batch_stays(line, op):
    with pytest.raises(Refused):
        mended("within-samples", "NW217", line + "\n", " = ", op=op)
