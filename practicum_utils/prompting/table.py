"""A comparison of prompts as a table that a person reads: HTML in a notebook, text elsewhere."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from practicum_utils.metrics import p_in_words
from practicum_utils.support.html import escape

if TYPE_CHECKING:
    import pandas

FIRST = "(the first)"  # in place of a p that would compare a row with itself
LINE = "border-bottom:1px solid #8a94a0;padding:4px 14px 4px 0"
WORDS = f"{LINE};text-align:left;white-space:nowrap"
NUMBER = f"{LINE};text-align:right;white-space:nowrap"


@dataclass(frozen=True)
class ComparisonTable:
    """Rows of texts under a head; displays itself in a notebook, prints as text.

    head: names of the columns.  rows: as many texts each, the first one the prompt's name.
    """

    head: list[str]
    rows: list[list[str]]

    def __str__(self) -> str:
        """The text form, in columns."""
        lines = [self.head, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    __repr__ = __str__

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        head = "".join(
            f'<th scope="col" style="{NUMBER if place else WORDS}">{escape(name)}</th>'
            for place, name in enumerate(self.head)
        )
        rows = "".join(f"<tr>{_cells(row)}</tr>" for row in self.rows)
        html = f'<table style="border-collapse:collapse"><tr>{head}</tr>{rows}</table>'
        return {"text/plain": str(self), "text/html": html}


def _cells(row: list[str]) -> str:
    name, *others = map(escape, row)
    cells = "".join(f'<td style="{NUMBER}">{text}</td>' for text in others)
    return f'<th scope="row" style="{WORDS}">{name}</th>{cells}'


def comparison_table(table: "pandas.DataFrame") -> ComparisonTable:
    """Rows of ``compare_prompts``, or some of their columns, in words; without the seconds."""
    columns = {"prompt": [str(name) for name in table.index]}
    if "accuracy" in table:
        columns["accuracy"] = [f"{value:.3f}" for value in table["accuracy"]]
    if {"low", "high"} <= set(table):
        pairs = zip(table["low"], table["high"], strict=True)
        columns["95 % interval"] = [f"{low:.3f} to {high:.3f}" for low, high in pairs]
    for name in ("invalid", "positive", "cut"):
        if name in table:
            columns[name] = [f"{value:.0%}".replace("%", " %") for value in table[name]]
    if "p" in table and len(table) > 1:
        columns["p"] = [FIRST, *map(p_in_words, table["p"].iloc[1:])]
    return ComparisonTable(
        list(columns), [list(row) for row in zip(*columns.values(), strict=True)]
    )
