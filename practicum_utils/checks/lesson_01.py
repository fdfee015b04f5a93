"""Checks of lesson 01: tokens, vocabulary, dataset, padded batch."""

import torch

from practicum_utils.checks.demands import call, demand, demand_pair, demand_returned, describe
from practicum_utils.checks.exercises import diagnosis, exercise
from practicum_utils.data import Vocabulary, tokenize

# Text, its tokens, and what has gone wrong where something else comes out.
SENTENCES = (
    ("a good film", ["a", "good", "film"], "every word is a token of its own"),
    ("A Good FILM", ["a", "good", "film"], "tokens are in lower case"),
    (
        "good<br />film",
        ["good", "film"],
        "`<br />` separates two words and leaves nothing of itself behind",
    ),
    ("I don't know", ["i", "don't", "know"], "a contraction stays whole"),
    ("good! bad?", ["good", "!", "bad", "?"], "`!` and `?` are tokens of their own"),
    (
        "good, bad. (so; so)",
        ["good", "bad", "so", "so"],
        "commas, full stops, brackets and the like are dropped",
    ),
    ("8 of 10", ["8", "of", "10"], "digits are kept, as letters are"),
    ("  good   film ", ["good", "film"], "spaces, however many, make no tokens"),
    ("", [], "an empty text has no tokens"),
    (
        "I don't like it!<br />Why?",
        ["i", "don't", "like", "it", "!", "why", "?"],
        "the example of the exercise",
    ),
)
WORDS = ["the", "film", "good", "bad", "was", "a"]
UNKNOWN = "flute"


@exercise("1.1", "tokenize")
def check_tokenize(tokenize) -> None:
    """1.1: a table of short texts, one difficulty each."""
    for text, tokens, rule in SENTENCES:
        got = call(tokenize, text)
        demand_returned(got, "the list of tokens")
        is_list = isinstance(got, list | tuple) and all(isinstance(token, str) for token in got)
        demand(is_list, f"a list of tokens was wanted; {text!r} became {describe(got)}.")
        demand(list(got) == tokens, f"{rule}; {text!r} became {list(got)}.")


@exercise("1.2", "Vocabulary")
def check_vocabulary(cls) -> None:
    """1.2: the four special ids, falling frequency, the unknown word, there and back."""
    vocab = call(cls, list(WORDS))

    def look_up(token: str):
        return call(lambda: vocab[token], given=f"the token {token!r}")

    _check_special_ids(look_up)
    size = call(len, vocab, given="nothing")
    wanted = len(WORDS) + 4
    demand(size == wanted, f"{len(WORDS)} words and 4 special tokens have the length {size}.")
    ids = [look_up(word) for word in WORDS]
    in_order = ids == list(range(4, wanted))
    demand(in_order, f"the ids of words are to follow the order of the words; {WORDS} got {ids}.")
    _check_there_and_back(vocab)
    demand(len(vocab) == size, "looking up an unknown word made the vocabulary longer.")
    built = call(cls.build, [["b", "a", "b"], ["c", "b", "a"]], max_size=6)
    demand(len(built) == 6, f"`build` with max_size=6 gave a vocabulary of {len(built)} entries.")


def _check_special_ids(look_up) -> None:
    first = look_up(WORDS[0])
    demand(
        first != 0,
        f"the commonest word, {WORDS[0]!r}, has the id 0, which belongs to the padding; which "
        "tokens have to come first?",
    )
    for token, wanted in (("<pad>", 0), ("<unk>", 1), ("<bos>", 2), ("<eos>", 3)):
        got = look_up(token)
        demand(got == wanted, f"the token {token!r} has the id {got!r}, not {wanted}.")
    got = look_up(UNKNOWN)
    demand(got == 1, f"an unknown word has the id {got!r}, not that of `<unk>`.")


def _check_there_and_back(vocab) -> None:
    tokens = ["good", UNKNOWN, "film"]
    ids = call(vocab.encode, tokens)
    demand_returned(ids, "`encode`")
    is_list = isinstance(ids, list | tuple) and all(type(index) is int for index in ids)
    demand(is_list, f"`encode` must return a list of int; it returned {describe(ids)}.")
    demand(
        list(ids) == [vocab[token] for token in tokens],
        f"`encode` of {tokens} is {list(ids)}, and looking up one by one gives other ids.",
    )
    back = call(vocab.decode, list(ids))
    demand_returned(back, "`decode`")
    demand(isinstance(back, list | tuple), f"`decode` must return a list; got {describe(back)}.")
    demand(
        list(back) == ["good", "<unk>", "film"],
        f"there and back, {tokens} became {list(back)}; an unknown word comes back as `<unk>`, "
        "every other word as itself.",
    )


TEXTS = ["good", "the film was bad the film was a bad film", "Was the flute good, a good Film."]
RAW_LABELS = [2, 1, 1]
LONGEST = 4


@exercise("1.3", "ReviewDataset")
def check_dataset(cls) -> None:
    """1.3: three reviews, cut to their last four tokens; labels as the loss wants them."""
    import datasets

    reviews = datasets.Dataset.from_dict({"text": TEXTS, "label": RAW_LABELS})
    vocab = Vocabulary(WORDS)
    given = f"{len(TEXTS)} reviews, a vocabulary and max_length={LONGEST}"
    dataset = call(cls, reviews, vocab, max_length=LONGEST, given=given)
    size = call(len, dataset, given="nothing")
    demand(size == len(TEXTS), f"{len(TEXTS)} reviews make a dataset of length {size}.")
    items = [
        demand_pair(call(lambda i=i: dataset[i], given=f"the index {i}"), f"dataset[{i}]")
        for i in range(len(TEXTS))
    ]
    for index, (token_ids, _) in enumerate(items):
        _check_token_ids(token_ids, vocab, index)
    _check_labels([label for _, label in items])
    whole, _ = call(lambda: cls(reviews, vocab)[1], given="the same reviews without max_length")
    demand(len(whole) == 10, f"a review of 10 tokens came out with {len(whole)}; 256 are allowed.")


def _check_token_ids(got, vocab: Vocabulary, index: int) -> None:
    what = f"dataset[{index}]"
    is_row = isinstance(got, torch.Tensor) and got.dim() == 1
    demand(is_row, f"the token ids of {what} must be a tensor (T,); they are {describe(got)}.")
    demand(got.dtype == torch.int64, f"the token ids of {what} are {got.dtype}; int64 is wanted.")
    full, ids = vocab.encode(tokenize(TEXTS[index])), got.tolist()
    wanted = full[-LONGEST:]
    seen = f"{what} is {ids}, of a review of {len(full)} tokens with max_length={LONGEST}"
    mistakes = (
        (full, "long reviews have to be cut"),
        (full[:LONGEST], "the first tokens were kept instead of the last ones"),
        (full[-LONGEST:][::-1], "the order of the words is reversed"),
        (
            vocab.encode(TEXTS[index].split())[-LONGEST:],
            "capitals or commas are still there: was the text split without `tokenize`?",
        ),
    )
    for wrong, sentence in mistakes:
        demand(ids == wanted or ids != wrong, f"{sentence}; {seen}.")
    demand(len(ids) <= len(wanted), f"a review is longer than it should be, padded?; {seen}.")
    demand(
        len(ids) == len(wanted),
        f"tokens are lost; was the text cut before it was split into tokens? {seen}.",
    )
    demand(ids == wanted, f"the ids are not those of the review's own last words; {seen}.")


def _check_labels(labels: list) -> None:
    tensors = all(isinstance(label, torch.Tensor) for label in labels)
    demand(tensors, f"a label must be a tensor; the first one is {describe(labels[0])}.")
    shape = tuple(labels[0].shape)
    demand(shape == (), f"a label has the shape {shape}; wanted is a single number, ().")
    values = [label.item() for label in labels]
    seen = f"the raw labels {RAW_LABELS} became {values}"
    demand(not {2.0} & set(values), f"the loss knows only the targets 0 and 1; {seen}.")
    demand(values != [0, 1, 1], f"positive and negative have changed places; {seen}.")
    demand(values == [1, 0, 0], f"0 is negative, 1 is positive; {seen}.")
    dtype = labels[0].dtype
    demand(dtype == torch.float32, f"a label is {dtype}; the loss wants a float, float32.")


ROWS = [[7, 5, 9], [8], [6, 4, 1, 3, 2]]
TARGETS = [1.0, 0.0, 1.0]


@exercise("1.4", "collate")
def check_collate(collate) -> None:
    """1.4: three rows of different length, then one alone."""
    for count in (3, 1):
        rows = sorted(ROWS[-count:])
        targets = dict(zip((row[0] for row in ROWS), TARGETS, strict=True))
        examples = [(torch.tensor(row), torch.tensor(targets[row[0]])) for row in ROWS[-count:]]
        given = f"{count} reviews of {[len(row) for row in ROWS[-count:]]} tokens"
        batch = call(collate, examples, given=given)
        demand_returned(batch, "the batch")
        for name in ("token_ids", "lengths", "labels"):
            part = getattr(batch, name, None)
            demand(
                isinstance(part, torch.Tensor),
                f"the batch must be a `Batch` of three tensors; its {name} is "
                f"{describe(part)} in {describe(batch)}.",
            )
        _check_table(batch.token_ids, rows)
        _check_columns(batch, targets)


def _check_table(table: torch.Tensor, rows: list[list[int]]) -> None:
    B, T = len(rows), max(map(len, rows))
    shape = tuple(table.shape)
    demand(
        shape != (T, B) or T == B,
        f"token_ids is {shape}, with time first; the rows are the reviews, (B, T).",
    )
    demand(
        len(shape) == 2 and shape[0] == B,
        f"token_ids is {shape}; {B} reviews make a table (B, T) of {B} rows.",
    )
    demand(shape[1] >= T, f"token_ids is {shape}, so the longest review, of {T}, was cut.")
    demand(shape[1] == T, f"token_ids is {shape}; T is the longest review of the batch, {T}.")
    demand(table.dtype == torch.int64, f"token_ids are {table.dtype}; int64 is wanted.")
    padded = sorted(row + [0] * (T - len(row)) for row in rows)
    got = table.tolist()
    left = sorted([0] * (T - len(row)) + row for row in rows)
    demand(
        sorted(got) != left or left == padded,
        f"the padding stands before the text instead of after it: {got}.",
    )
    demand(sorted(got) == padded, f"the reviews, filled up with 0 at their end, became {got}.")


def _check_columns(batch, targets: dict[int, float]) -> None:
    B, T = batch.token_ids.shape
    lengths, labels = batch.lengths, batch.labels
    demand(tuple(lengths.shape) == (B,), f"lengths is {describe(lengths)}; wanted is (B,).")
    demand(not lengths.is_floating_point(), f"lengths are {lengths.dtype}; int64 is wanted.")
    true = [sum(index != 0 for index in row) for row in batch.token_ids.tolist()]
    got = lengths.tolist()
    demand(
        got != [T] * B or got == true,
        f"the lengths, {got}, are those of the padded rows; count the real tokens.",
    )
    demand(got == true, f"the lengths are {got}, but the rows have {true} real tokens.")
    demand(tuple(labels.shape) == (B,), f"labels is {describe(labels)}; wanted is (B,).")
    demand(labels.dtype == torch.float32, f"labels are {labels.dtype}; float32 is wanted.")
    own = [targets[row[0]] for row in batch.token_ids.tolist()]
    demand(
        labels.tolist() == own,
        f"the labels {labels.tolist()} are not those of the rows beside them.",
    )


@diagnosis(
    "1.D1",
    bug="pad-is-a-word",
    right="B",
    causes={
        "A": (
            "a mask that reaches into the padding",
            "zeros only at the ends of the rows, with no word after them",
        ),
        "B": (
            "a word that has the id of the padding",
            "a word, and not `<pad>`, when the id 0 is decoded",
        ),
        "C": (
            "unknown words that are turned into 0",
            "the id 0 for a word that nobody wrote",
        ),
    },
)
def observe_zeros(batch, vocab) -> dict[str, str]:
    """Where the real tokens of id 0 stand, what 0 is decoded to, and the id of an unknown word."""
    zeros, inside = _real_zeros(batch)
    return {
        "A": f"In your batch {inside:,} of {zeros:,} such zeros have a word after them.",
        "B": f"Yours decodes the id 0 to {vocab.decode([0])[0]!r}, and `<pad>` has the id "
        f"{vocab['<pad>']:,}.",
        "C": f"In yours a word that nobody wrote has the id {vocab['qwxyz']:,}.",
    }


def _real_zeros(batch) -> tuple[int, int]:
    """How many real tokens have the id 0, and how many of those stand before another id."""
    zeros = (batch.token_ids == 0) & batch.mask
    words_from_here = (batch.token_ids != 0).flip(1).cumsum(dim=1).flip(1)
    return int(zeros.sum()), int((zeros & (words_from_here > 0)).sum())
