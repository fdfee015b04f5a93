"""What the doctor says: findings, and the report that holds them, as plain text and as HTML.

The HTML follows the rules of ``token_view``: inline hex colours for ground and ink, everything
escaped, readable with all styles removed. The level stands in words beside its colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from practicum_utils.bugs import CATALOGUE, FAMILIES, Bug, Family
from practicum_utils.support.html import clean_word, escape

LEVELS = ("error", "warning", "info")
# Ground, ink and thickness of the border of each level.
COLOURS = {
    "error": ("#a34700", "#ffffff", 4),
    "warning": ("#fbe0c3", "#000000", 2),
    "info": ("#eaf3fa", "#000000", 1),
}
HEALTHY = ("#bcd9ee", "#000000", 1)
LONGEST = 600  # characters of a piece of evidence that are shown


@dataclass(frozen=True)
class Finding:
    """One diagnosis.

    bug_id: an id of the catalogue, or the name of a family where the bug itself cannot be told.
    level: "error" (this is broken), "warning" (look at it), "info" (worth knowing).
    evidence: what was measured, with its number and the threshold.
    exact: False where ``bug_id`` is the family's name or only the likeliest member of it.
    family, cause, fix, cannot_tell: filled in from the catalogue unless given.
    """

    bug_id: str
    level: str
    evidence: str
    exact: bool = True
    family: str = ""
    cause: str = ""
    fix: str = ""
    cannot_tell: str = ""

    def __post_init__(self):
        if self.level not in LEVELS:
            raise ValueError(f"level is {self.level!r}; choose one of {', '.join(LEVELS)}.")
        entry = self._entry
        known = {"family": entry.family, "cause": entry.cause, "fix": entry.remedy}
        for name, text in {**known, "cannot_tell": entry.cannot_tell}.items():
            object.__setattr__(self, name, getattr(self, name) or text)

    @property
    def _entry(self) -> Bug | Family:
        return CATALOGUE.get(self.bug_id) or FAMILIES[self.bug_id]

    @property
    def title(self) -> str:
        """The bug's name in words."""
        return self._entry.title

    def lines(self) -> list[tuple[str, str]]:
        """(name, sentence) of each part that has something to say."""
        cannot_tell = self.cannot_tell
        if not self.exact and not cannot_tell:
            cannot_tell = f"which bug of the family {self.family} it is"
        parts = [("measured", self.evidence), ("usual cause", self.cause), ("fix", self.fix),
                 ("cannot tell", cannot_tell)]  # fmt: skip
        return [(name, _shown(text)) for name, text in parts if text]

    def __str__(self) -> str:
        head = f"{self.level}: {self.title} [{self.bug_id}]"
        return "\n".join([head, *(f"  {name}: {text}" for name, text in self.lines())])


@dataclass(frozen=True)
class Report:
    """The findings of one examination, the first one first; displays itself in a notebook.

    checked: what was examined.  skipped: what was not, each with its reason.  is_folded: in a
    notebook, all but the headline opens with a click.
    """

    findings: list[Finding]
    checked: Sequence[str] = field(default=())
    skipped: Sequence[str] = field(default=())
    is_folded: bool = False

    @property
    def ok(self) -> bool:
        """True if no finding is an error."""
        return not any(finding.level == "error" for finding in self.findings)

    @property
    def verdict(self) -> str:
        """One line that is the same on every machine: the first-named bug, or silence."""
        if self.ok:
            return "ok: the doctor finds no error"
        return f"symptom: the doctor names {self.findings[0].bug_id}"

    def headline(self) -> str:
        """The report in one sentence."""
        if not self.findings:
            return "The doctor found nothing wrong."
        first = self.findings[0]
        if not self.ok:
            more = len(self.findings) - 1
            others = f" ({more} more below)" if more else ""
            return f"The doctor's first diagnosis: {first.title} [{first.bug_id}]{others}."
        kind = "something to look at" if first.level == "warning" else "something worth knowing"
        return f"The doctor found no error, and {kind}: {first.title} [{first.bug_id}]."

    def folded(self) -> "Report":
        """The same report, of which a notebook shows the headline, and the rest at a click."""
        return replace(self, is_folded=True)

    def __str__(self) -> str:
        return "\n".join([self.headline(), *map(str, self.findings), *self._scope()])

    def _scope(self) -> list[str]:
        lines = []
        if self.checked:
            lines.append(f"checked: {', '.join(self.checked)}")
        lines.extend(f"not checked: {text}" for text in self.skipped)
        return lines

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.html()}

    def html(self) -> str:
        """The report as HTML: the sentence, a box for each finding, and what was checked."""
        headline = f"<b>{escape(self.headline())}</b>"
        if self.is_folded:
            return f"<details><summary>{headline}</summary>{self._body()}</details>"
        return f"<p>{headline}</p>{self._body()}"

    def _body(self) -> str:
        parts = list(map(_card, self.findings))
        if not self.findings:
            parts.append(_box(HEALTHY, "<b>healthy</b>"))
        scope = "".join(f"<li>{escape(line)}</li>" for line in self._scope())
        if scope and self.is_folded:
            parts.append(f"<p>What was checked</p><ul>{scope}</ul>")
        elif scope:
            parts.append(f"<details><summary>What was checked</summary><ul>{scope}</ul></details>")
        return "".join(parts)


def _card(finding: Finding) -> str:
    rows = "".join(f"<br><b>{escape(name)}:</b> {escape(text)}" for name, text in finding.lines())
    head = f"<b>{finding.level}: {escape(finding.title)}</b> [{escape(finding.bug_id)}]"
    return _box(COLOURS[finding.level], head + rows)


def _box(colours: tuple[str, str, int], inner: str) -> str:
    ground, ink, border = colours
    return (
        f'<div style="background-color:{ground};color:{ink};padding:6px 8px;margin:4px 0;'
        f'border-left:{2 * border}px solid #08306b">{inner}</div>'
    )


def _shown(text: str) -> str:
    """The text on one line, without control characters, not endlessly long."""
    return clean_word(" ".join(text.split()), longest=LONGEST)
