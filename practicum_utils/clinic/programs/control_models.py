"""Correct models that a careless check takes for broken ones."""

import torch
from torch import nn
from torch.nn.functional import cosine_similarity, softplus
from torch.nn.utils.rnn import pack_padded_sequence
from transformers import BertConfig, BertForSequenceClassification

from practicum_utils.clinic.programs.readers import CNN, E, H, Reader
from practicum_utils.clinic.programs.recurrent import PackedLSTM
from practicum_utils.clinic.programs.reviews import BAD, GOOD, VOCAB_SIZE
from practicum_utils.data import BOS, PAD, UNK, token_mask
from practicum_utils.models import MeanEmbedding, attention_pool, last_vectors, positional_encoding


class ReadsPlainly(Reader):
    """An LSTM in one direction over (B, T, E), the state at the last word."""

    rnn_kind, layers = nn.LSTM, 1

    def make_encoder(self) -> None:
        super().make_encoder()
        self.rnn = self.rnn_kind(E, H, self.layers, batch_first=True)

    def encode(self, embedded: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self.rnn(self.dropout(embedded))[0]

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return last_vectors(states, lengths)


class Gru(ReadsPlainly):
    rnn_kind = nn.GRU


class ThreeLayers(ReadsPlainly):
    layers = 3


class MaxOfStates(ReadsPlainly):
    """The maximum of the states, the padding left out."""

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self.maximum(states, lengths)


class KimsCNN(CNN):
    """The maximum is taken over the padding too, whose vectors are zeros: Kim 2014 wrote it so.

    The answers then depend a little on the padding, which those who write it accept.
    """

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return states.amax(dim=1)


class TwoLayersPacked(PackedLSTM):
    """Two bidirectional layers on a packed batch; the two last states of the upper one decide."""

    def make_encoder(self) -> None:
        super().make_encoder()
        self.rnn = nn.LSTM(E, H, 2, batch_first=True, bidirectional=True, dropout=0.2)

    def encode(self, embedded: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        x = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        h_n = self.rnn(x)[1][0]  # (4, B, H)
        return torch.cat([h_n[-2], h_n[-1]], dim=1)


class BatchNormed(ReadsPlainly):
    """Batch normalisation, which mixes the rows in training and not in evaluation."""

    def make_encoder(self) -> None:
        super().make_encoder()
        self.norm = nn.BatchNorm1d(H)

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self.norm(super().pool(states, lengths))


class MeanOfWords(Reader):
    """A bag of words: blind to the order by design."""

    def encode(self, embedded: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self.dropout(embedded)


class EmptyRowsAllowed(MeanOfWords):
    """The mean of no words is zero."""

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return super().pool(states, lengths.clamp(min=1))


class ScoredWords(MeanOfWords):
    """Attention over bare word vectors: it weighs words and is blind to their order by design."""

    def make_encoder(self) -> None:
        super().make_encoder()
        self.score = nn.Linear(E, 1)

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        mask = token_mask(lengths, states.shape[1])
        return attention_pool(states, self.score(states).squeeze(2), mask)[0]


class LeftPadded(Reader):
    """A transformer for rows that are padded on the left, as generation wants them."""

    def make_encoder(self) -> None:
        super().make_encoder()
        layer = nn.TransformerEncoderLayer(E, 2, 2 * E, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=1, enable_nested_tensor=False)

    def encode(self, embedded: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        T = embedded.shape[1]
        mask = token_mask(lengths, T).flip(1)
        places = (torch.arange(T) - (T - lengths).unsqueeze(1)).clamp(
            min=0
        )  # (B, T), from its start
        x = self.dropout(embedded + positional_encoding(T, E)[places])
        return self.encoder(x, src_key_padding_mask=~mask) * mask.unsqueeze(2)

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return states.sum(dim=1) / lengths.unsqueeze(1)


class ClsToken(Reader):
    """A transformer that answers from a mark put before the review; several layers if wanted."""

    layers, nested = 1, False

    def make_encoder(self) -> None:
        super().make_encoder()
        layer = nn.TransformerEncoderLayer(
            E, 2, 2 * E, dropout=0.1, batch_first=True, norm_first=not self.nested
        )
        self.encoder = nn.TransformerEncoder(layer, self.layers, enable_nested_tensor=self.nested)

    def forward(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        mark = torch.full((len(token_ids), 1), BOS)
        return super().forward(torch.cat([mark, token_ids], dim=1), lengths + 1)

    def encode(self, embedded: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        T = embedded.shape[1]
        x = self.dropout(embedded + positional_encoding(T, E))
        return self.encoder(x, src_key_padding_mask=~token_mask(lengths, T))

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return states[:, 0]


class DeepClsToken(ClsToken):
    layers = 6


class FastPath(ClsToken):
    """PyTorch's fused evaluation, which takes the padding out of the batch on its way."""

    nested = True


class TiedWeights(MeanOfWords):
    """The logit compares the review with word vectors: the embedding is the last layer too."""

    def __init__(self, bugs: frozenset[str] = frozenset(), drop: float = 0.2):
        super().__init__(bugs, drop)
        self.hidden = nn.Linear(E, E)
        self.output = nn.Linear(E, VOCAB_SIZE, bias=False)
        self.output.weight = self.embedding.weight

    def head(self, pooled: torch.Tensor) -> torch.Tensor:
        scores = self.output(self.dropout(torch.tanh(self.hidden(pooled))))  # (B, VOCAB_SIZE)
        return scores[:, list(GOOD)].mean(dim=1) - scores[:, list(BAD)].mean(dim=1)


class Probabilities(MaxOfStates):
    """A sigmoid at the end, right with ``nn.BCELoss``."""

    def head(self, pooled: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(super().head(pooled))


class TwoLogits(ReadsPlainly):
    """Logits (B, 2), for cross entropy."""

    def __init__(self, bugs: frozenset[str] = frozenset(), drop: float = 0.2):
        super().__init__(bugs, drop)
        self.output = nn.Linear(H, 2)


class ThreeLogits(ReadsPlainly):
    """Logits (B, 3), for cross entropy of three classes."""

    def __init__(self, bugs: frozenset[str] = frozenset(), drop: float = 0.2):
        super().__init__(bugs, drop)
        self.output = nn.Linear(H, 3)


class LogShares(TwoLogits):
    """A log-softmax at the end, right with ``nn.NLLLoss``."""

    def head(self, pooled: torch.Tensor) -> torch.Tensor:
        return super().head(pooled).log_softmax(dim=1)


class Columns(ReadsPlainly):
    """Logits (B, 1), for labels (B, 1)."""

    def head(self, pooled: torch.Tensor) -> torch.Tensor:
        return super().head(pooled).unsqueeze(1)


class Cosine(MaxOfStates):
    """The logit is ten times a cosine: it cannot leave -10 to 10, and need not."""

    def head(self, pooled: torch.Tensor) -> torch.Tensor:
        hidden = torch.tanh(self.hidden(self.dropout(pooled)))
        return 10 * cosine_similarity(hidden, self.output.weight, dim=1)


class ZeroHead(ReadsPlainly):
    """The last layer starts at zero, so that all answers are the same at first."""

    def __init__(self, bugs: frozenset[str] = frozenset(), drop: float = 0.2):
        super().__init__(bugs, drop)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)


class WordDropout(ReadsPlainly):
    """In training a word in ten is made unknown."""

    def forward(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        if self.training:
            lost = (torch.rand(token_ids.shape) < 0.1) & (token_ids != PAD)
            token_ids = token_ids.masked_fill(lost, UNK)
        return super().forward(token_ids, lengths)


class Count(MeanOfWords):
    """A rating that cannot be negative: a softplus at the end, right with a squared error."""

    def head(self, pooled: torch.Tensor) -> torch.Tensor:
        return softplus(super().head(pooled))


class IdsOnly(MeanEmbedding):
    """Called as ``model(token_ids)``: it finds the padding by itself."""

    def forward(self, token_ids: torch.Tensor) -> torch.Tensor:
        return super().forward(token_ids, (token_ids != PAD).sum(dim=1).clamp(min=1))


def bert_classifier() -> BertForSequenceClassification:
    """A whole Hugging Face model, its pooler and its head included; returns an object."""
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=VOCAB_SIZE,
            hidden_size=E,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=2 * E,
            max_position_embeddings=64,
            num_labels=1,
        )
    )
