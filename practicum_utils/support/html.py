"""Text of learners made fit for a notebook's output: shown as it is, and never run."""

import html
import textwrap

LINE = 96  # characters of a printed line
LONGEST_WORD = 30  # characters of a word that are shown


def clean_word(word: str, longest: int = LONGEST_WORD) -> str:
    """A word as it can be shown: no control characters, not endlessly long, never nothing."""
    word = "".join(
        c if c.isprintable() or c == "\u200d" else "\N{REPLACEMENT CHARACTER}" for c in word
    )
    if len(word) > longest:
        return f"{word[: longest - 8]}…({len(word)})"
    return word or "(empty)"


def escape(text: str) -> str:
    """Return HTML that shows a text as it is: no tags, no formulas."""
    # Two dollar signs, or \( and \), in one piece of text would be typeset as a formula.
    text = html.escape(text, quote=False)
    return text.replace("\\", "<span>\\</span>").replace("$", "<span>$</span>")


def wrap(text: str, width: int = LINE) -> list[str]:
    """The lines of a text, cut between words only: JupyterLab breaks longer ones within a word."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def plural(count: int, noun: str) -> str:
    """A number and what is counted: "1 word", "2 words"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
