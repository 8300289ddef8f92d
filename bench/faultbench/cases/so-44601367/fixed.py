import torch
import torch.nn as nn

torch.manual_seed(0)

data = torch.tensor([[1.0, 2.0, 3.0]] * 9)

autoencoder = nn.Sequential(
    nn.Linear(3, 3),
    nn.Linear(3, 3),
)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adadelta(autoencoder.parameters(), lr=1.0, rho=0.95)

for epoch in range(100):
    for idx in torch.randperm(len(data)).split(4):
        optimizer.zero_grad()
        loss = loss_fn(autoencoder(data[idx]), data[idx])
        loss.backward()
        optimizer.step()
    if (epoch + 1) % 10 == 0:
        print(f"Epoch {epoch + 1}/100 loss: {loss.item():.4f}")

with torch.no_grad():
    decoded = autoencoder(data)
print(decoded)
print(f"reconstruction mse: {loss_fn(decoded, data).item():.4f}")
