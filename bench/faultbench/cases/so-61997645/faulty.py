import numpy as np
import torch
from torch import nn

np.random.seed(0)
torch.manual_seed(0)

x = np.random.randint(1, 10, size=(300, 5, 1)).astype(np.float32)
y = (x[:, 0] % 2).astype(np.float32)
x_train, y_train = torch.from_numpy(x[:210]), torch.from_numpy(y[:210])
x_test, y_test = torch.from_numpy(x[210:]), torch.from_numpy(y[210:])


class ParityNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru1 = nn.GRU(1, 24, batch_first=True)
        self.drop1 = nn.Dropout(0.5)
        self.gru2 = nn.GRU(24, 12, batch_first=True)
        self.drop2 = nn.Dropout(0.5)
        self.dense = nn.Linear(12, 1)

    def forward(self, x):
        x, _ = self.gru1(x)
        x, _ = self.gru2(self.drop1(x))
        x = self.drop2(x[:, -1])
        return torch.softmax(self.dense(x), dim=1)


model = ParityNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
epochs = 20


def accuracy(inputs, targets):
    model.eval()
    with torch.no_grad():
        return ((model(inputs) > 0.5) == targets.bool()).float().mean().item()


for epoch in range(epochs):
    model.train()
    running = 0.0
    for idx in torch.randperm(210).split(32):
        loss = loss_fn(model(x_train[idx]), y_train[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item() * len(idx)
    if epoch % max(1, epochs // 10) == 0:
        print(f"epoch {epoch} loss {running / 210:.4f} acc {accuracy(x_train, y_train):.4f}")

print(f"test acc {accuracy(x_test, y_test):.4f}")
print(f"train acc {accuracy(x_train, y_train):.4f}")
