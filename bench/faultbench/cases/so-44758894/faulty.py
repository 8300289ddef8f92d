import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

num_epochs = 5

x, y = make_classification(n_samples=1000, n_features=7, random_state=42)
x = torch.tensor(x, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=42)
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(7, 16)
        self.relu1 = nn.ReLU()
        self.relu2 = nn.ReLU()
        self.output = nn.Linear(16, 1)
        self.relu3 = nn.ReLU()

    def forward(self, x):
        x = self.hidden(x)
        x = self.relu1(x)
        x = self.relu2(x)
        x = self.output(x)
        return self.relu3(x)


net = Classifier()
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)

for epoch in range(num_epochs):
    epoch_loss = 0.0
    for data, target in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(data), target)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    print(f"[{epoch + 1}/{num_epochs}] loss {epoch_loss / len(train_loader):.4f}")

with torch.no_grad():
    predicted = (net(x_test) > 0.5).float()
print(f"test accuracy {(predicted == y_test).float().mean().item():.4f}")
