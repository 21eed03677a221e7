"""What people are told where the page itself cannot be shown: a heading, a sentence, and the way back."""

from __future__ import annotations

import html

from fastapi.responses import HTMLResponse

__all__ = ["told"]


def told(code: int, heading: str, sentence: str, *, back: str, way: str) -> HTMLResponse:
    """A page without any script or style: whoever may not see connections is given no file of ours either.

    Args:
        code: HTTP status.
        heading: in a few words.
        sentence: what to do.
        back: URL of the way back.
        way: its words.
    """
    heading, sentence, back, way = (html.escape(text) for text in (heading, sentence, back, way))
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{heading}</title></head>"
        f"<body><main><h1>{heading}</h1><p>{sentence}</p>"
        f'<p><a href="{back}" target="_top">{way}</a></p></main></body></html>',
        code,
    )
