"""Where the first steps show nothing, the whole program is watched: what it shows later is nominated, at the user's own file."""

import os

from netwright.remedies import remedies_of
from netwright.rerun import Command
from netwright.surgery.examination import watch

PROGRAM = """\
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(200, 6)
y = (x[:, 0] > 0).long()
model = nn.Linear(6, 2)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for rows in torch.randint(0, 200, (40, 20)):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
    optimizer.step()
model.reset_parameters()
with torch.no_grad():
    print((model(x).argmax(1) == y).float().mean().item())
open("written", "w").close()
"""


def command(folder, text):
    (folder / "train.py").write_text(text)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return Command(target="train.py", folder=folder, environment=environment)


def test_what_comes_after_the_training_is_found_and_can_be_mended(tmp_path):
    report = watch(command(tmp_path, PROGRAM), seconds=60)
    assert report is not None
    (finding,) = [f for f in report.serious if f.code == "NW421"]
    assert finding.where.file == str(tmp_path / "train.py")
    (remedy,) = remedies_of(finding)
    assert remedy.apply(finding).after == PROGRAM.replace("model.reset_parameters()\n", "")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["train.py"]
