"""A review as a row of coloured words: HTML, plain text and PNG of the same numbers.

The HTML is right in a notebook that is not trusted, without a network, on light and dark ground,
and readable with all styles removed: every colour is inline and comes with its own ink, every word
is one escaped ``<span>``, strength shows in the border and the number too, and a sentence and a
table say the same.
"""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch

from practicum_utils.data import tokenize
from practicum_utils.support.html import clean_word, escape

# White to blue for weights, by how often a word has its even share 1 / T: (from, ground, ink).
RAMP = (
    (1, "#eaf3fa", "#000000"),
    (2, "#bcd9ee", "#000000"),
    (4, "#7fb6de", "#000000"),
    (8, "#2b75aa", "#ffffff"),
    (16, "#08519c", "#ffffff"),
)
# Blue for positive, orange for negative effects, by their share of the largest one.
BLUES = ((0.1, "#bcd9ee", "#000000"), (0.3, "#7fb6de", "#000000"), (0.6, "#08519c", "#ffffff"))
ORANGES = ((0.1, "#fbe0c3", "#000000"), (0.3, "#f2a65a", "#000000"), (0.6, "#a34700", "#ffffff"))
BYTES = 95_000  # no output of a notebook is larger than 100 KB, quotes and line ends included
SIZES = (512, 256, 128, 64, 32, 16)  # words shown, less where the words are too long for the space
PNG_WORDS = 240
TABLE_ROWS = 256
TOP = 5
GLUE = "\N{NO-BREAK SPACE}"  # keeps a word and its numbers on one line


@dataclass(frozen=True)
class Chip:
    """One word as it is drawn. level: 0 plain, else the thickness of its border, 1 to 5."""

    word: str
    level: int = 0
    ground: str = ""
    ink: str = ""
    note: str = ""  # the number after a word that stands out


@dataclass(frozen=True)
class TokenView:
    """A review with a weight for each token; displays itself in a notebook, prints as text.

    tokens: the T words.  weights: (T,), at least 0, sum 1.
    effects: (T,) or None, signed, such as leave-one-out.  gradients: (T,) or None.
    heading: the first words.  facts: sentences said above the picture.
    """

    tokens: Sequence[str]
    weights: torch.Tensor
    effects: torch.Tensor | None = None
    gradients: torch.Tensor | None = None
    heading: str = "Where the model pooled."
    facts: Sequence[str] = field(default=())

    def top(self, count: int = TOP) -> list[int]:
        """The places of the largest weights, largest first."""
        return self.weights.argsort(descending=True, stable=True)[:count].tolist()

    def __str__(self) -> str:
        """The text form: sentences, then every word with its weight (and its effect)."""
        words = [f"{clean_word(word)}{GLUE}{weight:.3f}" for word, weight in self._pairs()]
        if self.effects is not None:
            pairs = zip(words, self.effects.tolist(), strict=True)
            words = [f"{word}{GLUE}({effect:+.3f})" for word, effect in pairs]
        legend = "" if self.effects is None else " (and what leaving it out takes from the answer)"
        lines = textwrap.wrap("  ".join(words), 96, break_long_words=False, break_on_hyphens=False)
        lines = [line.replace(GLUE, " ") for line in lines]
        return "\n".join([*self._sentences(), f"Each word's weight{legend}:", *lines])

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.html()}

    def html(self) -> str:
        """The HTML form; where the words are too many or too long, fewer of them are shown."""
        room = BYTES - len(str(self).encode())  # both forms are kept in the notebook
        chips = self._rows_of_chips()
        for size in SIZES:
            text = self._html(size, *chips)
            if len(text.encode()) <= room:
                return text
        return text

    def png(self) -> bytes:
        """The coloured words as a PNG picture on white, for places that show no HTML."""
        from practicum_utils.visualize.token_png import draw

        shown = self._shown(PNG_WORDS)
        rows = [_with_gaps(chips, shown) for chips in self._rows_of_chips()]
        return draw(self._sentences(), rows)

    def _rows_of_chips(self) -> list[list[Chip]]:
        """The weights' chips and, where effects were measured, theirs."""
        effects = [] if self.effects is None else [self.effect_chips()]
        return [self.weight_chips(), *effects]

    def weight_chips(self) -> list[Chip]:
        """A chip for each word, coloured by its weight times T."""
        T, top = len(self.tokens), set(self.top())
        chips = []
        for place, (word, weight) in enumerate(self._pairs()):
            note = f"{weight:.2f}".removeprefix("0") if place in top else ""
            chips.append(_chip(word, weight * T, RAMP, note))
        return chips

    def effect_chips(self) -> list[Chip]:
        """A chip for each word, blue where it speaks for positive and orange for negative."""
        largest = float(self.effects.abs().max()) or 1.0
        top = set(self.effects.abs().argsort(descending=True)[:TOP].tolist())
        digits, chips = 2 if largest > 0.02 else 4, []
        for place, effect in enumerate(self.effects.tolist()):
            visible = place in top and abs(effect) > 0.5 * 10**-digits
            note = f"{effect:+.{digits}f}" if visible else ""
            ramp = BLUES if effect > 0 else ORANGES
            chips.append(_chip(self.tokens[place], abs(effect) / largest, ramp, note))
        return chips

    def _pairs(self) -> Iterable[tuple[str, float]]:
        return zip(self.tokens, self.weights.tolist(), strict=True)

    def _sentences(self) -> list[str]:
        names = ", ".join(f"{clean_word(self.tokens[i])} {self.weights[i]:.2f}" for i in self.top())
        return [self.heading, *self.facts, f"Highest weights: {names}.", self._concentration()]

    def _concentration(self) -> str:
        """How unevenly the weight is spread: share of the top, and entropy."""
        T, top = len(self.tokens), self.top()
        share, even = float(self.weights[top].sum()), len(top) / T
        entropy = float(torch.special.entr(self.weights).sum())
        most = float(torch.tensor(float(T)).log())
        return (
            f"The {len(top)} highest of {T} weights carry {share:.0%} (evenly spread: {even:.0%}); "
            f"entropy {entropy:.1f} of {most:.1f} nats."
        )

    def _shown(self, size: int) -> list[int]:
        """The places to show: all, or those around the largest weights."""
        T = len(self.tokens)
        if size >= T:
            return list(range(T))
        near = {place + step for place in self.top(size // 8) for step in range(-3, 4)}
        return sorted(place for place in near if 0 <= place < T)

    def _html(self, size: int, weights: list[Chip], effects: Sequence[Chip] = ()) -> str:
        shown = self._shown(size)
        first, *others = self._sentences()
        parts = [f"<p><b>{escape(first)}</b>{''.join(f'<br>{escape(s)}' for s in others)}</p>"]
        parts.append(_paragraph(_with_gaps(weights, shown)))
        parts.append(_paragraph(_legend(RAMP, "above {:g}", "times an even share:")))
        if effects:
            parts.append(
                "<p>What the probability of “positive” loses without the word "
                "(+ blue: it speaks for positive, - orange: for negative):</p>"
            )
            parts.append(_paragraph(_with_gaps(effects, shown)))
        parts.append(self._table_html(min(TABLE_ROWS, size)))
        return "".join(parts)

    def _columns(self) -> dict[str, list[str]]:
        columns = {"weight": [f"{weight:.4f}" for weight in self.weights.tolist()]}
        if self.effects is not None:
            columns["leave-one-out"] = [f"{effect:+.4f}" for effect in self.effects.tolist()]
        if self.gradients is not None:
            columns["gradient"] = [f"{value:.4f}" for value in self.gradients.tolist()]
        return columns

    def _table_html(self, count: int) -> str:
        T, columns = len(self.tokens), self._columns()
        head = "".join(f'<th scope="col">{name}</th>' for name in ("word", "place", *columns))
        rows = "".join(
            f"<tr><td>{escape(clean_word(self.tokens[place]))}</td><td>{place + 1}</td>"
            + "".join(f"<td>{column[place]}</td>" for column in columns.values())
            + "</tr>"
            for place in self.top(count)
        )
        which = "all words" if count >= T else f"the {count} highest of {T} words"
        return (
            f"<details><summary>Table: {which} by falling weight</summary>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></details>"
        )


def show_attention(
    text_or_tokens: str | Sequence[str],
    weights,
    faithfulness=None,
    facts: Sequence[str] = (),
    heading: str = "Where the model pooled.",
) -> TokenView:
    """Return a picture of one review's attention: each word coloured by its weight.

    text_or_tokens: a text, which is tokenized, or the T tokens that the model read.
    weights: T numbers of at least 0; where they do not sum to 1, their shares are shown, and it
        is said.
    faithfulness: what ``faithfulness.measure`` gave for this review; shown beside the picture.
    Raises ValueError for no token, for tokens and weights of unequal length, for a weight that is
    negative or not a number.
    """
    tokens = tokenize(text_or_tokens) if isinstance(text_or_tokens, str) else list(text_or_tokens)
    weights = _checked_weights(weights, len(tokens))
    total = float(weights.sum())
    said = list(facts)
    if abs(total - 1) > 1e-3:
        said.append(f"These weights sum to {total:.3g}, not to 1; shown are their shares.")
    if faithfulness is None:
        said.append("How far to trust it: not measured for this picture.")
        return TokenView(tokens, weights / total, heading=heading, facts=said)
    if len(faithfulness.leave_one_out) != len(tokens):
        raise ValueError(
            f"The faithfulness is that of a review of {len(faithfulness.leave_one_out)} words, and "
            f"there are {len(tokens)} tokens; measure this review."
        )
    said.append(trust(faithfulness))
    effects, gradients = faithfulness.leave_one_out, faithfulness.gradients
    return TokenView(tokens, weights / total, effects, gradients, heading, said)


def trust(faithfulness) -> str:
    """The sentence about one review's agreement with the two measures of effect."""
    return (
        "How far to trust it (Kendall's tau; random or uniform weights: about 0): "
        f"{faithfulness.with_leave_one_out:.2f} with leave-one-out, "
        f"{faithfulness.with_gradients:.2f} with gradients; "
        f"these two with each other {faithfulness.between:.2f}."
    )


def _checked_weights(weights, count: int) -> torch.Tensor:
    weights = torch.as_tensor(weights).detach().cpu().to(torch.float64)
    if weights.dim() == 2 and len(weights) == 1:
        weights = weights[0]
    if weights.dim() != 1:
        raise ValueError(
            f"One weight per token is expected, (T,); got the shape {tuple(weights.shape)}. "
            "show_heads draws the maps of a Transformer."
        )
    if count == 0:
        raise ValueError("There are no tokens, so there is nothing to show.")
    if len(weights) != count:
        raise ValueError(
            f"There are {count} tokens and {len(weights)} weights; pass the tokens that the model "
            "read, without padding (ReviewDataset.tokens gives them after the cut)."
        )
    if not bool((weights >= 0).all() and weights.isfinite().all()) or weights.sum() == 0:
        raise ValueError(
            "Attention weights are numbers of at least 0, not all 0; these are not. Are they the "
            "scores from before the softmax?"
        )
    return weights


def _chip(word: str, strength: float, ramp: tuple, note: str) -> Chip:
    # A hair below the border counts as on it: T * (1 / T) is not exactly 1.
    reached = [step for step in ramp if strength > step[0] * (1 + 1e-6)]
    if not reached:
        return Chip(clean_word(word), note=note)
    _, ground, ink = reached[-1]
    return Chip(clean_word(word), len(reached), ground, ink, note)


def _legend(ramp: tuple, text: str, name: str) -> list[Chip]:
    steps = [Chip(text.format(step[0]), level, *step[1:]) for level, step in enumerate(ramp, 1)]
    return [Chip(name), Chip("less"), *steps]


def _with_gaps(chips: list[Chip], shown: list[int]) -> list[Chip]:
    """The chips at these places, and a word about what is left out between them."""
    kept, before = [], -1
    for place in [*shown, len(chips)]:
        if place > before + 1:
            kept.append(Chip(f"[… {place - before - 1} words …]"))
        if place < len(chips):
            kept.append(chips[place])
        before = place
    return kept


def _paragraph(chips: Iterable[Chip]) -> str:
    return f'<p style="line-height:2">{" ".join(map(_span, chips))}</p>'


def _span(chip: Chip) -> str:
    word = escape(chip.word)
    if chip.note:
        word = f"<b>{word} {chip.note}</b>"
    if not chip.level:
        return f"<span>{word}</span>"
    return (
        f'<span style="background-color:{chip.ground};color:{chip.ink};padding:1px 3px;'
        f'border-bottom:{chip.level}px solid #08306b">{word}</span>'
    )
