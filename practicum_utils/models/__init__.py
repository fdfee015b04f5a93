"""The models of the course; classifiers are ``model(token_ids, lengths) -> logits (B,)``.

With ``return_weights=True`` those with attention return ``(logits, weights)``, from the same
forward pass.
"""

from practicum_utils.models.attention import (
    attention_pool,
    masked_softmax,
    positional_encoding,
    self_attention,
)
from practicum_utils.models.averaging import BagOfNgrams, MeanEmbedding, PairEmbedding, hash_ngrams
from practicum_utils.models.beginnings import open_gates, small_vectors
from practicum_utils.models.decoding import greedy, to_text
from practicum_utils.models.recurrent import (
    AttentionRNN,
    SimpleRNN,
    last_vectors,
    reverse_reviews,
    reverse_states,
)
from practicum_utils.models.transformer import (
    MultiHeadAttention,
    TransformerBlock,
    TransformerClassifier,
)

__all__ = [
    "AttentionRNN",
    "BagOfNgrams",
    "MeanEmbedding",
    "MultiHeadAttention",
    "PairEmbedding",
    "SimpleRNN",
    "TransformerBlock",
    "TransformerClassifier",
    "attention_pool",
    "greedy",
    "hash_ngrams",
    "last_vectors",
    "masked_softmax",
    "open_gates",
    "positional_encoding",
    "reverse_reviews",
    "reverse_states",
    "self_attention",
    "small_vectors",
    "to_text",
]
