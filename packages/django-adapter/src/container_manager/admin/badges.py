"""States as a colour, a shape and a word: nobody has to tell colours apart."""

from collections.abc import Mapping
from functools import lru_cache

from django.utils.html import format_html
from django.utils.safestring import SafeString

_CIRCLE = "M8 2.2a5.8 5.8 0 1 0 0 11.6a5.8 5.8 0 0 0 0-11.6z"
_SHAPES: Mapping[str, str] = {
    "pending": _CIRCLE,
    "launching": "M8 13.5V3M3.5 7.5L8 3l4.5 4.5",
    "running": "M4.5 2.8l8.5 5.2-8.5 5.2z",
    "completed": "M2.8 8.6l3.6 3.6 6.8-7.6",
    "failed": "M3.5 3.5l9 9M12.5 3.5l-9 9",
    "timeout": _CIRCLE + "M8 5v3.4l2.4 1.4",
    "cancelled": _CIRCLE + "M4 12l8-8",
    "healthy": "M2.8 8.6l3.6 3.6 6.8-7.6",
    "failing": "M8 2.5L14 13.2H2zM8 6.5v3.2",
    "unhealthy": "M3.5 3.5l9 9M12.5 3.5l-9 9",
    "inactive": "M5.5 3v10M10.5 3v10",
    "unchecked": _CIRCLE,
}


@lru_cache(maxsize=64)
def badge(state: str, words: str | None = None) -> SafeString:
    """A state with its shape; its own name as the word unless others are given."""
    shape = _SHAPES.get(state, _CIRCLE)
    return format_html(
        '<span class="cm-badge cm-{}"><svg class="cm-shape" viewBox="0 0 16 16" aria-hidden="true" focusable="false">'
        '<path d="{}"/></svg>{}</span>',
        state,
        shape,
        words or state,
    )
