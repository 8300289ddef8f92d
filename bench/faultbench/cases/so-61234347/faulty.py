import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.model_selection import train_test_split

torch.manual_seed(0)

df = pd.read_csv("data/tabular/iris.csv", header=None)
X = df.iloc[:, :4].values.astype("float32")
y = pd.factorize(df[4])[0]

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
X_train, X_test = torch.from_numpy(X_train), torch.from_numpy(X_test)
y_train, y_test = torch.from_numpy(y_train), torch.from_numpy(y_test)
Y_train = F.one_hot(y_train, 3).float()

model = nn.Sequential(
    nn.Linear(4, 1000), nn.Tanh(),
    nn.Linear(1000, 500), nn.Tanh(),
    nn.Linear(500, 250), nn.Tanh(),
    nn.Linear(250, 125), nn.Tanh(),
    nn.Linear(125, 64), nn.Tanh(),
    nn.Linear(64, 32), nn.Tanh(),
    nn.Linear(32, 9), nn.Tanh(),
    nn.Linear(9, 3), nn.Softmax(dim=1),
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)


def categorical_crossentropy(target, output):
    return -(target * torch.log(output.clamp(1e-7, 1 - 1e-7))).sum(dim=1).mean()


epochs = 1
for epoch in range(epochs):
    for idx in torch.randperm(len(X_train)).split(32):
        optimizer.zero_grad()
        loss = categorical_crossentropy(Y_train[idx], model(X_train[idx]))
        loss.backward()
        optimizer.step()
        print(f"Epoch {epoch + 1}/{epochs} loss {loss.item():.4f}")

with torch.no_grad():
    pred = model(X_test).argmax(dim=1)
print("Test accuracy:", (pred == y_test).float().mean().item())
