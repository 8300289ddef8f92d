import torch
from torch import nn

torch.manual_seed(5)
layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
embed, encoder, head = nn.Embedding(11, 16), nn.TransformerEncoder(layer, 2), nn.Linear(16, 11)
model = nn.ModuleList([embed, encoder, head])
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for step in range(50):
    x = torch.randint(11, (8, 12))
    y = x.flip(1)
    loss = nn.functional.cross_entropy(head(encoder(embed(x))).transpose(1, 2), y)
    optimizer.zero_grad(set_to_none=False)
    loss.backward()
    optimizer.step()
    print(loss.item())
    if step % 10 == 9:
        model.eval()
        with torch.no_grad():
            print("eval", head(encoder(embed(x))).sum().item())
        model.train()
state = model.state_dict()
