import torch
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = load_diabetes()
x = StandardScaler().fit_transform(data.data)
y = (data.target - data.target.mean()) / data.target.std()
x = torch.tensor(x, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)
train = TensorDataset(x[:352], y[:352])
x_val, y_val = x[352:], y[352:]

model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_fn = nn.MSELoss()

for epoch in range(8):
    model.train()
    for xb, yb in DataLoader(train, batch_size=32, shuffle=True):
        pred = model(xb)
        loss = loss_fn(pred.squeeze(1), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    error = (model(x_val).squeeze(1) - y_val).pow(2).mean().item()
print(f"validation error {error:.3f} (predicting the mean gives {y_val.var().item():.3f})")
