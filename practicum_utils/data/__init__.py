"""Reviews, tokens, vocabulary, batches: from raw text to what a model reads."""

from practicum_utils.data.batches import (
    Batch,
    ReviewDataset,
    collate,
    make_loader,
    padding_share,
    token_mask,
)
from practicum_utils.data.reviews import NEGATIVE, POSITIVE, hold_out, load_reviews
from practicum_utils.data.tokens import TokenTable, tokenize, tokenize_all
from practicum_utils.data.vocabulary import BOS, EOS, PAD, SPECIAL_TOKENS, UNK, Vocabulary

__all__ = [
    "BOS",
    "EOS",
    "NEGATIVE",
    "PAD",
    "POSITIVE",
    "SPECIAL_TOKENS",
    "UNK",
    "Batch",
    "ReviewDataset",
    "TokenTable",
    "Vocabulary",
    "collate",
    "hold_out",
    "load_reviews",
    "make_loader",
    "padding_share",
    "token_mask",
    "tokenize",
    "tokenize_all",
]
