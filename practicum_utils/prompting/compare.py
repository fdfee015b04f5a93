"""Prompts for a text-to-text model, and fair comparisons of them.

``score_labels`` asks only which of some answers the model prefers; ``generate`` lets it write
freely, and ``parse_label`` says whether that was an answer at all. ``compare_prompts`` does both
for several prompts on the same reviews.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from practicum_utils.data import NEGATIVE, POSITIVE
from practicum_utils.metrics import accuracy_interval, mcnemar
from practicum_utils.prompting.generation import (
    LABELS,
    batches,
    choose_for,
    encode,
    first_tokens,
    parse_label,
    score,
    too_long,
    write,
)
from practicum_utils.prompting.t5 import T5
from practicum_utils.prompting.table import comparison_table
from practicum_utils.support.progress import Progress

if TYPE_CHECKING:  # pandas takes a second to import, so it is imported where it is used
    import pandas

ANSWER_TOKENS = 5  # a label is one or two tokens; an answer that is longer is no label
Prompt = str | Callable[[str], str]


def to_prompt(text: str, prefix: str = "sst2 sentence:") -> str:
    """Return a prompt in T5's form: the prefix, one space, the text on one line without ``<br />``.

    Raises ValueError for a text without a word.
    """
    words = re.sub(r"<br\s*/?>", " ", text).split()
    if not words:
        raise ValueError("This text has no words, so there is nothing to ask about.")
    return " ".join([*prefix.split(), *words])


def compare_prompts(
    t5: T5, prompts: Mapping[str, Prompt] | Sequence[str], reviews, labels: Sequence[str] = LABELS
) -> "pandas.DataFrame":
    """Try several prompts on the same reviews; return a row for each prompt.

    prompts: name -> a text with ``{text}`` where the review goes, or a function from the review to
        the prompt. A list of such texts is named by the texts.
    reviews: rows of ``text`` and ``label`` (1 or 2), such as a part of ``load_reviews()["test"]``.
    labels: the two words that mean label 1 and label 2.

    Columns: accuracy (by ``score_labels``) with its 95 % interval low, high; invalid, the share of
    free answers that are no label; positive, the share answered with the second label; p, McNemar's
    test against the first prompt; cut, the share of prompts of more than 512 tokens; seconds.
    Raises ValueError for a prompt without ``{text}``, for reviews that are empty or lack labels.
    """
    import pandas

    if len(labels) != 2:
        raise ValueError(f"Reviews have two labels, so two words are needed; got {len(labels)}.")
    makers = {name: _maker(name, prompt) for name, prompt in _named(prompts).items()}
    texts, truth = _texts_and_truth(reviews)
    progress, rows, first = Progress(), {}, None
    started = time.perf_counter()
    for name, make in makers.items():
        asked = [make(text) for text in texts]
        if not rows:  # once, so that the prompts are compared under the same conditions
            progress.say(choose_for(t5, encode(t5, asked), len(makers)))
        progress.show(f"{name}: prompt {len(rows) + 1} of {len(makers)}")
        row, right = _try_prompt(t5, asked, truth, labels)
        first = right if first is None else first
        rows[name] = {**row, "p": mcnemar(first, right)}
    seconds = time.perf_counter() - started
    count = "1 prompt" if len(makers) == 1 else f"{len(makers)} prompts"
    progress.close(f"{count}, {len(texts)} reviews each: {seconds:.0f} s")
    columns = ["accuracy", "low", "high", "invalid", "positive", "p", "cut", "seconds"]
    return pandas.DataFrame.from_dict(rows, orient="index")[columns].rename_axis("prompt")


def show_comparison(table: "pandas.DataFrame") -> None:
    """Show rows of ``compare_prompts`` as a table, without their seconds.

    In a notebook an HTML table, elsewhere text. Columns that were dropped are left out; p of the
    first row says nothing, as the others are compared with it.
    """
    from IPython.display import display

    display(comparison_table(table))


def fair_comparison(
    t5: T5, prompts: Mapping[str, Prompt] | Sequence[str], validation, test
) -> tuple[str, "pandas.DataFrame"]:
    """Choose the most accurate prompt on ``validation``; return its name and its row on ``test``.

    The best of several results is partly luck, so the reviews that chose a prompt cannot grade it.
    """
    named = _named(prompts)
    tried = compare_prompts(t5, named, validation)
    best = tried["accuracy"].idxmax()
    return best, compare_prompts(t5, {best: named[best]}, test)


def _try_prompt(t5: T5, prompts, truth: Sequence[bool], labels) -> tuple[dict, list[bool]]:
    """The numbers of one prompt, and for each review whether its answer was right."""
    started, first = time.perf_counter(), first_tokens(t5, labels)
    rows = encode(t5, prompts)
    positive, invalid = {}, 0
    for places, state, mask in batches(t5, rows):
        scores = score(t5, state, mask, first)
        positive.update(zip(places, (scores[:, 1] > scores[:, 0]).tolist(), strict=True))
        answers = write(t5, state, mask, ANSWER_TOKENS)
        invalid += sum(parse_label(answer, labels) is None for answer in answers)
    right = [positive[place] == truth[place] for place in range(len(truth))]
    low, high = accuracy_interval(sum(right), len(right))
    counts = {
        "accuracy": sum(right),
        "invalid": invalid,
        "positive": sum(positive.values()),
        "cut": sum(map(too_long, rows)),
    }
    numbers = {name: count / len(right) for name, count in counts.items()}
    return {**numbers, "low": low, "high": high, "seconds": time.perf_counter() - started}, right


def _named(prompts: Mapping[str, Prompt] | Sequence[str]) -> Mapping[str, Prompt]:
    if isinstance(prompts, str):
        prompts = [prompts]
    named = prompts if isinstance(prompts, Mapping) else {prompt: prompt for prompt in prompts}
    if not named:
        raise ValueError("There is no prompt to try; name at least one.")
    return named


def _maker(name: str, prompt: Prompt) -> Callable[[str], str]:
    if callable(prompt):
        return prompt
    if "{text}" not in prompt:
        raise ValueError(
            f"The prompt {name!r} has no {{text}}, so it would not see the review; write {{text}} "
            "where the review goes."
        )
    return lambda text: prompt.replace("{text}", text)  # reviews may contain braces


def _texts_and_truth(reviews) -> tuple[list[str], list[bool]]:
    """The texts, and for each whether it is positive; ValueError for what cannot be scored."""
    texts, labels = list(reviews["text"]), list(reviews["label"])
    if not texts:
        raise ValueError("There are no reviews to try the prompts on; pass at least one.")
    wrong = sorted(set(labels) - {NEGATIVE, POSITIVE})
    if wrong:
        raise ValueError(
            f"Labels must be {NEGATIVE} (negative) or {POSITIVE} (positive), as load_reviews gives "
            f"them; found {wrong[0]!r}."
        )
    empty = next((place for place, text in enumerate(texts) if not text.strip()), None)
    if empty is not None:
        raise ValueError(f"Review {empty} is empty; leave it out.")
    return texts, [label == POSITIVE for label in labels]
