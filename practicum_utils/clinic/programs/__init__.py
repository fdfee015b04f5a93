"""Small correct programs, and the same programs with one bug of the catalogue each.

``reviews`` draws the data, ``readers``, ``recurrent`` and ``attending`` are the models, ``loops``
is the training loop, ``program`` puts them together, ``controls`` holds correct programs of many
other kinds, ``forms`` and ``later_forms`` the same bugs as other hands write them. Tests and
``benchmarks/doctor_matrix.py`` examine them.
"""

from practicum_utils.clinic.programs.controls import CLEAN
from practicum_utils.clinic.programs.forms import FORMS
from practicum_utils.clinic.programs.later_forms import LATER_FORMS
from practicum_utils.clinic.programs.program import (
    COLUMNS,
    NOT_PLANTED,
    OPTIMIZERS,
    Program,
    applies,
    build,
)

__all__ = [
    "CLEAN",
    "COLUMNS",
    "FORMS",
    "LATER_FORMS",
    "NOT_PLANTED",
    "OPTIMIZERS",
    "Program",
    "applies",
    "build",
]
