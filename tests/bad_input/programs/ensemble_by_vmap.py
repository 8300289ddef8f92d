import copy

import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

torch.manual_seed(0)
models = [nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1)) for _ in range(4)]
base = copy.deepcopy(models[0]).to("meta")
params, buffers = stack_module_state(models)
optimizer = torch.optim.Adam(params.values(), lr=1e-2)
x = torch.randn(64, 8)
y = x[:, :1] * 2


def predict(p, b, x):
    return functional_call(base, (p, b), (x,))


for step in range(30):
    optimizer.zero_grad()
    out = vmap(predict, in_dims=(0, 0, None))(params, buffers, x)
    loss = (out - y).square().mean()
    loss.backward()
    optimizer.step()
print(loss.item())
