import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
np.random.seed(0)


class Adam(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["step"] = 0
                    state["m"] = torch.zeros(p.numel())
                    state["v"] = torch.zeros(p.numel())
                state["step"] += 1
                t = state["step"]
                w, g = p.data.reshape(-1), p.grad.reshape(-1)
                m, v = state["m"], state["v"]
                m.mul_(b1).add_(g, alpha=1 - b1)
                v.mul_(b2).addcmul_(g, g, value=1 - b2)
                denom = (v / (1 - b2**t)).sqrt_().add_(group["eps"])
                w.addcdiv_(m, denom, value=-group["lr"] / (1 - b1**t))


class SparseAutoencoder(nn.Module):
    def __init__(self, d_in, d_hidden):
        super().__init__()
        self.encoder = nn.Linear(d_in, d_hidden)
        self.decoder = nn.Linear(d_hidden, d_in)
        self.encoder.weight.data = self.decoder.weight.data.T.clone()

    def forward(self, x):
        features = torch.relu(self.encoder(x))
        return self.decoder(features), features


latents = np.maximum(np.random.randn(1500, 16), 0)
mixing = np.random.randn(16, 64) / 4
X = torch.tensor(latents @ mixing, dtype=torch.float32)

model = SparseAutoencoder(64, 32)
optimizer = Adam(model.parameters(), lr=3e-3)

for epoch in range(250):
    reconstruction, features = model(X)
    mse = ((reconstruction - X) ** 2).mean()
    loss = mse + 1e-3 * features.abs().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 25 == 0:
        print(f"epoch {epoch:3d} loss {loss.item():.5f} mse {mse.item():.5f}")

with torch.no_grad():
    reconstruction, _ = model(X)
    r2 = 1 - ((reconstruction - X) ** 2).sum() / ((X - X.mean(0)) ** 2).sum()
print(f"r2 {r2.item():.4f}")
