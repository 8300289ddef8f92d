import torch
import torch.nn as nn

torch.manual_seed(0)

x_data = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float32)
y_data = torch.tensor([[0], [1], [1], [0]], dtype=torch.float32)
n_steps = 1000


class XorNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Linear(2, 2)
        self.layer2 = nn.Linear(2, 1)
        for p in self.parameters():
            nn.init.uniform_(p, -1.0, 1.0)

    def forward(self, x):
        hidden = self.layer1(x)
        return self.layer2(hidden)


def accuracy(output, target):
    correct = output.argmax(dim=1) == target.argmax(dim=1)
    return correct.float().mean().item()


net = XorNet()
cost_fn = nn.MSELoss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)

for step in range(n_steps):
    out = net(x_data)
    cost = cost_fn(out, y_data)
    optimizer.zero_grad()
    cost.backward()
    optimizer.step()
    if step % 100 == 0:
        print(f"step {step} cost {cost.item():.4f} accuracy {100 * accuracy(out, y_data):.1f}%")

with torch.no_grad():
    out = net(x_data)
for row, value in zip(x_data.tolist(), out.flatten().tolist()):
    print(row, f"-> {value:.3f}")
print(f"accuracy {100 * accuracy(out, y_data):.1f}%")
print(f"final cost {cost_fn(out, y_data).item():.4f}")
