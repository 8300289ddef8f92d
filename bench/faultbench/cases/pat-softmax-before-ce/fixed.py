import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(0)
np.random.seed(0)

features, labels = make_classification(n_samples=1200, n_features=20, n_informative=8, n_classes=4)
features = StandardScaler().fit_transform(features)
x_train, x_test, y_train, y_test = train_test_split(
    torch.from_numpy(features).float(), torch.from_numpy(labels), test_size=0.25
)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(20, 64)
        self.fc2 = nn.Linear(64, 4)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        return self.fc2(x)


model = Classifier()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(1, 16):
    losses = []
    for batch in torch.randperm(len(x_train)).split(32):
        output = model(x_train[batch])
        loss = loss_fn(output, y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"Epoch {epoch}: loss = {np.mean(losses):.4f}")

with torch.no_grad():
    predictions = model(x_test).argmax(dim=1)
accuracy = (predictions == y_test).float().mean().item()
print(f"Test accuracy: {accuracy:.4f}")
