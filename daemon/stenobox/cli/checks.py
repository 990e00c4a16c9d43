"""The checks of `stenobox doctor`. Each answers with a verdict and a sentence that says what to do."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import tempfile
import wave
from collections.abc import Callable
from functools import partial
from pathlib import Path

from stenobox.audio.decode import decode
from stenobox.audio.limits import AudioLimits
from stenobox.audit.verifying import opened, read_head, verify
from stenobox.config import Settings
from stenobox.errors import StenoboxError
from stenobox.files import free_bytes
from stenobox.hotfolder.watching import tells_of_changes
from stenobox.inboxes import InboxSettings
from stenobox.models import ModelStore
from stenobox.monitor.gpu import Nvml
from stenobox.paths import Layout
from stenobox.safety import Result, Verdict, check_mail, check_webhooks

OLDEST_PYTHON = (3, 11)
CUDA = "CUDAExecutionProvider"


Check = Callable[[], Result]


def checks_of(settings: Settings | None) -> list[Check]:
    """All checks, in order; without settings only those of the machine."""
    machine: list[Check] = [check_python, check_decoder]
    if settings is None:
        return machine
    return [
        *machine,
        partial(check_provider, settings),
        partial(check_data, settings),
        partial(check_disk, settings),
        partial(check_model, settings),
        partial(check_audit, settings),
        partial(check_webhooks, settings),
        partial(check_mail, settings),
        *(partial(check_inbox, inbox) for inbox in settings.inboxes),
    ]


def check_python() -> Result:
    """The interpreter and the operating system."""
    version = platform.python_version()
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Result("python", Verdict.FAIL, f"{version} is too old: 3.11 or newer is needed.")
    if sys.platform != "linux":
        return Result("python", Verdict.FAIL, f"{sys.platform} is not supported: the box runs Linux.")
    return Result("python", Verdict.OK, f"{version} on {platform.system()} {platform.release()}")


def check_decoder() -> Result:
    """A second of sound goes through the sandboxed child."""
    with tempfile.TemporaryDirectory(prefix="stenobox-") as folder:
        source, out = Path(folder) / "a.wav", Path(folder) / "a.f32"
        with wave.open(str(source), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8_000)
            file.writeframes(b"\x00\x10" * 8_000)
        try:
            decoded = asyncio.run(decode(source, out, AudioLimits()))
        except (StenoboxError, OSError) as error:
            return Result(
                "decoder",
                Verdict.FAIL,
                f"{error} Reinstall stenobox: {sys.executable} must find soundfile, av and numpy.",
            )
    if decoded.samples != 16_000:
        return Result("decoder", Verdict.FAIL, f"gives {decoded.samples} samples for a second, not 16000.")
    return Result("decoder", Verdict.OK, f"decodes in its sandbox ({', '.join(decoded.walls)})")


def check_provider(settings: Settings) -> Result:
    """onnxruntime, and whether it and the machine agree about a GPU."""
    try:
        # Never onnxruntime itself: it would report to its maker.
        from whisper_onnx.runtime import installation  # noqa: PLC0415
    except ImportError:
        return Result(
            "onnxruntime",
            Verdict.FAIL,
            "is missing. Install 'stenobox[cpu]', or 'stenobox[gpu]' for an NVIDIA GPU.",
        )
    version, providers = installation()
    have = f"onnxruntime {version}"
    try:
        gpus = Nvml().read()
    except Exception as error:
        return Result("onnxruntime", Verdict.WARN, f"{have}; the NVIDIA driver is in trouble ({error}).")
    if settings.models.provider == "cuda" and CUDA not in providers:
        return Result(
            "onnxruntime",
            Verdict.FAIL,
            f"{have} cannot use a GPU, and models.provider is cuda. Install 'stenobox[gpu]'.",
        )
    if settings.models.provider == "cuda" and not gpus:
        return Result(
            "onnxruntime",
            Verdict.FAIL,
            f"{have}, but there is no NVIDIA GPU with a driver, and models.provider is cuda.",
        )
    if gpus and CUDA not in providers:
        return Result(
            "onnxruntime",
            Verdict.WARN,
            f"{have} runs on the CPU, although there is an {gpus[0].name}. Install 'stenobox[gpu]'.",
        )
    where = ", ".join(gpu.name for gpu in gpus) or "no GPU"
    return Result("onnxruntime", Verdict.OK, f"{have}; {where}")


def check_data(settings: Settings) -> Result:
    """The data folder is there, ours and closed to others."""
    root = settings.data
    try:
        status = root.stat()
    except FileNotFoundError:
        parent = next(place for place in (root, *root.absolute().parents) if place.exists())
        if os.access(parent, os.W_OK):
            return Result("data", Verdict.OK, f"{root} will be made at the first start")
        return Result(
            "data", Verdict.FAIL, f"{root} does not exist and {parent} is not writable for this user."
        )
    except OSError as error:
        return Result(
            "data", Verdict.FAIL, f"{root} cannot be looked at ({error.strerror}). Use the service's user."
        )
    if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        return Result(
            "data", Verdict.FAIL, f"{root} is not writable for this user. Run doctor as the service's user."
        )
    if status.st_mode & 0o077:
        return Result("data", Verdict.WARN, f"{root} can be read by others: chmod 700 {root}")
    return Result("data", Verdict.OK, f"{root} is private and writable")


def check_disk(settings: Settings) -> Result:
    """Room for recordings."""
    place = next(place for place in (settings.data, *settings.data.absolute().parents) if _exists(place))
    free, reserve = free_bytes(place), settings.uploads.reserve_bytes
    text = f"{free / 2**30:.1f} GiB free at {place}"
    if free < reserve:
        return Result("disk", Verdict.FAIL, f"{text}, less than uploads.reserve_bytes: uploads are refused.")
    if free < 2 * reserve:
        return Result("disk", Verdict.WARN, f"{text}; below {reserve / 2**30:.1f} GiB uploads are refused.")
    return Result("disk", Verdict.OK, text)


def check_model(settings: Settings) -> Result:
    """The default model is whole and its sessions start."""
    try:
        model = ModelStore(settings, Layout(settings.data)).load(None, slots=1)
    except StenoboxError as error:
        return Result("model", Verdict.FAIL, error.detail)
    return Result("model", Verdict.OK, f"{model.bundle.name} is whole and starts on {model.provider}")


def check_audit(settings: Settings) -> Result:
    """The audit trail is whole."""
    layout = Layout(settings.data)
    if not layout.database.is_file():
        return Result("audit", Verdict.OK, "begins with the first start")
    try:
        kept = read_head(layout.audit_head)
        with opened(layout.database) as connection:
            verdict = verify(connection, [kept] if kept else [])
    except StenoboxError as error:
        return Result("audit", Verdict.WARN, f"{error.detail} Start the box once, then look again.")
    if not verdict.whole:
        return Result("audit", Verdict.FAIL, f"{verdict.problem} Run 'stenobox audit verify'.")
    return Result("audit", Verdict.OK, f"{verdict.last.seq} rows, none changed or missing")


def check_inbox(inbox: InboxSettings) -> Result:
    """A hot folder is there, ours to change, and tells whether a file is still being written."""
    name, path = f"inbox {inbox.name}", inbox.path
    try:
        if not path.is_dir():
            return Result(name, Verdict.FAIL, f"{path} is no folder. Make it, or mount it.")
        mounts = Path("/proc/self/mountinfo").read_text()
    except OSError as error:
        return Result(name, Verdict.FAIL, f"{path} cannot be looked at ({error.strerror}).")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return Result(name, Verdict.FAIL, f"{path} is not readable and writable for this user.")
    if not tells_of_changes(path.resolve(), mounts) and inbox.watch == "auto":
        return Result(name, Verdict.OK, f"{path} is of another machine: it is looked through every 5 seconds")
    if not _may_lease():
        return Result(
            name,
            Verdict.WARN,
            f"{path}: without the capability CAP_LEASE a file of another owner waits for 10 quiet seconds.",
        )
    return Result(name, Verdict.OK, f"{path} can be read and written")


def _may_lease() -> bool:
    """Whether this process may ask for leases on files of others: capability 28, see capabilities(7)."""
    status = Path("/proc/self/status").read_text()
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> 28 & 1)


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:
        return False
