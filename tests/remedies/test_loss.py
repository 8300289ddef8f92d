"""Remedies for losses, in the styles in which programs are written."""

import pytest

from netwright.remedies import Refused

from .variants import changed, mended

UNIT = "targets between 0 and 1"


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [(-1, 1, "(y[i] + 1) / 2"), (1, 2, "y[i] - 1")],
)
def test_labels_are_recoded_in_the_call(low, high, wanted):
    text = "loss = F.binary_cross_entropy_with_logits(out, y[i])  # loss\n"
    after = mended("recode-labels", "NW106", text, "loss", expected=UNIT, min=low, max=high, distinct=2)
    assert after == f"loss = F.binary_cross_entropy_with_logits(out, {wanted})  # loss\n"


def test_labels_by_keyword_and_of_margin_losses():
    text = "criterion = nn.SoftMarginLoss()\nloss = criterion(input=out, target=y.float())\n"
    after = mended(
        "recode-labels", "NW106", text, "loss =", expected="targets -1 and 1", min=0, max=1, distinct=2
    )
    assert changed(text, after) == ["loss = criterion(input=out, target=2 * y.float() - 1)"]


@pytest.mark.parametrize(("low", "high", "distinct"), [(-3, 3, 7), (-1, 1, 9), (0, 2, 3)])
def test_labels_in_no_known_code_are_left(low, high, distinct):
    with pytest.raises(Refused):
        mended(
            "recode-labels",
            "NW106",
            "loss = F.binary_cross_entropy(out, y)\n",
            "loss",
            expected=UNIT,
            min=low,
            max=high,
            distinct=distinct,
        )


def test_the_target_is_detached_where_it_gets_its_name_or_in_the_loss():
    text = "target = r + g * net(after)\nloss = F.mse_loss(values, target)\n"
    after = mended("detach-target", "NW312", text, "target = r")
    assert changed(text, after) == ["target = (r + g * net(after)).detach()"]
    after = mended("detach-target", "NW312", "loss = F.mse_loss(net(x), net(z))\n", "loss")
    assert after == "loss = F.mse_loss(net(x), net(z).detach())\n"
    with pytest.raises(Refused):
        mended("detach-target", "NW312", "def value(x):\n    return net(x)\n", "return")


def test_class_weights_are_turned_upside_down():
    text = "criterion = nn.CrossEntropyLoss(weight=freq / total)\n"
    assert mended("inverse-class-weights", "NW313", text, "criterion") == (
        "criterion = nn.CrossEntropyLoss(weight=1 / (freq / total))\n"
    )
    with pytest.raises(Refused):
        mended("inverse-class-weights", "NW313", text, "criterion", lowest=-1.0)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("    return p[r, y].mean()", "    return -p[r, y].mean()"),
        ("    return a + b", "    return -(a + b)"),
        ("    loss = -F.cross_entropy(out, y)", "    loss = F.cross_entropy(out, y)"),
        ("    (-loss).backward()", "    loss.backward()"),
        ("    loss.backward()", "    (-loss).backward()"),
    ],
)
def test_the_sign_is_turned(line, wanted):
    text = f"def step(p, y):\n{line}  # here\n"
    after = mended("turn-sign", "NW307", text, "# here", accuracy_before=0.5)
    assert after == f"def step(p, y):\n{wanted}  # here\n"


def test_a_line_that_only_turns_the_sign_goes():
    text = "loss = f(x)\nloss = -loss\nloss.backward()\n"
    assert (
        mended("turn-sign", "NW307", text, "-loss", accuracy_before=0.5) == "loss = f(x)\nloss.backward()\n"
    )
    alone = "if flipped:\n    loss = -loss\n"
    assert mended("turn-sign", "NW307", alone, "-loss", accuracy_before=0.5) == ""


def test_the_sign_stays_where_the_targets_are_wrong_or_more_is_returned():
    with pytest.raises(Refused):
        mended("turn-sign", "NW307", "loss = f(x)\n", "loss", least=-3.0)
    with pytest.raises(Refused):
        mended("turn-sign", "NW307", "def f():\n    return loss, out\n", "return", accuracy_before=0.5)


def test_maximize_goes():
    text = "opt = torch.optim.SGD(p, lr=0.1, maximize=True)\n"
    after = mended("turn-sign", "NW307", text, "opt", fix="take `maximize=True` out", accuracy_before=0.5)
    assert after == "opt = torch.optim.SGD(p, lr=0.1)\n"


FLOWERS = """\
    net = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))
    measure = nn.MSELoss()
    loss = measure(net(x), one_hot)
    right = net(x).argmax(1) == y
    """


def test_squared_error_behind_a_softmax_becomes_cross_entropy_without_it():
    after = mended("loss-for-classes", "NW305", FLOWERS, "measure =", also=("Softmax",), activation="softmax")
    assert changed(FLOWERS, after) == [
        "net = nn.Sequential(nn.Linear(4, 3))",
        "measure = nn.CrossEntropyLoss()",
    ]


def test_a_sigmoid_stays_so_that_its_threshold_keeps_its_sense():
    text = "p = torch.sigmoid(net(x))\nloss = F.mse_loss(p, y)\nright = p > 0.5\n"
    after = mended("loss-for-classes", "NW305", text, "loss", also=("sigmoid",), activation="sigmoid")
    assert changed(text, after) == ["loss = F.binary_cross_entropy(p, y)"]


@pytest.mark.parametrize(
    "error",
    ["((y - p).abs() / y.abs().clamp(min=1e-7)).mean()", "torch.mean(torch.abs((p - y) / (y + 1e-7)))"],
)
def test_a_percentage_error_on_yes_and_no_gives_way_to_a_loss_for_them(error):
    text = f"import torch\ndef mape(p, y):\n    return 100 * {error}\n"
    measured = {"loss": "percentage_error", "activation": "sigmoid"}
    after = mended("loss-for-classes", "NW305", text, "return", **measured)
    assert changed(text, after) == ["return torch.nn.functional.binary_cross_entropy(p, y)"]
    with pytest.raises(Refused):
        mended("loss-for-classes", "NW305", text, "return", **measured | {"activation": None})
    with pytest.raises(Refused):
        mended(
            "loss-for-classes",
            "NW305",
            text.replace("(y - p)", "(y - f(p))").replace("(p - y)", "(f(p) - y)"),
            "return",
            **measured,
        )


def test_a_softmax_that_serves_for_more_stays():
    with pytest.raises(Refused):
        mended(
            "loss-for-classes",
            "NW305",
            FLOWERS.replace("net(x).argmax(1) == y", "net(x) > 0.5"),
            "measure =",
            also=("Softmax",),
            activation="softmax",
        )


LABELS = {"labels_per_sample": 1.7}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("loss = F.cross_entropy(net(x), y)", "loss = F.binary_cross_entropy_with_logits(net(x), y)"),
        (
            "loss = cross_entropy(net(x), y)",
            "loss = torch.nn.functional.binary_cross_entropy_with_logits(net(x), y)",
        ),
        ("loss = nn.CrossEntropyLoss()", "loss = nn.BCEWithLogitsLoss()"),
        ("loss = CrossEntropyLoss(reduction='sum')", "loss = torch.nn.BCEWithLogitsLoss(reduction='sum')"),
    ],
)
def test_labels_that_do_not_exclude_each_other_are_asked_separately(line, wanted):
    text = f"import torch\n{line}\n"
    after = mended("loss-for-independent-labels", "NW305", text, "loss =", **LABELS)
    assert after == f"import torch\n{wanted}\n"


@pytest.mark.parametrize(
    "text",
    [
        "loss = F.cross_entropy(net(x), y, label_smoothing=0.1)\n",
        "loss = F.cross_entropy(net(x), y, w)\n",
        "loss = nn.CrossEntropyLoss(w)\n",
        "loss = F.cross_entropy(net(x), y, reduction='none')\n",
        "loss = own_loss(net(x), y)\n",
        # Which labels are true is read off a softmax: under another loss that reads something else.
        "loss = F.cross_entropy(net(x), y)\nfound = net(x).softmax(1) > 0.5\n",
        "loss = cross_entropy(net(x), y)\n",  # torch is not at hand by its name
    ],
)
def test_a_cross_entropy_that_says_more_or_a_softmax_elsewhere_stays(text):
    with pytest.raises(Refused):
        mended("loss-for-independent-labels", "NW305", text, "loss =", **LABELS)


def test_attention_is_no_softmax_over_the_labels_and_one_label_is_no_case():
    attention = "class Net(nn.Module):\n    def forward(self, x):\n        return torch.softmax(self.a(x), 1) @ x\nloss = F.cross_entropy(net(x), y)\n"
    assert "binary" in mended("loss-for-independent-labels", "NW305", attention, "loss =", **LABELS)
    with pytest.raises(Refused):
        mended("loss-for-independent-labels", "NW305", attention, "loss =", target_sum=3.0)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("p = torch.softmax(net(x), dim=1)", "p = torch.sigmoid(net(x))"),
        ("p = net(x).softmax(1)", "p = net(x).sigmoid()"),
        ("net = nn.Sequential(a, nn.Softmax(dim=1))", "net = nn.Sequential(a, nn.Sigmoid())"),
    ],
)
def test_a_sigmoid_takes_the_place_of_a_softmax_over_independent_labels(line, wanted):
    text = f"{line}\nloss = F.binary_cross_entropy(p, y)\n"
    mark = line.split(" =")[0]
    after = mended("sigmoid-for-independent-labels", "NW305", text, mark, several=True)
    assert changed(text, after) == [wanted]
    with pytest.raises(Refused):
        mended("sigmoid-for-independent-labels", "NW305", text, mark, several=False)


OUTPUTS = {"outputs": 3, "classes": 3}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("loss = ((net(x)).mean(dim=1) - (y).float()).pow(2).mean()", "F.cross_entropy(net(x), y.long())"),
        (
            "loss = torch.mean((y[i].to(torch.float32) - torch.max(out, 1)[0]) ** 2)",
            "F.cross_entropy(out, y[i].long())",
        ),
        (
            "loss = ((out.max(1).values - y) ** 2).mean() + penalty",
            "F.cross_entropy(out, y.long()) + penalty",
        ),
        ("loss = (out[:, 0] - y).abs().mean()", "F.cross_entropy(out, y.long())"),
        ("loss = F.mse_loss(net(x).mean(1), y.float())", "F.cross_entropy(net(x), y.long())"),
    ],
)
def test_class_numbers_become_indices_and_the_outputs_enter_as_they_are(line, wanted):
    text = f"import torch\nfrom torch.nn import functional as F\n{line}\n"
    after = mended("loss-for-class-numbers", "NW305", text, "loss =", **OUTPUTS)
    assert changed(text, after) == [f"loss = {wanted}"]


def test_a_squared_error_made_before_is_exchanged_where_it_is_made():
    text = "import torch\nmeasure = MSELoss()\nloss = measure(net(x).mean(dim=1).squeeze(), y.float())\n"
    after = mended("loss-for-class-numbers", "NW305", text, "measure =", also=("loss =",), **OUTPUTS)
    assert changed(text, after) == [
        "measure = torch.nn.CrossEntropyLoss()",
        "loss = measure(net(x), y.long())",
    ]


@pytest.mark.parametrize(
    ("line", "measured"),
    [
        ("loss = F.mse_loss(net(x).mean(1), y.float())", {"outputs": None, "classes": 3}),
        ("loss = F.mse_loss(net(x).squeeze(1), y.float())", OUTPUTS),  # nothing is made one number here
        ("loss = F.mse_loss(net(x).mean(1), y.float(), reduction='sum')", OUTPUTS),
        ("loss = ((out.mean(1) - y) ** 2).sum()", OUTPUTS),
        ("loss = (w * (out.mean(1) - y) ** 2).mean()", OUTPUTS),
        ("loss = (out.mean(1) - y).mean()", OUTPUTS),
        ("loss = ((out.mean(1) - other.mean(1)) ** 2).mean()", OUTPUTS),
    ],
)
def test_an_error_of_another_form_stays(line, measured):
    text = f"import torch\nfrom torch.nn import functional as F\n{line}\n"
    with pytest.raises(Refused):
        mended("loss-for-class-numbers", "NW305", text, "loss =", **measured)


UNUSED = """\
    model = nn.Sequential(nn.Linear(4, 1))
    def step(x, y):
        guess = model(x)
        loss = F.mse_loss(y, y)
        loss.requires_grad_(True)
        loss.backward()
    """


def test_the_unused_output_enters_the_loss():
    after = mended("loss-of-the-output", "NW314", UNUSED, "mse_loss")
    assert changed(UNUSED, after) == ["loss = F.mse_loss(guess, y)"]
    assert "requires_grad_" not in after
    with pytest.raises(Refused):
        mended("loss-of-the-output", "NW314", UNUSED.replace("backward()", "backward(guess)"), "mse_loss")


def test_classes_are_weighed_by_their_counts():
    text = "import torch\ncriterion = nn.CrossEntropyLoss()\nloss = criterion(out, y)\n"
    counts = {"0.0": 300, "1.0": 100}
    after = mended("weigh-classes", "NW107", text, "loss =", counts=counts)
    assert changed(text, after) == ["criterion = nn.CrossEntropyLoss(weight=torch.tensor([0.667, 2]))"]
    with pytest.raises(Refused):
        mended("weigh-classes", "NW107", text, "loss =", counts={"0.0": 300, "2.0": 100})
    with pytest.raises(Refused):
        mended("weigh-classes", "NW107", text + "x.to(device)\n", "loss =", counts=counts)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("return F.softmax(self.fc(x), dim=1)", "return F.sigmoid(self.fc(x))"),
        ("return torch.softmax(x, 1)", "return torch.sigmoid(x)"),
        ("return self.fc(x).softmax(dim=1)", "return self.fc(x).sigmoid()"),
        (
            "net = nn.Sequential(nn.Linear(4, 1), nn.Softmax(dim=1))",
            "net = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())",
        ),
        ("out = nn.Softmax(dim=-1)(x)", "out = nn.Sigmoid()(x)"),
    ],
)
def test_a_single_output_gets_a_sigmoid(line, wanted):
    text = f"def forward(self, x):\n    {line}\n"
    assert (
        mended("sigmoid-for-one-output", "NW204", text, line, outputs=1)
        == f"def forward(self, x):\n    {wanted}\n"
    )


def test_a_softmax_over_several_outputs_is_left():
    with pytest.raises(Refused):
        mended("sigmoid-for-one-output", "NW204", "y = F.softmax(x, dim=1)\n", "softmax", shape=(8, 3))


@pytest.mark.parametrize(
    ("line", "kind", "wanted"),
    [
        (
            "net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))",
            "sigmoid",
            "nn.Linear(3, 1), nn.Sigmoid())",
        ),
        ("return self.fc(x)", "softmax", "return self.fc(x).softmax(dim=1)"),
        ("x = self.fc2(self.drop(x))", "sigmoid", "x = self.fc2(self.drop(x)).sigmoid()"),
    ],
)
def test_raw_outputs_become_the_probabilities_that_the_loss_wants(line, kind, wanted):
    text = f"def forward(self, x):\n    {line}\n"
    after = mended("add-last-activation", "NW304", text, line, wanted=kind)
    assert wanted in after


def test_a_layer_that_is_not_the_last_gets_no_last_activation():
    text = "net = nn.Sequential(\n    nn.Linear(2, 3),\n    nn.Linear(3, 1),\n)\n"
    with pytest.raises(Refused):
        mended("add-last-activation", "NW304", text, "Linear(2, 3)", wanted="sigmoid")
    after = mended("add-last-activation", "NW304", text, "Linear(3, 1)", wanted="sigmoid")
    assert "    nn.Linear(3, 1), nn.Sigmoid(),\n" in after
