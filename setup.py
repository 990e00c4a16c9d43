"""Puts two folders that live outside the packages into the wheel, where `importlib.resources` finds them.

`webui/` and `onnx_models/demo/` stand at the top of the repository because people work on them there;
setuptools' own options can name neither a folder outside a package nor a tree to walk.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
CARRIED = {"webui": "stenobox/webui", "onnx_models/demo": "whisper_onnx/demo"}


class BuildWithCarriedFolders(build_py):
    """build_py that also copies the carried folders; an editable install finds them in the repository."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for source, target in CARRIED.items():
            for file in sorted((ROOT / source).rglob("*")):
                if file.is_file():
                    place = Path(self.build_lib) / target / file.relative_to(ROOT / source)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    self.copy_file(str(file), str(place), preserve_mode=False)


setup(cmdclass={"build_py": BuildWithCarriedFolders})
