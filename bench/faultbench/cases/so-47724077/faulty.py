import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

names = ["age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship",
         "race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income"]
df = pd.read_csv("data/tabular/adult-train.csv", header=None, names=names, skipinitialspace=True).head(8000)
for column in ["workclass", "education", "marital-status", "occupation", "relationship", "race", "sex",
               "native-country", "income"]:
    df[column] = LabelEncoder().fit_transform(df[column].astype(str))

X = df.drop(columns="income").values.astype("float32")
y = df["income"].values
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=1)
train_set = TensorDataset(torch.tensor(X_train), torch.tensor(y_train, dtype=torch.long))
loader = DataLoader(train_set, batch_size=100, shuffle=True)
X_test, y_test = torch.tensor(X_test), torch.tensor(y_test, dtype=torch.long)

model = nn.Sequential(
    nn.Linear(14, 21),
    nn.ReLU(),
    nn.Linear(21, 2),
    nn.Softmax(dim=1),
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

for epoch in range(10):
    for xb, yb in loader:
        probs = model(xb)
        loss = F.nll_loss(torch.log(probs.clamp(min=1e-7)), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        train_acc = (model(train_set.tensors[0]).argmax(1) == train_set.tensors[1]).float().mean()
    print(f"Epoch {epoch + 1}: loss {loss.item():.4f}, accuracy {train_acc.item():.4f}")

with torch.no_grad():
    test_acc = (model(X_test).argmax(1) == y_test).float().mean().item()
print(f"Test accuracy: {test_acc:.4f}")
