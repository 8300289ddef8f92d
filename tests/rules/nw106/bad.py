import torch
import torch.nn as nn
from sklearn.datasets import make_classification

torch.manual_seed(3)
features, labels = make_classification(
    n_samples=800, n_features=12, n_informative=8, n_redundant=0, class_sep=1.5, random_state=3
)
labels = 2 * labels - 1  # this source codes the two classes as -1 and +1
features = torch.tensor(features, dtype=torch.float32)
features = (features - features[:640].mean(0)) / features[:640].std(0)
labels = torch.tensor(labels, dtype=torch.float32)

model = nn.Sequential(nn.Linear(12, 24), nn.Tanh(), nn.Linear(24, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

step = 0
while step < 60:
    for index in torch.randperm(640).split(64):
        model.train()
        output = model(features[index])[:, 0]
        loss = criterion(output, labels[index])  # [NW106]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
    print(step, loss.item())

model.eval()
with torch.no_grad():
    probability = torch.sigmoid(model(features[640:])[:, 0])
    right = (probability > 0.5) == (labels[640:] > 0.5)
    print("right:", right.float().mean().item())
