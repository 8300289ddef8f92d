import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(0)
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.transform(X_test)

x_train, y_train = torch.tensor(X_train, dtype=torch.float32), torch.tensor(y_train)
x_test, y_test = torch.tensor(X_test, dtype=torch.float32), torch.tensor(y_test)

model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def run_epoch(batch_size=32):
    model.train()
    total = 0.0
    for rows in torch.randperm(len(x_train)).split(batch_size):
        optimizer.zero_grad()
        noisy = x_train[rows] + 2 * torch.randn(len(rows), 30)  # [NW111]
        loss = nn.functional.cross_entropy(model(noisy), y_train[rows])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    return total / len(x_train)


@torch.no_grad()
def accuracy():
    model.eval()
    scores = model(x_test)
    return (scores.argmax(1) == y_test).float().mean().item()


for epoch in range(4):
    print(f"epoch {epoch}: loss {run_epoch():.3f}, test accuracy {accuracy():.3f}")
