"""The helper package of the Sequence Learning Practicum.

Read the modules in this order: ``reviews``, ``tokens``, ``data``, ``training``, ``attention``,
``models``, ``results``, ``faithfulness``, ``token_view`` (with ``token_png``), ``heads``,
``explore``, ``significance``, ``yardstick``, ``visualize``; ``t5``, ``generation``, ``prompting``,
``prompt_lab``; ``bugs``; ``checks``, made of ``exercises``; ``doctor``, made of ``diagnosis``.
``sentences``, ``storage``, ``hub``, ``progress`` and ``choosing`` serve them. ``authoring`` builds
the notebooks and nothing in the lessons imports it. This file imports nothing, so that ``import
practicum_utils`` is instant.
"""

__version__ = "0.1.0"
