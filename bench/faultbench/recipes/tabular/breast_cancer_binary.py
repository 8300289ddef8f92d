"""Benign / malignant classifier on the Wisconsin diagnostic data."""
import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

SEED = 0
BATCH_SIZE = 32
EPOCHS = 30


class TumorNet(nn.Module):
    def __init__(self, n_features, hidden=32, p_drop=0.2):
        super().__init__()
        self.fc1 = nn.Linear(n_features, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 1)
        self.act = nn.ReLU()
        self.drop = nn.Dropout(p_drop)

    def forward(self, x):
        x = self.drop(self.act(self.fc1(x)))
        x = self.drop(self.act(self.fc2(x)))
        return self.out(x).squeeze(1)


def get_loaders():
    x, y = load_breast_cancer(return_X_y=True)
    x_tr, x_te, y_tr, y_te = train_test_split(x, y, test_size=0.3, stratify=y, random_state=7)
    scaler = StandardScaler()
    x_tr = scaler.fit_transform(x_tr)
    x_te = scaler.transform(x_te)
    train = TensorDataset(torch.from_numpy(x_tr).float(), torch.from_numpy(y_tr).float())
    test = TensorDataset(torch.from_numpy(x_te).float(), torch.from_numpy(y_te).float())
    return DataLoader(train, BATCH_SIZE, shuffle=True), DataLoader(test, BATCH_SIZE), x.shape[1]


def train_epoch(model, loader, loss_fn, opt):
    model.train()
    running, seen = 0.0, 0
    for xb, yb in loader:
        logits = model(xb)
        loss = loss_fn(logits, yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        running += loss.item() * len(xb)
        seen += len(xb)
    return running / seen


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    hits, seen = 0, 0
    for xb, yb in loader:
        pred = (model(xb) > 0).float()
        hits += (pred == yb).sum().item()
        seen += len(yb)
    return hits / seen


def main():
    torch.manual_seed(SEED)
    train_loader, test_loader, n_features = get_loaders()
    model = TumorNet(n_features)
    loss_fn = nn.BCEWithLogitsLoss()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(opt, step_size=10, gamma=0.5)
    for epoch in range(1, EPOCHS + 1):
        train_loss = train_epoch(model, train_loader, loss_fn, opt)
        scheduler.step()
        if epoch % 5 == 0:
            print(f"epoch {epoch:3d}  loss {train_loss:.4f}")
    print(f"test accuracy {evaluate(model, test_loader):.4f}")


if __name__ == "__main__":
    main()
