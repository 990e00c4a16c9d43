"""What the box itself cannot do, now or as it is set up."""

from __future__ import annotations

from stenobox.errors.root import StenoboxError


class SettingsError(StenoboxError):
    code, status, title, exit_code = "settings_invalid", 500, "The settings are wrong", 2
    message = "{source}: {problem}"


class Unavailable(StenoboxError):
    code, status, title = "unavailable", 503, "Not available now"
    message = "The box cannot do this now. Try again later."


class DiskFull(Unavailable):
    code, status, title = "disk_full", 507, "The disk is full"
    message = (
        "There is not enough free space to keep the file safely. Free some space, or ask the administrator."
    )


class UploadTaken(Unavailable):
    code, status, title = "upload_taken", 423, "Another request writes to this upload"
    message = "A newer request took over this upload. Ask for its state, then go on from there."


class TooBusy(Unavailable):
    code, title = "too_busy", "Too many files at once"
    message = "The box is receiving as many files as it can. Try again in a moment."


class NoModel(Unavailable):
    code, title = "no_model", "No model is installed"
    message = "No speech model is installed. On the box run 'stenobox models list' to see what it looks for."


class ShuttingDown(Unavailable):
    code, title = "shutting_down", "The box is stopping"
    message = "The box is being stopped. Try again when it is back."


class DaemonUnreachable(Unavailable):
    code, title = "daemon_unreachable", "The daemon does not answer"
    message = "The data folder is in use by a running daemon that does not answer on {socket}."


class ServerUnreachable(Unavailable):
    code, title = "server_unreachable", "The server does not answer"
    message = "{problem}"


class ServerRefused(StenoboxError):
    code, status, title = "server_refused", 500, "The server refused the file"
    message = "{problem}"


class DataError(StenoboxError):
    code, status, title = "data_unusable", 500, "The data folder cannot be used"
    message = "{problem}"


class DataInUse(DataError):
    code, title = "data_in_use", "The data folder is in use"
    message = "The data folder {folder} is in use by another process (pid {pid}). Stop it first."


class AddressUnusable(StenoboxError):
    code, status, title = "address_unusable", 500, "The address cannot be used"
    message = (
        "Cannot listen on {host} port {port}: {problem}. Choose another with listen.host and listen.port."
    )


class ModelError(StenoboxError):
    code, status, title = "model_invalid", 500, "A model cannot be trusted"
    message = "Model {model!r} was not loaded: {problem}"


class InternalError(StenoboxError):
    code, title = "internal", "An error of ours"
    message = "This is a fault of the box, not yours. Give the administrator the request id {request_id}."


class CertificateInvalid(StenoboxError):
    code, status, title, exit_code = "certificate_invalid", 422, "The certificate cannot be used", 2
    message = "{problem}"
