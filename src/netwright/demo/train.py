"""Hand-written digits with a small perceptron: 8x8 pixels in, one of ten classes out. It runs, and it does not work."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

pixels, labels = load_digits(return_X_y=True)
x = torch.tensor(pixels / 8 - 1, dtype=torch.float32)
y = torch.tensor(labels)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=0)
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=64, shuffle=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))

    def forward(self, x):
        return self.layers(x).softmax(dim=1)


net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
loss_function = nn.CrossEntropyLoss()

for epoch in range(10):
    for inputs, targets in loader:
        outputs = net(inputs)
        loss = loss_function(outputs, targets)
        loss.backward()
        optimizer.step()

    with torch.no_grad():
        accuracy = (net(x_test).argmax(dim=1) == y_test).float().mean()
    print(f"epoch {epoch + 1:2d}  loss {loss.item():.3f}  test accuracy {accuracy:.3f}")
