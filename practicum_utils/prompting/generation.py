"""What a text-to-text model writes, and which of some answers it would rather write.

Prompts are read in batches of similar length. ``models.decoding.greedy`` is the same writing as
``generate``, one prompt and one token at a time, as lesson 06 develops it.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch

from practicum_utils.models import to_text
from practicum_utils.models.decoding import MAX_TOKENS
from practicum_utils.prompting.t5 import T5
from practicum_utils.support.environment import choose_threads
from practicum_utils.support.progress import Progress

LABELS = ("negative", "positive")
BATCH_TOKENS = 2_048  # with padding, in a batch; four times as many take 1.4 times as long on a CPU
GREEDY = {"do_sample": False, "num_beams": 1}
LONG_RUN = 100  # prompts from which on progress is shown


def generate(
    t5: T5, prompts: str | Sequence[str], max_new_tokens: int = 20, sentinels: bool = False
) -> list[str]:
    """Return what the model writes for each prompt, always its likeliest next token (greedy).

    prompts: texts, or one text.  max_new_tokens: after so many it is stopped.
    sentinels: keep the tokens ``<extra_id_0>`` ... of filled gaps in the text.
    A prompt of more than 512 tokens is cut at its end, and a printed line says how many were.
    Raises ValueError for an empty prompt.
    """
    answers = {}
    for places, state, mask in _read(t5, prompts):
        texts = write(t5, state, mask, max_new_tokens, sentinels)
        answers.update(zip(places, texts, strict=True))
    return [answers[place] for place in range(len(answers))]


def score_labels(
    t5: T5, prompts: str | Sequence[str], labels: Sequence[str] = LABELS
) -> torch.Tensor:
    """Return the probabilities of the labels as the beginning of the answer: (N, K) float32.

    The softmax over the first tokens of the K labels only, at the first step of the decoder, so
    rows sum to 1 even where the model would rather write something else.
    A prompt of more than 512 tokens is cut at its end, and a printed line says how many were.
    Raises ValueError for an empty prompt, and for labels that begin with the same token.
    """
    first = first_tokens(t5, labels)
    scores = {}
    for places, state, mask in _read(t5, prompts):
        scores.update(zip(places, score(t5, state, mask, first), strict=True))
    return torch.stack([scores[place] for place in range(len(scores))])


def first_tokens(t5: T5, labels: Sequence[str]) -> list[int]:
    """The id of each label's first token; ValueError where these cannot tell the labels apart."""
    spelled = [t5.tokenizer(label, add_special_tokens=False)["input_ids"] for label in labels]
    known = [ids[0] for ids in spelled if ids and t5.tokenizer.unk_token_id not in ids]
    if len(labels) < 2 or len(set(known)) < len(labels):
        raise ValueError(
            f"The labels {', '.join(map(repr, labels))} cannot be told apart by their first token "
            f"in the vocabulary of {t5.name}; choose two or more words that begin differently."
        )
    return known


def parse_label(answer: str, labels: Sequence[str] = LABELS) -> str | None:
    """Return the label that the whole answer is, or None: no answer is better than a guess.

    Space around it, capital letters and a full stop at the end do not count; "not positive",
    "positive negative" and "posit" are no labels.
    """
    plain = answer.strip().removesuffix(".").strip().lower()
    return next((label for label in labels if label.lower() == plain), None)


def _read(t5: T5, prompts: str | Sequence[str]) -> Iterator[tuple]:
    """Encode the prompts; say how many had to be cut, and in a long run how far it has come."""
    prompts = [prompts] if isinstance(prompts, str) else list(prompts)
    rows = encode(t5, prompts)
    cut = sum(map(too_long, rows))
    if cut:
        print(
            f"{cut} of {len(rows)} prompts ({cut / len(rows):.0%}) have more than {MAX_TOKENS} "
            "pieces; their ends were cut"
        )
    progress, done = (Progress() if len(rows) > LONG_RUN else None), 0
    started = time.perf_counter()
    if progress:
        progress.say(choose_for(t5, rows))
    for batch in batches(t5, rows):
        yield batch
        done += len(batch[0])
        if progress:
            progress.show(f"{done} of {len(rows)} prompts")
    if progress:
        progress.close(f"{len(rows)} prompts: {time.perf_counter() - started:.0f} s")


def choose_for(t5: T5, rows: list[list[int]], times: int = 1) -> str:
    """Choose the number of threads to read these prompts so often; return a line to be printed."""
    if t5.device.type != "cpu":
        return ""

    def prepare() -> Callable[[], object]:
        return lambda: next(batches(t5, rows))

    pieces = sum(min(len(ids), MAX_TOKENS) for ids in rows)
    return choose_threads(t5.model, prepare, times * math.ceil(pieces / BATCH_TOKENS))


def encode(t5: T5, prompts: Iterable[str]) -> list[list[int]]:
    prompts = list(prompts)
    if not prompts or not all(prompt.strip() for prompt in prompts):
        raise ValueError("A prompt is empty; write at least one word.")
    return t5.tokenizer(prompts, verbose=False)["input_ids"]


def too_long(ids: Sequence[int]) -> bool:
    return len(ids) > MAX_TOKENS


@torch.no_grad()
def batches(t5: T5, rows: list[list[int]]) -> Iterator[tuple[list[int], object, torch.Tensor]]:
    """Yield (places, encoder output, mask (B, T)) of prompts of similar length."""
    tokenizer, encoder = t5.tokenizer, t5.model.get_encoder()
    ends = [tokenizer.eos_token_id]
    rows = [ids[: MAX_TOKENS - 1] + ends if too_long(ids) else ids for ids in rows]
    for places in _places_by_length([len(ids) for ids in rows]):
        T = len(rows[places[0]])
        ids = torch.full((len(places), T), tokenizer.pad_token_id, device=t5.device)
        for line, place in zip(ids, places, strict=True):
            line[: len(rows[place])] = torch.tensor(rows[place])
        sizes = torch.tensor([[len(rows[place])] for place in places])
        mask = (torch.arange(T) < sizes).to(t5.device)
        yield places, encoder(input_ids=ids, attention_mask=mask.long()), mask


def _places_by_length(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Groups of places, longest first, each of at most ``BATCH_TOKENS`` with padding."""
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    start = 0
    while start < len(order):
        count = max(1, BATCH_TOKENS // lengths[order[start]])
        yield order[start : start + count]
        start += count


@torch.no_grad()
def score(t5: T5, state, mask: torch.Tensor, token_ids: list[int]) -> torch.Tensor:
    """Softmax over ``token_ids`` at the decoder's first step: (B, K)."""
    start = t5.model.config.decoder_start_token_id
    first = torch.full((len(mask), 1), start, device=mask.device)
    logits = t5.model(
        encoder_outputs=state, attention_mask=mask.long(), decoder_input_ids=first
    ).logits
    return logits[:, 0, token_ids].softmax(dim=1).cpu()


def write(
    t5: T5, state, mask: torch.Tensor, max_new_tokens: int, sentinels: bool = False
) -> list[str]:
    """The greedy answers as texts."""
    ids = t5.model.generate(
        encoder_outputs=state, attention_mask=mask.long(), max_new_tokens=max_new_tokens, **GREEDY
    )
    return [to_text(t5, row, sentinels) for row in ids.tolist()]
