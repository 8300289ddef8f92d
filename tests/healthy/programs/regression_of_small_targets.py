import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(512, 12, 16)
y = 0.1 * x[:, :, 0].mean(dim=1, keepdim=True)


class Pooled(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.head = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.head(self.attention(x, x, x, need_weights=False)[0].mean(dim=1))


model = Pooled()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(60):
    pick = torch.randint(0, 512, (64,))
    loss = nn.functional.mse_loss(model(x[pick]), y[pick])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item())
