"""What is tried without a finding, in the styles in which programs are written: each is one small change, or says why not."""

from pathlib import Path
from textwrap import dedent

import libcst as cst
import pytest

from netwright.remedies import Refused, Source
from netwright.remedies._training import OPTIMIZERS
from netwright.remedies.source import last_name
from netwright.remedies.standard import USUAL

from .variants import changed

PROGRAM = """\
    import torch
    from torch import nn

    loader = DataLoader(data, batch_size=64, shuffle=True)  # all of it
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 32), nn.ReLU(), nn.Linear(32, 10))
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    for epoch in range(5):
        net.train()
        for x, y in loader:
            loss = F.cross_entropy(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
        val_acc = evaluate(net)
    print(evaluate(net))
    """


def after(name, text):
    """The program after one of them; the rest of it stays as it was typed."""
    text = dedent(text)
    source = Source(Path("train.py"), text)
    (call,) = [c for c in source.every(cst.Call) if last_name(c.func) in OPTIMIZERS]
    (remedy,) = [r for r in USUAL if r.name == name]
    return source.changed(remedy.changes(source, call))


def lines(name, text=PROGRAM):
    return changed(text, after(name, text))


def test_each_says_what_it_does():
    assert len({r.name for r in USUAL}) == len(USUAL)
    for remedy in USUAL:
        assert remedy.title
        assert remedy.assumes


@pytest.mark.parametrize(
    ("name", "old", "new", "wanted"),
    [
        ("sgd-with-momentum", "", "", ["opt = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)"]),
        (
            "sgd-with-momentum",
            "Adam",
            "SGD",
            ["opt = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)"],
        ),
        ("adamw", "", "", ["opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.01)"]),
        (
            "adamw",
            "lr=1e-3",
            "lr=1e-3, weight_decay=1e-4",
            ["opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.01)"],
        ),
        (
            "weight-decay",
            "Adam",
            "SGD",
            ["opt = torch.optim.SGD(net.parameters(), lr=1e-3, weight_decay=5e-4)"],
        ),
        (
            "no-weight-decay",
            "lr=1e-3",
            "lr=1e-3, weight_decay=1e-4",
            ["opt = torch.optim.Adam(net.parameters(), lr=1e-3)"],
        ),
        ("quarter-batches", "", "", ["loader = DataLoader(data, batch_size=16, shuffle=True)  # all of it"]),
        (
            "fourfold-batches",
            "",
            "",
            ["loader = DataLoader(data, batch_size=256, shuffle=True)  # all of it"],
        ),
        (
            "quarter-batches",
            "for x, y in loader",
            "for rows in torch.randperm(500).split(20)",
            ["for rows in torch.randperm(500).split(5):"],
        ),
        (
            "warm-up",
            "",
            "",
            [
                "warm_up = torch.optim.lr_scheduler.LinearLR(opt, start_factor=0.01, total_iters=100)",
                "warm_up.step()",
            ],
        ),
        (
            "cosine-decay",
            "",
            "",
            [
                "schedule = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=5)",
                "schedule.step()",
            ],
        ),
        ("three-times-as-long", "", "", ["for epoch in range(15):"]),
        ("three-times-as-long", "range(5)", "tqdm(range(args.n))", ["for epoch in tqdm(range(3 * args.n)):"]),
        (
            "best-epoch",
            "",
            "",
            [
                'best, best_weights = -float("inf"), net.state_dict()',
                "if val_acc > best:",
                "best, best_weights = val_acc, {k: v.clone() for k, v in net.state_dict().items()}",
                "net.load_state_dict(best_weights)",
            ],
        ),
        (
            "normalization",
            "",
            "",
            [
                "net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 10))"
            ],
        ),
        (
            "dropout",
            "",
            "",
            [
                "net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 32), nn.ReLU(), nn.Dropout(0.25), nn.Linear(32, 10))"
            ],
        ),
        (
            "initialization",
            "",
            "",
            [
                "for name, weight in net.named_parameters():",
                'if weight.dim() > 1 and name.endswith("weight"):',
                'torch.nn.init.kaiming_normal_(weight, nonlinearity="relu")',
            ],
        ),
        ("noisy-inputs", "", "", ["x = x + 0.1 * x.std() * torch.randn_like(x)"]),
    ],
)
def test_one_change(name, old, new, wanted):
    text = PROGRAM.replace(old, new) if old else PROGRAM
    assert lines(name, text) == wanted


def test_a_schedule_is_stepped_after_the_batches_of_an_epoch():
    assert "        opt.step()\n    schedule.step()\n    val_acc = evaluate(net)\n" in after(
        "cosine-decay", PROGRAM
    )
    text = """\
        import torch
        opt = torch.optim.SGD(net.parameters(), lr=0.1)
        for step in range(steps):
            loss(net).backward()
            opt.step()
        """
    assert after("cosine-decay", text).endswith(
        "T_max=steps)\nfor step in range(steps):\n    loss(net).backward()\n    opt.step()\n    schedule.step()\n"
    )


def test_the_parts_of_a_network_stay_on_lines_of_their_own():
    text = """\
        net = nn.Sequential(
            nn.Linear(4, 32),  # in
            nn.ReLU(),  # bent
            nn.Linear(32, 2),
        )
        opt = torch.optim.SGD(net.parameters(), lr=0.1)
        """
    assert after("dropout", text) == dedent(text).replace("  # bent\n", "  # bent\n    nn.Dropout(0.25),\n")
    assert after("normalization", text) == dedent(text).replace("  # in\n", "  # in\n    nn.LayerNorm(32),\n")


RECURRENT = """\
    import torch
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.RNN(8, 16, nonlinearity="relu", batch_first=True)
        def forward(self, x):
            out, h = self.rnn(x)
            return self.head(h[-1])
    net = Net()
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    """


def test_the_state_of_an_lstm_is_a_pair():
    assert lines("lstm", RECURRENT) == [
        "self.rnn = nn.LSTM(8, 16, batch_first=True)",
        "out, (h, _) = self.rnn(x)",
    ]
    assert lines("initialization", RECURRENT)[1:] == [
        'if "weight_hh" in name:',
        "torch.nn.init.orthogonal_(weight)",
    ]


def test_dropout_of_all_kinds_is_taken_out():
    text = """\
        a = nn.Dropout(0.5)
        b = nn.LSTM(4, 4, 2, dropout=0.2)
        opt = torch.optim.SGD(net.parameters(), lr=0.1)
        c = F.dropout(x, 0.3, self.training)
        """
    assert lines("no-dropout", text) == [
        "a = nn.Dropout(0.0)",
        "b = nn.LSTM(4, 4, 2, dropout=0.0)",
        "c = F.dropout(x, 0.0, self.training)",
    ]


def test_mirrored_images_keep_their_size_and_values():
    torch = pytest.importorskip("torch")
    made = lines("mirrored-images")
    x = torch.arange(1.0, 1 + 2 * 3 * 17 * 16).reshape(2, 3, 17, 16)
    seen = {"torch": torch, "x": x}
    torch.manual_seed(0)
    exec("\n".join(made), seen)
    assert seen["x"].shape == x.shape
    assert set(seen["x"].unique().tolist()) <= {0.0, *x.unique().tolist()}
    assert (seen["x"] != 0).float().mean() > 0.7


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("sgd-with-momentum", "Adam(", "SGD(momentum=0.5, params="),
        ("adamw", "lr=1e-3", "lr=1e-3, weight_decay=wd"),
        ("weight-decay", "", ""),
        ("no-weight-decay", "", ""),
        ("quarter-batches", "64", "4"),
        ("quarter-batches", "batch_size=64", "batch_size=None"),
        ("quarter-batches", "opt.step()", "scaler.step(opt)"),
        ("warm-up", "import torch\n", "import torch\n    from torch.optim.lr_scheduler import StepLR\n"),
        ("cosine-decay", "range(5)", "range(1, 5)"),
        ("cosine-decay", "import torch", "import numpy"),
        ("three-times-as-long", "range(5)", "epochs"),
        ("best-epoch", "val_acc", "train_acc"),
        ("best-epoch", "val_acc", "best = val_acc"),
        ("warm-up", "loss =", "warm_up ="),
        ("mirrored-images", "x, y in", "rows, y in"),
        ("best-epoch", "    print(evaluate(net))\n", ""),
        ("normalization", "nn.Flatten()", "nn.Flatten(), nn.BatchNorm1d(288)"),
        ("normalization", "nn.Sequential(", "Net("),
        ("dropout", "nn.Flatten()", "nn.Flatten(), nn.Dropout(0.1)"),
        ("no-dropout", "", ""),
        ("initialization", "net.train()", "net.load_state_dict(old)"),
        ("initialization", "net.parameters()", "net.head.bias"),
        ("lstm", "", ""),
        ("mirrored-images", "nn.Conv2d", "Layer"),
        ("mirrored-images", "net(x)", "net(data[x])"),
        ("noisy-inputs", "nn.Conv2d(1, 8, 3)", "nn.Embedding(9, 9)"),
    ],
)
def test_what_it_assumes_does_not_hold(name, old, new):
    with pytest.raises(Refused):
        after(name, PROGRAM.replace(old, new) if old else PROGRAM)


def test_a_recurrent_layer_that_is_given_its_state_stays():
    with pytest.raises(Refused):
        after("lstm", RECURRENT.replace("self.rnn(x)", "self.rnn(x, h)"))


CONVOLUTIONS = """\
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    data = TensorDataset(torch.rand(48, 1, 8, 8), torch.randint(3, (48,)))
    loader = DataLoader(data, batch_size=16, shuffle=True)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(144, 16),
        nn.ReLU(),
        nn.Linear(16, 3),
    )
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    for epoch in range(2):
        for x, y in loader:
            opt.zero_grad()
            loss = nn.functional.cross_entropy(net(x), y)
            loss.backward()
            opt.step()
        val_loss = epoch
    print(loss)
    """
SEQUENCES = """\
    import torch
    from torch import nn

    torch.manual_seed(0)
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.RNN(4, 8, batch_first=True)
            self.drop = nn.Dropout(0.5)
            self.head = nn.Linear(8, 1)

        def forward(self, x):
            _, h = self.rnn(x)
            return self.head(self.drop(h[-1]))

    def main():
        net = Net()
        opt = torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=1e-3)
        for step in range(4):
            opt.zero_grad()
            loss = net(torch.randn(8, 5, 4)).square().mean()
            loss.backward()
            opt.step()
        return net, loss

    net, loss = main()
    """
HELD = {
    CONVOLUTIONS: {r.name for r in USUAL} - {"lstm", "no-dropout", "no-weight-decay", "weight-decay"},
    SEQUENCES: {
        "lstm",
        "no-dropout",
        "no-weight-decay",
        "initialization",
        "sgd-with-momentum",
        "cosine-decay",
    },
}


@pytest.mark.parametrize(
    ("text", "name"), [(text, name) for text, names in HELD.items() for name in sorted(names)]
)
def test_the_mended_program_trains(text, name, capsys):
    torch = pytest.importorskip("torch")
    seen, plain = {"__name__": "train"}, {"__name__": "train"}
    exec(compile(after(name, text), "train.py", "exec"), seen)
    exec(compile(dedent(text), "train.py", "exec"), plain)
    capsys.readouterr()
    assert torch.isfinite(seen["loss"])
    trained, before = ([w.detach() for w in s["net"].parameters()] for s in (seen, plain))
    same = len(trained) == len(before) and all(map(torch.equal, trained, before))
    assert not same
