import torch
from torch import nn


class Spectral(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(size // 2 + 1, dtype=torch.cfloat) * 0.2)
        self.head = nn.Linear(size, 1)

    def forward(self, x):
        return self.head(torch.fft.irfft(torch.fft.rfft(x) * self.weight, n=x.shape[-1]))


torch.manual_seed(0)
model = Spectral(16)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
x = torch.randn(64, 16)
y = x.mean(1, keepdim=True)
for step in range(30):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 10.0)
    optimizer.step()
print(loss.item())
model.eval()
with torch.no_grad():
    print(model(x).sum().item())
