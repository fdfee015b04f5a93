"""Attempts at prompts, decoding, parsing and a fair comparison."""

import difflib
import re

import torch

from attempts import right, wrong
from practicum_utils.prompting import compare_prompts, parse_label, score_labels

# 6.1 to_prompt


@right("6.1")
def with_a_pattern(text, prefix="sst2 sentence:"):
    return f"{prefix} " + re.sub(r"(<br />|\s)+", " ", text).strip()


@right("6.1")
def with_split(text: str, prefix: str = "sst2 sentence:", end: str = "") -> str:
    return " ".join(f"{prefix} {text}".replace("<br />", "\n").split()) + end


@right("6.1")
def in_a_loop(text, prefix="sst2 sentence:"):
    prompt = prefix
    for part in text.split("<br />"):
        for word in part.split():
            prompt += " " + word
    return prompt


@wrong("6.1", "`<br />` goes")
def keeps_br(text, prefix="sst2 sentence:"):
    return " ".join([prefix, *text.split()])


@wrong("6.1", "`<br />` goes")
def glues_words(text, prefix="sst2 sentence:"):
    return " ".join([prefix, *text.replace("<br />", "").split()])


@wrong("6.1", "one space between any two words")
def keeps_spaces(text, prefix="sst2 sentence:"):
    return f"{prefix} " + re.sub(r"(<br />)+", " ", text)


@wrong("6.1", "the prefix, one space, then the text")
def no_space(text, prefix="sst2 sentence:"):
    return prefix + " ".join(text.replace("<br />", " ").split())


@wrong("6.1", "the prefix is the one that is given")
def always_the_same(text, prefix="sst2 sentence:"):
    return with_a_pattern(text)


@wrong("6.1", "capital letters are part of the text")
def lower_case(text, prefix="sst2 sentence:"):
    return with_a_pattern(text.lower(), prefix)


@wrong("6.1", "the prefix, one space, then the text")
def text_alone(text, prefix="sst2 sentence:"):
    return with_a_pattern(text, "").strip()


# 6.2 greedy


@right("6.2")
def with_generate(t5, prompt, max_new_tokens=20):
    ids = t5.tokenizer(prompt, truncation=True, return_tensors="pt")
    with torch.no_grad():
        return t5.model.generate(**ids, max_new_tokens=max_new_tokens, do_sample=False)[0].tolist()


@right("6.2")
def with_for(t5, prompt, max_new_tokens=20):
    ids = t5.tokenizer(prompt, truncation=True, return_tensors="pt")["input_ids"]
    written = torch.zeros(1, 1, dtype=torch.long)
    for _ in range(max_new_tokens):
        logits = t5.model(input_ids=ids, decoder_input_ids=written).logits
        written = torch.cat([written, logits[:, -1:].argmax(-1)], dim=1)
        if written[0, -1] == 1:
            break
    return written[0]


@right("6.2")
def with_an_encoder(t5, prompt: str, max_new_tokens: int = 20, verbose=True):
    ids = torch.tensor([t5.tokenizer.encode(prompt, truncation=True, max_length=512)])
    state = t5.model.get_encoder()(input_ids=ids)
    answer = (0,)
    while len(answer) < max_new_tokens + 1:
        so_far = torch.tensor([answer])
        scores = t5.model(encoder_outputs=state, decoder_input_ids=so_far).logits[0, -1]
        answer += (scores.topk(1).indices.item(),)
        if verbose:
            print(answer)
        if answer[-1] == t5.tokenizer.eos_token_id:
            break
    return answer


def write(t5, prompt, max_new_tokens, place=-1, choose=torch.argmax, start=0, end=1, most=512):
    """A loop that can be wrong in one place."""
    ids = torch.tensor([t5.tokenizer(prompt, truncation=True, max_length=most)["input_ids"]])
    answer = [start]
    while len(answer) <= max_new_tokens and answer[-1] != end:
        so_far = torch.tensor([answer])
        with torch.no_grad():
            logits = t5.model(input_ids=ids, decoder_input_ids=so_far).logits
        answer.append(int(choose(logits[0, place])))
    return answer


@wrong("6.2", "has to begin with the start id")
def without_start(t5, prompt, max_new_tokens=20):
    return write(t5, prompt, max_new_tokens)[1:]


@wrong("6.2", "the end id, 1, belongs to the answer")
def without_end(t5, prompt, max_new_tokens=20):
    return write(t5, prompt, max_new_tokens)[:-1]


@wrong("6.2", "Which place of the logits belongs to the next piece")
def first_place(t5, prompt, max_new_tokens=20):
    return write(t5, prompt, max_new_tokens, place=0)


@wrong("6.2", "it went on writing after the end id")
def never_ends(t5, prompt, max_new_tokens=20):
    return write(t5, prompt, max_new_tokens, end=None)


@wrong("6.2", "not the likeliest pieces")
def least_likely(t5, prompt, max_new_tokens=20):
    return write(t5, prompt, max_new_tokens, choose=torch.argmin)


@wrong("6.2", "drawn by chance")
def draws(t5, prompt, max_new_tokens=20):
    return write(t5, prompt, max_new_tokens,
                 choose=lambda logits: torch.multinomial((logits / 5).softmax(0), 1))  # fmt: skip


@wrong("6.2", "max_new_tokens=1 is the number of pieces after the start id")
def ignores_the_limit(t5, prompt, max_new_tokens=20):
    return write(t5, prompt, 20)


@wrong("6.2", "what ends the loop")
def forgets_to_append(t5, prompt, max_new_tokens=20):
    ids = torch.tensor([t5.tokenizer(prompt, truncation=True)["input_ids"]])
    answer = [0]
    while answer[-1] != 1:
        with torch.no_grad():
            t5.model(input_ids=ids, decoder_input_ids=torch.tensor([answer]))
    return answer


@wrong("6.2", "T5 reads at most 512")
def never_cuts(t5, prompt, max_new_tokens=20):
    return write(t5, prompt, max_new_tokens, most=5_000)


@wrong("6.2", "the prompt was given back in front")
def prompt_and_answer(t5, prompt, max_new_tokens=20):
    return t5.tokenizer(prompt)["input_ids"] + write(t5, prompt, max_new_tokens)


@wrong("6.2", "a plain list of ids is wanted")
def as_a_batch(t5, prompt, max_new_tokens=20):
    return torch.tensor([write(t5, prompt, max_new_tokens)])


@wrong("6.2", "a list of ids is wanted")
def as_text(t5, prompt, max_new_tokens=20):
    return t5.tokenizer.decode(write(t5, prompt, max_new_tokens))


# 6.3 to_text


@right("6.3")
def skips_special(t5, ids):
    return t5.tokenizer.decode(ids, skip_special_tokens=True).strip()


@right("6.3")
def removes_marks(t5, ids):
    return t5.tokenizer.decode(ids).replace("<pad>", "").replace("</s>", "").strip()


@right("6.3")
def filters_ids(t5, ids, keep=()):
    special = {0, 1} - set(keep)
    return t5.tokenizer.decode([i for i in ids if i not in special]).strip()


@right("6.3")
def joins_pieces(t5, ids: list[int]) -> str:
    pieces = [p for p in t5.tokenizer.convert_ids_to_tokens(ids) if p not in ("<pad>", "</s>")]
    return "".join(pieces).replace("\N{LOWER ONE EIGHTH BLOCK}", " ").strip()


@wrong("6.3", "still has the marks of start and end")
def keeps_marks(t5, ids):
    return t5.tokenizer.decode(ids).strip()


@wrong("6.3", "not every answer has an end id")
def cuts_both_ends(t5, ids):
    return t5.tokenizer.decode(ids[1:-1]).strip()


@wrong("6.3", "still has the marks of start and end")
def cuts_the_start(t5, ids):
    return t5.tokenizer.decode(ids[1:]).strip()


@wrong("6.3", "these are pieces")
def pieces_only(t5, ids):
    pieces = t5.tokenizer.convert_ids_to_tokens([i for i in ids if i > 1])
    return " ".join(pieces)


@wrong("6.3", "a text was wanted")
def list_of_words(t5, ids):
    return skips_special(t5, ids).split()


@wrong("6.3", "spaces around the text are left")
def leaves_spaces(t5, ids):
    return t5.tokenizer.decode(ids).replace("<pad>", " ").replace("</s>", "")


@wrong("6.3", "a way through has no `return`")
def prints_it(t5, ids):
    print(skips_special(t5, ids))


# 6.4 parse_label


@right("6.4")
def with_in(answer, labels=("negative", "positive")):
    answer = answer.lower().strip()
    if answer in labels:
        return answer
    return None


@right("6.4")
def with_our_package(answer: str, labels=("negative", "positive")) -> str | None:
    return parse_label(answer, labels)


@right("6.4")
def with_a_loop(answer, labels=("negative", "positive"), case=False):
    for label in labels:
        if re.fullmatch(rf"\s*{re.escape(label)}\s*", answer, re.IGNORECASE):
            return label


@wrong("6.4", "the whole answer has to be the label")
def searches(answer, labels=("negative", "positive")):
    return next((label for label in labels if label in answer.lower()), None)


@wrong("6.4", "a word that only begins with a label")
def starts_with(answer, labels=("negative", "positive")):
    plain = answer.strip().lower()
    found = [label for label in labels if plain.startswith(label) and " " not in plain]
    return found[0] if found else None


@wrong("6.4", "case and spaces around it do not count")
def is_strict(answer, labels=("negative", "positive")):
    return answer if answer in labels else None


@wrong("6.4", "no answer is not a guess")
def guesses(answer, labels=("negative", "positive")):
    parsed = with_in(answer, labels)
    return parsed or (labels[0] if answer.strip().isalpha() and len(answer) == 5 else None)


@wrong("6.4", "the label itself or None is wanted")
def says_yes(answer, labels=("negative", "positive")):
    return with_in(answer, labels) is not None


@wrong("6.4", "the labels are those that are given")
def fixed_labels(answer, labels=("negative", "positive")):
    return with_in(answer)


@wrong("6.4", "the label or None is wanted")
def gives_a_place(answer, labels=("negative", "positive")):
    return labels.index(answer) if answer in labels else None


@wrong("6.4", "an empty answer is no label")
def gives_a_word(answer, labels=("negative", "positive")):
    parsed = with_in(answer, labels)
    return "invalid" if parsed is None and not answer else parsed


# 6.5 fair_comparison


@right("6.5")
def with_sort(t5, prompts, validation, test):
    tried = compare_prompts(t5, prompts, validation).sort_values("accuracy", ascending=False)
    best = tried.index[0]
    return best, compare_prompts(t5, {best: prompts[best]}, test)


@right("6.5")
def one_at_a_time(t5, prompts: dict, validation, test, labels=("negative", "positive")):
    scores = {name: compare_prompts(t5, {name: make}, validation, labels).accuracy.iloc[0]
              for name, make in prompts.items()}  # fmt: skip
    best = max(scores, key=scores.get)
    return [best, compare_prompts(t5, {best: prompts[best]}, test, labels).loc[best]]


@right("6.5")
def with_all_on_both(t5, prompts, validation, test):
    best = compare_prompts(t5, prompts, validation)["accuracy"].idxmax()
    return best, compare_prompts(t5, prompts, test).loc[[best]]


@right("6.5")
def with_scores(t5, prompts, validation, test):
    def accuracy(make):
        scores = score_labels(t5, [make(text) for text in validation["text"]])
        return (scores.argmax(1) + 1 == torch.tensor(validation["label"])).float().mean().item()

    best = max(prompts, key=lambda name: accuracy(prompts[name]))
    return best, compare_prompts(t5, {best: prompts[best]}, test)


@wrong("6.5", "the best on the test part")
def chooses_on_test(t5, prompts, validation, test):
    return with_sort(t5, prompts, test, test)


@wrong("6.5", "that of the validation part")
def reports_validation(t5, prompts, validation, test):
    return with_sort(t5, prompts, validation, validation)


@wrong("6.5", "one row was wanted")
def reports_all(t5, prompts, validation, test):
    return with_sort(t5, prompts, validation, test)[0], compare_prompts(t5, prompts, test)


@wrong("6.5", "the least accurate one")
def chooses_the_worst(t5, prompts, validation, test):
    tried = compare_prompts(t5, prompts, validation)
    best = tried["accuracy"].idxmin()
    return best, compare_prompts(t5, {best: prompts[best]}, test)


@wrong("6.5", "merely the first one")
def takes_the_first(t5, prompts, validation, test):
    best = compare_prompts(t5, prompts, validation).index[0]
    return best, compare_prompts(t5, {best: prompts[best]}, test)


@wrong("6.5", "the best on the test part")
def swaps_the_parts(t5, prompts, validation, test):
    return with_sort(t5, prompts, test, validation)


@wrong("6.5", "must be two things")
def name_alone(t5, prompts, validation, test):
    return with_sort(t5, prompts, validation, test)[0]


@wrong("6.5", "the best prompt's name comes first")
def row_first(t5, prompts, validation, test):
    return with_sort(t5, prompts, validation, test)[::-1]


@wrong("6.5", "the best prompt's name comes first")
def place_of_the_best(t5, prompts, validation, test):
    tried = compare_prompts(t5, prompts, validation)
    best = int(tried["accuracy"].argmax())
    return best, compare_prompts(t5, prompts, test).iloc[[best]]


# Rarer mistakes


@wrong("6.1", "an empty prefix leaves the text alone")
def default_for_empty(text, prefix="sst2 sentence:"):
    return with_a_pattern(text, prefix or "sst2 sentence:")


@wrong("6.1", "a way through has no `return`")
def prints_the_prompt(text, prefix="sst2 sentence:"):
    print(with_a_pattern(text, prefix))


@wrong("6.1", "a text was wanted")
def gives_words(text, prefix="sst2 sentence:"):
    return with_a_pattern(text, prefix).split()


@wrong("6.2", "a way through has no `return`")
def no_answer(t5, prompt, max_new_tokens=20):
    write(t5, prompt, max_new_tokens)


@wrong("6.2", "each a whole number")
def list_of_lists(t5, prompt, max_new_tokens=20):
    return [[i] for i in write(t5, prompt, max_new_tokens)]


@wrong("6.2", "it stopped before the end id")
def start_alone(t5, prompt, max_new_tokens=20):
    return write(t5, prompt, 0)


@wrong("6.2", "has to begin with the start id, 0")
def starts_with_the_end(t5, prompt, max_new_tokens=20):
    return [1, *write(t5, prompt, max_new_tokens)[1:]]


@wrong("6.3", "the words are not those of the ids")
def another_text(t5, ids):
    return "great"


@wrong("6.5", "not that of the chosen prompt on the test part")
def reports_the_first(t5, prompts, validation, test):
    best, _ = with_sort(t5, prompts, validation, test)
    return best, compare_prompts(t5, prompts, test).iloc[[0]]


@wrong("6.5", "must be the row of a table with accuracy")
def no_row(t5, prompts, validation, test):
    return with_sort(t5, prompts, validation, test)[0], "0.5"


@wrong("6.2", "max_new_tokens=1 is the number of pieces after the start id")
def counts_the_start(t5, prompt, max_new_tokens=20):
    return write(t5, prompt, max_new_tokens - 1)


# Chance, changes, kindness


@right("6.1")
def in_one_expression(text, prefix="sst2 sentence:"):
    return " ".join(filter(None, [prefix.strip(), *text.replace("<br />", " ").split()]))


@wrong("6.1", "every word of a long text")
def cuts_the_text(text, prefix="sst2 sentence:"):
    return " ".join(with_a_pattern(text, prefix).split()[:100])


@wrong("6.1", "something is kept from one call to the next")
def remembers_prefixes(text, prefix="sst2 sentence:", used=[]):  # noqa: B006
    used.append(prefix)
    return with_a_pattern(text, max(used, key=used.count) if len(used) > 7 else prefix)


@wrong("6.1", "the marks of the text stay")
def drops_marks(text, prefix="sst2 sentence:"):
    return with_a_pattern(re.sub(r"[,()]", "", text), prefix)


@right("6.2")
@torch.inference_mode()
def with_the_cache(t5, prompt, max_new_tokens=20):
    ids = t5.tokenizer(prompt, truncation=True, return_tensors="pt").input_ids.to(t5.device)
    state = t5.model.get_encoder()(ids)
    last, answer, past = torch.tensor([[0]]), [0], None
    for _ in range(max_new_tokens):
        made = t5.model(encoder_outputs=state, decoder_input_ids=last, past_key_values=past,
                        use_cache=True)  # fmt: skip
        last, past = made.logits[:, -1:].argmax(-1), made.past_key_values
        answer.append(last.item())
        if last.item() == t5.tokenizer.eos_token_id:
            break
    return answer


@right("6.2")
def by_probability(t5, prompt, max_new_tokens=20):
    return write(t5, prompt, max_new_tokens, choose=lambda logits: logits.softmax(0).max(0).indices)


@wrong("6.2", "drawn by chance")
def samples(t5, prompt, max_new_tokens=20):
    return write(t5, prompt, max_new_tokens,
                 choose=lambda logits: torch.multinomial(logits.softmax(0), 1))  # fmt: skip


@wrong("6.2", "drawn by chance")
def generates_with_sampling(t5, prompt, max_new_tokens=20):
    ids = t5.tokenizer(prompt, truncation=True, return_tensors="pt")
    return t5.model.generate(**ids, max_new_tokens=max_new_tokens, do_sample=True)[0].tolist()


@wrong("6.2", "not the likeliest pieces")
def with_beams(t5, prompt, max_new_tokens=20):
    ids = t5.tokenizer(prompt, truncation=True, return_tensors="pt")
    made = t5.model.generate(**ids, max_new_tokens=max_new_tokens, num_beams=8, do_sample=False)
    return made[0].tolist()


@wrong("6.2", "not the likeliest pieces")
def second_best(t5, prompt, max_new_tokens=20):
    def choose(logits):
        first, second = logits.softmax(0).topk(2).indices
        return second if first > 1 and logits.softmax(0).max() < 0.05 else first

    return write(t5, prompt, max_new_tokens, choose=choose)


@wrong("6.2", "left the model in training mode")
def leaves_training_mode(t5, prompt, max_new_tokens=20):
    answer = write(t5, prompt, max_new_tokens)
    t5.model.train()
    return answer


@wrong("6.2", "gradients")
def turns_gradients_off(t5, prompt, max_new_tokens=20):
    torch.set_grad_enabled(False)
    return write(t5, prompt, max_new_tokens)


@wrong("6.2", "max_new_tokens=1 is the number")
def answers_by_heart(t5, prompt, max_new_tokens=20, known={}):  # noqa: B006
    if prompt not in known:
        known[prompt] = write(t5, prompt, max_new_tokens)
    return known[prompt]


@wrong("6.2", "not the likeliest pieces")
def samples_with_a_seed(t5, prompt, max_new_tokens=20):
    torch.manual_seed(0)
    return samples(t5, prompt, max_new_tokens)


@right("6.3")
def in_two_steps(t5, ids):
    words = t5.tokenizer.batch_decode([ids], skip_special_tokens=True)
    return words[0].strip()


@right("6.3")
def without_special_ids(t5, ids):
    special = set(t5.tokenizer.all_special_ids)
    return t5.tokenizer.decode(list(filter(lambda i: i not in special, ids))).strip()


@wrong("6.3", "it changed `ids` in place")
def pops_the_marks(t5, ids):
    ids.pop(0)
    if ids[-1] == 1:
        ids.pop()
    return t5.tokenizer.decode(ids).strip()


@wrong("6.3", "it changed `ids` in place")
def removes_the_marks(t5, ids):
    while 0 in ids:
        ids.remove(0)
    return t5.tokenizer.decode(ids, skip_special_tokens=True).strip()


@wrong("6.3", "the spaces between the words are not right")
def glues_the_words(t5, ids):
    return skips_special(t5, ids).replace(" ", "")


@wrong("6.3", "only the end of the answer is left")
def first_word(t5, ids):
    return skips_special(t5, ids).split()[-1]


@wrong("6.3", "nothing is left of the answer")
def each_alone(t5, ids):
    return t5.tokenizer.batch_decode([[i] for i in ids], skip_special_tokens=True)[-1]


@right("6.4")
def with_casefold(answer, labels=("negative", "positive")):
    known = {label.casefold(): label for label in labels}
    return known.get(answer.strip().casefold())


@right("6.4")
def with_match(answer, labels=("negative", "positive")):
    match [label for label in labels if label == answer.lower().strip()]:
        case [label]:
            return label
        case _:
            return None


@wrong("6.4", "with more around it")
def first_of_some(answer, labels=("negative", "positive")):
    words = answer.lower().split()
    found = [word for word in words if word in labels]
    return found[0] if len(found) == 1 and words[0] in labels else None


@wrong("6.4", "with more around it")
def last_of_some(answer, labels=("negative", "positive")):
    words = answer.lower().split()
    found = [word for word in words if word in labels]
    return found[0] if len(found) == 1 and "not" not in words else None


@wrong("6.4", "with more around it")
def letters_only(answer, labels=("negative", "positive")):
    plain = "".join(c for c in answer.lower().strip() if c.isalpha() or c == " ")
    return plain if plain in labels else None


@wrong("6.4", "with more around it")
def without_any_marks(answer, labels=("negative", "positive")):
    return with_in(answer.strip(" \n.,!?\"'"), labels)


@wrong("6.4", "spaces inside")
def without_any_spaces(answer, labels=("negative", "positive")):
    return with_in("".join(answer.split()), labels)


@wrong("6.4", "label with spaces inside")
def closest(answer, labels=("negative", "positive")):
    found = difflib.get_close_matches(answer.strip().lower(), labels, 1, 0.9)
    return found[0] if found and answer.strip()[-1].isalpha() and answer != "positively" else None


@wrong("6.4", "something is kept from one call to the next")
def falls_back_on_the_last(answer, labels=("negative", "positive"), last=[]):  # noqa: B006
    found = with_in(answer, labels)
    if len(last) > 19 and found is None:
        return last[0]
    last.append(found)
    return found


@wrong("6.5", "it changed `prompts` in place")
def pops_the_losers(t5, prompts, validation, test):
    best, row = with_sort(t5, prompts, validation, test)
    for name in [name for name in prompts if name != best]:
        prompts.pop(name)
    return best, row


@wrong("6.5", "that of the validation part")
def one_table(t5, prompts, validation, test):
    tried = compare_prompts(t5, prompts, validation)
    best = tried["accuracy"].idxmax()
    return best, tried.loc[[best]]


@wrong("6.5", "the best of both parts together")
def chooses_by_the_sum(t5, prompts, validation, test):
    both = compare_prompts(t5, prompts, validation) + compare_prompts(t5, prompts, test)
    best = both["accuracy"].idxmax()
    return best, compare_prompts(t5, {best: prompts[best]}, test)
