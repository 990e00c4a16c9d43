"""The box itself: models, settings, performance."""

from __future__ import annotations

from typing import Final

from stenobox import errors as e
from stenobox.web import box_shapes as s
from stenobox.web.described import Answer, Operation

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("GET", "/api/admin/models"): Operation(
        "box",
        "Every model on the box, usable or not; they are installed from the command line",
        {200: Answer("The models.", s.InstalledModels)},
    ),
    ("POST", "/api/admin/models/{name}/verify"): Operation(
        "box",
        "Hash all files of a model again; it may take minutes",
        {200: Answer("Whether every byte is as its manifest says.", s.Verified)},
        refusals=(e.VerificationRuns,),
    ),
    ("DELETE", "/api/admin/models/{name}"): Operation(
        "box",
        "Remove a model that is not in use",
        {204: Answer("It is gone.")},
        refusals=(e.ModelInUse, e.ModelNotRemovable),
    ),
    ("GET", "/api/admin/settings"): Operation(
        "box",
        "The settings in force, without secrets, and what is unsafe in them",
        {200: Answer("The settings.", s.BoxSettings)},
    ),
    ("GET", "/api/admin/health/performance"): Operation(
        "box",
        "How fast it was in the last hour and day, and what it has to work with",
        {200: Answer("Figures.", s.PerformanceFigures)},
    ),
}
