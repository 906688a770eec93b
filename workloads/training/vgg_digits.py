"""VGG on the digits."""

from __future__ import annotations

from vgg import VGG8
