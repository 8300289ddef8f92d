import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_multilabel_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

N_FEATURES, N_LABELS = 40, 6


def make_data():
    x, y = make_multilabel_classification(
        n_samples=4000, n_features=N_FEATURES, n_classes=N_LABELS, n_labels=2, length=100, random_state=31
    )
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=31)
    scaler = StandardScaler().fit(x_train)
    train = (torch.tensor(scaler.transform(x_train)).float(), torch.tensor(y_train).float())
    test = (torch.tensor(scaler.transform(x_test)).float(), torch.tensor(y_test).float())
    return train, test


class TagModel(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.inp = nn.Linear(N_FEATURES, hidden)
        self.bn = nn.BatchNorm1d(hidden)
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(hidden, N_LABELS)

    def forward(self, x):
        h = F.relu(self.bn(self.inp(x)))
        return self.out(self.drop(h))


class Trainer:
    def __init__(self, model, lr=1e-3, batch_size=50):
        self.model = model
        self.batch_size = batch_size
        self.optim = torch.optim.RMSprop(model.parameters(), lr=lr)

    def train_epoch(self, x, y):
        self.model.train()
        losses = []
        for idx in torch.randperm(len(x)).split(self.batch_size):
            loss = F.binary_cross_entropy_with_logits(self.model(x[idx]), y[idx])
            self.optim.zero_grad()
            loss.backward()
            self.optim.step()
            losses.append(loss.item())
        return sum(losses) / len(losses)

    @torch.no_grad()
    def micro_f1(self, x, y):
        self.model.eval()
        pred = (torch.sigmoid(self.model(x)) > 0.5).float()
        tp = (pred * y).sum()
        return (2 * tp / (pred.sum() + y.sum())).item()


def main():
    torch.manual_seed(0)
    (x_train, y_train), (x_test, y_test) = make_data()
    trainer = Trainer(TagModel())
    for epoch in range(15):
        loss = trainer.train_epoch(x_train, y_train)
        f1 = trainer.micro_f1(x_train, y_train)
        print(f"[{epoch + 1:02d}] bce {loss:.4f}  train micro-F1 {f1:.4f}")
    print(f"test micro-F1 {trainer.micro_f1(x_test, y_test):.4f}")


if __name__ == "__main__":
    main()
