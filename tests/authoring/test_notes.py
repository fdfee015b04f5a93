"""The instructor's page: a clock that adds up, every exercise, every bug, no copied code."""

import re

import pytest
from tiny_course import LESSON_01, LESSON_02, TINY, read_text, read_tiny, write_course
from typer.testing import CliRunner

from practicum_utils.authoring import cli, notes
from practicum_utils.authoring.build import find_root, read_all
from practicum_utils.authoring.copies import COPIES, make_copy
from practicum_utils.bugs import PLANTED
from practicum_utils.bugs.planting import BUG_LINE, LessonError

ROOT = find_root()
LESSONS = read_all(ROOT)
PROMISE = "**Time:** 20 minutes of class, 5 of them in one exercise."
IDS = '# ## The ids\n\n# %% [markdown] only="presenter" minutes=15\n# Ids.\n'
OPENING = '# %% [markdown] only="presenter" minutes=3\n# Say hello.\n'
TIMED = (
    LESSON_01.replace("# About 5 minutes.\n", f"# {PROMISE}\n\n{OPENING}")
    .replace("# ## The ids\n", IDS)
    .replace('only="presenter"\n# Say it slowly.', 'only="student, walkthrough"\n# Slowly.')
    .replace("# Ids are numbers.", '# Ids.\n\n# %% [markdown] only="presenter" minutes=2\n# Bye.')
)


@pytest.fixture
def timed(tmp_path):
    return read_text(TIMED, tmp_path, "01_tiny_words")


def refusal(text, tmp_path):
    with pytest.raises(LessonError) as caught:
        notes.class_time(read_text(text, tmp_path, "01_tiny_words"))
    message = str(caught.value)
    assert "\n" not in message and message.startswith("01_tiny_words.py, cell ")
    return message


def test_the_minutes_of_a_lesson_are_added_up(timed):
    assert notes.class_time(timed) == notes.ClassTime(total=20, exercises=5, count=1)
    found = [(part.title, part.start, part.minutes) for part in notes.sections(timed)]
    assert found == [("Opening", 0, 3), ("The ids", 3, 15), ("Takeaways", 18, 2)]


def test_the_clock_counts_hours():
    assert [notes.clock(minutes) for minutes in (0, 9, 60, 135)] == ["0:00", "0:09", "1:00", "2:15"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("minutes=15", "minutes=14", "add up to '**Time:** 19 minutes of class, 5 of them in one'"),
        ("20 minutes of class, 5", "20 minutes of class, 6", "which the opening should say"),
        (PROMISE, "", "which the opening should say"),
        ("minutes=15", "minutes=4", "'The ids' takes 4 minutes, and its exercises alone take 5"),
        (" minutes=15\n", "\n", "'The ids' needs one presenter cell with minutes, and has 0"),
        ("# Bye.", f"# Bye.\n\n{OPENING}", "cell with minutes, and has 2"),
    ],
)
def test_minutes_that_do_not_add_up_are_refused_in_one_sentence(old, new, words, tmp_path):
    assert TIMED.count(old) == 1
    assert words in refusal(TIMED.replace(old, new), tmp_path)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ('# %% only="presenter"\nx = 1', "a presenter cell is markdown, and no other copy gets it"),
        ('# %% [markdown] only="student, presenter"\n# x', "and no other copy gets it"),
        ('# %% [markdown] only="student" minutes=5\n# x', "needs the mark 'exercise' or only="),
        ('# %% [markdown] only="presenter" minutes=0\n# x', "a whole number above 0"),
        ('# %% [markdown] only="presenter" minutes="5"\n# x', "a whole number above 0"),
        ('# %% [markdown] only="presenter" minutes=2.5\n# x', "a whole number above 0"),
        ('# %% [markdown] only="presenter" minutes=true\n# x', "a whole number above 0"),
    ],
)
def test_a_malformed_presenter_cell_is_refused(header, words, tmp_path):
    with pytest.raises(LessonError, match=re.escape(words)):
        read_text(f"# %% [markdown]\n# # T\n\n{header}\n", tmp_path)


def test_the_page_follows_the_lesson(timed, tmp_path):
    page = notes.page(timed, {**read_tiny(tmp_path), "01": timed})
    heads = [line for line in page.splitlines() if line.startswith("#")]
    assert heads == [
        "# Lesson 1: Words to numbers: notes for the instructor",
        "## 0:00 Opening (3 min)",
        "## 0:03 The ids (15 min)",
        "## 0:18 Takeaways (2 min)",
    ]
    assert page.endswith("**0:20 The class is over.**\n")
    assert "20 minutes of class, 5 of them in 1 exercise." in page
    assert "**Exercise 1.1, 5 minutes:** `to_label`" in page
    assert "`from course import to_label`" in page
    assert "| `pad-is-a-word` | 0:03 | 0:03 |" in page
    for text in ("Say hello.", "Ids.", "Bye."):
        assert f"\n{text}\n" in page


def test_the_page_shows_the_line_to_change(timed, tmp_path):
    page = notes.page(timed, {**read_tiny(tmp_path), "01": timed})
    plant, _, later = page.partition("**Not yet, `labels-one-two`:**")
    assert "**Plant `pad-is-a-word`:**" in plant and "shows in lesson 03" in later
    assert "\n- numbered = enumerate(words, start=1)\n" in plant
    assert "\n+ first = 0\n+ numbered = enumerate(words, start=first)\n" in plant
    assert "\n- shifted = raw - 1\n+ shifted = raw\n" in later
    assert "# BUG" not in page and "SOLUTION" not in page


def test_the_page_says_what_the_class_sees_and_what_runs_again(timed, tmp_path):
    page = notes.page(timed, {**read_tiny(tmp_path), "01": timed})
    bug = PLANTED["pad-is-a-word"]
    assert f"**Symptom of `pad-is-a-word`:** *{bug.symptom}*." in page
    assert f"- This time: {bug.this_time}\n- In general: {bug.in_general}" in page
    again = (
        "then the cells with `vocab = {word: number for number, word in numbered}`, and this one."
    )
    assert again in page


def test_a_recap_s_bugs_are_in_the_class_s_code_and_come_in_one_line(tmp_path):
    lessons = read_tiny(tmp_path)
    told = notes.with_cues(lessons["03"], lessons)
    found = "\n".join(cell.text for cell in told.cells if cell.for_presenter)
    assert "`to_label` in the notebook is the class's own code of lesson 01" in found
    assert '`to_label = as_typed("1.1", lesson="03")`' in found
    assert '`to_label = as_typed("1.1", lesson="03", bug=False)`' in found
    assert "`train` in the notebook" in found and "\n-     gradient = 0\n" in found
    assert "average-of-averages" not in found  # mended in lesson 02
    assert f"the cell stops, *{PLANTED['linear-input-size'].symptom}*" in found


def test_what_the_walkthrough_alone_runs_again_is_not_named(tmp_path):
    spare = '# %% name="spare" only="walkthrough"\nfloor = 1\n\n'
    text = TINY["03_tiny_reader"].replace('# %% name="train"', spare + '# %% name="train"')
    text = text.replace('rerun="loss, train"', 'rerun="spare, train"')
    lesson = read_text(text, tmp_path)
    told = notes.with_cues(lesson, read_tiny(tmp_path))
    [cue] = [cell.text for cell in told.cells if "Symptom of `missing-zero-grad`" in cell.text]
    assert "then the cells with `losses = train(3)`, and this one." in cue


def test_a_line_that_stands_twice_does_not_name_a_cell(tmp_path):
    first = '# %% name="one"\nseed = 0\na = 1\n\n# %% name="two"\nseed = 0\nb = 1\n\n'
    text = LESSON_02.replace('# %% symptom="average', first + '# %% symptom="average')
    text = text.replace('fix="average-of-averages"', 'fix="average-of-averages" rerun="one, two"')
    told = notes.with_cues(read_text(text, tmp_path, "02_tiny_loop"), read_tiny(tmp_path))
    assert any("the cells with `a = 1`, `b = 1`, and this one" in cell.text for cell in told.cells)


# --- the real lessons -----------------------------------------------------------------------------


@pytest.mark.parametrize("number", LESSONS)
def test_the_minutes_of_each_lesson_add_up_to_its_class(number):
    time = notes.class_time(LESSONS[number])
    assert 0 < time.exercises < time.total


@pytest.mark.parametrize("number", LESSONS)
def test_the_page_has_every_exercise_and_every_bug(number):
    lesson = LESSONS[number]
    page = notes.page(lesson, LESSONS)
    for cell in lesson.cells:
        if "exercise" in cell.marks:
            assert f"Exercise {cell.marks['exercise']}, {cell.marks['minutes']} minutes" in page
        for match in filter(None, map(BUG_LINE.match, cell.text.splitlines())):
            assert (
                re.search(rf"^\+ *{re.escape(match['code'] or '')}", page, re.M)
                or not match["code"]
            )
    shown = {cell.marks["symptom"] for cell in lesson.cells if "symptom" in cell.marks}
    assert shown >= {bug.id for bug in PLANTED.values() if bug.lesson == number} and shown
    for bug in shown:
        assert f"**Plant `{bug}`:**" in page and f"**Symptom of `{bug}`:**" in page
        assert f"| `{bug}` | " in page


@pytest.mark.parametrize("number", LESSONS)
def test_the_symptom_of_the_page_is_the_verdict_of_the_cell(number):
    for cell in LESSONS[number].cells:
        bug = PLANTED.get(cell.marks.get("symptom"))
        if bug and "raises" not in cell.marks:
            assert f'symptom="{bug.symptom}"' in cell.text, cell.place


@pytest.mark.parametrize("number", LESSONS)
def test_no_copy_gets_a_presenter_cell(number):
    lesson = LESSONS[number]
    texts = {cell.text for cell in lesson.cells if cell.for_presenter}
    assert len(texts) >= len(notes.sections(lesson))
    for kind in COPIES:
        cells = make_copy(kind, lesson, LESSONS, "https://github.com/a/b").cells
        assert not texts & {cell.source for cell in cells}


def test_the_notes_repeat_no_code_of_the_exercises():
    answers = {
        line.strip()
        for lesson in LESSONS.values()
        for cell in lesson.cells
        if cell.marks.get("exercise")
        for line in cell.text.splitlines()
        if len(line.strip()) > 30
    }
    for lesson in LESSONS.values():
        for cell in lesson.cells:
            if cell.for_presenter:
                assert not [line for line in answers if line in cell.text], cell.place


def lesson_table():
    """The rows of the README's table of lessons: first cell -> (column -> text)."""
    lines = (ROOT / "README.md").read_text().splitlines()
    tables = "\n".join(line if line.startswith("|") else "" for line in lines).split("\n\n")
    lines = [
        line for table in tables if "| minutes |" in table for line in table.split("\n") if line
    ]
    rows = [[part.strip() for part in line.split("|")[1:-1]] for line in lines]
    return {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows}


def minutes(text):
    return int(re.search(r"\d+", text)[0])


def test_the_readme_has_the_minutes_of_each_lesson_and_their_sum():
    table = lesson_table()
    listed = [lesson for number, lesson in LESSONS.items() if number in table]
    times = {lesson.number: notes.class_time(lesson) for lesson in listed}
    assert len(times) >= 6
    assert {number: minutes(table[number]["minutes"]) for number in times} == {
        number: time.total for number, time in times.items()
    }
    [total] = [row for name, row in table.items() if "all" in name.lower()]
    assert minutes(total["minutes"]) == sum(time.total for time in times.values())


# --- the command ----------------------------------------------------------------------------------


def practicum(*arguments):
    return CliRunner().invoke(cli.app, list(map(str, arguments)))


def demand_one_sentence(course, *arguments, words):
    """The command fails with these words in one sentence, and leaves the folder as it was."""
    before = sorted(course.rglob("*"))
    result = practicum(*arguments)
    assert result.exit_code == 1 and result.stdout == ""
    assert words in result.stderr and result.stderr.count("\n") == 1
    assert sorted(course.rglob("*")) == before


def write_timed_course(root):
    """The tiny course, its first lesson with minutes for a teacher."""
    write_course(root)
    (root / "solutions" / "lessons" / "01_tiny_words.py").write_text(TIMED)


@pytest.fixture
def course(tmp_path, monkeypatch):
    write_timed_course(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("given", ["1", "01"])
def test_the_command_prints_the_page(course, given):
    result = practicum("notes", given)
    assert result.exit_code == 0
    lessons = read_all(course)
    assert result.stdout == notes.page(lessons["01"], lessons)


def test_the_command_writes_the_page(course):
    result = practicum("notes", "01", "-o", course / "page.md")
    assert (result.exit_code, result.stdout) == (0, f"wrote {course / 'page.md'}\n")
    assert (course / "page.md").read_text() == practicum("notes", "01").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["09"], "There is no lesson 09; the lessons are: 01, 02, 03."),
        (["02"], "needs one presenter cell with minutes, and has 0."),
        (["01", "-o", "."], ". is a folder; name a file for the notes with -o."),
        (["01", "-o", "no/where.md"], "could not be written to no/where.md: No such file"),
    ],
)
def test_wrong_use_is_answered_in_one_sentence(course, arguments, words):
    demand_one_sentence(course, "notes", *arguments, words=words)
