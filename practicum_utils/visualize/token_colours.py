"""How a word is marked by its weight or its effect, so that more is stronger on every ground.

All colours have the same luminance, about as far from white as from a nearly black page (contrast
4.3 to both), and black ink can be read on them. So what counts is not how pale or dark a mark is,
but how large it is and how colourful: a thin bar, a thicker bar, a filled word. A word of little
weight has no mark, and the page's own ink.
"""

from typing import NamedTuple

BLUE, DULL_BLUE = "#2874ef", "#657a9d"  # weights
TEAL, DULL_TEAL = "#0d8878", "#4d8378"  # effects above 0; as a colour-blind reader sees them, too,
ORANGE, DULL_ORANGE = "#cc5400", "#a36c53"  # effects below 0 are another colour than those above
INK = "#000000"


class Step(NamedTuple):
    """What marks a word from a certain strength on: a bar and, where it is strong, a fill.

    start: the strength that a word must have more than.  bar: its thickness in pixels.
    colour: of the bar.  ground: of the fill, black ink on it; "" for none.
    above: whether the bar stands above the word.
    """

    start: float
    bar: int
    colour: str
    ground: str = ""
    above: bool = False


# By how many even shares, 1 / T, a word has. With these steps trained models of the course show
# marks on a fifth of the words and a fill on the few that stand out, with 8 words and with 256.
WEIGHTS = (
    Step(1.25, 2, BLUE),
    Step(1.6, 3, BLUE),
    Step(2, 5, BLUE),
    Step(2.5, 6, BLUE, DULL_BLUE),
    Step(4, 8, BLUE, BLUE),
)
# By the share of the review's largest effect. The sign shows in the bar's place, too.
POSITIVE = (
    Step(0.2, 2, TEAL, above=True),
    Step(0.4, 4, TEAL, above=True),
    Step(0.6, 6, TEAL, DULL_TEAL, above=True),
)
NEGATIVE = (Step(0.2, 2, ORANGE), Step(0.4, 4, ORANGE), Step(0.6, 6, ORANGE, DULL_ORANGE))


def step_of(strength: float, steps: tuple[Step, ...]) -> Step | None:
    """The strongest step that this strength is above; None where it is above none."""
    # A hair above the border counts as on it: T * (1 / T) is not exactly 1.
    reached = [step for step in steps if strength > step.start * (1 + 1e-6)]
    return reached[-1] if reached else None
