"""The result that every network of the course is measured against."""

import json
from typing import NamedTuple

from practicum_utils.support.files import read_asset


class Yardstick(NamedTuple):
    """A result to measure up to: its name, test accuracy (0 to 1), and seconds from raw text."""

    name: str
    accuracy: float
    seconds: float


def load_yardstick() -> Yardstick:
    """Return the best that we know without a network on the lessons' full data.

    It is a linear model on words and short runs of words, NB-SVM (Wang and Manning, 2012), measured
    on one core by ``benchmarks/records.py``, which trains it beside the networks.
    """
    return Yardstick(**json.loads(read_asset("yardstick.json")))
