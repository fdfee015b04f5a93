"""The catalogue of bugs: complete entries, sentences of one form, ids that can be looked up."""

import re

import pytest

from practicum_utils.bugs import CATALOGUE, FAMILIES, PLANTED


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


def test_every_family_has_a_bug_that_can_be_detected_but_for_the_one_of_decoding():
    silent = {name for name in FAMILIES if not any(
        bug.detectable for bug in CATALOGUE.values() if bug.family == name)}  # fmt: skip
    assert silent == {"generation"}
