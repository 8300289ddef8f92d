import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import nn

torch.manual_seed(0)

x = np.linspace(1, 2, 100).reshape(-1, 1)
y = x * 5
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=42)
x_train = torch.tensor(x_train, dtype=torch.float32)
y_train = torch.tensor(y_train, dtype=torch.float32)
x_test = torch.tensor(x_test, dtype=torch.float32)
y_test = torch.tensor(y_test, dtype=torch.float32)

model = nn.Linear(1, 1)
loss_function = nn.MSELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001)

for epoch in range(200):
    losses = []
    for batch in torch.randperm(len(x_train)).split(32):
        optimizer.zero_grad()
        loss = loss_function(model(x_train[batch]), y_train[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if (epoch + 1) % 20 == 0:
        print(f"Epoch {epoch + 1}/200 - loss: {np.mean(losses):.4f}")

with torch.no_grad():
    test_loss = loss_function(model(x_test), y_test).item()
print("weight", model.weight.item(), "bias", model.bias.item())
print(f"Test loss: {test_loss:.4f}")
