import torch
from torch import nn
from torch.func import functional_call, grad, grad_and_value, jvp, vmap

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
params = {k: v.detach() for k, v in model.named_parameters()}
x, y = torch.randn(64, 8), torch.randn(64, 1)


def loss_of(p, x, y):
    return nn.functional.mse_loss(functional_call(model, p, (x,)), y)


for step in range(12):
    grads, loss = grad_and_value(loss_of)(params, x, y)
    params = {k: v - 0.05 * grads[k] for k, v in params.items()}
print(loss.item())
per_sample = vmap(grad(loss_of), in_dims=(None, 0, 0))(params, x, y)
print({k: tuple(v.shape) for k, v in per_sample.items()})
print(jvp(model, (x,), (torch.ones_like(x),))[1].sum().item())

# and a usual loop around a functional call
leaves = {k: v.clone().requires_grad_() for k, v in params.items()}
optimizer = torch.optim.SGD(leaves.values(), lr=0.05)
for step in range(12):
    optimizer.zero_grad()
    loss = loss_of(leaves, x, y) + 1e-3 * vmap(torch.sum)(x).mean()
    loss.backward()
    optimizer.step()
print(loss.item())
