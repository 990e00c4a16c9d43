"""`stenobox models`: which speech models are here, are they whole; making one and removing one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stenobox.models import ModelStore

TARGETS = ("cpu-fp32", "cpu-int8", "cuda-fp16")


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("models", help="list, verify, build and remove speech models")
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    listing = actions.add_parser("list", help="list the models that this box has")
    listing.set_defaults(func=run, action=_list)

    verify = actions.add_parser("verify", help="compare every byte with the hashes in the models' manifests")
    verify.add_argument("names", nargs="*", metavar="NAME", help="default: all models")
    verify.set_defaults(func=run, action=_verify)

    remove = actions.add_parser(
        "remove", help="remove a model from the data folder that no job needs, also beside a running daemon"
    )
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(func=run, action=_remove)

    build = actions.add_parser("build", help="make a model from a Whisper checkpoint")
    build.add_argument(
        "checkpoint",
        type=Path,
        help="a .pt file of openai-whisper, or a Hugging Face folder with safetensors",
    )
    build.add_argument("--name", help="what jobs call it; default: the checkpoint's name")
    build.add_argument(
        "--target", choices=TARGETS, default="cpu-fp32", help="what will run it (default: cpu-fp32)"
    )
    build.add_argument(
        "--weights",
        choices=("exact", "fp32", "fp16"),
        default="exact",
        help="how weights of 32-bit targets are stored (default: fp16 where that loses nothing)",
    )
    build.add_argument("--licence", default="unknown", help="the checkpoint's licence, for the manifest")
    build.add_argument("--source", help="where the checkpoint came from, for the manifest")
    build.add_argument(
        "--output", type=Path, metavar="FOLDER", help="default: models/NAME in the data folder"
    )
    build.set_defaults(func=run, action=_build)


def run(args: argparse.Namespace) -> int:
    from stenobox.cli import settings_of  # noqa: PLC0415
    from stenobox.models import ModelStore  # noqa: PLC0415
    from stenobox.paths import Layout  # noqa: PLC0415

    settings = settings_of(args)
    code: int = args.action(args, ModelStore(settings, Layout(settings.data)))
    return code


def _list(_args: argparse.Namespace, store: ModelStore) -> int:
    found = store.list()
    for info in found:
        state = "usable" if info.ok else "BROKEN"
        note = " (default)" if info.name == store.default else ""
        size = f"{info.size / 1e6:.1f} MB" if info.size else "-"
        sys.stdout.write(f"{info.name}{note}\t{info.target or '-'}\t{size}\t{state}\t{info.folder}\n")
        if not info.ok:
            sys.stdout.write(f"  {info.problem}\n")
    if not found:
        places = "".join(f"\n  {place}" for place in store.searched())
        sys.stderr.write(f"stenobox: There is no model here. These folders were searched:{places}\n")
    return 0


def _verify(args: argparse.Namespace, store: ModelStore) -> int:
    """1 when a model is broken; raises NoModel or UnknownModel for a name that is not here."""
    from stenobox.errors import NoModel, UnknownModel  # noqa: PLC0415

    found = {info.name: info for info in store.list(verify=True)}
    if not found:
        raise NoModel
    for name in args.names:
        if name not in found:
            raise UnknownModel(model=name, installed=", ".join(found))
    broken = 0
    for name in args.names or found:
        info = found[name]
        broken += not info.ok
        sys.stdout.write(f"{name}: {'every byte is as its manifest says' if info.ok else info.problem}\n")
    return 1 if broken else 0


def _remove(args: argparse.Namespace, store: ModelStore) -> int:
    import asyncio  # noqa: PLC0415

    from stenobox.cli import settings_of  # noqa: PLC0415
    from stenobox.cli.removing import remove  # noqa: PLC0415

    asyncio.run(remove(settings_of(args), store, args.name))
    sys.stdout.write(f"{args.name}: removed\n")
    return 0


def _build(args: argparse.Namespace, store: ModelStore) -> int:
    from whisper_onnx.build import build  # noqa: PLC0415
    from whisper_onnx.errors import WhisperError  # noqa: PLC0415

    name = args.name or args.checkpoint.stem
    folder = args.output or store.make_room_for(name)
    try:
        bundle = build(
            args.checkpoint,
            folder,
            target=args.target,
            weights=args.weights,
            name=name,
            licence=args.licence,
            source=args.source,
        )
    except WhisperError as error:
        sys.stderr.write(f"stenobox: {error}\n")
        return 1
    sys.stdout.write(f"{bundle.name}: built in {folder}\n")
    return 0
