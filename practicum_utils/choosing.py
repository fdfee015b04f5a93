"""Widgets that only choose: what they show is an ordinary output, which a saved notebook keeps."""


def require_widgets(instead: str):
    """Return ipywidgets and IPython's display, imported only where a widget is asked for.

    instead: the argument that does the same without a widget.  Raises ImportError, naming it.
    """
    try:
        import ipywidgets
    except ImportError as error:
        raise ImportError(
            "Choosing with a widget needs ipywidgets; install it, or give the argument that "
            f"chooses ({instead})."
        ) from error
    from IPython.display import display

    return ipywidgets, display
