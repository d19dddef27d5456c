"""What every predictor asks of the volumes that it is given."""

import numpy as np


def check_pairs(mri: np.ndarray, pet: np.ndarray) -> None:
    """Raises ValueError unless these are finite pairs of at least one subject."""
    if mri.shape != pet.shape or mri.ndim != 4 or not len(mri):
        raise ValueError(
            f"mri and pet: expected two arrays of one shape (n, x, y, z), n > 0, found {mri.shape} and {pet.shape}. "
            "Pass the pairs of the training subjects."
        )
    for name, volumes in (("mri", mri), ("pet", pet)):
        missing = next((row for row, volume in enumerate(volumes) if not np.isfinite(volume).all()), None)
        if missing is not None:
            raise ValueError(f"{name}: expected finite voxels, found NaN or infinity in row {missing}. Leave it out.")


def check_like(mri: np.ndarray, volume: np.ndarray) -> None:
    """Raises ValueError unless ``mri`` holds maps of the shape of ``volume``."""
    if mri.ndim != 4 or mri.shape[1:] != volume.shape:
        raise ValueError(
            f"mri: expected shape (n, {', '.join(map(str, volume.shape))}) as in training, found {mri.shape}. "
            "Resample to the grid of the training subjects."
        )


def mean_volume(volumes: np.ndarray) -> np.ndarray:
    """Mean over subjects in float64, one volume in memory at a time."""
    total = np.zeros(volumes.shape[1:])
    for volume in volumes:
        total += volume
    return total / len(volumes)
