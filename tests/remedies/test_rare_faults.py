"""Remedies for faults of which a program has one at most: lost inputs, forgotten layers, hand-written derivatives, padding, depth, what crashes at loading and saving."""

import pytest

from netwright.remedies import Refused

from .variants import changed, mended

PADDED = """\
    import torch
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(400, 24)  # here
            self.read = nn.GRU(24, 32, batch_first=True)
            self.out = nn.Linear(32, 2)

        def forward(self, tokens):
            _, last = self.read(self.embed(tokens))
            return self.out(last[0])
    """
FILLED = {"token": 0, "at_ends": 1.0}


def test_padding_gets_a_vector_of_its_own():
    after = mended("ignore-padding", "NW121", PADDED, "# here", **FILLED)
    assert changed(PADDED, after) == ["self.embed = nn.Embedding(400, 24, padding_idx=0)  # here"]
    with pytest.raises(Refused):
        mended("ignore-padding", "NW121", PADDED, "# here", token=7, at_ends=0.3)


def test_a_recurrent_layer_ends_with_the_row():
    after = mended("skip-padding", "NW121", PADDED, "# here", **FILLED)
    assert changed(PADDED, after) == [
        "_, last = self.read(torch.nn.utils.rnn.pack_padded_sequence(self.embed(tokens), (tokens != 0).sum(1).clamp(min=1).cpu(), "
        "batch_first=True, enforce_sorted=False))"
    ]


def test_a_mean_is_one_over_the_symbols():
    text = PADDED.replace(
        "_, last = self.read(self.embed(tokens))", "last = [self.embed(tokens).mean(dim=1)]"
    )
    after = mended("skip-padding", "NW121", text, "# here", **FILLED)
    assert changed(text, after) == [
        "last = [((self.embed(tokens) * (tokens != 0).unsqueeze(-1)).sum(1) / (tokens != 0).sum(1, keepdim=True).clamp(min=1))]"
    ]


@pytest.mark.parametrize(
    "old_new",
    [
        ("_, last", "out, last"),  # and every step is used
        ("batch_first=True", "batch_first=False"),
        ("self.embed(tokens)", "self.embed(tokens.long())"),
        ("import torch", "import numpy"),
    ],
)
def test_padding_that_is_read_in_another_way_is_left(old_new):
    text = PADDED.replace(*old_new).replace("self.out(last[0])", "self.out(last[0]) + out.sum()")
    with pytest.raises(Refused):
        mended("skip-padding", "NW121", text, "# here", **FILLED)


LOST = """\
    class Net(nn.Module):
        def forward(self, x, given):
            rows = self.row(x)
            rows = self.position.expand_as(rows)  # overwritten
            x = torch.zeros_like(x)  # zeros
            given *= self.mask  # masked
            other = torch.zeros_like(x)  # another name
            fresh = fresh + 1  # nothing before
            return rows
    """


@pytest.mark.parametrize("mark", ["# overwritten", "# zeros", "# masked"])
def test_what_takes_the_place_of_a_value_is_taken_out(mark):
    after = mended("keep-the-value", "NW216", LOST, mark)
    assert mark not in after
    assert len(after.split("\n")) == len(LOST.split("\n")) - 1


@pytest.mark.parametrize("mark", ["# another name", "# nothing before", "return rows"])
def test_what_overwrites_no_value_is_left(mark):
    with pytest.raises(Refused):
        mended("keep-the-value", "NW216", LOST, mark)


TWICE = """\
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Linear(8, 8)
            self.two = nn.Linear(8, 8)  # second
            self.three = nn.Linear(8, 8)  # third

        def forward(self, x):
            x = F.relu(self.two(F.relu(self.one(x))))
            return self.two(x)
    """


def test_a_forgotten_layer_is_called_in_the_place_of_its_twin():
    after = mended("call-unused-layer", "NW211", TWICE, "# third", layers=["body.three"], twin="body.two")
    assert changed(TWICE, after) == ["return self.three(x)"]
    before = TWICE.replace("self.two(", "self.three(")
    after = mended("call-unused-layer", "NW211", before, "# second", layers=["two"], twin="three")
    assert changed(before, after) == ["x = F.relu(self.two(F.relu(self.one(x))))"]


@pytest.mark.parametrize(
    "measured",
    [
        {"layers": ["three"], "twin": None},
        {"layers": ["three"], "twin": "one"},
        {"layers": ["a", "b"], "twin": "two"},
    ],
)
def test_where_no_twin_was_called_twice_nothing_is_called(measured):
    with pytest.raises(Refused):
        mended("call-unused-layer", "NW211", TWICE, "# third", **measured)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("net = nn.Sequential(*[Block() for _ in range(30)])", "range(8)"),
        ("DEPTH = 30\nfor _ in range(DEPTH):\n    layers.append(Block())", "DEPTH = 8"),
    ],
)
def test_blocks_are_made_as_often_as_was_seen_to_learn(text, wanted):
    after = mended("fewer-blocks", "NW208", text, "range", blocks=30, learns=8)
    assert wanted in after
    with pytest.raises(Refused):
        mended("fewer-blocks", "NW208", text, "range", blocks=29, learns=8)


def test_a_training_of_as_many_epochs_is_no_stack_of_blocks():
    text = "for epoch in range(30):\n    loss.backward()\n"
    with pytest.raises(Refused):
        mended("fewer-blocks", "NW208", text, "range", blocks=30, learns=8)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "net = nn.Sequential(nn.Linear(9, 2), nn.BatchNorm1d(2), nn.ReLU(), nn.Linear(2, 4))",
            "net = nn.Sequential(nn.Linear(9, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4))",
        ),
        (
            "class Net:\n    def __init__(self):\n        self.a = nn.Linear(9, 5)\n        self.b = nn.Linear(5, 5)\n        self.c = nn.Linear(5, 2)",
            "class Net:\n    def __init__(self):\n        self.a = nn.Linear(9, 20)\n        self.b = nn.Linear(20, 20)\n        self.c = nn.Linear(20, 2)",
        ),
    ],
)
def test_hidden_layers_become_four_times_as_wide(text, wanted):
    assert mended("wider-hidden-layers", "NW701", text, "") == wanted


@pytest.mark.parametrize(
    "text",
    [
        "net = nn.Sequential(nn.Linear(9, 4))",
        "net = nn.Sequential(nn.Linear(9, h), nn.Linear(h, 4))",
        "net = nn.Sequential(nn.Linear(9, 8), nn.BatchNorm1d(n), nn.Linear(8, 4))",
        "net = nn.Sequential(nn.Linear(9, 2048), nn.ReLU(), nn.Linear(2048, 4))",
    ],
)
def test_widths_that_are_not_seen_or_large_are_left(text):
    with pytest.raises(Refused):
        mended("wider-hidden-layers", "NW701", text, "")


SQUARE = """\
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.size = x.shape
            return x * x.abs()

    out = Square.apply(h)  # here
    """


def test_a_function_is_left_to_autograd():
    after = mended("backward-of-autograd", "NW411", SQUARE, "# here")
    assert changed(SQUARE, after) == [
        'out = Square.forward(type("Forgets", (), {"save_for_backward": lambda *_: None})(), h)  # here'
    ]


@pytest.mark.parametrize(
    "old_new",
    [
        ("x * x.abs()", "x.round()"),  # straight through
        ("x * x.abs()", "x * (x > 0)"),
        ("x * x.abs()", "x * x.detach()"),
        ("ctx.size = x.shape", "ctx.mark_non_differentiable(x)"),
        ("Square.apply(h)", "Cube.apply(h)"),
    ],
)
def test_a_function_with_a_derivative_of_its_own_is_left(old_new):
    with pytest.raises(Refused):
        mended("backward-of-autograd", "NW411", SQUARE.replace(*old_new), "# here")


def test_workers_are_left_out_with_what_only_they_need():
    text = "loader = DataLoader(data, 8, num_workers=4, persistent_workers=True, shuffle=True)\nfor x in loader:\n    pass\n"
    after = mended("load-in-this-process", "NW908", text, "for x")
    assert "loader = DataLoader(data, 8, num_workers=0, shuffle=True)\n" in after
    for refused in (text.replace("4", "0"), "torch.save(model, path)  # for x\n" + text):
        with pytest.raises(Refused):
            mended("load-in-this-process", "NW910", refused, "for x")


def test_weights_are_saved():
    text = "out = model(x)\ntorch.save(model, path)  # here\n"
    after = mended("save-weights", "NW910", text, "# here")
    assert "torch.save(model.state_dict(), path)" in after
    for refused in (text + "model = torch.load(path)\n", text.replace("out = model(x)", "")):
        with pytest.raises(Refused):
            mended("save-weights", "NW910", refused, "# here")


def test_the_word_of_a_wrapper_is_taken_off():
    text = "import torch\nif path:\n    net.load_state_dict(state)  # here\n"
    wrapped = {"missing": ["0.weight"], "unexpected": ["module.0.weight"]}
    after = mended("strip-prefix", "NW909", text, "# here", **wrapped)
    assert changed(text, after) == [
        'torch.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")'
    ]
    with pytest.raises(Refused):
        mended("strip-prefix", "NW909", text, "# here", missing=["a"], unexpected=["b"])
    with pytest.raises(Refused):
        mended("strip-prefix", "NW909", text.replace("(state)", "(torch.load(path))"), "# here", **wrapped)


NOISY = """\
    for x, y in loader:
        x = x + 2 * torch.randn(x.shape)  # again
        noisy = x + 2 * torch.randn_like(x)  # another
        both = torch.randn(3) + torch.randn(3)  # noise alone
    """


def test_noise_is_taken_out():
    after = mended("remove-augmentation", "NW111", NOISY, "# again")
    assert "# again" not in after
    after = mended("remove-augmentation", "NW111", NOISY, "# another")
    assert changed(NOISY, after) == ["noisy = x  # another"]
    with pytest.raises(Refused):
        mended("remove-augmentation", "NW111", NOISY, "# noise alone")


AGAIN = """\
    def fit(model):
        for module in model.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()  # here
        return model
    """


def test_what_initializes_trained_weights_goes_with_its_loop():
    after = mended("leave-weights-alone", "NW421", AGAIN, "# here", trained_share=1.0)
    assert after == "def fit(model):\n    return model\n"
    kept = AGAIN.replace("# here", "# here\n            else:\n                print(module)")
    after = mended("leave-weights-alone", "NW421", kept, "# here", trained_share=1.0)
    assert "else" in after and "# here" not in after
    with pytest.raises(Refused):
        mended("leave-weights-alone", "NW421", AGAIN, "# here", overwritten_share=1.0)


MASKED = """\
    x_train, y_train = load()
    keep = (y_train == 0) | (torch.rand(len(y_train)) < 0.01)  # the mask
    data = TensorDataset(x_train[keep], y_train[keep])
    """


def test_samples_that_were_left_away_are_trained_on():
    after = mended("keep-all-samples", "NW107", MASKED, "# the mask")
    assert changed(MASKED, after) == ["data = TensorDataset(x_train, y_train)"]
    assert "keep" not in after


@pytest.mark.parametrize(
    "old_new",
    [
        ("y_train[keep])", "y_train[keep])\n    print(keep.sum())"),  # it serves for more
        ("y_train[keep]", "y_train"),  # one table alone
        ("(y_train == 0) | (torch.rand(len(y_train)) < 0.01)", "weight > 0"),  # nothing to do with the labels
        ("_train", "_test"),
        (
            "# the mask",
            "# the mask\n    some = y_train > 3\n    y_train, x_train = y_train[some], x_train[some]",
        ),
    ],
)
def test_another_mask_is_left(old_new):
    with pytest.raises(Refused):
        mended("keep-all-samples", "NW107", MASKED.replace(*old_new), "# the mask")
