"""The detector on scenes of digits."""

from __future__ import annotations

import torch
from detector import Detector, loss, targets
from scenes import load

EPOCHS = 40
SCENES = 4096
"""New ones in each epoch."""

BATCH = 32
LEARNING_RATE = 4e-3
SEED = 0


def train(epochs: int = EPOCHS, scenes: int = SCENES) -> Detector:
    """A detector trained on one thread from a seed, no scene twice."""
    torch.manual_seed(SEED)
    net = Detector().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    steps = epochs * (scenes // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=LEARNING_RATE, total_steps=steps)
    net.train()
    for epoch in range(epochs):
        seen = load("train", scenes, SEED + epoch)
        inputs = torch.from_numpy(seen.images).float() / 255
        rows, columns = (size // 4 for size in inputs.shape[2:])
        total = 0.0
        for start in range(0, scenes - BATCH + 1, BATCH):
            known = targets(seen.boxes[start : start + BATCH], rows, columns)
            batch = inputs[start : start + BATCH].contiguous(memory_format=torch.channels_last)
            value = loss(*net(batch), *(torch.from_numpy(array) for array in known))
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            schedule.step()
            total += value.item()
        print(f"epoch {epoch + 1} of {epochs}: loss {total / (scenes // BATCH):.4f}", flush=True)
    return net.eval()
