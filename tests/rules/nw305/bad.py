import torch
from sklearn.datasets import load_iris
from torch import nn

torch.manual_seed(3)
iris = load_iris()
features = torch.tensor(iris.data, dtype=torch.float32)
features = (features - features.mean(0)) / features.std(0)
species = torch.tensor(iris.target)
order = torch.randperm(150)
features, species = features[order], species[order]
x_train, x_test = features[:120], features[120:]
y_train, y_test = species[:120], species[120:]

network = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3), nn.Softmax(dim=1))
measure = nn.MSELoss()  # [NW305]
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)

for epoch in range(15):
    network.train()
    order = torch.randperm(120)
    for batch in order.split(20):
        targets = nn.functional.one_hot(y_train[batch], 3).float()
        optimizer.zero_grad()
        loss = measure(network(x_train[batch]), targets)
        loss.backward()
        optimizer.step()

network.eval()
with torch.no_grad():
    accuracy = (network(x_test).argmax(1) == y_test).float().mean().item()
print(f"accuracy on unseen flowers: {accuracy:.2f}")
