"""From text to tokens: one regular expression, and a cache of its work over a whole dataset."""

import hashlib
import io
import re
from array import array
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from practicum_utils.support.files import home, write_whole

# A word, with its contractions ("don't" stays whole), or one of the marks that carry sentiment.
TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[!?]")
TYPOGRAPHIC = "\N{RIGHT SINGLE QUOTATION MARK}"  # an apostrophe too, in texts that were typeset
SURROGATE = re.compile("[\ud800-\udfff]")
CACHE_FROM = 1_000  # below this many texts, tokenizing is faster than looking in the cache
CACHE_FILES = 6  # the oldest cache files beyond this many are deleted


def tokenize(text: str) -> list[str]:
    """Split a review into lower-case tokens; a function of the text alone.

    Contractions stay whole, ``<br />`` is removed, ``!`` and ``?`` are kept, every other mark goes.
    Raises TypeError if ``text`` is not a string.
    """
    return TOKEN.findall(_plain(text))


def _plain(text: str) -> str:
    return _checked(text).lower().replace("<br />", " ").replace(TYPOGRAPHIC, "'")


def _checked(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"tokenize takes one review as a string, but got {type(text).__name__}.")
    return text


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
    texts = list(texts[:])  # a slice of a dataset's column is a list at once, iterating it is slow
    if len(texts) < CACHE_FROM:
        return _tokenize_now(texts)
    name = f"tokens-{_fingerprint(texts)}.npz"
    table = _load(name)
    if table is None:
        table = _tokenize_now(texts)
        _save(table, name)
    return table


def _tokenize_now(texts: list[str]) -> TokenTable:
    """Token for token what ``tokenize`` gives, but each different chunk of text is matched once.

    A token never spans white space, so the tokens of a text are those of its chunks in order.
    """
    chunks, order, ends = _chunks([_checked(text) for text in texts])
    words: defaultdict[str, int] = defaultdict()
    words.default_factory = words.__len__  # an unseen word gets the next free number
    flat, bounds = array("i"), array("q", [0])
    for chunk in chunks:
        simple = chunk.isascii() and chunk.isalnum()
        flat.extend(map(words.__getitem__, [chunk.lower()] if simple else tokenize(chunk)))
        bounds.append(len(flat))
    ids, offsets = _spread(np.array(flat, dtype=np.int32), np.array(bounds), order)
    return TokenTable(list(words), ids, offsets[ends])


def _chunks(texts: list[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Split texts at white space: the different chunks, all of them as indices, each text's end."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        column = pa.array(texts, pa.string())
    except UnicodeEncodeError:  # half a surrogate pair is no character, so it ends a token
        column = pa.array([SURROGATE.sub(" ", text) for text in texts], pa.string())
    # Marks that no token contains go first, so that "film", "Film" and "film," are one chunk.
    spaced = pc.replace_substring_regex(pc.ascii_lower(column), r'<br />|[.,;:()"]+', " ")
    split = pc.ascii_split_whitespace(spaced)
    coded = split.flatten().dictionary_encode()
    return coded.dictionary.to_pylist(), coded.indices.to_numpy(), split.offsets.to_numpy()


def _spread(
    flat: np.ndarray, bounds: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lay out the parts ``flat[bounds[i]:bounds[i + 1]]`` in the given order, with new bounds."""
    sizes = np.diff(bounds)[order]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    # Token n of the result lies as far into its part as n lies behind its part's offset.
    shifts = (bounds[order] - offsets[:-1]).astype(np.int32)
    return flat[np.arange(offsets[-1], dtype=np.int32) + np.repeat(shifts, sizes)], offsets


def _fingerprint(texts: list[str]) -> str:
    digest = hashlib.blake2b(Path(__file__).read_bytes(), digest_size=16)
    for text in texts:
        encoded = _checked(text).encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()


def _load(name: str) -> TokenTable | None:
    try:
        with np.load(home("cache") / name, allow_pickle=False) as file:
            words = file["words"].tobytes().decode("utf-8", "surrogatepass").split("\n")[:-1]
            return TokenTable(words, file["ids"], file["offsets"])
    except Exception:  # missing, cut short or damaged: each way to fail raises another type
        return None


def _save(table: TokenTable, name: str) -> None:
    words = "".join(f"{word}\n" for word in table.words).encode("utf-8", "surrogatepass")
    buffer = io.BytesIO()
    np.savez(buffer, words=np.frombuffer(words, np.uint8), ids=table.ids, offsets=table.offsets)
    try:
        write_whole(home("cache") / name, lambda file: file.write(buffer.getbuffer()))
    except OSError as error:
        print(f"The token cache could not be written ({error}); the next run will tokenize again.")
        return
    with suppress(OSError):  # another kernel may be forgetting the same files
        _forget_oldest(home("cache"))


def _forget_oldest(folder: Path) -> None:
    files = sorted(folder.glob("tokens-*.npz"), key=lambda file: file.stat().st_mtime)
    for file in files[:-CACHE_FILES]:
        file.unlink(missing_ok=True)
