"""Train the tiny T5 that comes with the course, from scratch, on the reviews of its package.

Run: python tools/train_tiny_t5.py FOLDER [--seed 0] [--rounds 220] [--new-vocabulary]

1. a vocabulary of 12,000 pieces (Unigram, lower case): that of the package, or a new one, which is
   never quite the same, as its trainer counts in parallel;
2. a warm start of the embeddings: the mean of a text's embeddings learns its label and its source;
3. the five tasks of ``t5_tasks`` in one mixture, learning rate falling to 0.

No review of the test splits is used. Stop it at any time: the same command goes on where it was,
and ends at the same weights.
"""

import importlib.resources
import json
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from t5_card import write_card
from t5_corpus import ROUND, SHARES, Corpus, padded, read_corpus, round_of
from t5_tasks import EOS, GAPS, Example, Tasks, hide_words
from t5_tokenizer import GAP_MARKS, PAD, UNK, begins_of_words, save_tokenizer, train_tokenizer
from t5_warm_start import warm_start
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from practicum_utils.data import load_reviews
from practicum_utils.prompting import T5
from practicum_utils.prompting.t5 import CHECKSUMS, checksums, tiny_folder
from practicum_utils.support.files import write_whole

SIZES = dict(d_model=128, d_kv=32, num_heads=4, d_ff=256, num_layers=2, num_decoder_layers=1)
GAPS_WEIGHT = 0.5  # what fills a gap is mostly unknowable, so its loss is large and noisy
LEARNING_RATE, WARM_UP = 5e-4, 0.02
HIDDEN_WORDS, LONGEST_PREFIX = 0.2, 6  # share of words hidden; pieces that never are
ROUNDS, SAVE_EVERY, STATE = 220, 5, "training.pt"


def build_model(vocab_size: int, embeddings: torch.Tensor, seed: int) -> T5ForConditionalGeneration:
    """A T5 of ``SIZES`` on the given embeddings; no dropout, words are hidden instead."""
    torch.manual_seed(seed)
    config = T5Config(
        vocab_size=vocab_size,
        **SIZES,
        dropout_rate=0.0,
        pad_token_id=PAD,
        eos_token_id=EOS,
        decoder_start_token_id=PAD,
        n_positions=512,
    )
    model = T5ForConditionalGeneration(config)
    model.set_attn_implementation("eager")  # quicker here: the position bias learns too
    with torch.no_grad():
        model.shared.weight.copy_(embeddings)
    return model


class Training:
    """The state of a training run, kept in a folder after every few rounds."""

    def __init__(self, model: T5ForConditionalGeneration, rounds: int, seed: int, file: Path):
        self.model, self.rounds, self.seed = model, rounds, seed
        self.optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
        self.done, self.seconds, self._file = 0, 0.0, file
        if self._file.exists():
            self._go_on(torch.load(self._file, weights_only=True))

    def _go_on(self, state: dict) -> None:
        if (state["rounds"], state["seed"]) != (self.rounds, self.seed):
            raise ValueError(
                f"{self._file} is of a run of {state['rounds']} rounds with seed {state['seed']}; "
                "use the same, or another folder."
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.done, self.seconds = state["done"], state["seconds"]
        print(f"going on after round {self.done} of {self.rounds}")

    def save(self) -> None:
        """Write the whole state, or leave the old file as it was."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "done": self.done,
            "seconds": self.seconds,
            "rounds": self.rounds,
            "seed": self.seed,
        }
        write_whole(self._file, lambda file: torch.save(state, file))

    def run_round(self, batches: list[list[Example]]) -> dict[str, float]:
        """Train on one round; return the mean loss of each task."""
        started, rng = time.perf_counter(), np.random.default_rng([self.seed, 3, self.done])
        losses: dict[str, list[float]] = {task: [] for task in SHARES}
        self.model.train()
        for number, batch in enumerate(batches):
            share = (self.done + number / len(batches)) / self.rounds
            for group in self.optimizer.param_groups:
                group["lr"] = LEARNING_RATE * min(share / WARM_UP, 1) * (1 - share)
            for task, loss in zip((e.task for e in batch), self._step(batch, rng), strict=True):
                losses[task].append(loss)
        self.done += 1
        self.seconds += time.perf_counter() - started
        return {task: float(np.mean(values)) for task, values in losses.items() if values}

    def _step(self, batch: list[Example], rng) -> list[float]:
        """One step; the loss of an example is the mean over its answer's pieces."""
        prompts = padded([example.prompt for example in batch])
        wanted = torch.tensor(padded([example.answer for example in batch]))
        marks = self.model.config.vocab_size - GAP_MARKS
        protected = (prompts <= UNK) | (prompts >= marks)
        protected[:, :LONGEST_PREFIX] = True
        shown = torch.tensor(hide_words(prompts, HIDDEN_WORDS, protected, UNK, rng))
        before = self.model._shift_right(wanted)
        logits = self.model(
            input_ids=shown, attention_mask=(shown != PAD).long(), decoder_input_ids=before
        ).logits
        losses = cross_entropy(
            logits.flatten(0, 1), wanted.flatten(), ignore_index=PAD, reduction="none"
        )
        losses = losses.view(wanted.shape).sum(dim=1) / (wanted != PAD).sum(dim=1)
        weights = torch.tensor([GAPS_WEIGHT if e.task == "gaps" else 1.0 for e in batch])
        self.optimizer.zero_grad()
        (losses * weights).mean().backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return losses.tolist()


def export(training: Training, tokenizer, tasks: Tasks, splits, out: Path) -> None:
    """Save the model in half precision with its tokenizer, card and checksums."""
    model = training.model.eval()
    threads = torch.get_num_threads()
    recipe = (
        f"{training.rounds} rounds of {ROUND:,} texts ({training.rounds * ROUND:,} prompts),\n"
        f"Adam, {LEARNING_RATE:g} falling to 0, {HIDDEN_WORDS:.0%} of the words hidden; seed "
        f"{training.seed},\n{training.seconds / 60:.0f} minutes of training with {threads} "
        f"thread{'s' * (threads > 1)}"
    )
    card = write_card(T5("tiny", model, tokenizer), tasks, splits, recipe)
    save_tokenizer(tokenizer, out)
    model.half().save_pretrained(out)
    (out / "README.md").write_text(card)
    (out / CHECKSUMS).write_text(json.dumps(checksums(out), indent=1) + "\n")


def main(
    out: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="for the model; the state of the run goes beside it"),
    ],
    seed: int = 0,
    rounds: int = ROUNDS,
    max_texts: Annotated[int | None, typer.Option(help="train on fewer texts, to try it")] = None,
    new_vocabulary: Annotated[bool, typer.Option(help="do not take the package's pieces")] = False,
) -> None:
    """Train the tiny T5, or go on where an earlier run into the same folder stopped."""
    work = out.with_name(f"{out.name}-work")
    work.mkdir(parents=True, exist_ok=True)
    splits = [load_reviews(name, max_train=max_texts) for name in ("imdb", "rotten_tomatoes")]
    tokenizer = _tokenizer(splits, work, new_vocabulary)
    corpus = read_corpus(splits, tokenizer)
    training = start(corpus, len(tokenizer), rounds, seed, work)
    marks = [tokenizer.convert_tokens_to_ids(f"<extra_id_{i}>") for i in range(GAPS + 1)]
    encode = partial(tokenizer.encode, add_special_tokens=False)
    tasks = Tasks(encode, marks, begins_of_words(tokenizer))
    while training.done < rounds:
        losses = training.run_round(round_of(tasks, corpus, training.done, seed))
        told = ", ".join(f"{task} {loss:.3f}" for task, loss in losses.items())
        print(f"round {training.done} of {rounds}, {training.seconds:.0f} s: {told}", flush=True)
        if training.done % SAVE_EVERY == 0 or training.done == rounds:
            training.save()
    export(training, tokenizer, tasks, splits, out)


def _tokenizer(splits, work: Path, new: bool) -> PreTrainedTokenizerFast:
    if (work / "tokenizer.json").exists():
        return PreTrainedTokenizerFast.from_pretrained(work)
    if new:
        tokenizer = train_tokenizer([text for split in splits for text in split["train"]["text"]])
    else:
        with importlib.resources.as_file(tiny_folder()) as folder:
            tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    save_tokenizer(tokenizer, work)
    return tokenizer


def start(corpus: Corpus, vocab_size: int, rounds: int, seed: int, work: Path) -> Training:
    """A run at its beginning, or where the file in ``work`` says."""
    begun = (work / STATE).exists()
    width = SIZES["d_model"]
    size = (vocab_size, width)
    embeddings = torch.zeros(size) if begun else warm_start(corpus, vocab_size, width, seed)
    return Training(build_model(vocab_size, embeddings, seed), rounds, seed, work / STATE)


if __name__ == "__main__":
    typer.run(main)
