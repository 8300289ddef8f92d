import torch
import torch.nn as nn

torch.manual_seed(0)

x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = torch.tensor([[1.0], [0.0], [0.0], [1.0]])

epochs = 10

model = nn.Sequential(
    nn.Linear(2, 2),
    nn.ReLU(),
    nn.Linear(2, 2),
    nn.ReLU(),
    nn.Linear(2, 1),
    nn.ReLU(),
)
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)

optimizer = torch.optim.Adam(model.parameters(), lr=0.001)


def binary_crossentropy(output, target):
    output = output.clamp(1e-7, 1 - 1e-7)
    return -(target * output.log() + (1 - target) * (1 - output).log()).mean()


for epoch in range(epochs):
    optimizer.zero_grad()
    loss = binary_crossentropy(model(x), y)
    loss.backward()
    optimizer.step()
    if epoch % (epochs // 10) == 0:
        print(f"Epoch {epoch}: loss {loss.item():.4f}")

with torch.no_grad():
    output = model(x)
for inputs, out in zip(x.tolist(), output.flatten().tolist()):
    print(inputs, "->", round(out, 3))
print(f"Accuracy: {((output > 0.5).float() == y).float().mean().item():.4f}")
