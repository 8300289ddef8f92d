import random
from itertools import product

import torch
import torch.nn as nn

torch.manual_seed(0)
random.seed(0)

numbers = [list(bits) for bits in product([0, 1], repeat=8)]
inputs = torch.tensor(numbers, dtype=torch.float32)
targets = torch.tensor(numbers, dtype=torch.float32)
batch_size = 1


def dense(n_in, n_out):
    layer = nn.Linear(n_in, n_out)
    nn.init.normal_(layer.weight, std=0.05)
    nn.init.zeros_(layer.bias)
    return layer


model = nn.Sequential(
    dense(8, 8),
    nn.ReLU(),
    dense(8, 8),
    nn.ReLU(),
    dense(8, 8),
    nn.Sigmoid(),
)
loss_fn = nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)

for epoch in range(60):
    running = 0.0
    for idx in torch.randperm(len(inputs)).split(batch_size):
        optimizer.zero_grad()
        loss = loss_fn(model(inputs[idx]), targets[idx])
        loss.backward()
        optimizer.step()
        running += loss.item() * len(idx)
    if (epoch + 1) % 10 == 0:
        print(f"epoch {epoch + 1:3d} loss {running / len(inputs):.4f}")

with torch.no_grad():
    output = model(inputs)
accuracy = (output.round() == targets).float().mean().item()
print(f"loss {loss_fn(output, targets).item():.4f} accuracy {accuracy:.4f}")
