"""Type a prompt; see what a text-to-text model writes, and which label it prefers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from practicum_utils.models.decoding import MAX_TOKENS
from practicum_utils.prompting.generation import (
    LABELS,
    batches,
    encode,
    first_tokens,
    parse_label,
    score,
    write,
)
from practicum_utils.prompting.t5 import T5
from practicum_utils.support.widgets import answer_typed


@dataclass(frozen=True)
class Answer:
    """One prompt and what came of it; prints as four lines.

    text: what the model writes, sentinels of filled gaps kept.
    label: the label that this is, or None.  scores: label -> probability among the labels.
    tokens: length of the prompt, end token included.
    """

    prompt: str
    text: str
    label: str | None
    scores: Mapping[str, float]
    tokens: int

    def __str__(self) -> str:
        cut = f", {self.tokens - MAX_TOKENS} too many: its end was cut" * (self.tokens > MAX_TOKENS)
        scores = ", ".join(f"{label} {score:.3f}" for label, score in self.scores.items())
        kind = "no label" if self.label is None else "a label"
        return (
            f"prompt:  {self.prompt}\n"
            f"         ({self.tokens} tokens{cut})\n"
            f"writes:  {self.text or '(nothing)'}   ({kind})\n"
            f"prefers: {scores}"
        )

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/plain": str(self)}


def prompt_lab(
    t5: T5, prompt: str | None = None, labels: Sequence[str] = LABELS, max_new_tokens: int = 20
) -> Answer | None:
    """Type a prompt and see the model's free answer and its scores for the labels.

    With ``prompt`` there is no box: the answer is returned. Needs ipywidgets otherwise; the last
    answer stays in the saved notebook. Raises ValueError for an empty prompt.
    """
    if prompt is not None:
        return _ask(t5, prompt, labels, max_new_tokens)

    def answer(typed: str) -> str:
        try:
            return str(_ask(t5, typed, labels, max_new_tokens))
        except ValueError as error:
            return str(error)

    answer_typed("prompt=...", "a prompt, then Enter", "(type a prompt)", answer)
    return None


def _ask(t5: T5, prompt: str, labels: Sequence[str], max_new_tokens: int) -> Answer:
    rows, first = encode(t5, [prompt]), first_tokens(t5, labels)
    ((_, state, mask),) = batches(t5, rows)
    (text,) = write(t5, state, mask, max_new_tokens, sentinels=True)
    scores = score(t5, state, mask, first)[0].tolist()
    named = dict(zip(labels, scores, strict=True))
    return Answer(prompt, text, parse_label(text, labels), named, len(rows[0]))
