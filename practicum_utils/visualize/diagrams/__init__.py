"""Diagrams of models, drawn from their own tensors: a wrong model draws a wrong diagram."""

from practicum_utils.visualize.diagrams.canvas import Diagram

__all__ = ["Diagram"]
