"""Diagrams of models, drawn from their own tensors: a wrong model draws a wrong diagram."""

from practicum_utils.visualize.diagrams.attention_product import draw_attention_product
from practicum_utils.visualize.diagrams.block import draw_block
from practicum_utils.visualize.diagrams.canvas import Diagram
from practicum_utils.visualize.diagrams.encoder_decoder import draw_encoder_decoder
from practicum_utils.visualize.diagrams.masking import draw_masking
from practicum_utils.visualize.diagrams.pooling import draw_pooling, draw_weights
from practicum_utils.visualize.diagrams.recurrent import draw_rnn
from practicum_utils.visualize.diagrams.self_attention import draw_self_attention
from practicum_utils.visualize.diagrams.shapes import show_shapes

__all__ = [
    "Diagram",
    "draw_attention_product",
    "draw_block",
    "draw_encoder_decoder",
    "draw_masking",
    "draw_pooling",
    "draw_rnn",
    "draw_self_attention",
    "draw_weights",
    "show_shapes",
]
