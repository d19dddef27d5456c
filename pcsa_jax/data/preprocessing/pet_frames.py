"""Reading a raw PET scan: its frames, which of them count, and with what weight."""

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np

from pcsa_jax.data.headers import MAX_BYTES
from pcsa_jax.data.synthetic_mark import judge_image
from pcsa_jax.data.volumes import READ_ERRORS, Volume, refuse
from pcsa_jax.errors import UserError

LARGEST_VOXEL_MM = 8.0
"""Scans with larger voxels are not of a brain PET camera."""

FORM_TOLERANCE_MM = 0.5
"""As for the T1: qform and sform that place a corner further apart than this contradict each other."""

EARLIEST_UPTAKE_S = 20 * 60
"""FDG is still on its way from the blood to the tissue before this time after the injection."""


class Frames(NamedTuple):
    """The frames of a scan that are used.

    Attributes:
      volumes: RAS voxel order, one affine.
      weights: their share in the mean, sum 1.
      weighting: where the weights come from: "duration" or "equal".
      numbers: which frames of the file they are, from 0.
    """

    volumes: tuple[Volume, ...]
    weights: tuple[float, ...]
    weighting: str
    numbers: tuple[int, ...]


def read_frames(
    path: Path, facts: Mapping[str, Any], *, window_min: tuple[float, float] | None, subject: str
) -> Frames:
    """Reads a PET of one frame or several.

    Args:
      path: NIfTI, 3-D or 4-D.
      facts: its BIDS sidecar: FrameDuration, FrameTimesStart, InjectionStart (s) if known.
      window_min: minutes after the injection; frames that do not lie within it are left out. None: all.
      subject: who it is, for messages.

    Raises:
      UserError: if the file cannot be read, holds NaN, is constant or nowhere positive, if its header does not say
        where it is, or if frames and sidecar disagree.
    """
    data, affine = _read(path, subject)
    count = data.shape[3]
    durations = _numbers(facts, "FrameDuration", count, path, subject)
    starts = _numbers(facts, "FrameTimesStart", count, path, subject)
    numbers = _in_window(count, starts, durations, facts.get("InjectionStart", 0.0), window_min, path, subject)
    volumes = []
    for number in numbers:
        frame = nib.as_closest_canonical(nib.Nifti1Image(data[..., number], affine))
        volumes.append(Volume(np.ascontiguousarray(frame.dataobj, np.float32), frame.affine))
    raw = np.ones(len(numbers)) if durations is None else np.array([durations[number] for number in numbers])
    if not (raw > 0).all():
        raise UserError(
            f"{subject}: expected positive FrameDuration, found {raw.tolist()} in the sidecar of {path}. Correct it."
        )
    weighting = "equal" if durations is None else "duration"
    return Frames(tuple(volumes), tuple((raw / raw.sum()).tolist()), weighting, numbers)


def _read(path: Path, subject: str) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (float32, x y z frame) and the affine; whatever is wrong with the file is told."""
    if not path.is_file():
        what = "a link to a file that is not there (not fetched?)" if path.is_symlink() else "none"
        raise UserError(f"{subject}: expected a file at {path}, found {what}. Restore or fetch it.")
    try:
        image = nib.load(path)
        refuse(filter(None, [judge_image(image)]), subject=subject, path=path)
        if float(np.prod(image.shape, dtype=np.float64)) * 4 > 2 * MAX_BYTES:
            raise ValueError(f"declares {image.shape} voxels, more than {2 * MAX_BYTES / 2**30:g} GiB")
        if image.get_data_dtype().kind not in "iuf":
            raise ValueError(f"holds {image.get_data_dtype()} voxels, not real numbers")
        data = np.asarray(image.dataobj, np.float32)
        if path.suffix == ".gz":
            _read_to_end(path)
    except READ_ERRORS as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{subject}: expected a readable NIfTI file, found {path} ({reason}). Make it again."
        ) from error
    if data.ndim == 3:
        data = data[..., None]
    if data.ndim != 4 or 0 in data.shape:
        raise UserError(f"{subject}: expected 3-D frames, found shape {data.shape} in {path}. Convert it again.")
    if not np.isfinite(data).all():
        count = int((~np.isfinite(data)).sum())
        raise UserError(f"{subject}: expected finite voxels, found {count} NaN or infinite in {path}. Mend the scan.")
    if data.min() == data.max() or data.max() <= 0:
        raise UserError(
            f"{subject}: expected uptake, found no positive or no differing voxels in {path}. Export it again."
        )
    _check_affine(image, path, subject)
    return data, image.affine


def _read_to_end(path: Path) -> None:
    """Reads a gzip stream to its end, where its checksum is: nibabel stops at the last voxel."""
    count = 0
    with gzip.open(path) as stream:
        while block := stream.read(2**20):
            count += len(block)
            if count > 4 * MAX_BYTES:
                raise ValueError(f"more than {4 * MAX_BYTES / 2**30:g} GiB in the stream")


def _check_affine(image: nib.Nifti1Image, path: Path, subject: str) -> None:
    codes = {name: int(image.header[f"{name}_code"]) for name in ("qform", "sform")}
    sizes = nib.affines.voxel_sizes(image.affine)
    if not any(codes.values()):
        raise UserError(f"{subject}: expected an orientation (qform or sform), found none in {path}. Convert it again.")
    if not np.isfinite(image.affine).all() or not 0 < sizes.min() <= sizes.max() <= LARGEST_VOXEL_MM:
        shown = " x ".join(f"{size:.3g}" for size in sizes)
        raise UserError(
            f"{subject}: expected voxels of at most {LARGEST_VOXEL_MM:g} mm, found {shown} mm in {path}. "
            "Check the header."
        )
    if all(codes.values()):
        ends = np.array([[0, 0, 0], *np.diag(np.array(image.shape[:3]) - 1), np.array(image.shape[:3]) - 1])
        forms = [nib.affines.apply_affine(form, ends) for form in (image.get_qform(), image.get_sform())]
        apart = float(np.linalg.norm(forms[0] - forms[1], axis=1).max())
        if apart > FORM_TOLERANCE_MM:
            raise UserError(
                f"{subject}: expected qform and sform to agree, found them up to {apart:.1f} mm apart in {path}. "
                "Find out which is right and set both to it."
            )


def _numbers(facts: Mapping[str, Any], key: str, count: int, path: Path, subject: str) -> list[float] | None:
    """One number a frame from the sidecar; None if it does not say."""
    values = facts.get(key)
    if values is None:
        return None
    values = values if isinstance(values, list) else [values]
    real = [value for value in values if isinstance(value, int | float) and np.isfinite(value)]
    if len(real) != len(values) or len(values) != count:
        raise UserError(
            f"{subject}: expected {count} numbers in {key} (one a frame), found {values} in the sidecar of {path}. "
            "Correct it."
        )
    return [float(value) for value in real]


def _in_window(
    count: int,
    starts: list[float] | None,
    durations: list[float] | None,
    injection: float,
    window_min: tuple[float, float] | None,
    path: Path,
    subject: str,
) -> tuple[int, ...]:
    """The numbers of the frames to use."""
    known = starts is not None and durations is not None
    if window_min is None:
        early = [n for n in range(count) if count > 1 and known and starts[n] - injection < EARLIEST_UPTAKE_S]
        if early:
            raise UserError(
                f"{subject}: expected frames from {EARLIEST_UPTAKE_S // 60} min after the injection on, found "
                f"{len(early)} of {count} earlier in {path}. Choose with --pet-window=START:END (min), e.g. 30:60."
            )
        return tuple(range(count))
    if count == 1:
        return (0,)
    if not known:
        raise UserError(
            f"{subject}: --pet-window expects FrameTimesStart and FrameDuration in the sidecar of {path}, found "
            "none. Add them, or leave the option out."
        )
    low, high = (60 * minute for minute in window_min)
    since = [(start - injection, start - injection + length) for start, length in zip(starts, durations, strict=True)]
    chosen = tuple(n for n, (begin, end) in enumerate(since) if low <= begin + 1 and end - 1 <= high)
    if not chosen:
        raise UserError(
            f"{subject}: expected frames within {window_min[0]:g} to {window_min[1]:g} min, found {since[0][0] / 60:g} "
            f"to {since[-1][1] / 60:g} min in {count} frames of {path}. Choose another --pet-window."
        )
    return chosen
