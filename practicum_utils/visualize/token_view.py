"""A review as a row of coloured words: HTML, plain text and PNG of the same numbers.

The HTML is right in a notebook that is not trusted, without a network, on light and dark ground,
and readable with all styles removed: every colour is inline, every fill comes with its own ink,
every word is one escaped ``<span>`` that no line breaks, strength shows in a bar and in the number
too, and a sentence and a table say the same.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch

from practicum_utils.data import tokenize
from practicum_utils.support.html import clean_word, escape, plural, wrap
from practicum_utils.visualize.token_colours import (
    INK,
    NEGATIVE,
    POSITIVE,
    WEIGHTS,
    Step,
    step_of,
)

BYTES = 95_000  # no output of a notebook is larger than 100 KB, quotes and line ends included
SIZES = (512, 256, 128, 64, 32, 16)  # words shown, less where the words are too long for the space
PNG_WORDS = 240
TABLE_ROWS = 256
TOP = 5
# Of the weights and of the effects: what the steps count, and the steps.
LEGENDS = (
    ("More than so many times the even share:", WEIGHTS),
    ("More than so much of the largest effect:", POSITIVE, NEGATIVE),
)
DOUBTFUL = 0.3  # two measures of the same thing that agree less than this decide nothing
GLUE = "\N{NO-BREAK SPACE}"  # keeps a word and its numbers on one line


@dataclass(frozen=True)
class Chip:
    """One word as it is drawn. step: how it is marked; None: not at all, in the page's own ink."""

    word: str
    step: Step | None = None
    note: str = ""  # the number after a word that stands out

    @property
    def text(self) -> str:
        """The word and, where it has one, its number."""
        return f"{self.word} {self.note}" if self.note else self.word


@dataclass(frozen=True)
class TokenView:
    """A review with a weight for each token; displays itself in a notebook, prints as text.

    tokens: the T words.  weights: (T,), at least 0, sum 1.
    effects: (T,) or None, changes of the logit, such as leave-one-out.  gradients: (T,) or None.
    heading: the first words.  facts: sentences said above the picture.  trust: sentences about
    how far to trust it, said last.
    """

    tokens: Sequence[str]
    weights: torch.Tensor
    effects: torch.Tensor | None = None
    gradients: torch.Tensor | None = None
    heading: str = "Where the model pooled."
    facts: Sequence[str] = field(default=())
    trust: Sequence[str] = field(default=())

    def top(self, count: int = TOP) -> list[int]:
        """The places of the largest weights, largest first."""
        return self.weights.argsort(descending=True, stable=True)[:count].tolist()

    def __str__(self) -> str:
        """The text form: sentences, then every word with its weight (and its effect)."""
        words = [f"{clean_word(word)}{GLUE}{weight:.3f}" for word, weight in self._pairs()]
        legend = "Each word's weight:"
        if self.effects is not None:
            legend = "Each word's weight (and what the logit loses without the word):"
            effects = _signed(self.effects, digits=3)
            words = [f"{word}{GLUE}({effect})" for word, effect in zip(words, effects, strict=True)]
        lines = [line.replace(GLUE, " ") for line in wrap("  ".join(words))]
        sentences = [line for sentence in self._sentences() for line in wrap(sentence)]
        return "\n".join([*sentences, legend, *lines])

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
        rows = []
        for chips, legend in zip(self._rows_of_chips(), LEGENDS, strict=False):
            rows += [_with_gaps(chips, shown), _legend(*legend)]
        return draw(self._sentences(), rows)

    def _rows_of_chips(self) -> list[list[Chip]]:
        """The weights' chips and, where effects were measured, theirs."""
        effects = [] if self.effects is None else [self.effect_chips()]
        return [self.weight_chips(), *effects]

    def weight_chips(self) -> list[Chip]:
        """A chip for each word, marked by its weight times T."""
        T, top, numbers = len(self.tokens), set(self.top()), self._short_weights()
        chips = []
        for place, (word, weight) in enumerate(self._pairs()):
            note = numbers[place].removeprefix("0") if place in top else ""
            chips.append(Chip(clean_word(word), step_of(weight * T, WEIGHTS), note))
        return chips

    def effect_chips(self) -> list[Chip]:
        """A chip for each word, teal where it speaks for positive and orange for negative."""
        largest = float(self.effects.abs().max()) or 1.0
        top = set(self.effects.abs().argsort(descending=True)[:TOP].tolist())
        chips, numbers = [], _signed(self.effects, digits=2)
        for place, effect in enumerate(self.effects.tolist()):
            step = step_of(abs(effect) / largest, POSITIVE if effect > 0 else NEGATIVE)
            told = place in top or (step is not None and step.ground)  # a fill shows no sign
            note = numbers[place] if told and float(numbers[place]) else ""
            chips.append(Chip(clean_word(self.tokens[place]), step, note))
        return chips

    def _pairs(self) -> Iterable[tuple[str, float]]:
        return zip(self.tokens, self.weights.tolist(), strict=True)

    def _sentences(self) -> list[str]:
        top, numbers = self.top(), self._short_weights()
        names = ", ".join(f"{clean_word(self.tokens[place])} {numbers[place]}" for place in top)
        named = f"Highest weights: {names}."
        return [self.heading, *self.facts, named, *self._concentration(), *self.trust]

    def _short_weights(self) -> list[str]:
        """Each weight with two digits of the largest, as 0.26 of few words and 0.021 of many."""
        largest = float(self.weights.max())
        return [f"{weight:.{max(2, _decimals(largest, 2))}f}" for weight in self.weights.tolist()]

    def _concentration(self) -> list[str]:
        """How unevenly the weight is spread: share of the top, and entropy."""
        T, top = len(self.tokens), self.top()
        if T == 1:
            return ["There is one word, so it has all of the weight."]
        share, even = float(self.weights[top].sum()), len(top) / T
        entropy, most = float(torch.special.entr(self.weights).sum()), math.log(T)
        return [
            f"The {len(top)} highest of {T} weights carry {share:.0%} of the whole; evenly spread, "
            f"they would carry {even:.0%}.",
            f"Entropy, which says how widely the weight is spread: {entropy:.2f} nats, as if "
            f"{math.exp(entropy):.0f} of the {T} words had equal weights and the others none "
            f"(0.00: one word has all; {most:.2f}: all have the same).",
        ]

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
        parts.append(_paragraph(_legend(*LEGENDS[0])))
        if effects:
            largest = _signed(self.effects, digits=2)[int(self.effects.abs().argmax())]
            parts.append(
                "<p>What the logit loses without the word (+, bar above, teal: the word speaks for "
                f"positive; -, bar below, orange: for negative). The largest effect is {largest}:"
                "</p>"
            )
            parts.append(_paragraph(_with_gaps(effects, shown)))
            parts.append(_paragraph(_legend(*LEGENDS[1])))
        parts.append(self._table_html(min(TABLE_ROWS, size)))
        return "".join(parts)

    def _columns(self) -> dict[str, list[str]]:
        columns = {"weight": [f"{weight:.4f}" for weight in self.weights.tolist()]}
        if self.effects is not None:
            columns["leave-one-out (logit)"] = _signed(self.effects, digits=4)
        if self.gradients is not None:
            sizes = _signed(self.gradients, digits=4)
            columns["gradient (logit)"] = [size.removeprefix("+") for size in sizes]
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
        which = "all words" if count >= T else f"the {count} highest of {plural(T, 'word')}"
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
        unknown = ["How far to trust it: not measured for this picture."]
        return TokenView(tokens, weights / total, heading=heading, facts=said, trust=unknown)
    if len(faithfulness.leave_one_out) != len(tokens):
        raise ValueError(
            "The faithfulness is that of a review of "
            f"{plural(len(faithfulness.leave_one_out), 'word')}, and this one has "
            f"{plural(len(tokens), 'token')}; measure this review."
        )
    effects, gradients = faithfulness.leave_one_out, faithfulness.gradients
    told = trust(faithfulness)
    return TokenView(tokens, weights / total, effects, gradients, heading, said, told)


def trust(faithfulness) -> list[str]:
    """Sentences about one review's agreement with the two measures of effect: what it is, and it.

    Where the two measures hardly agree with each other, it is said that they decide little.
    """
    alone = faithfulness.between
    doubt = ", so neither of them is a firm yardstick here" if alone < DOUBTFUL else ""
    return [
        "How far to trust it: leave out one word after the other, and see how far the logit moves. "
        "Kendall's tau asks of every pair of words whether the one with more weight also moves the "
        "logit more: 1 if always, -1 if never, about 0 for random weights.",
        f"Here tau is {faithfulness.with_leave_one_out:.2f} with leave-one-out, and "
        f"{faithfulness.with_gradients:.2f} with gradients (how far the logit would move if a word "
        f"grew a little fainter). These two agree with each other by {alone:.2f}{doubt}.",
    ]


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
            f"Here are {plural(count, 'token')} and {plural(len(weights), 'weight')}; pass the "
            "tokens that the model read, without padding (ReviewDataset.tokens gives them after "
            "the cut)."
        )
    if not bool((weights >= 0).all() and weights.isfinite().all()) or weights.sum() == 0:
        raise ValueError(
            "Attention weights are numbers of at least 0, not all 0; these are not. Are they the "
            "scores from before the softmax?"
        )
    return weights


def _signed(values: torch.Tensor, digits: int) -> list[str]:
    """Numbers with their sign; the largest has so many digits that count, the others no more."""
    largest = float(values.abs().max()) or 1.0
    return [f"{value:+.{_decimals(largest, digits)}f}" for value in values.tolist()]


def _decimals(largest: float, digits: int) -> int:
    """How many decimals give a number of this size so many digits that count."""
    return min(max(digits - 1 - math.floor(math.log10(largest)), 0), 9)


def _legend(name: str, *ramps: tuple[Step, ...]) -> list[Chip]:
    """The steps of a ramp as chips; of two ramps, both signs beside each other."""
    chips = [Chip(name)]
    for ramp, sign in zip(ramps, "+-" if len(ramps) > 1 else [""], strict=True):
        form = "{:g}" if len(ramps) == 1 else sign + "{:.0%}"
        chips += [Chip(form.format(step.start), step) for step in ramp]
    return chips


def _with_gaps(chips: list[Chip], shown: list[int]) -> list[Chip]:
    """The chips at these places, and a word about what is left out between them."""
    kept, before = [], -1
    for place in [*shown, len(chips)]:
        if place > before + 1:
            kept.append(Chip(f"[… {plural(place - before - 1, 'word')} …]"))
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
    style = _style(chip)
    return f'<span style="{style}">{word}</span>' if style else f"<span>{word}</span>"


def _style(chip: Chip) -> str:
    """The inline style of a chip; every part of it passes the sanitizer of JupyterLab."""
    parts = []
    if chip.step is not None:
        side = "top" if chip.step.above else "bottom"
        parts.append(f"border-{side}:{chip.step.bar}px solid {chip.step.colour}")
        if chip.step.ground:
            parts.append(f"background-color:{chip.step.ground};color:{INK};padding:1px 3px")
    # Of letters alone a word never breaks; a hyphen or its number could part it.
    if not (chip.text.isascii() and chip.text.replace("'", "").isalnum()):
        parts.append("white-space:nowrap")
    return ";".join(parts)
