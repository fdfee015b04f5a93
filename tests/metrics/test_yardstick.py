"""The yardstick on texts so few that one can say what it must have learned."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from practicum_utils.metrics import train_nb_svm

TEXTS = ["a good film", "good , very good", "not bad at all", "a bad film", "bad , very bad",
         "not good at all"] * 3  # fmt: skip
POSITIVE = [True, True, True, False, False, False] * 3


def test_it_learns_words_and_pairs_of_words():
    ask = train_nb_svm(TEXTS, POSITIVE)
    found = ask(["good", "bad", "not bad at all", "not good at all", "nothing of all that"])
    assert found.shape == (5,) and ((found > 0) & (found < 1)).all()
    assert (found > 0.5).tolist()[:4] == [True, False, True, False]


def test_alone_a_word_cannot_say_what_a_pair_can():
    words, runs = (train_nb_svm(TEXTS, POSITIVE, longest)(TEXTS) > 0.5 for longest in (1, 2))
    assert (runs == POSITIVE).all() and not (words == POSITIVE).all()


@pytest.mark.parametrize("kind", [np.array, torch.tensor, list])
def test_labels_may_be_an_array_a_tensor_or_a_list(kind):
    expected = train_nb_svm(TEXTS, POSITIVE)(TEXTS)
    assert (train_nb_svm(TEXTS, kind(POSITIVE))(TEXTS) == expected).all()


def test_it_touches_no_random_numbers():
    before = np.random.get_state()[1].copy()
    train_nb_svm(TEXTS, POSITIVE)
    assert (np.random.get_state()[1] == before).all()


@pytest.mark.parametrize("positive", [POSITIVE[:4], [True] * 18, []])
def test_texts_without_their_labels_are_one_sentence(positive):
    with pytest.raises(ValueError, match=r"18 texts and \d+ labels, \d+ positive\.$"):
        train_nb_svm(TEXTS, positive)


@pytest.mark.slow
def test_scikit_learn_is_imported_only_where_it_is_used():
    code = "import sys, practicum_utils.training, practicum_utils.metrics; "
    code += "print('sklearn' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "False\n", result.stderr
