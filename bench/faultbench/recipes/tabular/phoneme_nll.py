import pandas as pd
import torch
from torch import nn
from sklearn.model_selection import train_test_split

torch.manual_seed(0)

# nasal (0) against oral (1) vowels, described by five harmonics
table = pd.read_csv("data/tabular/phoneme.csv", header=None).drop_duplicates()
x = table.iloc[:, :-1].to_numpy("float32")
y = table.iloc[:, -1].to_numpy("int64")
x_train, x_rest, y_train, y_rest = train_test_split(x, y, test_size=0.4, stratify=y, random_state=13)
x_val, x_test, y_val, y_test = train_test_split(x_rest, y_rest, test_size=0.5, stratify=y_rest, random_state=13)

mu, sigma = x_train.mean(axis=0), x_train.std(axis=0)
x_train, x_val, x_test = (torch.from_numpy((a - mu) / sigma) for a in (x_train, x_val, x_test))
y_train, y_val, y_test = (torch.from_numpy(a) for a in (y_train, y_val, y_test))


def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight, gain=nn.init.calculate_gain("tanh"))
        nn.init.zeros_(module.bias)


net = nn.Sequential(
    nn.Linear(5, 64),
    nn.Tanh(),
    nn.Linear(64, 32),
    nn.Tanh(),
    nn.Linear(32, 2),
    nn.LogSoftmax(dim=1),
)
net.apply(init_weights)

nll = nn.NLLLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)

batch_size = 64
for epoch in range(1, 41):
    order = torch.randperm(len(x_train))
    for batch in order.split(batch_size):
        optimizer.zero_grad()
        log_probs = net(x_train[batch])
        loss = nll(log_probs, y_train[batch])
        loss.backward()
        optimizer.step()

    with torch.no_grad():
        val_loss = nll(net(x_val), y_val).item()
    scheduler.step(val_loss)
    if epoch % 5 == 0:
        print(f"epoch {epoch}: validation nll {val_loss:.4f}, lr {optimizer.param_groups[0]['lr']:.5f}")

with torch.no_grad():
    accuracy = (net(x_test).argmax(dim=1) == y_test).float().mean().item()
print(f"test accuracy: {accuracy:.4f}")
