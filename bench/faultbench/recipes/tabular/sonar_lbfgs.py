import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.model_selection import train_test_split

torch.manual_seed(0)

# rock (R) or mine (M) from 60 sonar frequency bands
table = pd.read_csv("data/tabular/sonar.csv", header=None)
bands = torch.tensor(table.iloc[:, :60].to_numpy("float32"))
is_mine = torch.tensor((table[60] == "M").to_numpy("float32"))
train_rows, test_rows = train_test_split(
    range(len(table)), test_size=0.35, stratify=table[60], random_state=10
)
x_train, y_train = bands[train_rows], is_mine[train_rows]
x_test, y_test = bands[test_rows], is_mine[test_rows]
mean, std = x_train.mean(dim=0), x_train.std(dim=0)
x_train = (x_train - mean) / std
x_test = (x_test - mean) / std

model = nn.Sequential(nn.Linear(60, 24), nn.Tanh(), nn.Linear(24, 1))
weights = [p for p in model.parameters() if p.dim() > 1]
weight_decay = 3e-3
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=2, history_size=10)


def closure():
    optimizer.zero_grad()
    logits = model(x_train).squeeze(1)
    penalty = sum((w ** 2).sum() for w in weights)
    loss = F.binary_cross_entropy_with_logits(logits, y_train) + weight_decay * penalty
    loss.backward()
    return loss


for step in range(1, 121):
    loss = optimizer.step(closure)
    if step % 15 == 0:
        print(f"step {step:3d}  objective {loss.item():.5f}")

model.eval()
with torch.no_grad():
    train_acc = ((model(x_train).squeeze(1) > 0).float() == y_train).float().mean().item()
    test_acc = ((model(x_test).squeeze(1) > 0).float() == y_test).float().mean().item()
print(f"train accuracy {train_acc:.3f}")
print(f"test accuracy {test_acc:.3f}")
