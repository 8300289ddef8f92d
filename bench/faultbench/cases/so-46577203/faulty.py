import torch

torch.manual_seed(0)

x = torch.tensor([0.0, 1.0, 2.0, 3.0])
y = torch.tensor([0.0, 1.0, 4.0, 9.0])

A = torch.zeros(1, requires_grad=True)
B = torch.zeros(1, requires_grad=True)
C = torch.zeros(1, requires_grad=True)

steps = 1000
optimizer = torch.optim.SGD([A, B, C], lr=0.01)

for step in range(steps):
    model = A * x ** 2 + B * x + C
    loss = torch.sum((model - y) ** 2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step < 5 or step % 100 == 0:
        print(f"step {step}: loss {loss.item():.6g} A {A.item():.4g} B {B.item():.4g} C {C.item():.4g}")

with torch.no_grad():
    model = A * x ** 2 + B * x + C
    loss = torch.sum((model - y) ** 2)
    r2 = 1 - loss / torch.sum((y - y.mean()) ** 2)
print(f"loss: {loss.item():.6g} R2: {r2.item():.4f}")
