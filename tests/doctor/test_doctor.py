"""The doctor on whole programs: bugs named first, correct programs left in peace, no trace left."""

import pytest
from tiers import a_few

from practicum_utils.bugs import CATALOGUE
from practicum_utils.clinic.programs import COLUMNS, applies, build
from practicum_utils.doctor import examine

CORE = (
    "labels-one-two", "linear-input-size", "missing-zero-grad", "double-sigmoid",
    "tiny-learning-rate",
)  # fmt: skip
DETECTABLE = [bug.id for bug in CATALOGUE.values() if bug.detectable]
HERE = {bug: [column for column in COLUMNS if applies(bug, column)] for bug in DETECTABLE}
# Two columns for each bug, in turn; benchmarks/doctor_matrix.py runs them all.
CELLS = [
    (bug, column)
    for number, (bug, columns) in enumerate(HERE.items())
    if columns
    for column in dict.fromkeys(columns[(number + step) % len(columns)] for step in (0, 3))
]


def examined(column, bug=None, optimizer="adam", seed=0):
    program = build(column, optimizer, seed, bug)
    return examine(program.model, program.loader, program.loss_fn, program.optimizer,
                   program.run_epoch, program.adapter)  # fmt: skip


@pytest.mark.parametrize("column", a_few(COLUMNS))
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_correct_program_is_left_in_peace(column, optimizer):
    report = examined(column, optimizer=optimizer, seed=1)
    assert report.ok
    assert report.findings == []


@pytest.mark.parametrize(("bug", "column"), a_few(CELLS))
def test_a_planted_bug_is_named_first(bug, column):
    report = examined(column, bug)
    assert report.findings[0].bug_id == bug


@pytest.mark.slow
@pytest.mark.parametrize("bug", CORE)
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_bugs_of_the_lessons_are_errors_named_exactly(bug, optimizer):
    for column in COLUMNS:
        if applies(bug, column):
            first = examined(column, bug, optimizer, seed=2).findings[0]
            assert (first.bug_id, first.level, first.exact) == (bug, "error", True), column
