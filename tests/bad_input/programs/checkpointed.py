import torch
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential


class Net(nn.Module):
    def __init__(self, reentrant):
        super().__init__()
        self.reentrant = reentrant
        self.first = nn.Linear(8, 16)
        self.block = nn.Sequential(
            nn.Linear(16, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 16), nn.ReLU()
        )
        self.last = nn.Linear(16, 1)

    def forward(self, x):
        x = torch.relu(self.first(x))
        x = checkpoint(self.block, x, use_reentrant=self.reentrant)
        x = checkpoint_sequential(self.block, 2, x, use_reentrant=self.reentrant)
        return self.last(x)


x, y = torch.randn(64, 8), torch.randn(64, 1)
for reentrant in (False, True):
    torch.manual_seed(0)
    model = Net(reentrant)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    torch.manual_seed(1)
    for step in range(6):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x * 0 + 1), y * 0)
        loss.backward()
        optimizer.step()
    print(loss.item())
