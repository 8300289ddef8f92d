"""Small programs that are run again."""

TRAIN = """
import hashlib
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
draw = torch.Generator().manual_seed(7)
x = torch.randn(320, 6, generator=draw)
y = (x[:, 0] * x[:, 1] > 0).long()
train = DataLoader(TensorDataset(x[:240], y[:240]), batch_size=24, shuffle=True)
test = DataLoader(TensorDataset(x[240:], y[240:]), batch_size=32)
model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(3):
    model.train()
    for xb, yb in train:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(xb), yb)
        loss.backward()
        optimizer.step()
    model.eval()
    right = total = 0
    with torch.no_grad():
        for xb, yb in test:
            out = model(xb)
            total += nn.functional.cross_entropy(out, yb, reduction="sum").item()
            right += (out.argmax(1) == yb).sum().item()
    print("evaluated", total / 80, right / 80)
digest = hashlib.blake2b(digest_size=16)
for parameter in model.parameters():
    digest.update(parameter.detach().numpy().tobytes())
print("weights", digest.hexdigest(), "buffers", float(sum(b.double().sum() for b in model.buffers())), torch.randn(1).item())
"""

SEEN = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, Subset

data = TensorDataset(torch.arange(80.0)[:, None], torch.zeros(80, 1))
train = DataLoader(Subset(data, range(64)), batch_size=4, shuffle=True)
model = nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
seen = []
for epoch in range(2):
    for xb, yb in train:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(xb), yb).backward()
        optimizer.step()
        seen += xb[:, 0].int().tolist()
print("seen", *seen)
"""

ENDLESS = """
import os, subprocess, sys, time
import torch
from torch import nn

model = nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(3):
    model(torch.ones(4, 2)).sum().backward()
    optimizer.step()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open(os.environ["MARK"], "w") as file:
    file.write(f"{os.getpid()} {child.pid}")
while True:
    time.sleep(0.1)
"""

WRITES = """
import os, shutil
import torch

here = os.path.dirname(__file__)
print("read", open("data/a.txt").read(), open("../beside.txt").read(), open(os.path.join(here, "data", "a.txt")).read())
open("data/a.txt", "w").write("changed")
with open("log.txt", "a") as file:
    file.write(" more")
os.makedirs("out/deep", exist_ok=True)
open("out/deep/new", "w").write("x")
torch.save({"a": 1}, "out/old.pt")
torch.save({"a": 2}, "new.pt")
os.remove("data/b.txt")
os.rename("data/c.txt", "data/d.txt")
shutil.rmtree("gone")
print("there", sorted(os.listdir("data")), open("data/a.txt").read(), open("log.txt").read(), torch.load("out/old.pt"))
"""
