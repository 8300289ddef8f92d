import numpy as np
import torch
import torch.nn as nn

np.random.seed(0)
torch.manual_seed(0)

batch_size = 16
epochs = 100

x = np.random.randint(15041, 24988, size=(1000, 1)).astype(np.float32)
y = (x < 20000).astype(np.float32)
x = (x - x[:800].mean()) / x[:800].std()
x_train, y_train = torch.from_numpy(x[:800]), torch.from_numpy(y[:800])
x_test, y_test = torch.from_numpy(x[800:]), torch.from_numpy(y[800:])

model = nn.Sequential(
    nn.Linear(1, 1),
    nn.Sigmoid(),
    nn.Linear(1, 1),
    nn.Sigmoid(),
)
nn.init.xavier_uniform_(model[0].weight)
nn.init.zeros_(model[0].bias)
nn.init.normal_(model[2].weight, std=0.05)
nn.init.zeros_(model[2].bias)

criterion = nn.BCELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9)


def evaluate():
    with torch.no_grad():
        out = model(x_test)
    return criterion(out, y_test).item(), ((out > 0.5).float() == y_test).float().mean().item()


for epoch in range(epochs):
    perm = torch.randperm(len(x_train))
    for start in range(0, len(perm), batch_size):
        idx = perm[start:start + batch_size]
        loss = criterion(model(x_train[idx]), y_train[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if (epoch + 1) % 10 == 0:
        val_loss, val_acc = evaluate()
        print(f"epoch {epoch + 1} loss: {loss.item():.4f} val_loss: {val_loss:.4f} val_acc: {val_acc:.4f}")

test_loss, test_acc = evaluate()
print(f"Test loss: {test_loss:.4f}, acc: {test_acc:.4f}")
