"""Words and their numbers: a table of both directions, fitted on training text."""

from collections import Counter
from collections.abc import Iterable

from practicum_utils.data.tokens import TokenTable

PAD, UNK, BOS, EOS = 0, 1, 2, 3
SPECIAL_TOKENS = ("<pad>", "<unk>", "<bos>", "<eos>")


class Vocabulary:
    """A two-way table between tokens and ids: the commoner the word, the lower its id.

    ``vocab["<pad>"] == 0``, ``"<unk>" == 1``, ``"<bos>" == 2``, ``"<eos>" == 3``; then the words
    by falling frequency, ties in alphabetical order. An unknown word has the id of ``<unk>``.
    """

    def __init__(self, words: Iterable[str]):
        self.tokens = [*SPECIAL_TOKENS, *words]
        self._ids = {token: index for index, token in enumerate(self.tokens)}

    @classmethod
    def build(cls, token_lists: Iterable[list[str]], max_size: int = 20_000) -> "Vocabulary":
        """Make a vocabulary of at most ``max_size`` entries, the four special ones included.

        Fit it on training text only: a word seen only in the test set must stay unknown.
        """
        if max_size <= len(SPECIAL_TOKENS):
            raise ValueError(
                f"max_size is {max_size}; it must leave room for a word, so 5 or more."
            )
        counts = _count(token_lists)
        # Sorting keeps the alphabetical order among equal counts, in reverse as well.
        ranked = sorted(sorted(counts), key=counts.get, reverse=True)
        return cls(ranked[: max_size - len(SPECIAL_TOKENS)])

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._ids

    def __getitem__(self, token: str) -> int:
        return self._ids.get(token, UNK)

    def encode(self, tokens: list[str]) -> list[int]:
        """Return the id of each token; raises TypeError for a text that is not yet tokenized."""
        if isinstance(tokens, str):
            raise TypeError("encode takes a list of tokens; call tokenize on the text first.")
        return [self[token] for token in tokens]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Return the token of each id; raises IndexError for an id that is not in the table."""
        ids = [int(index) for index in ids]
        for index in ids:
            if not 0 <= index < len(self):
                raise IndexError(
                    f"There is no id {index}; this vocabulary has 0 to {len(self) - 1}."
                )
        return [self.tokens[index] for index in ids]


def _count(token_lists: Iterable[list[str]]) -> dict[str, int]:
    if isinstance(token_lists, TokenTable):
        counts = token_lists.counts()
    else:
        counts = Counter()
        for tokens in token_lists:
            if isinstance(tokens, str):
                raise TypeError("build takes lists of tokens; call tokenize on each text first.")
            counts.update(tokens)
    return {token: count for token, count in counts.items() if token not in SPECIAL_TOKENS}
