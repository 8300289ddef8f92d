import torch
from torch import nn

torch.manual_seed(0)

# A long signal, read in pieces of 20 values; the network says the next value.
time = torch.arange(0, 4000) * 0.1
signal = torch.sin(time) + 0.5 * torch.sin(2.3 * time)
signal = (signal - signal.mean()) / signal.std()
streams = signal.view(8, 500)


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, x, state=None):
        seen, state = self.rnn(x, state)
        return self.out(seen), state


model = Forecaster()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
loss_fn = nn.MSELoss()
for epoch in range(3):
    model.train()
    state = None
    for start in range(0, 380, 20):
        piece = streams[:, start : start + 21].unsqueeze(2)
        prediction, state = model(piece[:, :-1], state)  # [NW907]
        loss = loss_fn(prediction, piece[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    piece = streams[:, 400:].unsqueeze(2)
    prediction, _ = model(piece[:, :-1])
    print(f"error on unseen pieces {loss_fn(prediction, piece[:, 1:]).item():.4f}")
