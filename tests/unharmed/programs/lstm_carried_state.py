import torch
from torch import nn

torch.manual_seed(4)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 16)
        self.lstm = nn.LSTM(16, 32, num_layers=2, dropout=0.2, batch_first=True)
        self.out = nn.Linear(32, 20)

    def forward(self, x, hidden):
        y, hidden = self.lstm(self.embedding(x), hidden)
        return self.out(y), hidden


text = torch.arange(4000) * 7 % 20
model = Model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
hidden = (torch.zeros(2, 4, 32), torch.zeros(2, 4, 32))
for step in range(50):
    x = torch.stack([text[i * 900 + step * 10 : i * 900 + step * 10 + 10] for i in range(4)])
    y = torch.stack([text[i * 900 + step * 10 + 1 : i * 900 + step * 10 + 11] for i in range(4)])
    hidden = tuple(h.detach() for h in hidden)
    logits, hidden = model(x, hidden)
    loss = nn.functional.cross_entropy(logits.reshape(-1, 20), y.reshape(-1))
    model.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.25)
    optimizer.step()
    print(loss.item())
state = model.state_dict()
