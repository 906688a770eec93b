"""The U-Net on scenes of digits."""

from __future__ import annotations

import torch
from scenes import load
from torch.nn import functional
from unet import UNet

EPOCHS = 20
SCENES = 2048
"""New ones in each epoch."""

BATCH = 32
LEARNING_RATE = 4e-3
SEED = 0


def train(epochs: int = EPOCHS, scenes: int = SCENES) -> UNet:
    """A U-Net trained on one thread from a seed, no scene twice."""
    torch.manual_seed(SEED)
    net = UNet().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    steps = epochs * (scenes // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=LEARNING_RATE, total_steps=steps)
    net.train()
    for epoch in range(epochs):
        seen = load("train", scenes, SEED + epoch)
        inputs, masks = torch.from_numpy(seen.images).float() / 255, torch.from_numpy(seen.masks).long()
        total = 0.0
        for start in range(0, scenes - BATCH + 1, BATCH):
            batch = inputs[start : start + BATCH].contiguous(memory_format=torch.channels_last)
            loss = functional.cross_entropy(net(batch), masks[start : start + BATCH])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1} of {epochs}: loss {total / (scenes // BATCH):.4f}", flush=True)
    return net.eval()
