"""Choose a review and see where a model pooled; name the words that matter, then see who was right.

A widget only chooses. What it shows is an ordinary output of the cell, so that the last view is
still there in the saved notebook, and each function does the same without a widget.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.utils.data import Subset

from practicum_utils.data import UNK, ReviewDataset, Vocabulary, tokenize
from practicum_utils.support.html import plural, wrap
from practicum_utils.support.widgets import answer_typed, require_widgets
from practicum_utils.visualize.faithfulness import (
    Faithfulness,
    Reading,
    measure,
    read_review,
    require_weights,
)
from practicum_utils.visualize.token_view import TokenView, show_attention

CHOICES = 200  # reviews in the list of the widget
TOP = 5
WEIGHTS_ARE = {
    True: "Where the model pooled.",
    False: "How much each word was looked at, on average over heads and places.",
}


class NothingGuessedError(ValueError):
    """A guess without a word, or without one that stands in the review."""


def look(model: nn.Module, reviews, index: int) -> TokenView:
    """Return the picture of review ``index`` of a ReviewDataset, with its faithfulness beside it.

    Raises IndexError for a review that is not there, TypeError for a model without weights or
    for reviews that are no ReviewDataset.
    """
    dataset, place = _find(reviews, index)
    token_ids, label = dataset[place]
    facts = []
    cut = int(dataset.full_lengths[place]) - len(token_ids)
    if cut:
        facts.append(
            f"{cut} of its {plural(cut + len(token_ids), 'word')} "
            f"{'was' if cut == 1 else 'were'} cut before reading."
        )
    return _picture(
        model, dataset.tokens(place), token_ids, f"Review {index}, labelled {_name(label)}.", facts
    )


def look_at_text(model: nn.Module, text: str, vocab: Vocabulary) -> TokenView:
    """Return the same picture for a text of your own; ValueError for a text without a word."""
    tokens = tokenize(text)
    if not tokens:
        raise ValueError("This text has no words, so there is nothing to read; write at least one.")
    return _picture(model, tokens, torch.tensor(vocab.encode(tokens)), "Your text.", [])


def _picture(model, tokens, token_ids, name: str, facts: list[str]) -> TokenView:
    reading, faithfulness = _read(model, token_ids)
    facts = [_answer(reading), *facts]
    unknown = sorted({t for t, i in zip(tokens, token_ids.tolist(), strict=True) if i == UNK})
    if unknown:
        more = "" if len(unknown) <= TOP else f" and {len(unknown) - TOP} more"
        facts.append(f"Read as <unk>: {', '.join(unknown[:TOP])}{more}.")
    if faithfulness is None:
        facts.append("With one word there is no order of words whose agreement could be measured.")
    heading = f"{name} {WEIGHTS_ARE[reading.pooled]}"
    return show_attention(tokens, reading.weights, faithfulness, facts, heading)


def _read(model: nn.Module, token_ids: torch.Tensor) -> tuple[Reading, Faithfulness | None]:
    """What the model made of a review and, for two words or more, what its weights are worth."""
    reading = read_review(model, token_ids)
    return reading, measure(model, token_ids, reading) if len(token_ids) > 1 else None


def _answer(reading: Reading) -> str:
    side = "positive" if reading.logit > 0 else "negative"
    numbers = f"logit {reading.logit:+.2f}, probability of positive {reading.probability:.2f}"
    return f"Predicted {side} ({numbers})."


def explore_attention(model: nn.Module, reviews, index: int | None = None) -> TokenView | None:
    """Choose a review of ``reviews`` (a ReviewDataset) from a list and see where the model pooled.

    With ``index`` there is no list: the picture of that review is returned. Needs ipywidgets
    otherwise; the last picture stays in the saved notebook.
    """
    if index is not None:
        return look(model, reviews, index)
    first = look(model, reviews, 0)
    widgets, display = require_widgets("index=...")
    options = [(_title(reviews, i), i) for i in range(min(CHOICES, len(reviews)))]
    choice = widgets.Dropdown(
        options=options, value=0, description="Review", layout=widgets.Layout(width="95%")
    )
    display(choice)
    handle = display(first, display_id=True)
    choice.observe(lambda change: handle.update(look(model, reviews, change["new"])), names="value")
    return None


def _title(reviews, index: int) -> str:
    dataset, place = _find(reviews, index)
    return f"{index} ({_name(dataset[place][1])}): {' '.join(dataset.tokens(place)[:12])} ..."


def predict_then_reveal(
    model: nn.Module, reviews, index: int, guess: str | Sequence[str] | None = None
) -> TokenView | None:
    """Name the words of a review that you think decide; then see the model's weights and effects.

    Without ``guess`` the review is printed, with a box to type words into; with ``guess``
    (words, or a text of words) the picture is returned at once, the guess scored in it. A guess
    that is empty, or of which no word is in the review, reveals nothing: a sentence says what to
    write.
    """
    require_weights(model)
    dataset, place = _find(reviews, index)

    def reveal(words: str | Sequence[str]) -> TokenView | str:
        try:
            return _reveal(model, reviews, index, words)
        except NothingGuessedError as error:
            return str(error)

    if guess is None:
        words = "\n".join(wrap(" ".join(dataset.tokens(place))))
        above = f"Review {index}:\n{words}\n\nWhich words decide? Type them."
        hint, waiting = "three to six words, then Enter", "(your words first)"
        answer_typed("guess=...", hint, waiting, reveal, above)
        return None
    view = reveal(guess)
    if isinstance(view, str):
        print(view)
        return None
    return view


def _reveal(model: nn.Module, reviews, index: int, guess: str | Sequence[str]) -> TokenView:
    dataset, place = _find(reviews, index)
    tokens, token_ids = dataset.tokens(place), dataset[place][0]
    words = set(tokenize(guess if isinstance(guess, str) else " ".join(guess)))
    if not words:
        raise NothingGuessedError(
            "There is no guess yet; write three to six words of the review that you think decide."
        )
    if not words & set(tokens):
        raise NothingGuessedError(
            "None of these words is in the review; name words that stand in it."
        )
    chosen = torch.tensor([token in words for token in tokens])
    reading, faithfulness = _read(model, token_ids)
    facts = [_answer(reading), *_score(words, chosen, tokens, reading, faithfulness)]
    heading = f"Review {index}, labelled {_name(dataset[place][1])}. Your words, and the model's."
    return show_attention(tokens, reading.weights, faithfulness, facts, heading)


def _score(words, chosen, tokens, reading, faithfulness: Faithfulness | None) -> list[str]:
    """Sentences: what the guess has of the weight and of the effects, and what an even share is."""
    here = sorted(words & set(tokens))
    lines = [
        f"Your words: {', '.join(here)} ({int(chosen.sum())} of {plural(len(tokens), 'place')})."
    ]
    missing = sorted(words - set(tokens))
    if missing:
        lines.append(f"Not in this review: {', '.join(missing)}.")
    even = float(chosen.double().mean())
    weight = float(reading.weights[chosen].sum())
    lines.append(f"They have {weight:.0%} of the weight (an even share would be {even:.0%}).")
    if faithfulness is not None:
        effects = faithfulness.leave_one_out.abs()
        share = float(effects[chosen].sum() / effects.sum().clamp(min=1e-12))
        ranked = (tokens[place] for place in effects.argsort(descending=True).tolist())
        strongest = list(dict.fromkeys(ranked))[:TOP]  # each word once
        hits = sum(word in words for word in strongest)
        lines.append(
            f"They have {share:.0%} of the effect (leave-one-out, on the logit), and {hits} of the "
            f"{plural(len(strongest), 'word')} with the largest effect: {', '.join(strongest)}."
        )
    return lines


def _find(reviews, index: int) -> tuple[ReviewDataset, int]:
    """The dataset behind ``reviews`` and the review's place in it; a Subset is looked through."""
    if not 0 <= index < len(reviews):
        raise IndexError(f"There is no review {index}; there are 0 to {len(reviews) - 1}.")
    while isinstance(reviews, Subset):
        reviews, index = reviews.dataset, int(reviews.indices[index])
    if not isinstance(reviews, ReviewDataset):
        raise TypeError(
            f"reviews must be a ReviewDataset, which knows the words behind the ids; got "
            f"{type(reviews).__name__}. For a text of your own there is look_at_text."
        )
    return reviews, index


def _name(label: torch.Tensor) -> str:
    return "positive" if label > 0.5 else "negative"
