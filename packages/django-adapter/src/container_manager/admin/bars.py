"""Shares as bars that are drawn without styles."""

from django.utils.html import format_html
from django.utils.safestring import SafeString


def bar(used: float, most: float | None, words: str) -> SafeString:
    """A bar with its figures beside it; the figures alone where there is no limit."""
    if not most:
        return format_html("{}", words)
    share = min(max(used / most, 0.0), 1.0)
    level = "full" if share >= 1 else "high" if share >= 0.8 else "some"
    return format_html(
        '<span class="cm-share"><svg class="cm-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="cm-bar-all" width="100" height="8"/><rect class="cm-bar-{}" width="{}" height="8"/></svg>'
        "<span>{}</span></span>",
        level,
        f"{100 * share:.1f}",
        words,
    )
