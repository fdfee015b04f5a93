"""Pictures of training, attention and models, each with the numbers that it shows in words."""

from practicum_utils.visualize.comparisons import compare_curves, compare_models, show_ablation
from practicum_utils.visualize.curves import plot_accuracies, plot_history, show_losses
from practicum_utils.visualize.diagrams import (
    Diagram,
    draw_attention_product,
    draw_block,
    draw_encoder_decoder,
    draw_masking,
    draw_pooling,
    draw_rnn,
    draw_self_attention,
    draw_weights,
    show_shapes,
)
from practicum_utils.visualize.explore import explore_attention, look_at_text, predict_then_reveal
from practicum_utils.visualize.faithfulness import agreement, kendall_tau, leave_one_out
from practicum_utils.visualize.heads import show_heads
from practicum_utils.visualize.token_view import TokenView, show_attention

__all__ = [
    "Diagram",
    "TokenView",
    "agreement",
    "compare_curves",
    "compare_models",
    "draw_attention_product",
    "draw_block",
    "draw_encoder_decoder",
    "draw_masking",
    "draw_pooling",
    "draw_rnn",
    "draw_self_attention",
    "draw_weights",
    "explore_attention",
    "kendall_tau",
    "leave_one_out",
    "look_at_text",
    "plot_accuracies",
    "plot_history",
    "predict_then_reveal",
    "show_ablation",
    "show_attention",
    "show_heads",
    "show_losses",
    "show_shapes",
]
