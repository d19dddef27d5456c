"""Every way in which a volume is spoilt, what the check says of it, and how to spoil a sound one so.

The rows are those of faults seen in practice: what nibabel refuses, and what it reads without a word.
"""

import gzip
import struct
from collections.abc import Callable

import nibabel as nib
import numpy as np

DIM, DATATYPE, BITPIX, PIXDIM, VOX_OFFSET, SCL_SLOPE, SCL_INTER, UNITS = 40, 70, 72, 76, 108, 112, 116, 123
QFORM_CODE, SFORM_CODE, QUATERN_B, SROW, MAGIC = 252, 254, 256, 280, 344
"""Byte offsets in a NIfTI-1 header."""

Spoil = Callable[[bytes], bytes]
"""From the decompressed bytes of a sound float32 NIfTI-1 volume to the bytes of a .nii.gz file."""


def compress(content: bytes) -> bytes:
    return gzip.compress(bytes(content), compresslevel=1, mtime=0)


def field(offset: int, form: str, *values) -> Spoil:
    """Writes ``values`` over the header at ``offset``."""

    def spoil(content: bytes) -> bytes:
        spoilt = bytearray(content)
        struct.pack_into(f"<{form}", spoilt, offset, *values)
        return compress(spoilt)

    return spoil


def fields(*changes) -> Spoil:
    def spoil(content: bytes) -> bytes:
        spoilt = bytearray(content)
        for offset, form, *values in changes:
            struct.pack_into(f"<{form}", spoilt, offset, *values)
        return compress(spoilt)

    return spoil


def voxels(change: Callable[[np.ndarray], np.ndarray]) -> Spoil:
    """Replaces the voxels, header kept otherwise."""

    def spoil(content: bytes) -> bytes:
        image = nib.Nifti1Image.from_bytes(content)
        data = change(np.asarray(image.dataobj).copy())
        header = image.header.copy()
        header.set_data_dtype(data.dtype)
        return compress(nib.Nifti1Image(data, image.affine, header).to_bytes())

    return spoil


def flipped_bit(content: bytes) -> bytes:
    """A bit in a block that is stored, not compressed: only the checksum tells."""
    spoilt = bytearray(gzip.compress(content, compresslevel=0, mtime=0))
    spoilt[len(spoilt) // 2] ^= 4
    return bytes(spoilt)


def wrong_checksum(content: bytes) -> bytes:
    spoilt = bytearray(compress(content))
    spoilt[-6] ^= 1
    return bytes(spoilt)


def overwritten_stream(content: bytes) -> bytes:
    spoilt = bytearray(compress(content))
    half = len(spoilt) // 2
    spoilt[half : half + 50] = b"\xff" * 50
    return bytes(spoilt)


def set_voxels(value: float, part=(slice(2, 5), 3, 3)) -> Callable[[np.ndarray], np.ndarray]:
    def change(data: np.ndarray) -> np.ndarray:
        data[part] = value
        return data

    return change


def frames(data: np.ndarray) -> np.ndarray:
    return np.stack([data] * 5, axis=-1)


def noise(data: np.ndarray) -> np.ndarray:
    return np.random.default_rng(0).random(data.shape, np.float32)


def turned(*axes: int) -> Spoil:
    return voxels(lambda data: np.ascontiguousarray(np.flip(data, axes)))


TURN = field(QUATERN_B, "3f", 0.0, 0.0, 0.7)
NO_FORMS = field(QFORM_CODE, "2h", 0, 0)
ONLY_SFORM, ONLY_QFORM = (QFORM_CODE, "h", 0), (SFORM_CODE, "h", 0)
MAGIC_OF_PAIR = field(MAGIC, "4s", b"ni1")

HEADER_DAMAGE: dict[str, tuple[Spoil, str]] = {
    "dim[0] = 0": (field(DIM, "h", 0), "expected one 3-D volume, found dim[0] = 0 axes"),
    "dim[0] = 9": (field(DIM, "h", 9), "expected one 3-D volume, found dim[0] = 9 axes"),
    "an empty axis": (field(DIM + 2, "h", 0), "expected one 3-D volume, found none: (0, "),
    "a negative axis": (field(DIM + 2, "h", -16), "found the negative count of voxels (-16, "),
    "a bomb by its header": (
        field(DIM, "4h", 3, 32767, 32767, 32767), "one that declares (32767, 32767, 32767) voxels, more than 1 GiB"),
    "two axes": (field(DIM, "h", 2), "expected one 3-D volume, found shape ("),
    "datatype 9999": (field(DATATYPE, "h", 9999), "found datatype 9999, not recognized"),
    "datatype RGB": (field(DATATYPE, "2h", 128, 24), "holds RGB voxels, not real numbers"),
    "datatype binary": (field(DATATYPE, "2h", 1, 1), "found datatype 1, not recognized"),
    "bitpix 8": (field(BITPIX, "h", 8), "found bitpix 8 with voxels of 32 bits"),
    "magic": (field(MAGIC, "4s", b"nope"), "found magic b'nope' instead of b'n+1\\x00'"),
    "magic of a pair": (MAGIC_OF_PAIR, "a header whose voxels are in another file (.img)"),
    "sizeof_hdr 349": (field(0, "i", 349), "found sizeof_hdr 349 instead of 348 or 540"),
    "vox_offset 0": (field(VOX_OFFSET, "f", 0), "found vox_offset 0; voxels begin at 352 or later"),
    "vox_offset 1e9": (field(VOX_OFFSET, "f", 1e9), "found vox_offset 1e+09"),
    "vox_offset NaN": (field(VOX_OFFSET, "f", np.nan), "found vox_offset nan"),
    "pixdim 0": (field(PIXDIM + 8, "f", 0), "expected voxel sizes above 0 mm, found pixdim ["),
    "pixdim negative": (field(PIXDIM + 4, "f", -3), "expected voxel sizes above 0 mm, found pixdim [-3, "),
    "pixdim NaN": (field(PIXDIM + 12, "f", np.nan), "expected voxel sizes above 0 mm"),
    "metres": (field(UNITS, "B", 1), "expected lengths in mm, found metres"),
    "scl_slope NaN": (field(SCL_SLOPE, "f", np.nan), "expected a finite scale of the voxels, found scl_slope nan"),
    "scl_slope Inf": (field(SCL_SLOPE, "f", np.inf), "found scl_slope inf"),
    "scl_inter NaN": (field(SCL_INTER, "f", np.nan), "expected a finite offset of the voxels, found scl_inter nan"),
    "sform NaN": (fields(ONLY_SFORM, (SROW + 4, "f", np.nan)), "expected an affine that places the voxels"),
    "sform 0": (fields(ONLY_SFORM, (SROW, "12f", *[0.0] * 12)), "found sform [[0, 0, 0, 0], [0, 0, 0, 0], "),
    "sform flat": (
        fields(ONLY_SFORM, (SROW, "12f", 3, 0, 0, 0, 3, 0, 0, 0, 0, 0, 3, 0)), "found sform [[3, 0, 0, 0], "),
    "quaternion": (fields(ONLY_QFORM, (QUATERN_B, "3f", 2, 2, 2)), "found qform no rotation"),
    "sform_code 77": (field(SFORM_CODE, "h", 77), "expected sform_code 0 to 5, found 77"),
    "no orientation": (NO_FORMS, "expected an orientation, found none (qform_code and sform_code 0)"),
    "two orientations": (TURN, "expected one orientation, found two: qform [["),
}  # fmt: skip
"""Name -> how to spoil, and a part of what is found."""

STREAM_DAMAGE: dict[str, tuple[Spoil, str]] = {
    "empty": (lambda content: b"", "found an empty file"),
    "gzip of nothing": (lambda content: compress(b""), "found an empty file"),
    "text": (lambda content: b"participant_id\tdiagnosis\n" * 20, "Not a gzipped file"),
    "compressed text": (lambda content: compress(b"participant_id\tdiagnosis\n" * 20), "found sizeof_hdr"),
    "not compressed": (bytes, "Not a gzipped file"),
    "compressed twice": (lambda content: compress(compress(content)), "found gzip-compressed bytes"),
    "half": (lambda content: compress(content)[: len(compress(content)) // 2], "ended before the end-of-stream marker"),
    "no trailer": (lambda content: compress(content)[:-8], "ended before the end-of-stream marker"),
    "header only": (lambda content: compress(content[:352]), "found 352 of its "),
    "half a header": (lambda content: compress(content[:200]), "found 200 bytes, fewer than its header has (348)"),
    "voxels cut": (lambda content: compress(content[:-4]), "(truncated)"),
    "a bit flipped": (flipped_bit, "CRC check failed"),
    "checksum": (wrong_checksum, "CRC check failed"),
    "deflate stream": (overwritten_stream, "expected a readable NIfTI file, found "),
    "a tail": (lambda content: compress(content + bytes(100)), "found more than the "),
    "a large tail": (lambda content: compress(content) + compress(bytes(2**26)), "found more than the "),
}  # fmt: skip

VOXEL_DAMAGE: dict[str, tuple[Spoil, str]] = {
    "five frames": (voxels(frames), "expected one 3-D volume, found shape ("),
    "complex": (voxels(lambda data: data.astype(np.complex64)), "holds complex64 voxels, not real numbers"),
    "all NaN": (voxels(lambda data: data * np.nan), "expected finite voxels, found only NaN"),
    "some NaN": (voxels(set_voxels(np.nan)), "expected finite voxels, found 3 of "),
    "infinite": (voxels(set_voxels(-np.inf)), "expected finite voxels, found 3 of "),
    "constant": (voxels(lambda data: data * 0 + 0.5), "found the constant 0.5"),
}  # fmt: skip

MRI_DAMAGE: dict[str, tuple[Spoil, str]] = {
    "scl_slope 1e38": (field(SCL_SLOPE, "f", 1e38), "expected grey-matter probabilities from 0 to 1, found 0 to "),
    "percent": (voxels(lambda data: data * 100), "expected grey-matter probabilities from 0 to 1, found 0 to "),
    "below 0": (voxels(set_voxels(-0.2)), "expected grey-matter probabilities from 0 to 1, found -0.2 to "),
    "faint": (voxels(lambda data: data / 100), "expected grey-matter probabilities up to about 1, found 0.00"),
    "noise": (voxels(noise), "expected a GM map of a brain in MNI152 space, found a correlation of "),
    "upside down": (turned(2), "what it calls superior is inferior"),
    "front to back": (turned(1), "what it calls anterior is posterior"),
    "a foot off": (
        field(SROW + 12, "f", 400.0), "expected one orientation, found two: qform [["),
    "elsewhere": (
        fields(ONLY_SFORM, (SROW + 12, "f", 400.0)), "found a field of view that holds 0% of the MNI152 brain"),
}  # fmt: skip

PET_DAMAGE: dict[str, tuple[Spoil, str]] = {
    "scl_slope 1e38": (field(SCL_SLOPE, "f", 1e38), "expected uptake with a largest value from 1e-06 to 1e+07, found "),
    "negative": (voxels(set_voxels(-1.5)), "expected uptake of 0 or more, found 3 of "),
    "all negative": (voxels(lambda data: -1 - data), "expected uptake with a largest value from 1e-06 to 1e+07"),
    "faint": (voxels(lambda data: data * 1e-9), "expected uptake with a largest value from "),
    "upside down": (turned(2), "what it calls superior is inferior"),
    "front to back": (turned(1), "what it calls anterior is posterior"),
    "noise": (voxels(noise), "expected a PET of a brain in MNI152 space, found a correlation of "),
}  # fmt: skip

DAMAGE: list[tuple[str, str, Spoil, str]] = [
    (modality, name, *damage)
    for modality, rows in (
        ("pet", HEADER_DAMAGE),
        ("mri", STREAM_DAMAGE),
        ("pet", VOXEL_DAMAGE),
        ("mri", MRI_DAMAGE),
        ("pet", PET_DAMAGE),
    )
    for name, damage in rows.items()
]
"""All of them: modality to be spoilt, name, how, a part of what is found."""
