"""Findings and reports: plain text, and HTML that is right untrusted, offline, dark and light."""

import re
from html.parser import HTMLParser

import pytest

from practicum_utils.bugs import CATALOGUE, FAMILIES
from practicum_utils.doctor import Finding, Report

NASTY = '<script>alert("x")</script> $a$ \\(b\\) & \x1b[31m' + "long " * 400


def report():
    findings = [
        Finding("double-sigmoid", "error", "the answers stay between 0 and 1"),
        Finding("padding", "warning", NASTY, exact=False),
        Finding("frozen-layers", "info", "1 of 3"),
    ]
    return Report(findings, ["the model"], ["the loop (no run_epoch)"])


@pytest.mark.parametrize("name", [*FAMILIES, *CATALOGUE])
def test_whatever_is_named_has_the_words_of_its_entry(name):
    entry = CATALOGUE.get(name) or FAMILIES[name]
    finding = Finding(name, "error", "1 of 3")
    assert (finding.title, finding.family) == (entry.title, entry.family)
    assert (finding.cause, finding.fix) == (entry.cause, entry.remedy)
    assert finding.cannot_tell == entry.cannot_tell
    assert Finding(name, "error", "1 of 3", cause="here").cause == "here"


def test_a_finding_says_what_was_measured_the_cause_the_fix_and_its_limits():
    text = str(report().findings[0])
    assert text.splitlines()[0] == f"error: {CATALOGUE['double-sigmoid'].title} [double-sigmoid]"
    for part in ("measured: the answers stay", "usual cause: ", "fix: "):
        assert part in text
    assert "cannot tell: which bug of the family padding it is" in str(report().findings[1])


def test_the_family_stands_in_for_a_bug_that_cannot_be_told():
    finding = report().findings[1]
    assert (finding.bug_id, finding.family, finding.exact) == ("padding", "padding", False)


@pytest.mark.parametrize("level", ["fatal", ""])
def test_an_unknown_level_is_refused(level):
    with pytest.raises(ValueError, match="choose one of error, warning, info"):
        Finding("padding", level, "")


def test_only_errors_make_a_report_not_ok():
    assert not report().ok
    assert Report(report().findings[1:]).ok
    assert Report([]).ok


def test_the_first_line_is_a_sentence():
    first = str(report()).splitlines()[0]
    assert first == (
        f"The doctor's first diagnosis: {CATALOGUE['double-sigmoid'].title} [double-sigmoid] "
        "(2 more below)."
    )
    assert str(Report([])) == "The doctor found nothing wrong."
    assert "no error, and something to look at" in str(Report(report().findings[1:]))


def test_what_was_checked_and_what_was_not_is_said():
    assert str(report()).splitlines()[-2:] == [
        "checked: the model", "not checked: the loop (no run_epoch)",
    ]  # fmt: skip


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.all, self.text, self.styles = [], [], "", []

    def handle_starttag(self, tag, attrs):
        self.all.append(tag)
        if tag != "br":
            self.open.append(tag)
        self.styles.extend(value for name, value in attrs if name == "style")
        assert {name for name, _ in attrs} <= {"style"}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_html_is_right_untrusted_and_on_any_ground():
    parser = Tags()
    html = report().html()
    parser.feed(html)
    assert parser.open == []
    assert not {"script", "style", "svg", "a", "img"} & set(parser.all)
    assert not re.search(r"https?:|url\(|var\(|hsl\(|\x1b", html)
    assert "$a$" not in html
    for style in parser.styles:
        assert re.search(r"background-color:#[0-9a-f]{6};color:#[0-9a-f]{6}", style)
    assert len(html.encode()) < 100_000


def test_a_folded_report_shows_its_headline_and_holds_the_same():
    whole, folded = report(), report().folded()
    html = folded.html()
    assert html.startswith(f"<details><summary><b>{whole.headline()}</b></summary>")
    assert html.count("<details>") == html.count("</details>") == 1 and html.endswith("</details>")
    shown = [re.sub("<[^>]*>", "", page) for page in (html, whole.html())]
    assert shown[0] == shown[1] and shown[0].count("1 of 3") == 1
    assert str(folded) == str(whole) and folded.verdict == whole.verdict


def test_the_level_stands_in_words_and_the_text_says_the_same():
    parser = Tags()
    parser.feed(report().html())
    for line in ("error: ", "warning: ", "info: ", "not checked: the loop (no run_epoch)"):
        assert line in parser.text
    bundle = report()._repr_mimebundle_()
    assert bundle == {"text/plain": str(report()), "text/html": report().html()}


def test_a_healthy_report_has_a_card_too():
    assert "healthy" in Report([]).html()
