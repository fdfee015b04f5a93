"""The marks inside a piece of code: SOLUTION regions, and lines that plant a bug.

See the table of marks in ``authoring.source``.
"""

import difflib
import re
import textwrap

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
BUG_LINE = re.compile(r"^(?P<indent>\s*)# BUG (?P<id>[\w-]+):(?: (?P<code>.*))?$")
LIKE_A_BUG_LINE = re.compile(r"#\s*BUG\b")


class LessonError(ValueError):
    """A lesson source that cannot be built; the message names the file and the cell."""


def bugs_in(code: str) -> list[str]:
    """The ids of the bugs that can be planted in some code, in order of appearance."""
    found = [BUG_LINE.match(line) for line in code.splitlines()]
    return list(dict.fromkeys(match["id"] for match in found if match))


def plant(text: str, planted: set[str]) -> str:
    """Return a cell's code with the bugs of ``planted`` in it and all BUG marks gone."""
    lines, replaced_by = [], None
    for line in text.splitlines():
        match = BUG_LINE.match(line)
        if not match:
            lines.append(line)
            replaced_by = None
        elif match["id"] in planted:
            if replaced_by != match["id"]:
                lines.pop()
                replaced_by = match["id"]
            if match["code"]:
                lines.append(match["indent"] + match["code"])
    return "\n".join(lines)


def blank(text: str, exercise: str) -> str:
    """Return a cell's code with each SOLUTION region replaced by ``raise NotImplementedError``."""
    lines, inside = [], False
    for line in text.splitlines():
        if line.strip() == BEGIN:
            indent = line[: len(line) - len(line.lstrip())]
            lines.append(
                f'{indent}raise NotImplementedError("Exercise {exercise} is yours to write.")'
            )
        inside = {BEGIN: True, END: False}.get(line.strip(), inside)
        if not inside and line.strip() != END:
            lines.append(line)
    return "\n".join(lines)


def uncover(text: str) -> str:
    """Return a cell's code without the lines that mark SOLUTION regions."""
    return "\n".join(line for line in text.splitlines() if line.strip() not in (BEGIN, END))


def changed_lines(before: str, after: str) -> str:
    """The changed lines with one line around them, without headers and common indentation."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="")
    changes = [line for line in list(lines)[2:] if not line.startswith("@@")]
    code = textwrap.dedent("\n".join(line[1:] for line in changes)).split("\n")
    return "\n".join(f"{line[0]} {rest}" for line, rest in zip(changes, code, strict=True))
