import torch
import torch.nn as nn
from sklearn.datasets import make_classification

torch.manual_seed(0)

epochs = 10
batch_size = 32

data, labels = make_classification(n_samples=1000, n_features=784, random_state=0)
data = torch.tensor(data).float().unsqueeze(1)
labels = torch.tensor(labels).float().unsqueeze(1)

model = nn.Sequential(
    nn.Conv1d(1, 16, 12),
    nn.ReLU(),
    nn.MaxPool1d(4),
    nn.Conv1d(16, 32, 12),
    nn.ReLU(),
    nn.MaxPool1d(4),
    nn.Conv1d(32, 16, 12),
    nn.ReLU(),
    nn.MaxPool1d(4),
    nn.Flatten(),
    nn.Linear(16 * 8, 16),
    nn.ReLU(),
    nn.Linear(16, 2),
    nn.Softmax(dim=1),
)


def sparse_crossentropy(y_pred, y_true):
    return nn.functional.nll_loss(torch.log(y_pred.clamp(1e-7, 1 - 1e-7)), y_true.flatten().long())


loss_fn = sparse_crossentropy
opt = torch.optim.Adam(model.parameters(), lr=0.001)

for epoch in range(1, epochs + 1):
    order = torch.randperm(len(data))
    losses, correct = [], 0
    for i in range(0, len(data), batch_size):
        xb = data[order[i:i + batch_size]]
        yb = labels[order[i:i + batch_size]]
        out = model(xb)
        loss = loss_fn(out, yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
        correct += (out.argmax(1) == yb.flatten()).sum().item()
    print(f"Epoch {epoch}/{epochs} loss: {sum(losses) / len(losses):.4f} accuracy: {correct / len(data):.4f}")

with torch.no_grad():
    hits = model(data).argmax(1) == labels.flatten()
print(f"final accuracy: {hits.float().mean().item():.4f}")
