import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(2, 10)
        self.fc2 = nn.Linear(10, 5)
        self.fc3 = nn.Linear(5, 1)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = self.fc3(x)
        return x


def make_data(n):
    x = torch.rand(n)
    y = torch.rand(n)
    z = x**2 + y**2
    inputs = torch.stack((x, y), dim=1)
    return inputs, z


inputs, targets = make_data(1000)
net = Net()
loss_function = nn.MSELoss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)

for epoch in range(800):
    outputs = net(inputs)
    loss = loss_function(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 100 == 99:
        print("epoch", epoch + 1, "loss", round(loss.item(), 6))

net.eval()
with torch.no_grad():
    predictions = net(inputs).flatten()
    z = targets.flatten()
    r2 = 1 - ((predictions - z) ** 2).sum() / ((z - z.mean()) ** 2).sum()
    for i in range(5):
        print(inputs[i].tolist(), "->", predictions[i].item(), "expected", z[i].item())
print(f"r2 score {r2.item():.4f}")
