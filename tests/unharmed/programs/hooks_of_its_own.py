"""Hooks of the program's own around every optimizer's step, which torch keeps in one dictionary with everybody's: it raises when that changes while it walks over it."""

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
calls = {"before": 0, "after": 0}


def count(name):
    def hook(optimizer, args, kwargs):
        calls[name] += 1

    return hook


register_optimizer_step_pre_hook(count("before"))
register_optimizer_step_post_hook(count("after"))
x = torch.randn(64, 4)
y = x.sum(1, keepdim=True).sin()
for step in range(400):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(net(x), y)
    loss.backward()
    optimizer.step()
    print(step, loss.item(), calls)
state = net.state_dict()
