"""A physics-informed network for the damped oscillator u'' + c u' + k u = 0, u(0) = 1, u'(0) = 0."""
import math

import torch
from torch import nn

torch.manual_seed(0)

C = 0.4
K = 4.0
T_MAX = 4.0
STEPS = 2000
N_COLLOCATION = 48


class PINN(nn.Module):
    def __init__(self, width=32, depth=3):
        super().__init__()
        layers = [nn.Linear(1, width), nn.Tanh()]
        for _ in range(depth - 1):
            layers += [nn.Linear(width, width), nn.Tanh()]
        layers.append(nn.Linear(width, 1))
        self.net = nn.Sequential(*layers)

    def forward(self, t):
        return self.net(2 * t / T_MAX - 1)


def derivative(u, t):
    return torch.autograd.grad(u, t, grad_outputs=torch.ones_like(u), create_graph=True)[0]


def exact(t):
    omega = math.sqrt(K - C ** 2 / 4)
    return torch.exp(-C * t / 2) * (torch.cos(omega * t) + C / (2 * omega) * torch.sin(omega * t))


def residual_loss(model, t):
    t = t.requires_grad_(True)
    u = model(t)
    du = derivative(u, t)
    ddu = derivative(du, t)
    residual = ddu + C * du + K * u
    return (residual ** 2).mean()


def initial_loss(model):
    t0 = torch.zeros(1, 1, requires_grad=True)
    u0 = model(t0)
    du0 = derivative(u0, t0)
    return (u0 - 1).pow(2).mean() + du0.pow(2).mean()


model = PINN()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9985)

for step in range(1, STEPS + 1):
    t = T_MAX * torch.rand(N_COLLOCATION, 1)
    physics = residual_loss(model, t)
    initial = initial_loss(model)
    loss = physics + 20 * initial
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 200 == 0:
        print(f"step {step:5d}  physics {physics.item():.3e}  initial {initial.item():.3e}")

with torch.no_grad():
    t = torch.linspace(0, T_MAX, 401).unsqueeze(1)
    error = model(t) - exact(t)
    relative = (error.norm() / exact(t).norm()).item()
print(f"relative L2 error {relative:.4f}")
