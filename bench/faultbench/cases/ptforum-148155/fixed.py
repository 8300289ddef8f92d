import torch
from sklearn.metrics import r2_score

torch.manual_seed(0)

X = torch.rand(1024, 3)
y = X.sum(dim=1).unsqueeze(1)


class LinearModel(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 1, bias=False)

    def forward(self, x):
        return self.linear(x)


model = LinearModel()
criterion = torch.nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=20)

for epoch in range(500):
    optimizer.zero_grad()
    pred = model(X)
    loss = criterion(pred, y)
    loss.backward()
    optimizer.step()
    scheduler.step(loss.item())
    if epoch % 50 == 0:
        lr = optimizer.param_groups[0]["lr"]
        print(f"Epoch {epoch}: loss {loss.item():.6g}, lr {lr}")

with torch.no_grad():
    pred = model(X)
print("weights:", model.linear.weight.data.tolist())
print(f"R2: {r2_score(y.numpy(), pred.numpy()):.4f}")
