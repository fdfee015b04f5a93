"""Vocabulary, dataset, padding and loaders: what goes in comes out, once and in the right place."""

from collections import Counter

import datasets
import pytest
import torch

from practicum_utils.data import (
    PAD,
    Batch,
    ReviewDataset,
    Vocabulary,
    collate,
    load_reviews,
    make_loader,
    padding_share,
    tokenize_all,
)

TOKEN_LISTS = [["b", "a", "c"], ["c", "b"], ["c", "d"]]
LONG = "one two three four five"


def as_reviews(texts, labels=None):
    return datasets.Dataset.from_dict({"text": texts, "label": labels or [1] * len(texts)})


@pytest.fixture
def vocab():
    return Vocabulary.build(TOKEN_LISTS)


@pytest.fixture
def small():
    """A vocabulary of five words and one review of all of them."""
    return Vocabulary("one two three four five".split()), as_reviews([LONG])


@pytest.fixture(scope="module")
def counted():
    """300 reviews of different lengths; review i has the number i as its first word."""
    lengths = torch.randint(1, 60, (300,), generator=torch.Generator().manual_seed(1)).tolist()
    texts = [f"{i} " + "word " * (length - 1) for i, length in enumerate(lengths)]
    vocab = Vocabulary.build([[str(i) for i in range(300)], ["word"] * 2])
    return ReviewDataset(as_reviews(texts, [1, 2] * 150), vocab)


def first_words(loader):
    """One list per batch: the first word id of every review, which is different for each."""
    return [batch.token_ids[:, 0].tolist() for batch in loader]


def all_first_words(dataset):
    return sorted(int(token_ids[0]) for token_ids, _ in dataset)


# Vocabulary


def test_special_tokens_come_first(vocab):
    assert [vocab[token] for token in ("<pad>", "<unk>", "<bos>", "<eos>")] == [0, 1, 2, 3]


def test_words_by_frequency_then_alphabet(vocab):
    assert vocab.tokens[4:] == ["c", "b", "a", "d"]
    assert len(vocab) == 8


def test_max_size_counts_the_special_tokens():
    vocab = Vocabulary.build(TOKEN_LISTS, max_size=6)
    assert vocab.tokens[4:] == ["c", "b"]
    assert len(vocab) == 6


def test_an_unknown_word_is_unk(vocab):
    assert vocab["zebra"] == vocab["<unk>"] == 1
    assert "zebra" not in vocab and "c" in vocab


def test_encode_and_decode_are_inverse(vocab):
    ids = vocab.encode(["a", "c", "zebra"])
    assert ids == [6, 4, 1]
    assert vocab.decode(ids) == ["a", "c", "<unk>"]
    assert vocab.decode(torch.tensor(ids)) == ["a", "c", "<unk>"]


def test_a_special_token_in_the_text_keeps_its_id():
    vocab = Vocabulary.build([["<pad>", "<pad>", "word"]])
    assert vocab["<pad>"] == 0 and vocab["word"] == 4 and len(vocab) == 5


def test_the_order_of_the_texts_does_not_matter(vocab):
    assert Vocabulary.build(TOKEN_LISTS[::-1]).tokens == vocab.tokens


def test_a_token_table_gives_the_same_vocabulary():
    texts = ["the film the end", "a film", "end of it", ""]
    table = tokenize_all(texts)
    assert Vocabulary.build(table, 7).tokens == Vocabulary.build(list(table), 7).tokens


def test_an_untokenized_text_is_refused(vocab):
    with pytest.raises(TypeError, match="list of tokens; call tokenize"):
        vocab.encode("a b")
    with pytest.raises(TypeError, match="lists of tokens; call tokenize"):
        Vocabulary.build(["a text", "another"])


@pytest.mark.parametrize("wrong", [-1, 8, 10**9])
def test_an_id_outside_the_table_is_refused(vocab, wrong):
    with pytest.raises(IndexError, match=f"no id {wrong}; this vocabulary has 0 to 7"):
        vocab.decode([4, wrong])


@pytest.mark.parametrize("size", [4, 0, -1])
def test_a_vocabulary_without_room_is_refused(size):
    with pytest.raises(ValueError, match="5 or more"):
        Vocabulary.build(TOKEN_LISTS, max_size=size)


def test_the_commonest_word_of_imdb_has_the_first_word_id():
    vocab = Vocabulary.build(tokenize_all(load_reviews()["train"]["text"]))
    assert vocab["the"] == 4
    assert vocab["flute"] > 1000
    assert len(vocab) == 20_000


# ReviewDataset


def test_types_and_shapes(small):
    vocab, reviews = small
    token_ids, label = ReviewDataset(reviews, vocab)[0]
    assert token_ids.dtype == torch.int64 and token_ids.shape == (5,)
    assert label.dtype == torch.float32 and label.shape == ()


def test_token_ids_are_those_of_the_vocabulary(small):
    vocab, reviews = small
    token_ids, _ = ReviewDataset(reviews, vocab)[0]
    assert vocab.decode(token_ids) == LONG.split()


def test_labels_one_and_two_become_zero_and_one(vocab):
    dataset = ReviewDataset(as_reviews(["a", "b", "c"], [1, 2, 1]), vocab)
    assert [dataset[i][1].item() for i in range(3)] == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("keep", "left"), [("end", ["four", "five"]), ("beginning", ["one", "two"])]
)
def test_a_long_review_is_cut(small, capsys, keep, left):
    vocab, reviews = small
    dataset = ReviewDataset(reviews, vocab, max_length=2, keep=keep)
    assert vocab.decode(dataset[0][0]) == left
    assert dataset.cut == 1 and dataset.lengths.tolist() == [2]
    place = "last" if keep == "end" else "first"
    assert f"1 of 1 reviews cut to their {place} 2 tokens" in capsys.readouterr().out


@pytest.mark.parametrize("keep", ["end", "beginning"])
def test_a_review_that_fits_is_left_whole(vocab, keep):
    dataset = ReviewDataset(as_reviews(["a b c d", "d c", "a"]), vocab, max_length=2, keep=keep)
    assert vocab.decode(dataset[1][0]) == ["d", "c"]
    assert vocab.decode(dataset[2][0]) == ["a"]
    assert dataset.cut == 1


def test_length_and_indices(vocab):
    dataset = ReviewDataset(as_reviews(["a", "b c"]), vocab)
    assert len(dataset) == 2
    assert dataset[-1][0].tolist() == dataset[1][0].tolist()
    for index in (2, -3):
        with pytest.raises(IndexError):
            dataset[index]


def test_a_dataset_can_be_looped_over(vocab):
    dataset = ReviewDataset(as_reviews(["a", "b c", "d"]), vocab)
    assert [len(token_ids) for token_ids, _ in dataset] == [1, 2, 1]


@pytest.mark.parametrize("label", [0, 3, -1])
def test_a_wrong_label_is_refused(vocab, label):
    with pytest.raises(ValueError, match=f"Review 1 has the label {label}; raw labels are 1"):
        ReviewDataset(as_reviews(["a", "b"], [2, label]), vocab)


@pytest.mark.parametrize("empty", ["", " ... ", "\N{PILE OF POO}"])
def test_a_review_without_a_word_is_refused(vocab, empty):
    with pytest.raises(ValueError, match=r"Review 1 has no words, .*\(2 such reviews in all\)"):
        ReviewDataset(as_reviews(["a", empty, "b", empty]), vocab)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [({"keep": "middle"}, 'choose "end" or "beginning"'), ({"max_length": 0}, "at least 1 token")],
)
def test_wrong_arguments_are_refused(small, arguments, sentence):
    vocab, reviews = small
    with pytest.raises(ValueError, match=sentence):
        ReviewDataset(reviews, vocab, **arguments)


# Batches


def example(ids, label=1.0):
    return torch.tensor(ids), torch.tensor(label)


def test_collate_pads_on_the_right():
    batch = collate([example([5, 6, 7]), example([8], 0.0)])
    assert batch.token_ids.tolist() == [[5, 6, 7], [8, PAD, PAD]]
    assert batch.lengths.tolist() == [3, 1]
    assert batch.labels.tolist() == [1.0, 0.0]


def test_collate_types():
    types = [part.dtype for part in collate([example([5, 6]), example([8])])]
    assert types == [torch.int64, torch.int64, torch.float32]


def test_the_mask_is_true_on_real_tokens():
    mask = collate([example([5, 6, 7]), example([8]), example([9, 1])]).mask
    assert mask.tolist() == [[True, True, True], [True, False, False], [True, True, False]]


def test_the_mask_follows_the_lengths_and_not_the_ids():
    batch = Batch(torch.tensor([[5, PAD, 7]]), torch.tensor([3]), torch.tensor([1.0]))
    assert batch.mask.tolist() == [[True, True, True]]


# Loaders

EVERY_LOADER = pytest.mark.parametrize("bucket", [True, False])
SHUFFLED_OR_NOT = pytest.mark.parametrize("shuffle", [True, False])


@EVERY_LOADER
@SHUFFLED_OR_NOT
@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_every_review_comes_once_per_epoch(counted, bucket, shuffle, batch_size):
    loader = make_loader(counted, batch_size, shuffle, bucket)
    for _ in range(2):
        seen = [word for words in first_words(loader) for word in words]
        assert sorted(seen) == all_first_words(counted)


@EVERY_LOADER
@SHUFFLED_OR_NOT
def test_the_last_small_batch_is_kept(counted, bucket, shuffle):
    loader = make_loader(counted, 64, shuffle, bucket)
    sizes = [len(batch.labels) for batch in loader]
    assert Counter(sizes) == {64: 4, 44: 1}
    assert len(loader) == len(sizes) == 5


def test_many_pools_of_small_batches_keep_the_length(counted):
    loader = make_loader(counted, 4, shuffle=True)  # 75 batches, so more than one pool of 50
    sizes = [len(batch.labels) for batch in loader]
    assert len(loader) == len(sizes) == 75 and set(sizes) == {4}


@EVERY_LOADER
def test_labels_and_lengths_stay_with_their_review(counted, bucket):
    by_first_word = {int(ids[0]): (len(ids), label.item()) for ids, label in counted}
    for batch in make_loader(counted, 32, shuffle=True, bucket=bucket):
        rows = zip(batch.token_ids, batch.lengths, batch.labels, strict=True)
        for token_ids, length, label in rows:
            assert by_first_word[int(token_ids[0])] == (int(length), float(label))


@EVERY_LOADER
def test_shuffled_epochs_differ(counted, bucket):
    loader = make_loader(counted, 32, shuffle=True, bucket=bucket)
    assert first_words(loader) != first_words(loader)


def test_buckets_mix_new_neighbours_in_every_epoch(counted):
    loader = make_loader(counted, 4, shuffle=True)
    one, other = ({frozenset(words) for words in first_words(loader)} for _ in range(2))
    assert len(one & other) < 0.5 * len(one)


@EVERY_LOADER
def test_unshuffled_epochs_are_equal(counted, bucket):
    loader = make_loader(counted, 32, bucket=bucket)
    assert first_words(loader) == first_words(loader)


def test_without_bucket_and_shuffle_the_order_is_the_dataset_s(counted):
    loader = make_loader(counted, 32, bucket=False)
    seen = [word for words in first_words(loader) for word in words]
    assert seen == [int(token_ids[0]) for token_ids, _ in counted]


@EVERY_LOADER
def test_the_seed_fixes_the_sequence_of_epochs(counted, bucket):
    def three_epochs(seed):
        loader = make_loader(counted, 32, shuffle=True, bucket=bucket, seed=seed)
        return [first_words(loader) for _ in range(3)]

    assert three_epochs(5) == three_epochs(5)
    assert three_epochs(5) != three_epochs(6)


@EVERY_LOADER
@SHUFFLED_OR_NOT
def test_loading_draws_no_global_random_number(counted, bucket, shuffle):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    first_words(make_loader(counted, 32, shuffle, bucket))
    assert torch.equal(torch.rand(3), expected)


@EVERY_LOADER
def test_the_global_seed_does_not_change_the_order(counted, bucket):
    torch.manual_seed(1)
    one = first_words(make_loader(counted, 32, shuffle=True, bucket=bucket))
    torch.manual_seed(2)
    assert first_words(make_loader(counted, 32, shuffle=True, bucket=bucket)) == one


@SHUFFLED_OR_NOT
def test_buckets_need_less_padding(counted, shuffle):
    plain = padding_share(make_loader(counted, 16, shuffle, bucket=False))
    bucketed = padding_share(make_loader(counted, 16, shuffle, bucket=True))
    assert bucketed < 0.3 * plain


def test_padding_share_counts_slots(vocab):
    dataset = ReviewDataset(as_reviews(["a b c d", "a"]), vocab)
    assert padding_share(make_loader(dataset, 2)) == pytest.approx(3 / 8)
    assert padding_share(make_loader(dataset, 1)) == 0


def test_a_dataset_without_lengths_can_be_bucketed(counted):
    examples = [counted[i] for i in range(40)]  # a list has no attribute "lengths"
    loader = make_loader(examples, 8)
    longest = [int(batch.lengths.max()) for batch in loader]
    assert longest == sorted(longest) and sum(len(b.labels) for b in loader) == 40


def test_an_empty_dataset_is_refused():
    with pytest.raises(ValueError, match="dataset is empty"):
        make_loader([])
