"""From text to tokens: one regular expression, and a cache of its work over a whole dataset."""

import hashlib
import io
import re
from array import array
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from practicum_utils.storage import home, write_whole

# A word, with its contractions ("don't" stays whole), or one of the marks that carry sentiment.
TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[!?]")
TYPOGRAPHIC = "\N{RIGHT SINGLE QUOTATION MARK}"  # an apostrophe too, in texts that were typeset
CACHE_FROM = 1_000  # below this many texts, tokenizing is faster than looking in the cache
CACHE_FILES = 6  # the oldest cache files beyond this many are deleted


def tokenize(text: str) -> list[str]:
    """Split a review into lower-case tokens; a function of the text alone.

    Contractions stay whole, ``<br />`` is removed, ``!`` and ``?`` are kept, every other mark goes.
    Raises TypeError if ``text`` is not a string.
    """
    if not isinstance(text, str):
        raise TypeError(f"tokenize takes one review as a string, but got {type(text).__name__}.")
    return TOKEN.findall(text.lower().replace("<br />", " ").replace(TYPOGRAPHIC, "'"))


class TokenTable(Sequence):
    """The tokens of many texts, stored compactly; ``table[i]`` is the token list of text ``i``.

    words: the different tokens, in order of first appearance.
    ids: (N,) int32, every token of every text as its position in ``words``.
    offsets: (texts + 1,) int64, text ``i`` is ``ids[offsets[i]:offsets[i + 1]]``.
    """

    def __init__(self, words: list[str], ids: np.ndarray, offsets: np.ndarray):
        self.words, self.ids, self.offsets = words, ids, offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> list[str]:
        index = range(len(self))[index]  # negative indices count from the end; IndexError beyond
        start, stop = self.offsets[index : index + 2]
        return [self.words[i] for i in self.ids[start:stop]]

    def counts(self) -> dict[str, int]:
        """How often each token occurs in all the texts."""
        totals = np.bincount(self.ids, minlength=len(self.words))
        return dict(zip(self.words, totals.tolist(), strict=True))


def tokenize_all(texts: Sequence[str]) -> TokenTable:
    """Tokenize many texts; large collections are remembered on disk between runs.

    The cache file is named after the texts and this file's own code, so a change of either makes
    a new one. A file that cannot be read is rebuilt.
    """
    texts = list(texts)
    if len(texts) < CACHE_FROM:
        return _tokenize_now(texts)
    path = home("cache") / f"tokens-{_fingerprint(texts)}.npz"
    table = _load(path)
    if table is None:
        table = _tokenize_now(texts)
        _save(table, path)
    return table


def _tokenize_now(texts: list[str]) -> TokenTable:
    seen: defaultdict[str, int] = defaultdict()
    seen.default_factory = seen.__len__  # an unseen token gets the next free number
    ids, offsets = array("i"), array("q", [0])
    for text in texts:
        ids.extend(map(seen.__getitem__, tokenize(text)))
        offsets.append(len(ids))
    return TokenTable(list(seen), np.array(ids, dtype=np.int32), np.array(offsets))


def _fingerprint(texts: list[str]) -> str:
    digest = hashlib.blake2b(Path(__file__).read_bytes(), digest_size=16)
    digest.update(np.array([len(text) for text in texts]).tobytes())
    digest.update("".join(texts).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _load(path: Path) -> TokenTable | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            words = file["words"].tobytes().decode("utf-8", "surrogatepass").split("\n")[:-1]
            return TokenTable(words, file["ids"], file["offsets"])
    except Exception:  # missing, cut short or damaged: each way to fail raises another type
        return None


def _save(table: TokenTable, path: Path) -> None:
    words = "".join(f"{word}\n" for word in table.words).encode("utf-8", "surrogatepass")
    buffer = io.BytesIO()
    np.savez(buffer, words=np.frombuffer(words, np.uint8), ids=table.ids, offsets=table.offsets)
    try:
        write_whole(path, lambda file: file.write(buffer.getbuffer()))
        _forget_oldest(path.parent)
    except OSError as error:
        print(f"The token cache could not be written ({error}); the next run will tokenize again.")


def _forget_oldest(folder: Path) -> None:
    files = sorted(folder.glob("tokens-*.npz"), key=lambda file: file.stat().st_mtime)
    for file in files[:-CACHE_FILES]:
        file.unlink(missing_ok=True)
