import torch
from torch import nn

torch.manual_seed(0)

seq_len, num_samples, num_features = 12, 512, 4
batch_size = 32

data = torch.randn(seq_len, num_samples, num_features)
target = (data[:, :, 0].sum(dim=0) > 0).long()


class SequenceClassifier(nn.Module):
    def __init__(self, input_size, hidden_size, num_classes):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size)
        self.fc = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        output, _ = self.lstm(x)
        return self.fc(output[-1])


model = SequenceClassifier(num_features, 16, 2)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for epoch in range(15):
    order = torch.randperm(num_samples)
    epoch_loss = 0.0
    for start in range(0, num_samples, batch_size):
        idx = order[start:start + batch_size]
        optimizer.zero_grad()
        loss = criterion(model(data[:, idx]), target[idx])
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(idx)
    print(f"Epoch {epoch + 1}: loss {epoch_loss / num_samples:.4f}")

with torch.no_grad():
    correct = (model(data).argmax(dim=1) == target).sum().item()
print(f"Train accuracy {correct / num_samples:.4f}")
