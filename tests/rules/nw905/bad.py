import torch
import torch.nn as nn

torch.manual_seed(0)

# Short sentences of word numbers; a sentence is positive when it has more good words than bad ones.
words = ["<pad>", "good", "great", "fine", "bad", "awful", "poor", "the", "film", "was", "very"]
vocabulary = {word: number for number, word in enumerate(words)}
value = torch.tensor([0, 1, 1, 1, -1, -1, -1, 0, 0, 0, 0])
sentences = torch.randint(1, len(vocabulary), (1200, 9))
mood = (value[sentences].sum(1) > 0).long()


class BagOfWords(nn.Module):
    def __init__(self, classes=2):
        super().__init__()
        self.embedding = nn.Embedding(10, 16)  # [NW905]
        self.head = nn.Linear(16, classes)

    def forward(self, tokens):
        return self.head(self.embedding(tokens).mean(dim=1))


model = BagOfWords()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)

for epoch in range(4):
    model.train()
    for rows in torch.randperm(1000).split(50):
        loss = criterion(model(sentences[rows]), mood[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    accuracy = (model(sentences[1000:]).argmax(1) == mood[1000:]).float().mean()
print(f"accuracy {accuracy:.3f}")
