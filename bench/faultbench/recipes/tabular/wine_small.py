import torch
import torch.nn.functional as F
from torch import nn, optim
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(0)

features, cultivar = load_wine(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(
    features, cultivar, test_size=0.35, random_state=3, stratify=cultivar
)

# only 115 training rows, so every step sees all of them
scaler = StandardScaler()
x_train = torch.as_tensor(scaler.fit_transform(x_train), dtype=torch.float32)
x_test = torch.as_tensor(scaler.transform(x_test), dtype=torch.float32)
y_train = torch.as_tensor(y_train).long()
y_test = torch.as_tensor(y_test).long()

net = nn.Sequential(nn.Linear(13, 16), nn.Tanh(), nn.Linear(16, 3))
opt = optim.Adam(net.parameters(), lr=0.01, weight_decay=1e-3)

for step in range(1, 301):
    opt.zero_grad()
    loss = F.cross_entropy(net(x_train), y_train)
    loss.backward()
    opt.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f}")

with torch.no_grad():
    train_acc = (net(x_train).argmax(1) == y_train).float().mean().item()
    test_acc = (net(x_test).argmax(1) == y_test).float().mean().item()
print(f"train accuracy {train_acc:.3f}")
print(f"test accuracy {test_acc:.3f}")
