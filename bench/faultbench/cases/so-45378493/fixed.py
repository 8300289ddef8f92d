import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

torch.manual_seed(0)

X, y = make_classification(n_samples=600, n_features=40, n_informative=10, class_sep=2.0, random_state=42)
X = torch.tensor(X, dtype=torch.float32).reshape(-1, 10, 4).transpose(1, 2)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=0.1, random_state=42)


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(4, 16, 4, padding="same"),
            nn.BatchNorm1d(16),
            nn.LeakyReLU(0.3),
            nn.Dropout(0.2),
            nn.Conv1d(16, 8, 4, padding="same"),
            nn.BatchNorm1d(8),
            nn.LeakyReLU(0.3),
            nn.Dropout(0.2),
            nn.Flatten(),
        )
        self.classifier = nn.Sequential(
            nn.Linear(80, 64),
            nn.BatchNorm1d(64),
            nn.LeakyReLU(0.3),
            nn.Linear(64, 1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.classifier(self.features(x))


model = ConvNet()
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
batch_size = 128

for epoch in range(100):
    model.train()
    perm = torch.randperm(len(X_train))
    for i in range(0, len(perm), batch_size):
        idx = perm[i:i + batch_size]
        optimizer.zero_grad()
        loss = criterion(model(X_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
    if epoch % 10 == 0:
        print(f"Epoch {epoch}: loss {loss.item():.4f}")

model.eval()
with torch.no_grad():
    predictions = (model(X_test) > 0.5).float()
print("predicted ones:", int(predictions.sum().item()), "of", len(predictions))
print(f"Accuracy: {(predictions == y_test).float().mean().item():.4f}")
