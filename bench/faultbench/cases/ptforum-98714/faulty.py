import torch
from torch import nn

torch.manual_seed(0)

inputs = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
labels = torch.tensor([[1.0], [0.0], [0.0], [1.0]])


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(2, 4)
        self.output = nn.Linear(4, 1)
        for p in self.parameters():
            nn.init.uniform_(p, 0, 1)

    def forward(self, x):
        x = torch.sigmoid(self.hidden(x))
        return torch.sigmoid(self.output(x))


model = Network()
criterion = nn.MSELoss()

for epoch in range(1000):
    total = 0.0
    for i in torch.randperm(len(inputs)):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        optimizer.zero_grad()
        loss = criterion(model(inputs[i]), labels[i])
        loss.backward()
        optimizer.step()
        total += loss.item()
    if epoch % 100 == 0:
        print(f"Epoch {epoch} loss {total / len(inputs):.5f}")

with torch.no_grad():
    outputs = model(inputs)
print(outputs.flatten().tolist())
predicted = (outputs > 0.5).float()
print(f"Accuracy: {(predicted == labels).float().mean().item():.4f}")
