import torch

torch.manual_seed(0)

x = torch.tensor([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])
y = torch.tensor([1.0, 2.0, 3.0])

W = torch.empty(2, 1, requires_grad=True)
torch.nn.init.trunc_normal_(W, std=0.1, a=-0.2, b=0.2)

optimizer = torch.optim.Adam([W], lr=0.01)

for step in range(3000):
    pred = torch.matmul(x, W)
    cost = torch.mean((pred - y) ** 2)
    optimizer.zero_grad()
    cost.backward()
    optimizer.step()
    if step % 300 == 0:
        print(step, cost.item(), W.flatten().tolist())

with torch.no_grad():
    pred = torch.matmul(x, W)
residual = y.flatten() - pred.flatten()
r2 = 1 - residual.square().sum().item() / (y - y.mean()).square().sum().item()
print("prediction:", pred.flatten().tolist())
print(f"R^2 = {r2:.4f}")
