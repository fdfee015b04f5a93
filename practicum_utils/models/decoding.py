"""How a text-to-text model writes an answer, one token after the other, and how it becomes text.

``t5`` is a model with its tokenizer and device, as ``prompting.load_t5`` returns it.
"""

from collections.abc import Iterable

import torch

MAX_TOKENS = 512  # T5 was trained on texts of at most this length


@torch.no_grad()
def greedy(t5, prompt: str, max_new_tokens: int = 20) -> list[int]:
    """Return the ids of the answer, from the start token to the end token, the likeliest each time.

    One prompt, one token after the other, the whole answer read again for each: simple and slow.
    A prompt of more than 512 tokens is cut at its end.
    """
    ids = t5.tokenizer(prompt, truncation=True, max_length=MAX_TOKENS)["input_ids"]
    prompt_ids = torch.tensor([ids], device=t5.device)
    answer = [t5.model.config.decoder_start_token_id]
    while len(answer) <= max_new_tokens and answer[-1] != t5.tokenizer.eos_token_id:
        so_far = torch.tensor([answer], device=t5.device)
        logits = t5.model(input_ids=prompt_ids, decoder_input_ids=so_far).logits  # (1, T, V)
        answer.append(int(logits[0, -1].argmax()))
    return answer


def to_text(t5, ids: Iterable[int], sentinels: bool = False) -> str:
    """Return the text of an answer, without the special tokens of start, end and padding.

    sentinels: keep the tokens ``<extra_id_0>`` ... of filled gaps.
    """
    tokenizer = t5.tokenizer
    special = {tokenizer.pad_token_id, tokenizer.eos_token_id}
    kept = [int(i) for i in ids if int(i) not in special]
    return tokenizer.decode(kept, skip_special_tokens=not sentinels).strip()
