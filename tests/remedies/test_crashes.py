"""Remedies for crashes whose mending is safe: sizes, forms, indices, devices, memory."""

import pytest

from netwright.remedies import Refused

from .variants import changed, mended


def size(text, mark, **measured):
    return mended("layer-size", "NW901", text, mark, module="head.fc", **measured)


def test_a_layer_gets_the_size_of_its_input():
    text = "WIDTH = 400\nself.fc = nn.Linear(WIDTH, 48)  # fc\n"
    measured = {"setting": "in_features", "expected_size": 400, "got_size": 256}
    assert size(text, "# fc", **measured) == text.replace("400", "256")
    text = (
        "net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Conv2d(in_channels=1, out_channels=8, kernel_size=3))\n"
    )
    measured = {"setting": "in_channels", "expected_size": 1, "got_size": 3}
    with pytest.raises(Refused):
        size(text, "net", **measured)
    assert size(text.replace("nn.Conv2d(1, 8, 3), ", ""), "net", **measured).count("in_channels=3") == 1


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ("flatten", "x.flatten(1)"),
        ("channels-first", "x.permute(0, 3, 1, 2)"),
        ("add-channels", "x.unsqueeze(1)"),
    ],
)
def test_what_a_layer_gets_takes_its_form(form, wanted):
    measured = {"form": form, "expected_size": 64, "got_size": 8}
    assert size("h = F.relu(self.fc(x))\n", "h", **measured) == f"h = F.relu(self.fc({wanted}))\n"
    text = "net = nn.Sequential(a, b)\nout = net(x)\n"
    assert size(text, "out", **measured) == text.replace("net(x)", f"net({wanted})")


@pytest.mark.parametrize(
    "measured", [{}, {"setting": "in_features", "expected_size": 64, "got_size": 8}, {"form": "flatten"}]
)
def test_a_size_that_is_computed_stays(measured):
    with pytest.raises(Refused):
        size("self.fc = nn.Linear(8 * n, 4)\n", "fc", **measured)


def test_an_embedding_gets_a_row_for_every_index():
    text = "e = nn.Embedding(len(words), 16)\n"
    measured = {"rows": 10, "lowest_index": 0.0, "highest_index": 12.0}
    after = mended("larger-embedding", "NW905", text, "e =", **measured)
    assert after == "e = nn.Embedding(13, 16)\n"
    for odd in ({"lowest_index": -1.0}, {"highest_index": 1e6}, {"rows": None}):
        with pytest.raises(Refused):
            mended("larger-embedding", "NW905", text, "e =", **{**measured, **odd})


LOADED = """\
    loader = DataLoader(data, batch_size=64)
    for x, y in loader:
        loss(net(x), y).backward()
        opt.step()
    """


def test_a_batch_that_fits():
    after = mended("smaller-batches", "NW904", LOADED, "loss", asked_bytes=2e9, phase="forward")
    assert changed(LOADED, after) == ["loader = DataLoader(data, batch_size=16)"]
    known = mended("smaller-batches", "NW904", LOADED, "loss", batch=64, largest_batch=11)
    assert changed(LOADED, known) == ["loader = DataLoader(data, batch_size=8)"]
    for odd in (
        {"asked_bytes": 1e13},
        {"phase": "evaluation"},
        {"batch": 64, "largest_batch": 0},
    ):
        with pytest.raises(Refused):
            mended("smaller-batches", "NW904", LOADED, "loss", **odd)


MOVED = """\
    import torch
    device = torch.device("cuda")
    net = Net()
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    for epoch in range(3):
        for x, y in loader:
            loss(net(x), y).backward()
            opt.step()
        for x, y in test:
            x = x.to(device)
            y = y.to(device)
            hits += (net(x).argmax(1) == y).sum()
    """


def moved(text, said="Expected all tensors to be on the same device", mark="net(x), y", fix=""):
    return changed(text, mended("on-one-device", "NW903", text, mark, said=said, fix=fix))


def test_network_and_batches_come_to_the_device():
    assert moved(MOVED) == ["net.to(device)", "x, y = x.to(device), y.to(device)"]
    assert moved(MOVED.replace("Net()", "Net().to(device)")) == ["x, y = x.to(device), y.to(device)"]


def test_an_array_lives_in_the_memory_of_the_computer():
    text = "import torch\na = f(x).numpy()  # here\n"
    said = "can't convert cuda:0 device type tensor to numpy"
    assert moved(text, said, "# here") == ["a = f(x).detach().cpu().numpy()  # here"]


def test_a_checkpoint_is_loaded_where_there_is_no_accelerator():
    text = "w = torch.load('w.pt')\n"
    assert moved(text, mark="w", fix="map_location='cpu'") == ["w = torch.load('w.pt', map_location=\"cpu\")"]


def test_a_device_that_is_not_there_is_asked_for_first():
    text = "import torch\ndevice = 'cuda'\nnet = Net().cuda()\nx = x.to('cuda')\n"
    safe = '"cuda" if torch.cuda.is_available() else "cpu"'
    assert moved(text, mark="net", fix="torch.cuda.is_available()") == [
        f"device = {safe}",
        f"net = Net().to({safe})",
        f"x = x.to({safe})",
    ]


@pytest.mark.parametrize(
    "text",
    [
        MOVED.replace("device = ", "place = "),
        MOVED.replace("net.parameters()", "groups"),
        MOVED.replace("Net()", "Net().to(device)").replace("for x, y in loader", "for x, y in take(device)"),
    ],
)
def test_what_is_moved_or_not_understood_stays(text):
    with pytest.raises(Refused):
        moved(text)
