import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")
torch.manual_seed(0)
model = nn.Linear(8, 2)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
stored = torch.quantize_per_tensor(torch.randn(64, 8), 0.05, 0, torch.qint8)
y = torch.randint(0, 2, (64,))
fake = torch.ao.quantization.FakeQuantize()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = model
        self.fake = fake

    def forward(self, x):
        return self.inner(self.fake(x.dequantize()))


net = Net()
for step in range(20):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(stored), y)
    loss.backward()
    optimizer.step()
print(loss.item())
