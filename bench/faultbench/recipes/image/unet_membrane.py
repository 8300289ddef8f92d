"""A small U-Net for the membranes of the ISBI 2012 images."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Dataset

SIZE = 192
CROP = 64
EPOCHS = 10


def load_pairs(indices):
    images, masks = [], []
    for i in indices:
        image = Image.open(f"data/unet_membrane/image/{i}.png").convert("L").resize((SIZE, SIZE), Image.BILINEAR)
        mask = Image.open(f"data/unet_membrane/label/{i}.png").convert("L").resize((SIZE, SIZE), Image.NEAREST)
        images.append(np.asarray(image, dtype=np.float32) / 255)
        masks.append((np.asarray(mask) > 127).astype(np.float32))
    return torch.from_numpy(np.stack(images)).unsqueeze(1), torch.from_numpy(np.stack(masks)).unsqueeze(1)


class RandomCrops(Dataset):
    def __init__(self, images, masks, crops_per_image=5):
        self.images = images
        self.masks = masks
        self.crops_per_image = crops_per_image

    def __len__(self):
        return len(self.images) * self.crops_per_image

    def __getitem__(self, i):
        k = i // self.crops_per_image
        top = torch.randint(0, SIZE - CROP + 1, (1,)).item()
        left = torch.randint(0, SIZE - CROP + 1, (1,)).item()
        image = self.images[k, :, top:top + CROP, left:left + CROP]
        mask = self.masks[k, :, top:top + CROP, left:left + CROP]
        if torch.rand(1).item() < 0.5:
            image = image.flip(-1)
            mask = mask.flip(-1)
        return image, mask


class DoubleConv(nn.Sequential):
    def __init__(self, c_in, c_out):
        super().__init__(
            nn.Conv2d(c_in, c_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(c_out),
            nn.ReLU(inplace=True),
            nn.Conv2d(c_out, c_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(c_out),
            nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.enc1 = DoubleConv(1, width)
        self.enc2 = DoubleConv(width, 2 * width)
        self.bottom = DoubleConv(2 * width, 4 * width)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.dec2 = DoubleConv(4 * width, 2 * width)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.dec1 = DoubleConv(2 * width, width)
        self.out = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        e1 = self.enc1(x)
        e2 = self.enc2(F.max_pool2d(e1, 2))
        b = self.bottom(F.max_pool2d(e2, 2))
        d2 = self.dec2(torch.cat([self.up2(b), e2], dim=1))
        d1 = self.dec1(torch.cat([self.up1(d2), e1], dim=1))
        return self.out(d1)


def dice_loss(logits, target, eps=1.0):
    prob = torch.sigmoid(logits)
    inter = (prob * target).sum(dim=(1, 2, 3))
    total = prob.sum(dim=(1, 2, 3)) + target.sum(dim=(1, 2, 3))
    return (1 - (2 * inter + eps) / (total + eps)).mean()


def mean_iou(pred, target):
    target = target > 0.5
    membrane = (~pred & ~target).sum() / (~pred | ~target).sum()
    cell = (pred & target).sum() / (pred | target).sum()
    return (membrane + cell).item() / 2


torch.manual_seed(0)
x_train, y_train = load_pairs(range(0, 24))
x_test, y_test = load_pairs(range(24, 30))
mean, std = x_train.mean(), x_train.std()
x_train = (x_train - mean) / std
x_test = (x_test - mean) / std

loader = DataLoader(RandomCrops(x_train, y_train), batch_size=8, shuffle=True)
model = UNet()
bce = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(EPOCHS):
    model.train()
    running = 0.0
    for image, mask in loader:
        logits = model(image)
        loss = bce(logits, mask) + dice_loss(logits, mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
    print(f"epoch {epoch + 1:2d} loss {running / len(loader):.4f}")

model.eval()
with torch.no_grad():
    pred = model(x_test) > 0
print(f"all-foreground mean IoU {mean_iou(y_test >= 0, y_test):.4f}")
print(f"test mean IoU {mean_iou(pred, y_test):.4f}")
