"""A student alone, with nothing but the notebook, meets every planted bug of the lesson.

With the class's solutions pasted from their folds, Run All shows each symptom in the slides' order.
Each is then diagnosed, mended where it stands, and gone when that one cell is run again. With
correct programs none shows: that is tested in ``test_catch_up``.
"""

import re

import pytest
from reader import Reader, reading, typed_in_class

from practicum_utils.authoring.build import address, find_root, read_all
from practicum_utils.authoring.copies import make_copy
from practicum_utils.bugs import CATALOGUE
from practicum_utils.bugs.planting import plant, uncover
from practicum_utils.checks import diagnoses
from practicum_utils.checks.exercises import exercises, lesson_of

pytestmark = pytest.mark.slow

ROOT = find_root()
LESSONS = read_all(ROOT)
# The bugs of each lesson in the order in which the slides show them.
MET = {
    "01": ["pad-is-a-word"],
    "02": ["average-of-averages"],
    "03": ["linear-input-size", "labels-one-two", "missing-zero-grad"],
    "04": ["double-sigmoid"],
    "05": ["tiny-learning-rate"],
    "06": ["special-tokens-kept"],
}
ASKED = re.compile(r'^verdict\("(\d+\.D\d+)"', re.MULTILINE)
ANSWERED = re.compile(r'^check\("(\d+\.D?\d+)"', re.MULTILINE)


def student(number):
    return make_copy("student", LESSONS[number], LESSONS, address(ROOT))


def diagnosed(code):
    """The diagnosis that the code of a symptom cell leads to, or ""."""
    match = ASKED.search(code)
    return match[1] if match else ""


def as_in_class(reader: Reader) -> None:
    """Paste the class's solution of every exercise into its cell."""
    for cell in reader.code:
        match = re.match(r"# Exercise (\S+) \(", cell.source)
        if match:
            cell.source = typed_in_class(reader.notebook, match[1])


def home(bug, number):
    """(the end of the id of the student's cell in which a bug is planted, the right code)."""
    for lesson in LESSONS.values():
        for cell in lesson.cells:
            if bug in cell.bugs():
                own = lesson.number == number and "exercise" in cell.marks
                exercise = cell.marks.get("exercise", "").replace(".", "-")
                ending = f"exercise-{exercise}" if own else cell.marks["name"]
                return ending, plant(uncover(cell.text), set())
    raise AssertionError(f"{bug} is planted nowhere")


def run_all(reader: Reader, number: str, complaints: list[str]) -> list[tuple]:
    """Run all cells; a cell that stops is mended at once, as nothing below it would run.

    Returns (cell, diagnosis, what it said) of the symptom cells, in order.
    """
    shown = []
    for cell in reader.code:
        said = reader.run(cell)
        diagnosis = diagnosed(cell.source)
        if diagnosis:
            shown.append((cell, diagnosis, said))
            if "symptom: " not in said and "Error: " in said:
                mend(reader, number, cell, diagnosis, complaints)
        elif "Error: " in said and "CheckError: diagnosis" not in said:
            complaints.append(f"{cell['id']}: {said.strip()[-300:]}")
        if ANSWERED.search(cell.source) and "D" not in ANSWERED.search(cell.source)[1]:
            if not said.strip().startswith("ok"):
                complaints.append(f"{cell['id']} tells of a bug: {said.strip()[:200]}")
    return shown


def diagnose(reader: Reader, diagnosis: str, complaints: list[str]) -> None:
    """Leave it unanswered, answer with each letter, rightly last; what is said has to fit."""
    entry, ending = diagnoses()[diagnosis], diagnosis.replace(".", "-")
    answer, check = reader.find(f"answer-{ending}"), reader.find(f"check-{ending}")
    name = answer.source.split()[0]
    for letter in ("", *sorted(entry.causes, key=entry.right.__eq__)):
        reader.type(answer, f'{name} = "{letter}"')
        said = reader.run(check).strip()
        wanted = "not yet" if not letter else "ok" if letter == entry.right else "CheckError"
        if not said.startswith(wanted):
            complaints.append(f"{diagnosis}, answer {letter!r}: {said[:200]}")
    if CATALOGUE[entry.bug].in_general not in said:
        complaints.append(f"{diagnosis}: the rule does not unfold")


def mend(reader: Reader, number: str, cell, diagnosis: str, complaints: list[str]) -> None:
    """Diagnose, put the right code where the bug is, run the symptom's cell again."""
    diagnose(reader, diagnosis, complaints)
    ending, right = home(diagnoses()[diagnosis].bug, number)
    mended = reader.type(reader.find(ending), right)
    said = reader.run(cell)
    if "Error" in mended or not said.strip().startswith("ok: "):
        complaints.append(f"{diagnosis} is mended, and its cell says {said.strip()[-300:]!r}")


def shows(bug: str, said: str) -> bool:
    """Whether a cell said what the catalogue calls the symptom, as a line or as an exception."""
    symptom = CATALOGUE[bug].symptom
    return f"symptom: {symptom}" in said or ("Error: " in said and symptom in said)


def complaints_of(notebook, number, folder) -> list[str]:
    """What is wrong with a student copy, met as a student meets it; "" if all is well."""
    complaints = []
    variables = {"PRACTICUM_FAST": "1", "PRACTICUM_HOME": str(folder / "home")}
    with reading(notebook, folder, **variables) as reader:
        as_in_class(reader)
        shown = run_all(reader, number, complaints)
        bugs = [diagnoses()[diagnosis].bug for _, diagnosis, _ in shown]
        if bugs != MET.get(number, bugs):
            complaints.append(f"the lesson asks for {bugs}")
        for place, ((cell, diagnosis, said), bug) in enumerate(zip(shown, bugs, strict=True)):
            if place > 0 and "Error: " not in said:
                said = reader.run(cell)  # what is before it has been mended by now
            if not shows(bug, said):
                complaints.append(f"{diagnosis}: no symptom of {bug}; it says {said.strip()!r}")
            if "Error: " not in said:
                mend(reader, number, cell, diagnosis, complaints)
        complaints += unmended(reader, number)
    return complaints


def unmended(reader: Reader, number: str) -> list[str]:
    """Checks that still refuse something at the end, when all that shows here is mended."""
    found = []
    for cell in reader.code:
        match = ANSWERED.search(cell.source)
        if match and not reader.run(cell).strip().startswith("ok"):
            found.append(f"{match[1]} is not ok at the end")
    return found


@pytest.mark.parametrize("number", LESSONS)
def test_a_student_meets_diagnoses_and_mends_every_bug(number, tmp_path):
    complaints = complaints_of(student(number), number, tmp_path)
    assert not complaints, "\n".join(complaints)


def test_a_bug_that_vanished_is_missed(tmp_path):
    notebook = student("01")
    for cell in notebook.cells:
        if cell["id"].endswith("-class-1-2"):
            home_cell = next(c for c in LESSONS["01"].cells if "pad-is-a-word" in c.bugs())
            right = plant(uncover(home_cell.text), set())
            cell.source = f"```\n{right}\n```"
    found = complaints_of(notebook, "01", tmp_path)
    assert [line for line in found if "no symptom of pad-is-a-word" in line]


def test_every_diagnosis_belongs_to_a_lesson_that_asks_it():
    for number, lesson in LESSONS.items():
        asked = [cell.marks["diagnose"] for cell in lesson.cells if "diagnose" in cell.marks]
        known = [one for one in diagnoses() if lesson_of(one) == number]
        assert asked == known and [diagnoses()[one].bug for one in asked] == MET.get(
            number, [diagnoses()[one].bug for one in asked]
        )
        verdicts = [diagnosed(cell.text) for cell in lesson.cells if cell.kind == "code"]
        assert list(filter(None, verdicts)) == asked


def test_the_bugs_that_a_check_lets_pass_are_those_of_the_class_s_solution():
    for number, entry in exercises().items():
        homes = [
            cell for cell in LESSONS[lesson_of(number)].cells
            if cell.marks.get("exercise") == number
        ]  # fmt: skip
        assert set(entry.planted) == {bug for cell in homes for bug in cell.bugs()}, number
