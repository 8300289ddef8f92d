"""Breast cancer, warm start: the network begins as scikit-learn's logistic regression and is trained on."""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(0)
data = load_breast_cancer()
features = StandardScaler().fit_transform(data.data)
order = torch.randperm(len(features))
x = torch.tensor(features, dtype=torch.float32)[order]
y = torch.tensor(data.target, dtype=torch.float32)[order]


def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


def warm_start():
    solution = LogisticRegression(C=0.01).fit(x[:400].numpy(), y[:400].numpy())
    weight, bias = solution.coef_, solution.intercept_
    return {"linear.weight": torch.tensor(weight).float(), "linear.bias": torch.tensor(bias).float()}


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(30, 1)

    def forward(self, x):
        return self.linear(x).squeeze(1)


model = Model()
model.apply(init_weights)
model.load_state_dict(warm_start())
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(6):
    model.train()
    for idx in torch.randperm(400).split(40):
        optimizer.zero_grad()
        criterion(model(x[idx]), y[idx]).backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    print("accuracy", ((model(x[400:]) > 0).float() == y[400:]).float().mean().item())
