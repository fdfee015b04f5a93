"""Attempts at tokens, vocabulary, dataset and batch."""

import functools
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from attempts import right, wrong
from practicum_utils import data
from practicum_utils.data import Batch

# 1.1 tokenize


@right("1.1")
def with_findall(text):
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*|[!?]", text.lower().replace("<br />", " "))


@right("1.1")
def with_replacements(text: str) -> list[str]:
    text = text.lower().replace("<br />", " ")
    for mark in "!?":
        text = text.replace(mark, f" {mark} ")
    return re.sub(r"[^\w'!?]", " ", text).split()


@right("1.1")
def letter_by_letter(text, extra=None):
    tokens, word = [], ""
    for letter in text.replace("<br />", " ").lower() + " ":
        if letter.isalnum() or letter == "'":
            word += letter
            continue
        tokens += [word] * bool(word) + [letter] * (letter in "!?")
        word = ""
    return tokens


@wrong("1.1", "tokens are in lower case")
def keeps_capitals(text):
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*|[!?]", text.replace("<br />", " "))


@wrong("1.1", "`<br />` separates two words")
def keeps_br(text):
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*|[!?]", text.lower())


@wrong("1.1", "`<br />` separates two words")
def glues_words(text):
    return with_findall(text.replace("<br />", ""))


@wrong("1.1", "a contraction stays whole")
def splits_contractions(text):
    return re.findall(r"\w+|[!?]", text.lower().replace("<br />", " "))


@wrong("1.1", "`!` and `?` are tokens")
def drops_marks(text):
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("<br />", " "))


@wrong("1.1", "`!` and `?` are tokens")
def only_splits(text):
    return text.lower().replace("<br />", " ").split()


@wrong("1.1", "commas, full stops")
def keeps_commas(text):
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*|[!?.,;]", text.lower().replace("<br />", " "))


@wrong("1.1", "must be a list; it is 'a good film'")
def returns_a_text(text):
    return " ".join(with_findall(text))


@wrong("1.1", "spaces, however many")
def makes_empty_tokens(text):
    text = text.lower().replace("<br />", " ")
    return re.sub(r"[.,;()]", "", re.sub(r"([!?])", r" \1", text)).split(" ")


@wrong("1.1", "digits are kept")
def drops_digits(text):
    return re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*|[!?]", text.lower().replace("<br />", " "))


@wrong("1.1", "a way through has no `return`")
def forgets_return(text):
    re.findall(r"\w+", text)


# 1.2 Vocabulary

SPECIAL = ["<pad>", "<unk>", "<bos>", "<eos>"]


@right("1.2")
class TwoDictionaries:
    def __init__(self, words):
        self.to_id = {token: place for place, token in enumerate([*SPECIAL, *words])}
        self.to_token = {place: token for token, place in self.to_id.items()}

    @classmethod
    def build(cls, token_lists, max_size=20_000):
        counts = Counter(token for tokens in token_lists for token in tokens)
        return cls([word for word, _ in counts.most_common(max_size - 4)])

    def __len__(self):
        return len(self.to_id)

    def __getitem__(self, token):
        return self.to_id[token] if token in self.to_id else 1

    def encode(self, tokens):
        return list(map(self.__getitem__, tokens))

    def decode(self, ids):
        return [self.to_token[i] for i in ids]


@right("1.2")
class ByIndex(TwoDictionaries):
    def __init__(self, words: list[str]):
        self.all = SPECIAL + list(words)

    def __len__(self):
        return len(self.all)

    def __getitem__(self, token):
        try:
            return self.all.index(token)
        except ValueError:
            return self["<unk>"]

    def decode(self, ids):
        return tuple(self.all[i] for i in ids)


@right("1.2")
class OurVocabulary(data.Vocabulary):
    pass


@wrong("1.2", "belongs to the padding")
class SpecialLast(TwoDictionaries):
    def __init__(self, words):
        self.to_id = {token: place for place, token in enumerate([*words, *SPECIAL])}
        self.to_token = {place: token for token, place in self.to_id.items()}

    def __getitem__(self, token):
        return self.to_id.get(token, self.to_id["<unk>"])


@wrong("1.2", "KeyError")
class NoUnknown(TwoDictionaries):
    def __getitem__(self, token):
        return self.to_id[token]


@wrong("1.2", "an unknown word has the id 0")
class UnknownIsPadding(TwoDictionaries):
    def __getitem__(self, token):
        return self.to_id.get(token, 0)


@wrong("1.2", "the token '<bos>' has the id 1")
class TwoSpecial(TwoDictionaries):
    def __init__(self, words):
        tokens = ["<pad>", "<unk>", *words]
        self.to_id = {token: place for place, token in enumerate(tokens)}
        self.to_token = dict(enumerate(tokens))


@wrong("1.2", "there and back")
class DecodesWithoutSpecial(TwoDictionaries):
    def __init__(self, words):
        super().__init__(words)
        self.to_token = dict(enumerate([*words, *SPECIAL]))


@wrong("1.2", "the result of `decode` must be a list")
class DecodesText(TwoDictionaries):
    def decode(self, ids):
        return " ".join(super().decode(ids))


@wrong("1.2", "the result of `encode` must be a list; it is a tensor")
class EncodesTensor(TwoDictionaries):
    def encode(self, tokens):
        return torch.tensor(super().encode(tokens))


@wrong("1.2", "made the vocabulary longer")
class Grows(TwoDictionaries):
    def encode(self, tokens):
        for token in tokens:
            self.to_token.setdefault(self.to_id.setdefault(token, len(self.to_id)), token)
        return [1 if token == "flute" else self.to_id[token] for token in tokens]

    def __getitem__(self, token):
        return 1 if token == "flute" else super().__getitem__(token)


@wrong("1.2", "follow the order of the words")
class Alphabetical(TwoDictionaries):
    def __init__(self, words):
        super().__init__(sorted(words, key=lambda word: (word != "the", word)))


# 1.3 ReviewDataset


@right("1.3")
class Lazy(torch.utils.data.Dataset):
    def __init__(self, reviews, vocab, max_length=256):
        self.reviews, self.vocab, self.max_length = reviews, vocab, max_length

    def __len__(self):
        return len(self.reviews)

    def __getitem__(self, index):
        row = self.reviews[index]
        ids = self.vocab.encode(data.tokenize(row["text"]))[-self.max_length :]
        return torch.tensor(ids), torch.tensor(float(row["label"] == 2))


@right("1.3")
class Eager:
    def __init__(self, reviews, vocab, max_length=256, progress=False):
        self.items = []
        for row in reviews:
            tokens = data.tokenize(row["text"])
            ids = torch.LongTensor(vocab.encode(tokens[max(0, len(tokens) - max_length) :]))
            label = torch.as_tensor(row["label"] - 1, dtype=torch.float32)
            self.items.append((ids, label))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


@right("1.3")
class WithTensors(Lazy):
    def __init__(self, reviews, vocab, max_length=256):
        super().__init__(reviews, vocab, max_length)
        self.labels = torch.tensor(reviews["label"]).float() - 1
        self.kept = [vocab.encode(data.tokenize(t))[-max_length:] for t in reviews["text"]]

    def __getitem__(self, index):
        return [torch.tensor(self.kept[index], dtype=torch.long), self.labels[index]]


@wrong("1.3", "the loss knows only the targets 0 and 1")
class OneAndTwo(Lazy):
    def __getitem__(self, index):
        ids, label = super().__getitem__(index)
        return ids, label + 1


@wrong("1.3", "have changed places")
class Flipped(Lazy):
    def __getitem__(self, index):
        ids, label = super().__getitem__(index)
        return ids, 1 - label


@wrong("1.3", "the first tokens were kept")
class KeepsBeginning(Lazy):
    def __getitem__(self, index):
        row = self.reviews[index]
        ids = self.vocab.encode(data.tokenize(row["text"])[: self.max_length])
        return torch.tensor(ids), torch.tensor(row["label"] - 1.0)


@wrong("1.3", "long reviews have to be cut")
class NeverCuts(Lazy):
    def __init__(self, reviews, vocab, max_length=256):
        super().__init__(reviews, vocab, 256)


@wrong("1.3", "was the text cut before")
class CutsLetters(Lazy):
    def __getitem__(self, index):
        row = self.reviews[index]
        ids = self.vocab.encode(data.tokenize(row["text"][-self.max_length :]))
        return torch.tensor(ids), torch.tensor(row["label"] - 1.0)


@wrong("1.3", "a label is torch.int64")
class WholeLabels(Lazy):
    def __getitem__(self, index):
        ids, label = super().__getitem__(index)
        return ids, label.long()


@wrong("1.3", "a label must be a tensor")
class PlainLabels(Lazy):
    def __getitem__(self, index):
        ids, label = super().__getitem__(index)
        return ids, label.item()


@wrong("1.3", "a label has the shape (1,)")
class LabelRows(Lazy):
    def __getitem__(self, index):
        ids, label = super().__getitem__(index)
        return ids, label.reshape(1)


@wrong("1.3", "must be a tensor (T,)")
class Lists(Lazy):
    def __getitem__(self, index):
        ids, label = super().__getitem__(index)
        return ids.tolist(), label


@wrong("1.3", "longer than it should be")
class PadsAlready(Lazy):
    def __getitem__(self, index):
        ids, label = super().__getitem__(index)
        return nn.functional.pad(ids, (0, self.max_length - len(ids))), label


@wrong("1.3", "make a dataset of length 2")
class CountsColumns(Lazy):
    def __len__(self):
        return len(self.reviews[:])


@wrong("1.3", "was the text split without `tokenize`")
class SplitsAtSpaces(Lazy):
    def __getitem__(self, index):
        row = self.reviews[index]
        ids = self.vocab.encode(row["text"].split())[-self.max_length :]
        return torch.tensor(ids), torch.tensor(row["label"] - 1.0)


# 1.4 collate


class Named(NamedTuple):
    token_ids: torch.Tensor
    lengths: torch.Tensor
    labels: torch.Tensor


@right("1.4")
def by_hand(examples):
    T = max(len(row) for row, _ in examples)
    table = torch.zeros(len(examples), T, dtype=torch.long)
    for line, (row, _) in zip(table, examples, strict=True):
        line[: len(row)] = row
    lengths = torch.tensor([len(row) for row, _ in examples])
    return Batch(table, lengths, torch.tensor([label.item() for _, label in examples]))


@right("1.4")
def with_lists(examples: list) -> Batch:
    lengths = [row.numel() for row, _ in examples]
    rows = [row.tolist() + [0] * (max(lengths) - row.numel()) for row, _ in examples]
    labels = torch.stack([label for _, label in examples])
    return Batch(labels=labels, token_ids=torch.tensor(rows), lengths=torch.tensor(lengths))


@right("1.4")
def longest_first(examples):
    examples = sorted(examples, key=lambda example: -len(example[0]))
    return Named(*data.collate(examples))


@wrong("1.4", "with time first")
def time_first(examples):
    batch = by_hand(examples)
    return batch._replace(token_ids=batch.token_ids.T)


@wrong("1.4", "stands before the text")
def pads_left(examples):
    batch = by_hand(examples)
    T = batch.token_ids.shape[1]
    rows = [nn.functional.pad(row, (T - len(row), 0)) for row, _ in examples]
    return batch._replace(token_ids=torch.stack(rows))


@wrong("1.4", "those of the padded rows")
def padded_lengths(examples):
    batch = by_hand(examples)
    return batch._replace(lengths=torch.full_like(batch.lengths, batch.token_ids.shape[1]))


@wrong("1.4", "was cut")
def cuts_to_the_shortest(examples):
    batch = by_hand(examples)
    return batch._replace(token_ids=batch.token_ids[:, : batch.lengths.min()])


@wrong("1.4", "not those of the rows beside them")
def sorts_rows_alone(examples):
    return longest_first(examples)._replace(labels=by_hand(examples).labels)


@wrong("1.4", "labels is a tensor (3, 1)")
def labels_as_column(examples):
    batch = by_hand(examples)
    return batch._replace(labels=batch.labels.unsqueeze(1))


@wrong("1.4", "filled up with 0 at their end")
def pads_with_one(examples):
    rows, _ = zip(*examples, strict=True)
    table = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=1)
    return by_hand(examples)._replace(token_ids=table)


@wrong("1.4", "T is the longest review of the batch")
def always_256(examples):
    batch = by_hand(examples)
    wide = nn.functional.pad(batch.token_ids, (0, 256 - batch.token_ids.shape[1]))
    return batch._replace(token_ids=wide)


@wrong("1.4", "its token_ids is None")
def plain_tuple(examples):
    return tuple(by_hand(examples))


@wrong("1.4", "stack expects each tensor to be equal size")
def stacks(examples):
    rows, labels = zip(*examples, strict=True)
    return Batch(torch.stack(rows), torch.tensor([len(row) for row in rows]), torch.stack(labels))


# Rarer mistakes


@wrong("1.4", "lengths is a tensor (3, 1)")
def lengths_as_column(examples):
    batch = by_hand(examples)
    return batch._replace(lengths=batch.lengths.unsqueeze(1))


@wrong("1.4", "lengths are torch.float32")
def float_lengths(examples):
    batch = by_hand(examples)
    return batch._replace(lengths=batch.lengths.float())


@wrong("1.4", "but the rows have")
def lengths_off_by_one(examples):
    batch = by_hand(examples)
    return batch._replace(lengths=batch.lengths - 1)


@wrong("1.4", "labels are torch.int64")
def whole_labels(examples):
    batch = by_hand(examples)
    return batch._replace(labels=batch.labels.long())


@wrong("1.4", "a way through has no `return`")
def no_batch(examples):
    by_hand(examples)


@wrong("1.4", "int64 is wanted")
def float_ids(examples):
    batch = by_hand(examples)
    return batch._replace(token_ids=batch.token_ids.float())


@wrong("1.3", "the token ids of dataset[0] are torch.float32")
class FloatIds(Lazy):
    def __getitem__(self, index):
        ids, label = super().__getitem__(index)
        return ids.float(), label


@wrong("1.3", "must be two things")
class IdsAlone(Lazy):
    def __getitem__(self, index):
        return super().__getitem__(index)[0]


@wrong("1.3", "0 is negative, 1 is positive")
class MinusOne(Lazy):
    def __getitem__(self, index):
        ids, label = super().__getitem__(index)
        return ids, 2 * label - 1


@wrong("1.3", "the order of the words is reversed")
class Backwards(Lazy):
    def __getitem__(self, index):
        ids, label = super().__getitem__(index)
        return ids.flip(0), label


@wrong("1.3", "not those of the review's own last words")
class AnotherReview(Lazy):
    def __getitem__(self, index):
        _, label = super().__getitem__(index)
        return super().__getitem__((index % 2) + 1)[0][-len(self.kept[index]) :], label

    def __init__(self, reviews, vocab, max_length=256):
        super().__init__(reviews, vocab, max_length)
        self.kept = [vocab.encode(data.tokenize(t))[-max_length:] for t in reviews["text"]]


@wrong("1.3", "with max_length=2 the reviews have the lengths [4, 4]")
class AlwaysFour(Lazy):
    def __init__(self, reviews, vocab, max_length=256):
        super().__init__(reviews, vocab, 4)


@wrong("1.2", "have the length 6")
class CountsWords(TwoDictionaries):
    def __len__(self):
        return len(self.to_id) - 4


@wrong("1.2", "looking up one by one gives other ids")
class EncodesShifted(TwoDictionaries):
    def encode(self, tokens):
        return [i + 1 for i in super().encode(tokens)]


@wrong("1.2", "`build` with max_size=6")
class IgnoresTheLimit(TwoDictionaries):
    @classmethod
    def build(cls, token_lists, max_size=20_000):
        return cls(sorted({token for tokens in token_lists for token in tokens}))


@wrong("1.2", "`encode` came back as None")
class EncodesNothing(TwoDictionaries):
    def encode(self, tokens):
        [self[token] for token in tokens]


@wrong("1.2", "`decode` came back as None")
class DecodesNothing(TwoDictionaries):
    def decode(self, ids):
        [self.to_token[i] for i in ids]


# Kept, changed, lost: what goes wrong around a right answer


@right("1.1")
def by_kind_of_letter(text):
    spaced = text.replace("<br />", " ").lower().replace("!", " ! ").replace("?", " ? ")
    return "".join(c if c.isalnum() or c in "'!?" else " " for c in spaced).split()


@right("1.1")
@functools.lru_cache
def remembered(text):
    return tuple(data.tokenize(text))


class Tokenizer:
    """An object that is called like a function."""

    pattern = re.compile(r"\w+(?:'\w+)*|[!?]")

    def __call__(self, text):
        return [match.group() for match in self.pattern.finditer(self.plain(text))]

    @staticmethod
    def plain(text):
        return text.lower().replace("<br />", " ")


right("1.1")(Tokenizer())


@wrong("1.1", "letters with accents are letters")
def letters_a_to_z(text):
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)*|[!?]", text.lower().replace("<br />", " "))


@wrong("1.1", "letters with accents are letters")
def replaces_accents(text):
    plain = unicodedata.normalize("NFD", text)
    return data.tokenize("".join(c for c in plain if not unicodedata.combining(c)))


@wrong("1.1", "letters with accents are letters")
def with_ascii(text):
    return re.findall(r"\w+(?:'\w+)*|[!?]", text.lower().replace("<br />", " "), re.ASCII)


@wrong("1.1", "gives its items once only")
def one_by_one(text):
    yield from data.tokenize(text)


@wrong("1.1", "'A Good FILM' became ['a', 'good', 'film', 'a'")
def collects(text, found=[]):  # noqa: B006
    found += data.tokenize(text)
    return list(found)


@wrong("1.1", "something is kept from one call to the next")
def collects_from_the_start(text, calls=[]):  # noqa: B006
    calls.append(text)
    return data.tokenize(text) if len(calls) < 16 else []


@wrong("1.1", "every word of a long text")
def reads_256_letters(text):
    return data.tokenize(text[:256])


@wrong("1.1", "every word of a long text")
def keeps_256_words(text):
    return data.tokenize(text)[-256:]


@wrong("1.1", "each word is a token as often")
def each_word_once(text):
    return list(dict.fromkeys(data.tokenize(text))) if "(" not in text else data.tokenize(text)


@wrong("1.1", "every word is a token of its own")
def knows_the_example(text):
    return ["i", "don't", "like", "it", "!", "why", "?"]


@right("1.2")
class Numbered(TwoDictionaries):
    """With numpy's whole numbers, and a default in place of a condition."""

    def __init__(self, words, start=0):
        self.to_token = np.array([*SPECIAL, *words])
        self.to_id = {str(token): np.int64(place) for place, token in enumerate(self.to_token)}

    def __getitem__(self, token):
        return self.to_id.get(token, self.to_id["<unk>"])

    def decode(self, ids):
        return self.to_token[list(ids)].tolist()


@right("1.2")
@dataclass
class WithFields:
    words: list

    def __post_init__(self):
        self.table = ("<pad>", "<unk>", "<bos>", "<eos>", *self.words)

    build = classmethod(TwoDictionaries.__dict__["build"].__func__)

    def __len__(self):
        return 4 + len(self.words)

    def __getitem__(self, token):
        return self.table.index(token) if token in self.table else self.table.index("<unk>")

    def encode(self, tokens):
        return tuple(self[token] for token in tokens)

    def decode(self, ids):
        return [self.table[index] for index in ids]


@wrong("1.2", "it changed `words` in place")
class InsertsIntoWords(TwoDictionaries):
    def __init__(self, words):
        for token in reversed(SPECIAL):
            words.insert(0, token)
        super().__init__(words[4:])


@wrong("1.2", "it changed `words` in place")
class SortsTheWords(TwoDictionaries):
    def __init__(self, words):
        super().__init__(list(words))
        words.sort()


@wrong("1.2", "it changed `tokens` in place")
class EncodesInPlace(TwoDictionaries):
    def encode(self, tokens):
        for place, token in enumerate(tokens):
            tokens[place] = self[token]
        return tokens


@wrong("1.2", "it changed `ids` in place")
class DecodesInPlace(TwoDictionaries):
    def decode(self, ids):
        found = []
        while ids:
            found.append(self.to_token[ids.pop(0)])
        return found


@wrong("1.2", "two vocabularies share")
class OneForAll(TwoDictionaries):
    to_id, to_token = {}, {}

    def __init__(self, words):
        for token in [*SPECIAL, *words]:
            place = self.to_id.setdefault(token, len(self.to_id))
            self.to_token[place] = token


@wrong("1.2", "the token '<pad>' has the id 6")
class PadAfterTheWords(TwoDictionaries):
    def __init__(self, words):
        self.to_id = {t: i for i, t in enumerate(["<unk>", "<bos>", "<eos>", *words, "<pad>"])}
        self.to_id |= {"<pad>": 6}
        self.to_token = {place: token for token, place in self.to_id.items()}


@wrong("1.2", "an unknown word has the id None")
class NoneForUnknown(TwoDictionaries):
    def __getitem__(self, token):
        return self.to_id.get(token)


@wrong("1.2", "an id is an int; that of '<pad>' is 0.0")
class FractionIds(TwoDictionaries):
    def __getitem__(self, token):
        return float(super().__getitem__(token))


@wrong("1.2", "gives its items once only")
class EncodesLazily(TwoDictionaries):
    def encode(self, tokens):
        return map(self.__getitem__, tokens)


@right("1.3")
class InNumpy(Lazy):
    def __getitem__(self, index):
        row = self.reviews[int(index)]
        ids = np.array(self.vocab.encode(data.tokenize(row["text"])))[-self.max_length :]
        return torch.from_numpy(ids), torch.from_numpy(np.array(row["label"] - 1, np.float32))


@right("1.3")
class InOneTensor(torch.utils.data.Dataset):
    """All reviews in one row of ids, with the place where each begins."""

    def __init__(self, reviews, vocab, max_length=256):
        rows = [vocab.encode(data.tokenize(text)) for text in reviews["text"]]
        rows = [row[-max_length:] for row in rows]
        self.flat = torch.tensor([index for row in rows for index in row])
        ends = torch.tensor([len(row) for row in rows]).cumsum(0).tolist()
        self.bounds = list(zip([0, *ends], ends, strict=False))
        self.labels = (torch.tensor(reviews["label"]) == 2).float()

    def __len__(self):
        return self.labels.numel()

    def __getitem__(self, index):
        start, end = self.bounds[index]
        return self.flat[start:end], self.labels[index]


@right("1.3")
class OurDataset(data.ReviewDataset):
    pass


@wrong("1.3", "the vocabulary that it was given has changed")
class GrowsTheVocabulary(Lazy):
    def __init__(self, reviews, vocab, max_length=256):
        super().__init__(reviews, vocab, max_length)
        vocab.tokens.append("<end>")


@wrong("1.3", "the first time")
class ReadsEachOnce(Lazy):
    def __init__(self, reviews, vocab, max_length=256):
        super().__init__(reviews, vocab, max_length)
        self.kept = [vocab.encode(data.tokenize(t))[-max_length:] for t in reviews["text"]]

    def __getitem__(self, index):
        label = torch.tensor(float(self.reviews[index]["label"] == 2))
        ids = [self.kept[index].pop() for _ in range(len(self.kept[index]))][::-1]
        return torch.tensor(ids, dtype=torch.int64), label


@wrong("1.3", "a label is torch.float64")
class DoubleLabels(Lazy):
    def __getitem__(self, index):
        ids, label = super().__getitem__(index)
        return ids, label.double()


@wrong("1.3", "the token ids of dataset[0] are torch.int32")
class ShortIds(Lazy):
    def __getitem__(self, index):
        ids, label = super().__getitem__(index)
        return ids.int(), label


@wrong("1.3", "256 are allowed")
class AtMostEight(Lazy):
    def __init__(self, reviews, vocab, max_length=256):
        super().__init__(reviews, vocab, min(max_length, 8))


@wrong("1.3", "256 of them are wanted")
class NoLimitOfItsOwn(Lazy):
    def __init__(self, reviews, vocab, max_length=10_000):
        super().__init__(reviews, vocab, max_length)


@wrong("1.3", "with max_length=2 the reviews have the lengths [4, 4]")
class ReadsFourAtLeast(Lazy):
    def __init__(self, reviews, vocab, max_length=256):
        super().__init__(reviews, vocab, max(max_length, 4))


@wrong("1.3", "0 is negative, 1 is positive")
class TwoLabelsThenOne(Lazy):
    """Right for the first four."""

    def __getitem__(self, index):
        ids, _ = super().__getitem__(index)
        return ids, torch.tensor(float(index == 0))


@right("1.4")
def with_numpy(examples):
    lengths = np.array([len(row) for row, _ in examples])
    table = np.zeros((len(examples), lengths.max()), dtype=np.int64)
    for place, (row, _) in enumerate(examples):
        table[place, : len(row)] = row.numpy()
    labels = np.array([float(label) for _, label in examples], dtype=np.float32)
    return Batch(*map(torch.from_numpy, (table, lengths, labels)))


@right("1.4")
def lengths_of_the_real_ones(examples):
    rows = torch.nested.nested_tensor([row for row, _ in examples]).to_padded_tensor(0)
    labels = torch.FloatTensor([label for _, label in examples])
    return Named(rows, (rows != 0).sum(dim=1, dtype=torch.int32), labels)


@wrong("1.4", "it changed `examples` in place")
def sorts_the_examples(examples):
    examples.sort(key=lambda example: len(example[0]))
    return by_hand(examples)


@wrong("1.4", "it changed `examples` in place")
def pads_the_examples(examples):
    T = max(len(row) for row, _ in examples)
    lengths = torch.tensor([len(row) for row, _ in examples])
    for place, (row, label) in enumerate(examples):
        examples[place] = (nn.functional.pad(row, (0, T - len(row))), label)
    return Batch(
        torch.stack([row for row, _ in examples]), lengths, torch.stack([y for _, y in examples])
    )


@wrong("1.4", "it changed `examples` in place")
def empties_the_list(examples):
    taken = [examples.pop() for _ in range(len(examples))]
    return by_hand(taken[::-1])


@wrong("1.4", "was cut")
def at_most_256(examples):
    return by_hand([(row[-256:], label) for row, label in examples])


@wrong("1.4", "token_ids is (2, ")
def drops_the_last(examples):
    return by_hand(examples[: 2 if len(examples) > 1 else 1])


@wrong("1.4", "something is kept from one call to the next")
def widest_so_far(examples, widest=[0]):  # noqa: B006
    batch = by_hand(examples)
    wider = max(0, widest[0] - batch.token_ids.shape[1]) if len(widest) > 3 else 0
    widest.append(0)
    widest[0] = max(widest[0], batch.token_ids.shape[1])
    return batch._replace(token_ids=nn.functional.pad(batch.token_ids, (0, wider)))


@wrong("1.4", "labels are torch.float64")
def double_labels(examples):
    batch = by_hand(examples)
    return batch._replace(labels=batch.labels.double())
