"""How good an answer is, how far to trust that number, and what it is measured against."""

from practicum_utils.metrics.intervals import (
    accuracy_interval,
    chance_in_words,
    mcnemar,
    p_in_words,
)
from practicum_utils.metrics.records import Point, Record, Records, Run, load_records
from practicum_utils.metrics.yardstick import Yardstick, load_yardstick, train_nb_svm

__all__ = [
    "Point",
    "Record",
    "Records",
    "Run",
    "Yardstick",
    "accuracy_interval",
    "chance_in_words",
    "load_records",
    "load_yardstick",
    "mcnemar",
    "p_in_words",
    "train_nb_svm",
]
