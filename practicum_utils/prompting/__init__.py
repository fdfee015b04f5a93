"""A text-to-text model asked by prompts, and prompts compared as an experiment."""

from practicum_utils.models import greedy, to_text
from practicum_utils.prompting.attention import CrossAttention, cross_attention
from practicum_utils.prompting.compare import (
    compare_prompts,
    fair_comparison,
    show_comparison,
    to_prompt,
)
from practicum_utils.prompting.generation import generate, parse_label, score_labels
from practicum_utils.prompting.lab import prompt_lab
from practicum_utils.prompting.t5 import T5, load_t5

__all__ = [
    "T5",
    "CrossAttention",
    "compare_prompts",
    "cross_attention",
    "fair_comparison",
    "generate",
    "greedy",
    "load_t5",
    "parse_label",
    "prompt_lab",
    "score_labels",
    "show_comparison",
    "to_prompt",
    "to_text",
]
