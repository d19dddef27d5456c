"""What must hold in the header of a NIfTI file, judged on its bytes: nibabel mends or ignores much of it silently.

NIfTI-1 and NIfTI-2 in one file (``.nii``), either byte order.
"""

import math
import struct
from collections.abc import Iterator
from typing import NamedTuple

import nibabel as nib
import numpy as np
from nibabel.nifti1 import data_type_codes
from nibabel.spatialimages import HeaderDataError

HEADER_BYTES = 540
"""The longer of the two headers (NIfTI-2): what :func:`read_header` needs of a file."""

MAX_BYTES = 2**30
"""Voxels that need more are refused from the header alone: a decompression bomb, or not a brain.

512^3 voxels of 64 bits need exactly this; the whole head at 0.5 mm less.
"""

MAX_EXTENSION_BYTES = 2**26
"""Room that a header's extensions (some tools keep the DICOM header there) may take before the voxels."""

FORM_TOLERANCE = 0.25
"""Qform and sform agree if they put every corner within this part of the shortest voxel edge: converters round."""

FORMATS = {348: (nib.Nifti1Header, 352, b"n+1\0", b"ni1\0"), 540: (nib.Nifti2Header, 544, b"n+2\0", b"ni2\0")}
"""``sizeof_hdr`` -> class, first byte that voxels may have, magic of one file, magic of a pair of files."""

UNITS = {1: "metres", 3: "micrometres"}
"""Codes of ``xyzt_units`` that are not millimetres; 0 (unknown) is taken as millimetres, like everywhere."""

AVERAGE = (
    "Average the frames of the uptake window (FDG: 30 to 60 minutes after injection, by FrameTimesStart): python -c "
    "\"from nilearn.image import index_img, mean_img; mean_img(index_img('IN', slice(FIRST, LAST + 1)), "
    "copy_header=True).to_filename('OUT')\""
)
"""What to do with a dynamic PET; frames are counted from 0."""

MAKE_AGAIN = "Make it again from its source"
PAIR_REMEDY = "Convert the pair of files to .nii.gz (nib-convert X.img X.nii.gz, where X.hdr is beside it)"
READABLE = "expected a readable NIfTI file"


class Finding(NamedTuple):
    """One thing that is wrong, or worth a note, with a file.

    Attributes:
      found: what was expected and what was found, without a full stop.
      remedy: what to do, without a full stop.
      is_note: True if the file can be used as it is.
    """

    found: str
    remedy: str
    is_note: bool = False


class Header(NamedTuple):
    """A header and what is wrong with it.

    Attributes:
      nifti: nibabel's view of it; None if the voxels cannot be read by it.
      num_bytes: length of the decompressed file; None if the header does not tell, or tells too much.
      affine: voxel to world (mm, RAS+) by sform, else qform; None if neither places the voxels.
      findings: in the order of the header's fields.
    """

    nifti: nib.Nifti1Header | None
    num_bytes: int | None
    affine: np.ndarray | None
    findings: tuple[Finding, ...]


def read_header(raw: bytes) -> Header:
    """Judges the first :data:`HEADER_BYTES` bytes (fewer if the file is shorter) of a decompressed file."""
    refusal = _refuse_format(raw)
    if refusal:
        return Header(None, None, None, (refusal,))
    endianness = "<" if _size_field(raw, "<") in FORMATS else ">"
    size = _size_field(raw, endianness)
    header_class, first_byte, _, _ = FORMATS[size]
    header = header_class(raw[:size], endianness, check=False)
    extent_findings = tuple(_check_extents(header))
    layout_findings = (*_check_datatype(header), *_check_offset(header, first_byte))
    num_bytes = None
    if not layout_findings and _declared_bytes(header) is not None:
        num_bytes = int(header["vox_offset"]) + _declared_bytes(header)
    refusals = (*extent_findings, *layout_findings)
    with np.errstate(all="ignore"):
        affine, forms = _check_forms(header)
        findings = (*refusals, *_check_spacing(header), *_check_scale(header), *forms)
    return Header(None if refusals else header, num_bytes, affine, findings)


def _size_field(raw: bytes, endianness: str) -> int:
    return struct.unpack_from(f"{endianness}i", raw)[0]


def _refuse_format(raw: bytes) -> Finding | None:
    """Says why ``raw`` is not the header of a single-file NIfTI; None if it is."""
    if not raw:
        return Finding(f"{READABLE}, found an empty file", MAKE_AGAIN)
    if raw.startswith(b"\x1f\x8b"):
        return Finding(f"{READABLE}, found gzip-compressed bytes", "Rename it to .nii.gz (or decompress it once more)")
    sizes = [_size_field(raw, endianness) for endianness in "<>"] if len(raw) >= 4 else [0]
    size = next((size for size in sizes if size in FORMATS), None)
    if size is None:
        return Finding(f"{READABLE}, found sizeof_hdr {sizes[0]} instead of 348 or 540 (is it NIfTI?)", MAKE_AGAIN)
    if len(raw) < size:
        return Finding(f"{READABLE}, found {len(raw)} bytes, fewer than its header has ({size})", MAKE_AGAIN)
    return _refuse_magic(raw[344:348] if size == 348 else raw[4:8], size)


def _refuse_magic(magic: bytes, size: int) -> Finding | None:
    _, _, single, pair = FORMATS[size]
    if magic == pair:
        return Finding(f"{READABLE}, found a header whose voxels are in another file (.img)", PAIR_REMEDY)
    if magic != single:
        return Finding(f"{READABLE}, found magic {magic!r} instead of {single!r} (Analyze?)", PAIR_REMEDY)
    return None


def _extents(header: nib.Nifti1Header) -> list[int]:
    """Voxels along each axis."""
    return [int(extent) for extent in header["dim"][1 : int(header["dim"][0]) + 1]]


def _dtype(header: nib.Nifti1Header) -> np.dtype | None:
    """The voxels' type; None if NIfTI does not know the code or nobody can read it."""
    try:
        dtype = np.dtype(data_type_codes.dtype[int(header["datatype"])])
    except KeyError:
        return None
    return dtype if dtype.itemsize else None


def _declared_bytes(header: nib.Nifti1Header) -> int | None:
    """Bytes that the voxels need; None if the header does not tell or tells more than :data:`MAX_BYTES`."""
    dtype = _dtype(header)
    if not 1 <= header["dim"][0] <= 7 or dtype is None or min(_extents(header)) < 1:
        return None
    declared = math.prod(_extents(header)) * dtype.itemsize
    return declared if declared <= MAX_BYTES else None


def _check_extents(header: nib.Nifti1Header) -> Iterator[Finding]:
    num_axes = int(header["dim"][0])
    if not 1 <= num_axes <= 7:
        yield Finding(f"expected one 3-D volume, found dim[0] = {num_axes} axes", MAKE_AGAIN)
        return
    extents = _extents(header)
    shape, dtype = tuple(extents), _dtype(header)
    if min(extents) < 0:
        yield Finding(f"expected one 3-D volume, found the negative count of voxels {shape}", MAKE_AGAIN)
    elif min(extents) == 0:
        yield Finding(f"expected one 3-D volume, found none: {shape} voxels", MAKE_AGAIN)
    elif math.prod(extents) * (dtype.itemsize if dtype is not None else 1) > MAX_BYTES:
        yield Finding(
            f"{READABLE}, found one that declares {shape} voxels, more than {MAX_BYTES / 2**30:g} GiB", MAKE_AGAIN
        )
    elif any(extent > 1 for extent in extents[3:]):
        yield Finding(f"expected one 3-D volume, found shape {shape}", AVERAGE)
    elif num_axes < 3:
        yield Finding(f"expected one 3-D volume, found shape {shape}", MAKE_AGAIN)


def _check_datatype(header: nib.Nifti1Header) -> Iterator[Finding]:
    dtype, code = _dtype(header), int(header["datatype"])
    if dtype is None:
        yield Finding(f"{READABLE}, found datatype {code}, not recognized", MAKE_AGAIN)
    elif dtype.kind not in "iuf":
        label = data_type_codes.label[code]
        yield Finding(f"{READABLE}, found one that holds {label} voxels, not real numbers", "Save it as float32")
    elif int(header["bitpix"]) != 8 * dtype.itemsize:
        yield Finding(
            f"{READABLE}, found bitpix {int(header['bitpix'])} with voxels of {8 * dtype.itemsize} bits", MAKE_AGAIN
        )


def _check_offset(header: nib.Nifti1Header, first_byte: int) -> Iterator[Finding]:
    offset = float(header["vox_offset"])
    if not (first_byte <= offset <= first_byte + MAX_EXTENSION_BYTES and offset.is_integer()):
        yield Finding(f"{READABLE}, found vox_offset {offset:g}; voxels begin at {first_byte} or later", MAKE_AGAIN)


def _check_spacing(header: nib.Nifti1Header) -> Iterator[Finding]:
    spacing = header["pixdim"][1:4].astype(float)
    if not (np.isfinite(spacing) & (spacing > 0)).all():
        yield Finding(
            f"expected voxel sizes above 0 mm, found pixdim {_list(spacing)}", "Write the true voxel sizes (pixdim)"
        )
    unit = int(header["xyzt_units"]) & 7
    if unit in UNITS:
        yield Finding(f"expected lengths in mm, found {UNITS[unit]} (xyzt_units)", "Write the header in mm")


def _check_scale(header: nib.Nifti1Header) -> Iterator[Finding]:
    """A scale that is no number is a fault; 0 means that there is none, and then no offset counts either."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    remedy = "Write scl_slope and scl_inter as the scanner or tool gave them, or make it again"
    if not math.isfinite(slope):
        yield Finding(f"expected a finite scale of the voxels, found scl_slope {slope:g}", remedy)
    if slope == 0:
        yield Finding("scl_slope 0: voxels taken as they are, as NIfTI has it", "", is_note=True)
    elif not math.isfinite(intercept):
        yield Finding(f"expected a finite offset of the voxels, found scl_inter {intercept:g}", remedy)
        header["scl_inter"] = 0  # so that the voxels can be looked at: nibabel would stop here
    elif (slope, intercept) != (1, 0) and math.isfinite(slope) and (dtype := _dtype(header)) and dtype.kind == "f":
        yield Finding(
            "floating-point voxels with a scale (scl_slope, scl_inter): tools write 1 and 0 there; applied, as NIfTI "
            "has it", "", is_note=True,
        )  # fmt: skip


def _check_forms(header: nib.Nifti1Header) -> tuple[np.ndarray | None, tuple[Finding, ...]]:
    """The affine that readers use, and what is wrong with the two ways in which a header tells it."""
    codes = {"qform": int(header["qform_code"]), "sform": int(header["sform_code"])}
    findings, affines = [], {}
    for name, code in codes.items():
        if not 0 <= code <= 5:
            findings.append(Finding(f"expected {name}_code 0 to 5, found {code}", "Write the orientation again"))
        if code == 0:
            continue
        affine = _qform(header) if name == "qform" else header.get_sform()
        if is_placing(affine):
            affines[name] = affine
        else:
            shown = "no rotation" if affine is None else _rows(affine)
            findings.append(
                Finding(
                    f"expected an affine that places the voxels, found {name} {shown}",
                    "Copy the orientation from the volume it was made from, or make it again",
                )
            )
    if not any(codes.values()):
        findings.append(
            Finding(
                "expected an orientation, found none (qform_code and sform_code 0): nobody can tell left from right",
                "Copy the orientation from the volume it was made from, or make it again",
            )
        )
    if len(affines) == 2 and _largest_distance(header, *affines.values()) > FORM_TOLERANCE:
        findings.append(
            Finding(
                f"expected one orientation, found two: qform {_rows(affines['qform'])}, sform "
                f"{_rows(affines['sform'])}",
                "Write the right one into both (nibabel: image.set_qform(image.affine, code))",
            )
        )
    return affines.get("sform", affines.get("qform") if not codes["sform"] else None), tuple(findings)


def _qform(header: nib.Nifti1Header) -> np.ndarray | None:
    try:
        return header.get_qform()
    except (HeaderDataError, ValueError, np.linalg.LinAlgError):
        return None


def is_placing(affine: np.ndarray | None) -> bool:
    """Whether an affine (4x4) is finite and keeps three dimensions."""
    if affine is None or not np.isfinite(affine).all():
        return False
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    return bool((sizes > 0).all() and abs(np.linalg.det(affine[:3, :3] / sizes)) > 1e-3)


def _largest_distance(header: nib.Nifti1Header, first: np.ndarray, second: np.ndarray) -> float:
    """How far apart two affines put a corner of the volume, in shortest voxel edges."""
    corners = np.array(np.meshgrid(*[(0, max(1, extent - 1)) for extent in header["dim"][1:4].astype(int)]))
    corners = corners.reshape(3, -1).T
    apart = nib.affines.apply_affine(first, corners) - nib.affines.apply_affine(second, corners)
    return float(np.linalg.norm(apart, axis=1).max() / np.linalg.norm(second[:3, :3], axis=0).min())


def _list(values: np.ndarray) -> str:
    return "[" + ", ".join(f"{value:g}" for value in np.round(values, 3)) + "]"


def _rows(affine: np.ndarray) -> str:
    """The upper three rows of an affine."""
    return "[" + ", ".join(_list(row) for row in affine[:3]) + "]"
