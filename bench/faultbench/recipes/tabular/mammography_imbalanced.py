"""Rare positive class (about 3 %): weighted loss, threshold chosen on a validation split."""
import pandas as pd
import torch
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def f1(prediction, label):
    tp = (prediction & label).sum().item()
    fp = (prediction & ~label).sum().item()
    fn = (~prediction & label).sum().item()
    return 2 * tp / max(2 * tp + fp + fn, 1)


class Trainer:
    def __init__(self, model, train_set, lr=2e-3, batch_size=128):
        self.model = model
        self.loader = DataLoader(train_set, batch_size=batch_size, shuffle=True)
        labels = train_set.tensors[1]
        pos_weight = (labels == 0).sum() / (labels == 1).sum()
        self.criterion = nn.BCEWithLogitsLoss(pos_weight=pos_weight)
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=1e-4)

    def run_epoch(self):
        self.model.train()
        total, count = 0.0, 0
        for features, labels in self.loader:
            self.optimizer.zero_grad()
            logits = self.model(features)
            loss = self.criterion(logits, labels)
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(features)
            count += len(features)
        return total / count

    def fit(self, epochs):
        for epoch in range(epochs):
            loss = self.run_epoch()
            print(f"epoch {epoch + 1:2d}  weighted loss {loss:.4f}")

    @torch.no_grad()
    def probabilities(self, features):
        self.model.eval()
        return torch.sigmoid(self.model(features)).squeeze(1)


def load():
    table = pd.read_csv("data/tabular/mammography.csv", header=None, quotechar="'").drop_duplicates()
    x = table.iloc[:, :6].to_numpy()
    y = (table.iloc[:, 6] == 1).to_numpy()
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, stratify=y, random_state=21)
    x_train, x_val, y_train, y_val = train_test_split(
        x_train, y_train, test_size=0.25, stratify=y_train, random_state=21
    )
    mean, std = x_train.mean(axis=0), x_train.std(axis=0)
    parts = []
    for features, labels in ((x_train, y_train), (x_val, y_val), (x_test, y_test)):
        features = torch.tensor((features - mean) / std, dtype=torch.float32)
        labels = torch.tensor(labels, dtype=torch.float32).unsqueeze(1)
        parts.append(TensorDataset(features, labels))
    return parts


def main():
    torch.manual_seed(0)
    train_set, val_set, test_set = load()
    model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
    trainer = Trainer(model, train_set)
    trainer.fit(epochs=25)

    val_x, val_y = val_set.tensors
    val_prob, val_label = trainer.probabilities(val_x), val_y.squeeze(1).bool()
    thresholds = torch.linspace(0.05, 0.99, 95).tolist()
    threshold = max(thresholds, key=lambda t: f1(val_prob > t, val_label))
    print(f"threshold {threshold:.2f}, validation F1 {f1(val_prob > threshold, val_label):.3f}")

    test_x, test_y = test_set.tensors
    score = f1(trainer.probabilities(test_x) > threshold, test_y.squeeze(1).bool())
    print(f"test F1 {score:.4f}")


if __name__ == "__main__":
    main()
