"""Remedies for data, in the styles in which programs are written."""

import pytest
import torch

from netwright.remedies import Refused

from .variants import changed, mended

TABLE = {"column_means": [5.0, -2.0], "column_stds": [2.0, 4.0]}
CLASS = '''\
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(2, 1)

        def forward(self, x, scale=1):
            """Says a number."""
            # the layer
            return self.fc(x) * scale

    def train(net, data):
        out = net(data)
        return out

    model = Net().to("cpu")
    model = model.eval()
    train(model, torch.tensor([[5.0, -2.0], [7.0, 2.0]]))
    '''
SEQUENTIAL = """\
    import torch
    from torch import nn

    model = nn.Sequential(
        nn.Linear(2, 1),  # one layer
    )
    out = model(torch.tensor([[5.0, -2.0], [7.0, 2.0]]))
    """


def run(text):
    space = {}
    exec(compile(text, "train.py", "exec"), space)
    return space


def test_a_class_scales_in_forward_also_when_it_is_passed_to_a_function():
    after = mended("scale-inputs", "NW102", CLASS, "out = net", input="x", **TABLE)
    assert changed(CLASS, after) == ["x = (x - x.new_tensor([5, -2])) / x.new_tensor([2, 4])"]
    lines = after.split("\n")
    assert lines[lines.index("        # the layer") + 1].startswith("        x = ") or lines[
        lines.index("        # the layer") - 1
    ].startswith("        x = ")
    space = run(after)
    model, fc = space["model"], space["model"].fc
    given = torch.tensor([[5.0, -2.0], [7.0, 2.0]])
    assert torch.allclose(model(given), fc(torch.tensor([[0.0, 0.0], [1.0, 1.0]])))


def test_a_sequential_scales_before_its_forward_pass_in_every_call():
    after = mended("scale-inputs", "NW101", SEQUENTIAL, "out = model", input="input", **TABLE)
    space = run(after)
    model = space["model"]
    wanted = model[0](torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
    assert torch.allclose(space["out"], wanted)
    assert "nn.Linear(2, 1),  # one layer" in after


def test_pixels_are_divided_by_255():
    after = mended(
        "scale-inputs",
        "NW101",
        CLASS,
        "out = net",
        message="raw values of 0 to 255",
        input="x",
        min=0,
        max=255,
    )
    assert changed(CLASS, after) == ["x = x / 255"]


def test_a_column_that_hardly_varies_is_only_centred():
    after = mended(
        "scale-inputs",
        "NW103",
        CLASS,
        "out = net",
        input="x",
        column_means=[24.0, 0.0],
        column_stds=[4e-6, 1.0],
    )
    assert changed(CLASS, after) == ["x = (x - x.new_tensor([24, 0])) / x.new_tensor([1, 1])"]


@pytest.mark.parametrize(
    ("text", "measured"),
    [
        (CLASS, {"input": "batch['x']", **TABLE}),
        (CLASS, {"input": "y", **TABLE}),
        (CLASS, {"input": "x"}),
        (CLASS.replace("class Net(", "class Other("), {"input": "x", **TABLE}),
        (CLASS + "\ntrain(other, data)", {"input": "x", **TABLE}),
    ],
)
def test_inputs_are_left_alone_where_the_network_or_the_numbers_are_not_known(text, measured):
    with pytest.raises(Refused):
        mended("scale-inputs", "NW102", text, "out = net", **measured)


LOSS = """\
    import torch
    from torch import nn

    class Net(nn.Module):
        def forward(self, x):
            return self.layers(x).squeeze(1) + self.bias

    model = Net()
    optimizer = torch.optim.{optimizer}(model.parameters(), lr=1e-3)
    for x, y in loader:
        pred = model(x)
        loss = nn.functional.mse_loss(pred, y)
        loss.backward()
    """


def test_the_output_is_brought_to_the_unit_of_the_target():
    text = LOSS.format(optimizer="AdamW")
    after = mended("scale-outputs", "NW104", text, "mse_loss", target_mean=-151.16, target_std=74.65)
    assert changed(text, after) == ["return (self.layers(x).squeeze(1) + self.bias) * 74.65 - 151.2"]


def test_the_output_stays_with_sgd_whose_steps_grow_with_the_target():
    with pytest.raises(Refused, match="grow with the target"):
        mended(
            "scale-outputs",
            "NW104",
            LOSS.format(optimizer="SGD"),
            "mse_loss",
            target_mean=1.0,
            target_std=2.0,
        )


def test_a_sequential_is_scaled_after_its_forward_pass():
    text = """\
    import torch
    from torch import nn
    model = nn.Sequential(nn.Linear(2, 1))
    optimizer = torch.optim.Adam(model.parameters())
    x = torch.ones(3, 2)
    loss = nn.functional.mse_loss(model(x), 100 * torch.ones(3, 1))
    loss.backward()
    """
    after = mended("scale-outputs", "NW104", text, "mse_loss", target_mean=100.0, target_std=10.0)
    model = run(after)["model"]
    x = torch.ones(3, 2)
    assert torch.allclose(model(x), model[0](x) * 10 + 100)


STEPS = """\
    for epoch in range(3):
        for step in range(100):
            x, y = next(iter(loader))  # a batch
            train(x, y)
    """


def test_an_endless_iterator_goes_through_the_data():
    after = mended("go-through-the-data", "NW113", STEPS, "next(iter")
    seen = []
    exec(
        compile(after, "t", "exec"),
        {"loader": [(1, 1), (2, 2), (3, 3)], "train": lambda x, y: seen.append(x)},
    )
    assert seen[:7] == [1, 2, 3, 1, 2, 3, 1]
    assert len(seen) == 300
    assert "# a batch" in after


@pytest.mark.parametrize(
    "text",
    [
        "for loader in loaders:\n    for i in range(9):\n        x = next(iter(loader))\n",
        "for e in range(3):\n    loader = make(e)\n    for i in range(9):\n        x = next(iter(loader))\n",
        "x = next(iter(loader))\n",
        "for i in range(9):\n    x = next(iter(make()))\n",
    ],
)
def test_a_loader_that_changes_or_has_no_name_is_left(text):
    with pytest.raises(Refused):
        mended("go-through-the-data", "NW113", text, "next(iter")


def test_a_seed_moves_before_the_loop_and_one_that_counts_stays():
    text = "import torch\nfor step in range(9):\n    torch.manual_seed(0)  # same\n    go(step)\n"
    assert mended("go-through-the-data", "NW113", text, "manual_seed", seeded=8) == (
        "import torch\ntorch.manual_seed(0)  # same\nfor step in range(9):\n    go(step)\n"
    )
    with pytest.raises(Refused, match="depends on the loop"):
        mended("go-through-the-data", "NW113", text.replace("seed(0)", "seed(step)"), "manual_seed", seeded=8)


def test_axes_are_permuted_where_the_order_is_clear():
    text = "x = images.reshape(-1, 3, 16, 16)  # to channels\n"
    after = mended("permute-axes", "NW115", text, "reshape", before=[64, 16, 16, 3], after=[64, 3, 16, 16])
    assert after == "x = images.permute(0, 3, 1, 2)  # to channels\n"
    with pytest.raises(Refused):
        mended("permute-axes", "NW115", text, "reshape", before=[64, 16, 48], after=[64, 3, 16, 16])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("BATCH = 4\nloader = DataLoader(data, BATCH)\n", "BATCH = 32"),
        ("loader = DataLoader(data, shuffle=True, batch_size=4)\n", "batch_size=32"),
        (
            "p.add_argument('--batch-size', default=4)\nloader = DataLoader(d, args.batch_size)\n",
            "default=32",
        ),
        ("config = {'batch': 4}\nloader = DataLoader(d, batch_size=config['batch'])\n", "{'batch': 32}"),
    ],
)
def test_batches_grow_where_their_size_is_written(text, wanted):
    assert wanted in mended("larger-batches", "NW212", text, "DataLoader", samples=4)


def test_batches_of_another_size_stay():
    with pytest.raises(Refused):
        mended("larger-batches", "NW212", "loader = DataLoader(data)\n", "DataLoader", layers=2)
    with pytest.raises(Refused):
        mended("larger-batches", "NW212", "loader = DataLoader(data, 8)\n", "DataLoader", samples=4)


def test_numbers_are_converted_in_every_call_of_a_sequential():
    text = (
        "model = nn.Sequential(nn.Linear(2, 1))\na = model(x[rows])\nb = model(y.float())\nc = model(x + 1)\n"
    )
    after = mended("convert-input", "NW902", text, "a =", phase="forward", got="float64", wanted="float32")
    assert changed(text, after) == ["a = model(x[rows].float())", "c = model((x + 1).float())"]


def test_the_target_of_cross_entropy_becomes_whole_numbers():
    text = "loss = F.cross_entropy(model(x), y)\n"
    after = mended("convert-input", "NW902", text, "loss", phase="loss", got="float32", wanted="int64")
    assert after == "loss = F.cross_entropy(model(x), y.long())\n"


def test_networks_of_other_files_are_not_touched():
    text = "from models import Net\nmodel = Net()\nout = model(x)\n"
    with pytest.raises(Refused):
        mended("convert-input", "NW902", text, "out", phase="forward", got="float64", wanted="float32")


SPLIT = "X_train, X_test = split(data)\n"


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (
            "X_train = torch.tensor(scaler.transform(X_train))\nX_test = torch.tensor(X_test)\n",
            ["X_test = torch.tensor(scaler.transform(X_test))"],
        ),
        (
            "X_train = scaler.fit_transform(X_train)\nprint(len(X_test))\na, b = tensor(X_train), tensor(X_test)\n",
            ["X_test = scaler.transform(X_test)"],
        ),
        (
            "mean, std = X_train.mean(), X_train.std()\nX_train = (X_train - mean) / std\n",
            ["X_test = (X_test - mean) / std"],
        ),
        ("a = tensor((X_train - mean) / std)\nb = tensor(X_test)\n", ["b = tensor((X_test - mean) / std)"]),
        ("X_train /= 255.0\n", ["X_test /= 255.0"]),
    ],
)
def test_evaluation_data_are_prepared_like_training_data(body, wanted):
    before = SPLIT + body + "model(X_test)\n"
    assert changed(before, mended("prepare-alike", "NW117", before, "model(")) == wanted


def test_the_evaluation_gets_the_normalization_that_the_training_has():
    before = "a = Compose([Flip(), ToTensor(), Normalize(m, s)])\nb = Compose([ToTensor()])\nmodel(x)\n"
    after = mended("prepare-alike", "NW117", before, "model(")
    assert changed(before, after) == ["b = Compose([ToTensor(), Normalize(m, s)])"]


@pytest.mark.parametrize(
    "body",
    [
        "X_train = scaler.fit_transform(X_train)\nX_test = scaler.transform(X_test)\n",  # there already
        "X_train = (X_train - X_train.mean()) / X_train.std()\n",  # would be another mean
        "t = tensor(X_test)\nX_train = scaler.fit_transform(X_train)\n",  # used before
        "inputs = scaler.fit_transform(inputs)\n",  # no word tells which data these are
    ],
)
def test_a_preparation_that_cannot_be_carried_over_is_refused(body):
    with pytest.raises(Refused):
        mended("prepare-alike", "NW117", SPLIT + body + "model(X_test)\n", "model(")


@pytest.mark.parametrize(
    ("before", "wanted", "gone"),
    [
        (
            "x = x[torch.randperm(len(x))]\ny = y[torch.randperm(len(y))]\n",
            ["order = torch.randperm(len(x))", "x = x[order]", "y = y[order]"],
            2,
        ),
        ("y = y[np.random.permutation(len(y))]\n", [], 1),
        ("random.shuffle(labels)\n", [], 1),
        ("y = labels[torch.randperm(len(labels))]\n", ["y = labels"], 1),
    ],
)
def test_inputs_and_targets_keep_one_order(before, wanted, gone):
    text = "a = load()\n" + before + "loss(x, y)\n"
    after = mended("one-permutation", "NW109", text, "loss(")
    assert changed(text, after) == wanted
    assert len(after.splitlines()) == len(text.splitlines()) + len(wanted) - gone


@pytest.mark.parametrize(
    "before",
    [
        "order = torch.randperm(len(x))\nx, y = x[order], y[order]\n",  # one for both
        "random.shuffle(x)\nrandom.shuffle(y)\n",  # in place, nothing in common
        "x = x[torch.randperm(len(x))]\nfor e in range(3):\n    y = y[torch.randperm(len(y))]\n",
    ],
)
def test_orders_that_cannot_be_joined_are_refused(before):
    with pytest.raises(Refused):
        mended("one-permutation", "NW109", before + "loss(x, y)\n", "loss(")


LEAK = """\
    import torch
    net = nn.Sequential(nn.Linear(4, 2))
    for x, y in loader:
        loss = F.mse_loss(net(x), y)  # here
    print(net(table[400:]))
    """


def test_a_leaking_column_is_kept_from_the_network():
    after = mended("drop-leaking-column", "NW119", LEAK, "# here", columns=[3])
    assert changed(LEAK, after) == [
        "loss = F.mse_loss(net(x.index_fill(-1, torch.tensor([3], device=x.device), 0)), y)  # here",
        "print(net(table[400:].index_fill(-1, torch.tensor([3], device=table.device), 0)))",
    ]


@pytest.mark.parametrize(
    ("old", "new"), [("net(x)", "net(f(x))"), ("net(x)", "net(x, z)"), ("import torch", "")]
)
def test_a_table_without_a_name_stays(old, new):
    with pytest.raises(Refused):
        mended("drop-leaking-column", "NW119", LEAK.replace(old, new), "# here", columns=[3])


AUGMENTED = """\
    net = nn.Sequential(a, b)
    for x, y in loader:
        x = spoil(x)  # here
        loss = F.cross_entropy(net(x), y)
    """


def test_an_augmentation_is_taken_out():
    after = mended("remove-augmentation", "NW120", AUGMENTED, "# here", left=0.1)
    assert "spoil" not in after
    assert changed(AUGMENTED, after) == []
    text = AUGMENTED.replace("        x = spoil(x)  # here\n", "").replace("net(x)", "net(spoil(x))")
    after = mended("remove-augmentation", "NW120", text, "loss", left=0.1)
    assert changed(text, after) == ["loss = F.cross_entropy(net(x), y)"]


@pytest.mark.parametrize(("statement", "measured"), [("x = spoil(z)", {"left": 0.1}), ("x = spoil(x)", {})])
def test_what_gives_the_batch_stays(statement, measured):
    with pytest.raises(Refused):
        mended(
            "remove-augmentation", "NW120", AUGMENTED.replace("x = spoil(x)", statement), "# here", **measured
        )


def test_a_leaking_column_has_no_value_left():
    seen = {"x": torch.ones(5, 4), "nn": torch.nn, "out": []}
    text = "import torch\nnet = nn.Sequential(nn.Identity())\nout = net(x[:, :])  # here\n"
    exec(mended("drop-leaking-column", "NW119", text, "# here", columns=[1, 3]), seen)
    assert seen["out"].tolist() == [[1, 0, 1, 0]] * 5


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("x = x // 255", "x = x / 255"),
        ("x //= scale", "x = x / (scale)"),
        ("x = x.long().float()", "x = x.float().float()"),
        ("x = x.to(torch.int64)", "x = x.float()"),
        ("x = images.astype(np.uint8)", 'x = images.astype("float32")'),
        ('x = torch.div(x, 16, rounding_mode="floor")', "x = torch.div(x, 16)"),
        ("x = torch.floor(x)", "x = x"),
        ("x = torch.floor(x / 2) * 3", "x = (x / 2) * 3"),
        ("x = x.floor_divide(2)", "x = x.true_divide(2)"),
    ],
)
def test_fractions_are_kept(line, wanted):
    assert mended("keep-fractions", "NW118", f"{line}  # here\n", "# here") == f"{wanted}  # here\n"


def test_other_conversions_are_left():
    with pytest.raises(Refused):
        mended("keep-fractions", "NW118", "x = x.to(device).float() / 255\n", "x =")


TRAINER = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(2, 1)

    def forward(self, x):
        return self.inp(x)

class Trainer:
    def __init__(self, model, rate=0.1):
        self.model = model

    def step(self, x):
        out = self.model(x)  # here

trainer = Trainer({made})
"""


@pytest.mark.parametrize("made", ["Net()", "model=Net().to(device)", "net, 0.1"])
def test_the_network_of_a_trainer_is_found_by_what_the_trainer_is_made_with(made):
    text = "net = Net()\n" + TRAINER.format(made=made)
    numbers = {"input": "x", "column_means": [1.0, 2.0], "column_stds": [3.0, 4.0]}
    after = mended("scale-inputs", "NW102", text, "# here", **numbers)
    assert changed(text, after) == ["x = (x - x.new_tensor([1, 2])) / x.new_tensor([3, 4])"]


@pytest.mark.parametrize("made", ["nets[0]", "Net()) ; other = Trainer(Wide()"])
def test_one_of_several_networks_of_a_trainer_is_not_guessed(made):
    text = TRAINER.format(made=made)
    numbers = {"input": "x", "column_means": [1.0, 2.0], "column_stds": [3.0, 4.0]}
    with pytest.raises(Refused):
        mended("scale-inputs", "NW102", text, "# here", **numbers)
