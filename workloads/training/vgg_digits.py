"""VGG on the digits."""

from __future__ import annotations

from dataclasses import replace

from classification import Classifier, Images, Labels
from conversion import to_ann
from digits import SIZE
from vgg import VGG8

from accelsim.reference.convert import convert
from accelsim.reference.model import Model


def converted(net: VGG8, calibration: Images, images: Images, labels: Labels) -> Model:
    """The SpikePack model, calibrated on the images of `calibration`."""
    model = convert(to_ann(net, "vgg_digits", (1, SIZE, SIZE)), calibration)
    return replace(model, dataset="scikit-learn digits, 8x8 enlarged to 32x32", images=images, labels=labels)


CLASSIFIER = Classifier(VGG8, converted, epochs=10)
ship, validate = CLASSIFIER.ship, CLASSIFIER.validate
