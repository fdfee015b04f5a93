"""The tiny T5's vocabulary: pieces of words in the layout of Google's T5, lower case."""

import json
from pathlib import Path

from t5_tasks import EOS, LABELS, LENGTHS, NO_TOPIC, PREFIXES, SOURCES, TOPICS
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

VOCABULARY, GAP_MARKS = 12_000, 100
SPECIAL = ["<pad>", "</s>", "<unk>"]
PAD, UNK = 0, 2  # the end mark's id, 1, stands with the tasks


def train_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Return a Unigram tokenizer: <pad> 0, </s> 1, <unk> 2, the marks <extra_id_..> last."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace("<br />", " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()]
    )
    tokenizer.decoder = decoders.Metaspace()
    # Often enough that each of the tasks' own words becomes one piece.
    answers = [*LABELS.values(), *SOURCES, *TOPICS, NO_TOPIC, *(name for name, _ in LENGTHS)]
    words = " ".join([*PREFIXES.values(), *answers])
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCABULARY - GAP_MARKS,
        special_tokens=SPECIAL,
        unk_token="<unk>",
        show_progress=False,
    )
    tokenizer.train_from_iterator([*texts, *[words] * 2000], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", EOS)]
    )
    marks = [f"<extra_id_{i}>" for i in reversed(range(GAP_MARKS))]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=marks,
        model_max_length=512,
    )


def begins_of_words(tokenizer: PreTrainedTokenizerFast) -> set[int]:
    """The ids of the pieces that begin a word and have at least one letter of it."""
    pieces = tokenizer.get_vocab()
    return {i for piece, i in pieces.items() if piece[:1] == "▁" and piece[1:2].isalpha()}


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Save a tokenizer so that transformers 4.57 can load it too.

    transformers 5 writes its own names for two things; each of the two reads the older ones. The
    older one would also add an input that T5 does not know.
    """
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    if marks := config.pop("extra_special_tokens", None):
        config["additional_special_tokens"] = marks
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    config["model_input_names"] = ["input_ids", "attention_mask"]  # what a T5 takes
    path.write_text(json.dumps(dict(sorted(config.items())), indent=2) + "\n")
