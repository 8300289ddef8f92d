import copy

import torch
from torch import nn

torch.manual_seed(10)
backbone = nn.Sequential(nn.Linear(12, 32), nn.BatchNorm1d(32), nn.ReLU())
for p in backbone.parameters():
    p.requires_grad_(False)
backbone.eval()
head = nn.utils.parametrizations.weight_norm(nn.Linear(32, 3))
average = copy.deepcopy(head)
optimizer = torch.optim.SGD(head.parameters(), lr=0.2)
for step in range(50):
    x = torch.randn(24, 12)
    y = x[:, :3].argmax(1)
    with torch.no_grad():
        features = backbone(x)
    loss = nn.functional.nll_loss(torch.log_softmax(head(features), -1), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for a, b in zip(average.parameters(), head.parameters()):
            a.lerp_(b, 0.1)
    print(loss.item())
state = {**head.state_dict(), **{f"ema.{k}": v for k, v in average.state_dict().items()}}
