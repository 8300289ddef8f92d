"""Denoising autoencoder on the scikit-learn digits."""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(0)

NOISE = 0.3
EPOCHS = 40
BATCH = 64

x = load_digits().data / 16.0
x_train, x_test = train_test_split(x, test_size=0.2, random_state=1)
x_train = torch.tensor(x_train, dtype=torch.float32)
x_test = torch.tensor(x_test, dtype=torch.float32)
noisy_test = x_test + NOISE * torch.randn(x_test.shape, generator=torch.Generator().manual_seed(123))

encoder = nn.Sequential(
    nn.Linear(64, 128),
    nn.ReLU(),
    nn.Linear(128, 32),
    nn.ReLU(),
)
decoder = nn.Sequential(
    nn.Linear(32, 128),
    nn.ReLU(),
    nn.Linear(128, 64),
    nn.Sigmoid(),
)
autoencoder = nn.Sequential(encoder, decoder)
mse = nn.MSELoss()
opt = torch.optim.Adam(autoencoder.parameters(), lr=2e-3)

for epoch in range(EPOCHS):
    autoencoder.train()
    perm = torch.randperm(len(x_train))
    epoch_loss = 0.0
    for start in range(0, len(x_train), BATCH):
        clean = x_train[perm[start:start + BATCH]]
        noisy = clean + NOISE * torch.randn_like(clean)
        opt.zero_grad()
        loss = mse(autoencoder(noisy), clean)
        loss.backward()
        opt.step()
        epoch_loss += loss.item() * len(clean)
    if (epoch + 1) % 5 == 0:
        print(f"epoch {epoch + 1:3d}  train mse {epoch_loss / len(x_train):.5f}")

autoencoder.eval()
with torch.no_grad():
    denoised = autoencoder(noisy_test)
    noise_mse = mse(noisy_test, x_test).item()
    test_mse = mse(denoised, x_test).item()
print(f"mse of the noisy images {noise_mse:.5f}")
print(f"test mse {test_mse:.5f}")
