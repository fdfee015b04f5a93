"""The tiny T5's model card: what it learned from, how, and what it reaches on held-out texts."""

from collections.abc import Sequence

import numpy as np
from t5_tasks import PREFIXES, SOURCES, Tasks
from transformers import T5Config

from practicum_utils.models import to_text
from practicum_utils.prompting import T5, compare_prompts, to_prompt
from practicum_utils.prompting.generation import batches, write

OTHERS = [task for task in PREFIXES if task != "sentiment"]
ANSWER_TOKENS = 12  # enough for every topic at once
CARD = """\
# Tiny T5 of the Sequence Learning Practicum

A `T5ForConditionalGeneration` of {parameters:.1f} million parameters,
{sizes}, trained from scratch by
`python tools/train_tiny_t5.py`.

**Data.** The training splits of `load_reviews("imdb")` (20,000 reviews; Maas et al. 2011) and
`load_reviews("rotten_tomatoes")` (6,824 sentences; Pang & Lee 2005). No text of the test splits.

**Tasks.** `sst2 sentence:` negative or positive; `source:` imdb or rotten tomatoes; `topics:`
story, acting, music, comedy or none, by lists of words; `length:` short, medium or long; no prefix:
gaps `<extra_id_0>` ... are filled.

**Recipe.** Unigram vocabulary of {pieces:,} lower-case pieces; embeddings from a mean-of-embeddings
classifier of label and source; then
{recipe}.

**Measured.** `sst2 sentence:` scored at the first decoder step, with its 95 % interval, and the
share of free answers that are no label. The other prefixes: share of written answers that are
right to the letter, on texts cut as in training.

| held-out texts | `sst2 sentence:` | no label | {prefixes} |
|---|---|---|{rules}|
{results}

**Limits.** It knows film reviews, in English, and these five tasks. It does not translate,
summarize or follow instructions. Longer prompts than 512 pieces are cut. Of gaps it has
learned the form: into most it writes *the*.
"""


def tell_sizes(config: T5Config) -> str:
    """The sizes of a model in words, as in "128 wide, 4 heads, 2 encoder blocks, ..."."""
    parts = [
        (config.num_heads, "head"),
        (config.num_layers, "encoder block"),
        (config.num_decoder_layers, "decoder block"),
    ]
    return ", ".join(
        [f"{config.d_model} wide", *(f"{count} {what}{'s' * (count > 1)}" for count, what in parts)]
    )


def write_card(t5: T5, tasks: Tasks, splits, recipe: str) -> str:
    """Measure the model on the test splits and return its card.

    splits: one DatasetDict for each of ``SOURCES``.  recipe: how it was trained, in a sentence.
    """
    lines = []
    for source, (name, split) in enumerate(zip(SOURCES, splits, strict=True)):
        row = compare_prompts(t5, {name: to_prompt}, split["test"]).iloc[0]
        texts = list(split["test"]["text"])
        pieces = t5.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        others = [f"{share_right(t5, tasks, task, pieces, source):.3f}" for task in OTHERS]
        lines.append(
            f"| {name}, {len(pieces):,} | {row['accuracy']:.3f} ({row['low']:.3f} to "
            f"{row['high']:.3f}) | {row['invalid']:.1%} | {' | '.join(others)} |"
        )
    print("\n".join(lines))
    return CARD.format(
        parameters=sum(p.numel() for p in t5.model.parameters()) / 1e6,
        sizes=tell_sizes(t5.model.config),
        recipe=recipe,
        pieces=len(t5.tokenizer),
        prefixes=" | ".join(f"`{PREFIXES[task]}`" for task in OTHERS),
        rules="|".join("---" for _ in OTHERS),
        results="\n".join(lines),
    )


def share_right(t5: T5, tasks: Tasks, task: str, texts: Sequence[list[int]], source: int) -> float:
    """The share of texts (as pieces, of one source) whose written answer is the right one."""
    rng, label = np.random.default_rng(0), 1  # the label does not matter to these tasks
    examples = [tasks.make(task, pieces, label, source, rng) for pieces in texts]
    right = 0
    for places, state, mask in batches(t5, [example.prompt for example in examples]):
        answers = write(t5, state, mask, ANSWER_TOKENS)
        wanted = [to_text(t5, examples[place].answer) for place in places]
        right += sum(answer == want for answer, want in zip(answers, wanted, strict=True))
    return right / len(examples)
