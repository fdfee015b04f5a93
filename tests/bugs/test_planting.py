"""The marks inside a piece of code: bugs planted line by line, stubs, and no mark left."""

from practicum_utils.bugs.planting import blank, plant, uncover


def test_a_bug_replaces_the_one_line_above_it():
    text = "a = 1\nb = 2\n# BUG labels-one-two: b = 3\nc = 4"
    assert plant(text, {"labels-one-two"}) == "a = 1\nb = 3\nc = 4"
    assert plant(text, set()) == plant(text, {"pad-is-a-word"}) == "a = 1\nb = 2\nc = 4"


def test_more_lines_of_a_bug_replace_the_same_line():
    text = "a = 1\n# BUG labels-one-two: b = 2\n# BUG labels-one-two: c = 3\nd = 4"
    assert plant(text, {"labels-one-two"}) == "b = 2\nc = 3\nd = 4"


def test_a_bug_without_code_deletes_the_line():
    for line in ("    # BUG labels-one-two:", "    # BUG labels-one-two: "):
        text = f"if x:\n    a = 1\n{line}\n    b = 2"
        assert plant(text, {"labels-one-two"}) == "if x:\n    b = 2"


def test_a_bug_keeps_the_indentation_of_its_mark_and_its_code():
    bug = "    # BUG labels-one-two: for y in x:\n    # BUG labels-one-two:     a = y"
    text = f"if x:\n    a = 1\n{bug}"
    assert plant(text, {"labels-one-two"}) == "if x:\n    for y in x:\n        a = y"


def test_a_bug_stands_in_several_places_of_a_cell():
    text = "a = 1\n# BUG labels-one-two: a = 2\nb = 1\n# BUG labels-one-two: b = 2\nc = 1"
    assert plant(text, {"labels-one-two"}) == "a = 2\nb = 2\nc = 1"


def test_two_bugs_of_a_cell_are_planted_one_by_one():
    text = "a = 1\n# BUG labels-one-two: a = 2\nb = 1\n# BUG missing-zero-grad:"
    assert plant(text, {"labels-one-two"}) == "a = 2\nb = 1"
    assert plant(text, {"missing-zero-grad"}) == "a = 1"
    assert plant(text, {"labels-one-two", "missing-zero-grad"}) == "a = 2"


def test_blank_and_uncover_leave_no_mark():
    text = "def f():\n    x = 1\n    ### BEGIN SOLUTION\n    y = 2\n    ### END SOLUTION\n    z = 3"
    assert uncover(text) == "def f():\n    x = 1\n    y = 2\n    z = 3"
    assert blank(text, "3.1") == (
        'def f():\n    x = 1\n    raise NotImplementedError("Exercise 3.1 is yours to write.")\n'
        "    z = 3"
    )
