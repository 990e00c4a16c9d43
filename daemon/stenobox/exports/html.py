"""A web page of its own: no script, no file beside it, nothing from anywhere; to read, print and keep."""

from __future__ import annotations

from html import escape

from stenobox.exports.characters import plain
from stenobox.exports.options import ExportOptions
from stenobox.exports.paragraphs import Paragraph, facts, paragraphs
from stenobox.types import Transcript

_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; font: 1.0625rem/1.6 system-ui, sans-serif; }
main { max-width: 42rem; margin: 0 auto; padding: 2rem 1.25rem; }
h1 { line-height: 1.25; overflow-wrap: anywhere; }
p { overflow-wrap: anywhere; }
.facts, time { color: GrayText; }
time { font-variant-numeric: tabular-nums; margin-inline-end: 0.5em; }
@media print { main { max-width: none; padding: 0; } p { break-inside: avoid; } }
"""

_PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Stenobox">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1 dir="auto">{title}</h1>
<p class="facts" lang="en">{facts}</p>
{body}</main>
</body>
</html>
"""


def render(transcript: Transcript, options: ExportOptions, title: str) -> str:
    """HTML of WHATWG's living standard; each paragraph has the direction of its own text."""
    return _PAGE.format(
        language=escape(plain(transcript.language)),
        title=escape(plain(title)) or "Transcript",
        style=_STYLE,
        facts=escape(plain(facts(transcript))),
        body="".join(_paragraph(part) for part in paragraphs(transcript, options, timestamps=True)),
    )


def _paragraph(part: Paragraph) -> str:
    time = f'<time datetime="PT{max(0, int(part.start))}S">{part.time}</time>' if part.time else ""
    speaker = f"<strong>{escape(part.speaker)}:</strong> " if part.speaker else ""
    # The text alone decides the direction: isolated, so that the time before it is not moved into it.
    return f'<p dir="auto">{time}{speaker}<bdi>{escape(part.text)}</bdi></p>\n'
