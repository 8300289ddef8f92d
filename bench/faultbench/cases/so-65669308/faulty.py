import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)

sentences = [f"{letter}ample text {n}" for n in (1, 2, 3) for letter in "stj"]
labels = [n for n in (0, 1, 2) for _ in range(3)]

max_len = 10
word_index = {"<pad>": 0, "<OOV>": 1}
for s in sentences:
    for w in s.split():
        word_index.setdefault(w, len(word_index))
sequences = [[word_index[w] for w in s.split()] for s in sentences]
padded = torch.tensor([seq + [0] * (max_len - len(seq)) for seq in sequences])
targets = torch.tensor(labels, dtype=torch.float32).unsqueeze(1)

order = torch.randperm(len(sentences))
size = int(0.8 * len(sentences))
x_train, y_train = padded[order[:size]], targets[order[:size]]
x_test, y_test = padded[order[size:]], targets[order[size:]]


class TextModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(100, 24)
        self.fc1 = nn.Linear(24, 24)
        self.fc2 = nn.Linear(24, 1)

    def forward(self, x):
        x = self.embedding(x).mean(dim=1)
        x = F.relu(self.fc1(x))
        return F.softmax(self.fc2(x), dim=1)


def loss_fn(p, t):
    p = p.clamp(1e-7, 1 - 1e-7)
    return -(t * torch.log(p) + (1 - t) * torch.log(1 - p)).mean()


model = TextModel()
optimizer = torch.optim.Adam(model.parameters())

for epoch in range(1000):
    out = model(x_train)
    loss = loss_fn(out, y_train)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 100 == 0:
        print(f"epoch {epoch} loss {loss.item():.4f}")

with torch.no_grad():
    out, test_out = model(x_train), model(x_test)
print("test loss", loss_fn(test_out, y_test).item())
print("train accuracy", (out.round() == y_train).float().mean().item())
