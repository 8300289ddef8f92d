from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


@dataclass
class Batch:
    ids: torch.Tensor
    extra: dict


@dataclass
class Output:
    loss: torch.Tensor
    logits: torch.Tensor


class Words(Dataset):
    def __len__(self):
        return 400

    def __getitem__(self, i):
        noise = torch.rand(4)
        return torch.arange(i, i + 6) % 13, noise, (i % 13) // 5


def collate(items):
    ids, noise, label = zip(*items)
    return Batch(torch.stack(ids), {"noise": torch.stack(noise), "label": torch.tensor(label)})


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(13, 8)
        self.head = nn.Linear(12, 3)

    def forward(self, batch):
        x = torch.cat([self.embed(batch.ids).mean(1), batch.extra["noise"]], 1)
        logits = self.head(nn.functional.dropout(x, 0.1, self.training))
        return Output(nn.functional.cross_entropy(logits, batch.extra["label"]), logits)


if __name__ == "__main__":
    torch.manual_seed(9)
    model = Model()
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
    loader = DataLoader(Words(), batch_size=16, shuffle=True, num_workers=2, collate_fn=collate)
    for epoch in range(2):
        for batch in loader:
            out = model(batch)
            optimizer.zero_grad()
            out.loss.backward()
            optimizer.step()
            print(out.loss.item())
    state = model.state_dict()
