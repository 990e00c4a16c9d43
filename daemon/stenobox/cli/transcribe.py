"""`stenobox transcribe FILE...`: transcripts without a daemon and without a database.

The recordings go through the same sandboxed decoder and the same engine as in the daemon. Exit code 0: all
done; 1: some file failed, the others are done; 2: the call was wrong and nothing was begun.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

CHANNELS = ("mix", "split")
FORMATS = ("txt", "srt", "vtt", "json", "tsv", "lrc", "docx", "md", "html")


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "transcribe",
        help="transcribe recordings here and now",
        description="One recording's transcript goes to stdout, those of several, and Word documents, "
        "beside their recordings.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a recording, audio or video")
    parser.add_argument("--model", help="name of a model ('stenobox models list'); default: models.default")
    parser.add_argument(
        "--format", choices=FORMATS, default="txt", help="format of the transcripts (default: txt)"
    )
    parser.add_argument(
        "--output",
        metavar="FOLDER|FILE|-",
        help="where the transcripts go; - is stdout, a file is for one recording",
    )
    parser.add_argument("--language", help="code or English name, such as en or German; default: detect it")
    parser.add_argument(
        "--task", choices=("transcribe", "translate"), default="transcribe", help="translate: into English"
    )
    parser.add_argument(
        "--channels", choices=CHANNELS, default="mix", help="split: each channel gets lines of its own"
    )
    parser.add_argument("--words", action="store_true", help="the times of words, in json and in subtitles")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Raises what the settings, the model or the options refuse, before the first file is read."""
    import asyncio  # noqa: PLC0415

    from stenobox.cli import settings_of  # noqa: PLC0415
    from stenobox.cli.offline import Request, transcribe_files  # noqa: PLC0415

    request = Request(
        targets=targets_of(args.files, args.output, args.format),
        format=args.format,
        model=args.model,
        language=args.language,
        task=args.task,
        channels=args.channels,
        words=args.words,
    )
    failed = asyncio.run(transcribe_files(settings_of(args), request, sys.stdout.buffer, sys.stderr))
    return 1 if failed else 0


def targets_of(files: list[Path], output: str | None, extension: str) -> dict[Path, Path | None]:
    """Each recording's transcript file, None for stdout. Raises InvalidRequest if one would be lost."""
    from stenobox.errors import InvalidRequest  # noqa: PLC0415

    if len(set(files)) < len(files):
        raise InvalidRequest(problem="A file was named twice.")
    # A terminal cannot show a Word document.
    if output == "-" or (output is None and len(files) == 1 and extension != "docx"):
        return dict.fromkeys(files)
    if output is None:
        targets = {file: file.with_name(f"{file.stem}.{extension}") for file in files}
    elif Path(output).is_dir() or output.endswith("/"):
        targets = {file: Path(output) / f"{file.stem}.{extension}" for file in files}
    elif len(files) == 1:
        targets = {files[0]: Path(output)}
    else:
        raise InvalidRequest(
            problem=f"{output} is no folder, so it cannot take the transcripts of several files."
        )
    taken: dict[Path, Path] = {file.absolute(): file for file in files}
    for file, target in targets.items():
        if target.absolute() in taken:
            other = taken[target.absolute()]
            raise InvalidRequest(
                problem=f"The transcript of {file} would overwrite {other} or its own. Use --output FOLDER."
            )
        taken[target.absolute()] = file
    return dict(targets)
