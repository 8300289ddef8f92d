import torch
import torch.nn as nn

torch.manual_seed(0)

batch_size = 4
epochs = 2000

X = torch.tensor([[1, 1], [0, 0], [1, 0], [0, 1], [1, 1], [0, 0]], dtype=torch.float32)
y = torch.tensor([[0], [0], [1], [1], [0], [0]], dtype=torch.float32)

model = nn.Sequential(
    nn.Linear(2, 2),
    nn.Sigmoid(),
    nn.Linear(2, 3),
    nn.Sigmoid(),
    nn.Linear(3, 1),
    nn.Sigmoid(),
)
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)

loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)

for epoch in range(epochs):
    order = torch.randperm(len(X))
    for idx in order.split(batch_size):
        optimizer.zero_grad()
        loss = loss_fn(model(X[idx]), y[idx])
        loss.backward()
        optimizer.step()
    if epoch % max(epochs // 10, 1) == 0:
        print(f"epoch {epoch}: loss {loss.item():.4f}")

with torch.no_grad():
    out = model(X)
print(out.squeeze(1).tolist())
acc = ((out > 0.5).float() == y).float().mean().item()
print(f"loss: {loss_fn(out, y).item():.4f} accuracy: {acc:.4f}")
