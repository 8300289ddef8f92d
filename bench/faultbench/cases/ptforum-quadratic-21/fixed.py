import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)

x = torch.arange(30, 51, dtype=torch.float32).unsqueeze(1)
y = x**2 / 64 - 5 * x / 4 + 25
x = (x - x.mean()) / x.std()


class QuadraticNet(nn.Module):
    def __init__(self, width=200):
        super().__init__()
        self.layer1 = nn.Linear(1, width)
        self.layer2 = nn.Linear(width, width)
        self.layer3 = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        x = F.relu(self.layer1(x))
        x = F.relu(self.layer2(x))
        x = F.relu(self.layer3(x))
        return self.out(x)


net = QuadraticNet()
optimizer = torch.optim.Adam(net.parameters(), lr=0.001)

for epoch in range(1000):
    optimizer.zero_grad()
    prediction = net(x)
    loss = torch.sum(torch.abs(prediction - y))
    loss.backward()
    optimizer.step()
    if epoch % 20 == 0:
        print(f"{epoch}: loss = {loss.item():.4f}")

with torch.no_grad():
    prediction = net(x)
for target, guess in zip(y.flatten().tolist(), prediction.flatten().tolist()):
    print(f"{target:.3f} {guess:.3f}")
residual = ((prediction - y) ** 2).sum()
spread = ((y - y.mean()) ** 2).sum()
print(f"R^2 = {(1 - residual / spread).item():.4f}")
