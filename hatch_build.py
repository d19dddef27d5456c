"""Build step: the packages that ``requirements.txt`` and ``requirements-preprocess.txt`` list are the wheel's."""

from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Requirements(MetadataHookInterface):
    """Reads the requirement files, so that each package is named in one place."""

    def update(self, metadata: dict) -> None:
        metadata["dependencies"] = self._read("requirements.txt")
        metadata["optional-dependencies"] = {"preprocess": self._read("requirements-preprocess.txt")}

    def _read(self, name: str) -> list[str]:
        lines = Path(self.root, name).read_text(encoding="utf-8").splitlines()
        return [line for line in lines if line and not line.startswith("#")]
