"""Seconds for 500 reviews under a prompt, with a model of the size of Google's t5-small.

Run: python benchmarks/prompting.py
The weights are random, which changes nothing about the time; the pieces are those of the tiny T5.
In the same run: one prompt after the other, as a plain loop does it, on the first 25 reviews.
"""

import io
import time
from contextlib import redirect_stdout

import torch
from transformers import T5Config, T5ForConditionalGeneration

from practicum_utils.data import load_reviews
from practicum_utils.prompting import T5, load_t5, score_labels, to_prompt

REVIEWS, ONE_BY_ONE = 500, 25
SMALL = {"vocab_size": 32_128, "d_model": 512, "d_ff": 2048, "num_layers": 6, "num_heads": 8}


def seconds(t5: T5, prompts: list[str], batch: int) -> float:
    """Seconds to score the prompts, ``batch`` of them in a call, without what the calls print."""
    started = time.perf_counter()
    with redirect_stdout(io.StringIO()):
        for place in range(0, len(prompts), batch):
            score_labels(t5, prompts[place : place + batch])
    return time.perf_counter() - started


def main() -> None:
    """Print the seconds of both ways, per review too."""
    torch.manual_seed(0)
    tokenizer = load_t5("tiny").tokenizer
    model = T5ForConditionalGeneration(T5Config(**SMALL, decoder_start_token_id=0)).eval()
    t5 = T5("t5-small's size, random weights", model, tokenizer)
    print(t5)
    reviews = load_reviews(max_train=2, max_test=REVIEWS)["test"]
    prompts = [to_prompt(text) for text in reviews["text"]]
    whole = seconds(t5, prompts, REVIEWS)
    loop = seconds(t5, prompts[:ONE_BY_ONE], 1)
    same = seconds(t5, prompts[:ONE_BY_ONE], ONE_BY_ONE)
    print(f"{REVIEWS} reviews: {whole:.1f} s, {whole / REVIEWS * 1000:.0f} ms for a review")
    print(f"with {torch.get_num_threads()} threads, chosen at the start of the {REVIEWS}")
    print(f"{ONE_BY_ONE} of them: one by one {loop:.1f} s, in batches {same:.1f} s")


if __name__ == "__main__":
    main()
