"""A small GAN on the 8x8 digits of scikit-learn."""
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = 0
LATENT = 16
EPOCHS = 45
BATCH_SIZE = 64


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(LATENT, 128, bias=False),
            nn.BatchNorm1d(128),
            nn.ReLU(),
            nn.Linear(128, 128, bias=False),
            nn.BatchNorm1d(128),
            nn.ReLU(),
            nn.Linear(128, 64),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(64, 128),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Linear(128, 128),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Linear(128, 1),
        )

    def forward(self, x):
        return self.main(x).squeeze(1)


def frechet_distance(a, b):
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    eigenvalues = np.linalg.eigvals(cov_a @ cov_b).real.clip(min=0)
    return ((mean_a - mean_b) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * np.sqrt(eigenvalues).sum()


def main():
    torch.manual_seed(SEED)
    data = load_digits().data.astype(np.float32) / 8.0 - 1.0
    real_train, real_test = train_test_split(data, test_size=0.3, random_state=3)
    loader = DataLoader(TensorDataset(torch.from_numpy(real_train)), batch_size=BATCH_SIZE, shuffle=True, drop_last=True)

    netG = Generator()
    netD = Discriminator()
    criterion = nn.BCEWithLogitsLoss()
    optimizerG = torch.optim.Adam(netG.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizerD = torch.optim.Adam(netD.parameters(), lr=2e-3, betas=(0.5, 0.999))

    for epoch in range(EPOCHS):
        for (real,) in loader:
            ones = torch.ones(len(real))
            zeros = torch.zeros(len(real))

            netD.zero_grad()
            fake = netG(torch.randn(len(real), LATENT))
            lossD_real = criterion(netD(real), ones)
            lossD_fake = criterion(netD(fake.detach()), zeros)
            lossD = lossD_real + lossD_fake
            lossD.backward()
            optimizerD.step()

            netG.zero_grad()
            lossG = criterion(netD(fake), ones)
            lossG.backward()
            optimizerG.step()
        if (epoch + 1) % 10 == 0:
            print(f"[{epoch + 1}/{EPOCHS}] loss_D {lossD.item():.4f} loss_G {lossG.item():.4f}")

    netG.eval()
    with torch.no_grad():
        samples = netG(torch.randn(2000, LATENT)).numpy()
    pca = PCA(n_components=16, random_state=3).fit(real_train)
    distance = frechet_distance(pca.transform(real_test), pca.transform(samples))
    print(f"Frechet distance to held-out digits: {distance:.3f}")


if __name__ == "__main__":
    main()
