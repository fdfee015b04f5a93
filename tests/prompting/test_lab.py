"""The prompt laboratory: with a box and without one the same answer, which stays on show."""

import pytest
import torch

from practicum_utils.prompting import generate, load_t5, prompt_lab, score_labels

PROMPT = "sst2 sentence: a wonderful film"


@pytest.fixture(scope="module")
def t5():
    return load_t5("tiny", torch.device("cpu"))


def test_an_answer_says_what_is_written_and_what_is_preferred(t5):
    answer = prompt_lab(t5, PROMPT)
    negative, positive = score_labels(t5, PROMPT)[0].tolist()
    assert (answer.text, answer.label) == ("positive", "positive") == (generate(t5, PROMPT)[0],) * 2
    assert answer.scores == pytest.approx({"negative": negative, "positive": positive}, abs=1e-5)
    assert str(answer).splitlines() == [
        f"prompt:  {PROMPT}",
        f"         ({answer.tokens} tokens)",
        "writes:  positive   (a label)",
        f"prefers: negative {negative:.3f}, positive {positive:.3f}",
    ]
    assert answer._repr_mimebundle_() == {"text/plain": str(answer)}


def test_an_answer_that_is_no_label_is_called_that(t5):
    answer = prompt_lab(t5, "source: a wonderful film")
    assert answer.label is None and "(no label)" in str(answer)


def test_other_labels_can_be_asked_for(t5):
    answer = prompt_lab(t5, "source: a wonderful film", ("imdb", "rotten tomatoes"))
    assert list(answer.scores) == ["imdb", "rotten tomatoes"] and answer.label in answer.scores


def test_a_prompt_that_was_cut_says_so(t5):
    answer = prompt_lab(t5, "sst2 sentence: " + "good " * 700)
    said = f"({answer.tokens} tokens, {answer.tokens - 512} too many: its end was cut)"
    assert said in str(answer)


def test_typing_shows_what_the_argument_shows(t5, shown):
    assert prompt_lab(t5) is None
    box, before = shown
    assert "type a prompt" in before["text/plain"]
    box.value = PROMPT
    box.value = "length: good"
    assert shown[2:] == [str(prompt_lab(t5, PROMPT)), str(prompt_lab(t5, "length: good"))]


def test_an_empty_prompt_gets_a_sentence(t5, shown):
    with pytest.raises(ValueError, match="prompt is empty"):
        prompt_lab(t5, " ")
    prompt_lab(t5)
    shown[0].value = "  "
    assert shown[2] == "A prompt is empty; write at least one word."
