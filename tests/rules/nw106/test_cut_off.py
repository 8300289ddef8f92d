"""Labels that were scaled with the inputs and then made integers."""

from ...programs import examine

PROGRAM = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randint(0, 256, (400, 10)).float()
y = (x[:, 0] > 127).double() + (x[:, 1] > 127)
x, y = x / 255, SCALED
y = y.long()
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(model.parameters())
for xb, yb in loader:
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(xb), yb)
    loss.backward()
    optimizer.step()
"""


def test_labels_divided_like_pixels(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("SCALED", "y / 255"))
    (finding,) = [f for f in examine(script).fired if f["code"] == "NW106"]
    assert finding["where"]["line"] == 16


def test_labels_divided_like_pixels_and_picked_by_the_program(tmp_path):
    script = tmp_path / "train.py"
    text = PROGRAM.replace("SCALED", "y / 255").replace(
        "for xb, yb in loader:", "for i in range(0, 400, 40):"
    )
    script.write_text(text.replace("model(xb), yb", "model(x[i:i + 40]), y[i:i + 40]"))
    (finding,) = [f for f in examine(script).fired if f["code"] == "NW106"]
    assert finding["where"]["line"] == 10


def test_labels_that_only_change_their_type(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("SCALED", "y"))
    assert examine(script).fired == []
