import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(0)


class XOR(nn.Module):
    def __init__(self, input_dim=2, hidden_dim=8, output_dim=1):
        super().__init__()
        self.lin1 = nn.Linear(input_dim, hidden_dim)
        self.lin2 = nn.Linear(hidden_dim, output_dim)

    def forward(self, x):
        x = self.lin1(x)
        x = self.lin2(x)
        return x


X = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float)
Y = torch.tensor([[0], [1], [1], [0]], dtype=torch.float)

model = XOR()
loss_func = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.3, momentum=0.9)

steps = 2000
for i in range(steps):
    optimizer.zero_grad()
    y_hat = model(X)
    loss = loss_func(y_hat, Y)
    loss.backward()
    optimizer.step()
    if i % 200 == 0:
        print("Epoch: {0}, Loss: {1:.6f}".format(i, loss.item()))

with torch.no_grad():
    y_hat = model(X)
for x, p in zip(X.tolist(), y_hat.flatten().tolist()):
    print(x, round(p, 3))
accuracy = ((y_hat > 0.5).float() == Y).float().mean().item()
print("accuracy {:.4f}".format(accuracy))
