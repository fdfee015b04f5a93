"""Rewrite the code of one cell by the marks inside it: plant bugs, blank or uncover solutions."""

from practicum_utils.authoring.source import BEGIN, BUG_LINE, END


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
