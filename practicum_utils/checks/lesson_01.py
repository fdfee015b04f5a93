"""Checks of lesson 01: tokens, vocabulary, dataset, padded batch."""

import numbers

import torch

from practicum_utils.checks.demands import (
    call,
    demand,
    demand_list,
    demand_pair,
    demand_returned,
    describe,
    overlook,
)
from practicum_utils.checks.exercises import Seen, diagnosis, exercise
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
    ("Blasé, naïve", ["blasé", "naïve"], "letters with accents are letters, and stay as they are"),
    ("so so good", ["so", "so", "good"], "each word is a token as often as it comes"),
    ("  good   film ", ["good", "film"], "spaces, however many, make no tokens"),
    ("", [], "an empty text has no tokens"),
    (
        "I don't like it!<br />Why?",
        ["i", "don't", "like", "it", "!", "why", "?"],
        "the example of the exercise",
    ),
)
WORDS = ["the", "film", "good", "bad", "was", "a"]
SPECIAL = ("<pad>", "<unk>", "<bos>", "<eos>")
UNKNOWN = "flute"


@exercise("1.1", "tokenize")
def check_tokenize(tokenize) -> None:
    """1.1: a table of short texts, one difficulty each."""
    for text, tokens, rule in SENTENCES:
        got = call(tokenize, text)
        demand_list(got, "the result")
        are_words = all(isinstance(token, str) for token in got)
        demand(are_words, f"a list of tokens was wanted; {text!r} became {describe(got)}.")
        demand(list(got) == tokens, f"{rule}; {text!r} became {list(got)}.")
    long = [f"word{number}" for number in range(600)]
    kept = len(call(tokenize, " ".join(long), given="a text of 600 words"))
    demand(kept == len(long), f"every word of a long text counts; of 600, {kept} tokens are left.")


@exercise("1.2", "Vocabulary", planted=("pad-is-a-word",))
def check_vocabulary(cls) -> None:
    """1.2: the four special ids, falling frequency, the unknown word, there and back."""
    vocab = call(cls, list(WORDS))
    look_up = _looking_up(vocab)
    _check_special_ids(vocab, look_up)
    size = call(len, vocab, given="nothing")
    wanted = len(WORDS) + 4
    demand(size == wanted, f"{len(WORDS)} words and 4 special tokens have the length {size}.")
    ids = [look_up(word) for word in WORDS]
    in_order = ids == list(range(4, wanted))
    demand(in_order, f"the ids of words are to follow the order of the words; {WORDS} got {ids}.")
    _check_there_and_back(vocab)
    demand(len(vocab) == size, "looking up an unknown word made the vocabulary longer.")
    _check_another(cls, vocab)
    _check_build(cls)


def _looking_up(vocab):
    """What looks a token up; with the special tokens last, if that may pass, as if they came first.

    Then the words have the ids from 0 on, and the four special tokens, in their order, those after.
    """

    def look_up(token: str):
        return call(lambda: vocab[token], given=f"the token {token!r}")

    count, special = len(WORDS), [look_up(token) for token in SPECIAL]
    behind = all(map(_is_whole, special)) and set(special) == set(range(count, count + 4))
    if not behind or not overlook("pad-is-a-word"):
        return look_up
    in_order = special == sorted(special)
    demand(in_order, f"the special tokens are to have ids in the order {', '.join(SPECIAL)}.")

    def look_up_mended(token: str):
        found = look_up(token)
        return (found + 4) % (count + 4) if _is_whole(found) else found

    return look_up_mended


def _is_whole(value) -> bool:
    """Python's whole numbers, and NumPy's."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _check_special_ids(vocab, look_up) -> None:
    first = look_up(WORDS[0])
    demand(
        first != 0,
        f"the commonest word, {WORDS[0]!r}, has the id 0, which belongs to the padding; which "
        "tokens have to come first?",
    )
    for wanted, token in enumerate(SPECIAL):
        got = look_up(token)
        demand(_is_whole(got), f"an id is an int; that of {token!r} is {describe(got)}.")
        demand(got == wanted, f"the token {token!r} has the id {got!r}, not {wanted}.")
    demand(
        look_up(UNKNOWN) == 1,
        f"an unknown word has the id {vocab[UNKNOWN]!r}, not that of `<unk>`.",
    )


def _check_there_and_back(vocab) -> None:
    tokens = ["good", UNKNOWN, "film"]
    ids = call(vocab.encode, list(tokens))
    demand_list(ids, "the result of `encode`")
    are_ids = all(map(_is_whole, ids))
    demand(are_ids, f"`encode` must return a list of int; it returned {describe(ids)}.")
    demand(
        list(ids) == [vocab[token] for token in tokens],
        f"`encode` of {tokens} is {list(ids)}, and looking up one by one gives other ids.",
    )
    back = call(vocab.decode, [int(index) for index in ids])
    demand_list(back, "the result of `decode`")
    demand(
        list(back) == ["good", "<unk>", "film"],
        f"there and back, {tokens} became {list(back)}; an unknown word comes back as `<unk>`, "
        "every other word as itself.",
    )
    nothing = call(vocab.encode, []), call(vocab.decode, [])
    demand(list(map(len, nothing)) == [0, 0], f"no tokens have no ids; they became {nothing}.")


def _check_build(cls) -> None:
    lists = [["b", "a", "b"], ["c", "b", "a"]]
    built = call(cls.build, lists, max_size=6)
    demand(len(built) == 6, f"`build` with max_size=6 gave a vocabulary of {len(built)} entries.")
    ids = [built[word] for word in "abc"]
    kept = ids[1] < ids[0] and ids[2] == built[UNKNOWN]
    demand(kept, f"`build` keeps the commonest words, the commonest first; a, b, c got {ids}.")


def _check_another(cls, vocab) -> None:
    """Two vocabularies have nothing to do with each other."""
    before = [vocab[word] for word in WORDS], len(vocab)
    other = call(cls, WORDS[:1:-1])
    demand(
        ([vocab[word] for word in WORDS], len(vocab)) == before and len(other) == len(WORDS) + 2,
        "two vocabularies share their words: a second one, of other words, has changed the first, "
        "or has its words too. Does the table belong to the class instead of to `self`?",
    )


TEXTS = [
    "good",
    "the film was bad the film was a bad film",
    "Was the flute good, a good Film.",
    "bad!",
    "a good film",
]
RAW_LABELS = [2, 1, 1, 1, 2]
LONGEST = 4


def _read_datasets() -> None:
    import datasets  # noqa: F401  it takes a second


@exercise("1.3", "ReviewDataset", planted=("labels-one-two",), prepare=_read_datasets)
def check_dataset(cls) -> None:
    """1.3: five reviews, cut to their last four tokens; labels as the loss wants them."""
    import datasets

    reviews = datasets.Dataset.from_dict({"text": TEXTS, "label": RAW_LABELS})
    vocab = Vocabulary(WORDS)
    before = list(vocab.tokens)
    given = f"{len(TEXTS)} reviews, a vocabulary and max_length={LONGEST}"
    dataset = call(cls, reviews, vocab, max_length=LONGEST, given=given)
    size = call(len, dataset, given="nothing")
    demand(size == len(TEXTS), f"{len(TEXTS)} reviews make a dataset of length {size}.")
    items = [_item(dataset, index) for index in range(len(TEXTS))]
    for index, (token_ids, _) in enumerate(items):
        _check_token_ids(token_ids, vocab, index)
    _check_labels([label for _, label in items])
    for index in reversed(range(len(TEXTS))):
        again = _item(dataset, index)
        demand(
            all(map(torch.equal, again, items[index])),
            f"dataset[{index}] was {describe(items[index])} the first time, and is "
            f"{describe(again)} now; a dataset is read once in every epoch.",
        )
    _check_lengths(cls, vocab)
    demand(vocab.tokens == before, "the vocabulary that it was given has changed.")


def _item(dataset, index: int) -> tuple:
    return demand_pair(
        call(lambda: dataset[index], given=f"the index {index}"), f"dataset[{index}]"
    )


def _check_lengths(cls, vocab: Vocabulary) -> None:
    """What is kept with another limit, and with the usual one."""
    import datasets

    texts = [TEXTS[1], "bad " * 300 + "film"]
    reviews = datasets.Dataset.from_dict({"text": texts, "label": [1, 2]})
    short = call(cls, reviews, vocab, max_length=2, given="two reviews and max_length=2")
    kept = [len(_item(short, index)[0]) for index in range(2)]
    demand(kept == [2, 2], f"with max_length=2 the reviews have the lengths {kept}.")
    usual = call(cls, reviews, vocab, given="two reviews, without max_length")
    whole, long = (len(_item(usual, index)[0]) for index in range(2))
    demand(whole == 10, f"a review of 10 tokens came out with {whole}; 256 are allowed.")
    demand(
        long == 256,
        f"a review of 301 tokens came out with {long}; unless another max_length is given, the "
        "last 256 of them are wanted.",
    )


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
    wanted = [raw - 1 for raw in RAW_LABELS]
    if values == RAW_LABELS and overlook("labels-one-two"):
        values = wanted
    demand(not {2.0} & set(values), f"the loss knows only the targets 0 and 1; {seen}.")
    turned = [1 - label for label in wanted]
    demand(values != turned, f"positive and negative have changed places; {seen}.")
    demand(values == wanted, f"0 is negative, 1 is positive; {seen}.")
    dtypes = {label.dtype for label in labels} - {torch.float32}
    shown = ", ".join(map(str, dtypes))
    demand(not dtypes, f"a label is {shown}; the loss wants a float, float32.")


ROWS = [[7, 5, 9], [8], [6, 4, 1, 3, 2]]
TARGETS = [1.0, 0.0, 1.0]
LONG_ROW = [5, 6] * 200  # a batch may be longer than the 256 tokens that a dataset keeps


@exercise("1.4", "collate")
def check_collate(collate) -> None:
    """1.4: three rows of different length, then one alone, and one of many tokens with another."""
    targets = dict(zip((row[0] for row in [*ROWS, LONG_ROW]), [*TARGETS, 0.0], strict=True))
    for chosen in (ROWS, ROWS[-1:], [ROWS[1], LONG_ROW]):
        rows = sorted(chosen)
        examples = [(torch.tensor(row), torch.tensor(targets[row[0]])) for row in chosen]
        given = f"{len(rows)} reviews of {[len(row) for row in chosen]} tokens"
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
    shown = got if T < 10 else describe(table)
    demand(sorted(got) == padded, f"the reviews, filled up with 0 at their end, became {shown}.")


def _check_columns(batch, targets: dict[int, float]) -> None:
    B, T = batch.token_ids.shape
    lengths, labels = batch.lengths, batch.labels
    demand(tuple(lengths.shape) == (B,), f"lengths is {describe(lengths)}; wanted is (B,).")
    demand(not lengths.is_floating_point(), f"lengths are {lengths.dtype}; int64 is wanted.")
    true = [sum(index != 0 for index in row) for row in batch.token_ids.tolist()]
    got = lengths.tolist()
    whole = lengths.dtype not in (torch.bool, torch.uint8, torch.int8)
    demand(whole, f"lengths are {lengths.dtype}; int64 is wanted.")
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
def observe_zeros(batch, vocab) -> Seen:
    """Where the real tokens of id 0 stand, what 0 is decoded to, and the id of an unknown word."""
    zeros, inside = _real_zeros(batch)
    first, unknown = vocab.decode([0])[0], vocab["qwxyz"]
    words = f"In your batch {inside:,} of {zeros:,} such zeros have a word after them."
    return {
        "A": (words if zeros else "In your batch no real token is 0.", zeros > 0 and not inside),
        "B": (
            f"Yours decodes the id 0 to {first!r}, and `<pad>` has the id {vocab['<pad>']:,}.",
            first != "<pad>",
        ),
        "C": (f"In yours a word that nobody wrote has the id {unknown:,}.", unknown == 0),
    }


def _real_zeros(batch) -> tuple[int, int]:
    """How many real tokens have the id 0, and how many of those stand before another id."""
    zeros = (batch.token_ids == 0) & batch.mask
    words_from_here = (batch.token_ids != 0).flip(1).cumsum(dim=1).flip(1)
    return int(zeros.sum()), int((zeros & (words_from_here > 0)).sum())
