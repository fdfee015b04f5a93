"""The catalogue of bugs: complete entries, sentences of one form, ids that can be looked up."""

import re

import pytest

from practicum_utils.bugs import CATALOGUE, FAMILIES, PLANTED
from practicum_utils.bugs.catalogue import read_catalogue


def each_bug(test):
    return pytest.mark.parametrize("bug", CATALOGUE.values(), ids=lambda bug: bug.id)(test)


def test_the_catalogue_is_large_and_the_lessons_plant_a_few():
    assert len(CATALOGUE) >= 45
    assert set(PLANTED) == {bug.id for bug in CATALOGUE.values() if bug.lesson}
    assert 8 <= len(PLANTED) < len(CATALOGUE)


@each_bug
def test_every_text_is_a_sentence_of_the_form_that_the_walkthrough_prints(bug):
    assert re.fullmatch(r"[A-Z].*[^.]", bug.title)
    assert re.fullmatch(r"[a-z].*[^.]", bug.symptom)
    for text in (bug.this_time, bug.in_general):
        assert text[0].islower() or text[0] in "`1T", text  # stands after a colon
        assert text.endswith(".") and ".." not in text
    assert max(map(len, (bug.title, bug.symptom, bug.this_time, bug.in_general))) <= 100


@each_bug
def test_an_id_is_never_the_name_of_a_family(bug):
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", bug.id)
    assert bug.family and bug.id not in FAMILIES


@each_bug
def test_a_sighting_is_an_address_that_can_be_opened(bug):
    assert re.fullmatch(
        r"|[\w.-]+/[\w.-]+#\d+|(discuss\.pytorch|stackoverflow)\..+/\d+", bug.sighting
    )


def test_a_title_stands_for_one_entry():
    titles = [entry.title for entry in (*CATALOGUE.values(), *FAMILIES.values())]
    assert len(set(titles)) == len(titles)


def test_every_family_has_a_bug_that_can_be_detected_but_for_two():
    """Decoding is nothing that the doctor is shown; an exception that it cannot read is no bug."""
    assert {bug.family for bug in CATALOGUE.values() if bug.detectable} == (
        FAMILIES.keys() - {"generation", "raises"}
    )


ENTRIES = """
[families.data]
title = "The token ids do not fit the model"
cause = "they were made for another"
remedy = "print them"

[integer-division]
family = "data"
title = "A share is rounded down to a whole number"
symptom = "half of the tokens shout, and the share is 0"
this_time = "`//` rounds down, so every share below 1 became 0."
in_general = "try a function on an input whose answer you know by heart."
lesson = "13"
detectable = false
"""


def test_a_bug_that_cannot_be_detected_needs_neither_cause_nor_remedy():
    families, bugs = read_catalogue(ENTRIES)
    bug = bugs["integer-division"]
    assert (bug.family, bug.lesson, bug.detectable) == ("data", "13", False)
    assert (bug.cause, bug.remedy, bug.sighting) == ("", "", "")
    assert families["data"].remedy == "print them"


@pytest.mark.parametrize(("line", "instead", "said"), [
    ("detectable = false", "", "[integer-division]: cause is missing; the doctor names a bug"),
    ("detectable = false", 'cause = "a"', "[integer-division]: remedy is missing; the doctor"),
    ("detectable = false", 'detectable = "no"', "detectable is 'no'; write true or false."),
    ('lesson = "13"', "lesson = 13", "[integer-division]: lesson is 13; write a text in quotes."),
    ('family = "data"', 'family = "counting"', "no family 'counting'; choose one of data, or add"),
    ('family = "data"', "", "[integer-division]: family is missing; the fields are family, title"),
    ('lesson = "13"', 'fix = "/"', "[integer-division]: there is no field fix; the fields are"),
    ('remedy = "print them"', "", "[families.data]: remedy is missing; the fields are title"),
    ("[families.data]", 'families.data = "a"\n[b]', "[families.data]: it is no table"),
    ('family = "data"', 'family = "data', "is not valid TOML: "),
])  # fmt: skip
def test_an_entry_that_is_not_complete_is_refused_in_a_sentence(line, instead, said):
    assert ENTRIES.count(line) == 1
    with pytest.raises(ValueError) as error:
        read_catalogue(ENTRIES.replace(line, instead))
    sentence = str(error.value)
    assert sentence.startswith("bugs.toml") and said in sentence
    assert sentence.endswith(".") and "\n" not in sentence
