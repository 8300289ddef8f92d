import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

torch.manual_seed(1)
X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=1)

x_train = torch.tensor(X_train, dtype=torch.float32)
x_test = torch.tensor(X_test, dtype=torch.float32)
y_train = torch.tensor(y_train)
y_test = torch.tensor(y_test)
mean, std = x_train.mean(0), x_train.std(0)
x_train = (x_train - mean) / std
x_test = (x_test - mean) / std

net = torch.nn.Sequential(torch.nn.Linear(13, 32), torch.nn.ReLU(), torch.nn.Linear(32, 3))
opt = torch.optim.Adam(net.parameters(), lr=3e-3)

for epoch in range(15):
    net.train()
    order = torch.randperm(len(x_train))
    for start in range(0, len(order), 32):
        rows = order[start : start + 32]
        logits = net(x_train[rows])
        loss = F.cross_entropy(logits, y_train[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 5 == 4:
        print(epoch, round(loss.item(), 4))

net.eval()
with torch.no_grad():
    accuracy = (net(x_test).argmax(dim=1) == y_test).float().mean()
print("test accuracy", round(accuracy.item(), 3))
