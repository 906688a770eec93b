"""VGG on the digits."""

from __future__ import annotations
