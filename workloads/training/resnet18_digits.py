"""ResNet-18 on the digits."""

from __future__ import annotations

from classification import Classifier
from resnet import ResNet18
from resnet_conversion import convert

CLASSIFIER = Classifier(ResNet18, convert, epochs=24)
ship, validate = CLASSIFIER.ship, CLASSIFIER.validate
