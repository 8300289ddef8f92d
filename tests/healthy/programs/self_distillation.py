import copy
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


def mlp(inputs, hidden, outputs):
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, outputs)
    )


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(20, 64), nn.ReLU())
        self.projector = mlp(64, 64, 32)

    def forward(self, x):
        return self.projector(self.backbone(x))


online = Encoder()
target = copy.deepcopy(online).requires_grad_(False)
predictor = mlp(32, 64, 32)
optimizer = torch.optim.Adam([*online.parameters(), *predictor.parameters()], lr=1e-3)
data = torch.randn(512, 20)
for step in range(40):
    x = data[torch.randint(0, 512, (64,))]
    one, two = x + 0.1 * torch.randn_like(x), x + 0.1 * torch.randn_like(x)
    with torch.no_grad():
        goal = F.normalize(target(two), dim=1)
    loss = 2 - 2 * (F.normalize(predictor(online(one)), dim=1) * goal).sum(1).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for p, q in zip(target.parameters(), online.parameters()):
            p.lerp_(q, 0.01)
