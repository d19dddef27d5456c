"""What the user may choose in preprocessing, and what makes two results differ."""

import dataclasses
from typing import Any

VERSION = 2
"""Changes with every change of the numbers, so that results of two recipes never mix in one folder.

2: deep grey matter by a model of its own (``deep_grey.py``).
"""


@dataclasses.dataclass(frozen=True)
class Settings:
    """How visits are worked through.

    Attributes:
      remove_cerebellum: whether the grey matter of the cerebellum is removed.
      mask_pet: whether uptake outside the brain is removed.
      pet_window_min: minutes after the injection of the PET frames to use; None for all.
      fwhm_mm: Gaussian smoothing in MNI152, full width at half maximum; section 4.1 of the paper.
      recipe: :data:`VERSION`.
    """

    remove_cerebellum: bool = False
    mask_pet: bool = False
    pet_window_min: tuple[float, float] | None = None
    fwhm_mm: float = 8.0
    recipe: int = VERSION

    def as_json(self) -> dict[str, Any]:
        """The settings as they are kept in sidecars."""
        values = dataclasses.asdict(self)
        if self.pet_window_min is not None:
            values["pet_window_min"] = list(self.pet_window_min)
        return values
