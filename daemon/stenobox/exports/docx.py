"""Word documents (Office Open XML), written by python-docx."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from stenobox.exports.characters import plain
from stenobox.exports.options import ExportOptions
from stenobox.exports.paragraphs import RIGHT_TO_LEFT, facts, paragraphs
from stenobox.types import Transcript

if TYPE_CHECKING:
    from docx.document import Document


def render(transcript: Transcript, options: ExportOptions, title: str) -> bytes:
    """Title, a line of facts, and paragraphs with time and speaker in bold; spell-checked in its language."""
    # Here, since the daemon would need longer to start for what few exports use.
    import docx  # noqa: PLC0415

    document = docx.Document()
    name = plain(title) or "Transcript"
    _describe(document, transcript, name)
    _set_language(document, transcript.language)
    document.add_heading(name, level=0)
    document.add_paragraph().add_run(plain(facts(transcript))).italic = True
    for part in paragraphs(transcript, options, timestamps=True):
        paragraph = document.add_paragraph()
        for mark in (part.time, f"{part.speaker}:" if part.speaker else ""):
            if mark:
                paragraph.add_run(f"{mark} ").bold = True
        paragraph.add_run(part.text)
    file = BytesIO()
    document.save(file)
    return _repacked(file)


def _repacked(file: BytesIO) -> bytes:
    """Without the time of day in it, so that one transcript always gives the same bytes."""
    packed = BytesIO()
    with ZipFile(file) as before, ZipFile(packed, "w") as after:
        for part in before.infolist():
            after.writestr(ZipInfo(part.filename), before.read(part), ZIP_DEFLATED)
    return packed.getvalue()


def _describe(document: Document, transcript: Transcript, name: str) -> None:
    """The template's own names and dates are somebody else's."""
    made = datetime.fromtimestamp(transcript.created_at, UTC).replace(tzinfo=None, microsecond=0)
    about = document.core_properties
    about.title, about.language = name[:255], plain(transcript.language)[:255]
    about.author = about.last_modified_by = "Stenobox"
    about.comments = ""
    about.created = about.modified = made


def _set_language(document: Document, language: str) -> None:
    """Of the whole text, with its direction; otherwise Word takes it for American English."""
    from docx.oxml.ns import qn  # noqa: PLC0415
    from docx.oxml.parser import OxmlElement  # noqa: PLC0415

    style = document.styles["Normal"].element
    text = style.get_or_add_rPr()
    if language in RIGHT_TO_LEFT:
        text.append(OxmlElement("w:rtl"))
        style.get_or_add_pPr().append(OxmlElement("w:bidi"))
    mark = OxmlElement("w:lang")
    mark.set(qn("w:val"), plain(language))
    if language in RIGHT_TO_LEFT:
        mark.set(qn("w:bidi"), language)
    text.append(mark)
