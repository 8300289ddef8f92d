import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

x, y = make_classification(n_samples=1000, n_features=28, random_state=42)
x = torch.tensor(x, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).reshape(-1, 1)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=42)
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True)


def hidden(n_in, n_out, dropout=0.0):
    return nn.Sequential(nn.Linear(n_in, n_out), nn.Sigmoid(), nn.Dropout(dropout))


model = nn.Sequential(
    hidden(28, 28),
    hidden(28, 200, 0.5),
    hidden(200, 300, 0.5),
    hidden(300, 300, 0.5),
    hidden(300, 150, 0.4),
    nn.Linear(150, 1),
)
for name, parameter in model.named_parameters():
    if name.endswith("weight"):
        nn.init.normal_(parameter, std=0.05)
    else:
        nn.init.zeros_(parameter)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)


def bce(output, target):
    output = output.clamp(1e-7, 1 - 1e-7)
    return -(target * output.log() + (1 - target) * (1 - output).log()).mean()


for epoch in range(34):
    model.train()
    total = 0.0
    for xb, yb in loader:
        loss = bce(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    if epoch % 3 == 0:
        print(f"epoch {epoch} loss {total / len(loader):.4f}")

model.eval()
with torch.no_grad():
    accuracy = (model(x_test).round() == y_test).float().mean().item()
print(f"test accuracy {accuracy:.4f}")
