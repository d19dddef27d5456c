"""The header's rules: sound headers of every kind pass, each fault is told, random bytes never raise."""

import gzip
import struct
import warnings

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsa_jax.data.headers import HEADER_BYTES, MAX_BYTES, is_placing, read_header
from tests.data.damaged_files import DATATYPE, DIM, HEADER_DAMAGE, QFORM_CODE, SCL_SLOPE, SROW, VOX_OFFSET

SHAPE = (16, 12, 20)
OBLIQUE = nib.affines.from_matvec(
    nib.eulerangles.euler2mat(x=0.3, y=-0.2, z=0.1) @ np.diag([-3.0, 2, 2.5]), [40, -60, -30]
)


def content(dtype=np.float32, affine=None, image_class=nib.Nifti1Image, qform=True, shape=SHAPE) -> bytes:
    data = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    image = image_class(data, OBLIQUE if affine is None else affine, dtype=dtype)
    image.set_qform(image.affine if qform else None, code=4 if qform else 0)
    image.set_sform(image.affine, code=4)
    return image.to_bytes()


@pytest.mark.parametrize("image_class", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64, np.int64])
def test_sound_headers_have_no_findings(image_class, dtype):
    raw = content(dtype, image_class=image_class)
    header = read_header(raw[:HEADER_BYTES])
    assert header.findings == ()
    assert header.num_bytes == len(raw)
    assert header.nifti.get_data_dtype() == dtype
    np.testing.assert_allclose(header.affine, OBLIQUE, atol=1e-5)


def test_the_other_byte_order():
    image = nib.Nifti1Image(np.ones(SHAPE, ">f4"), OBLIQUE, nib.Nifti1Header(endianness=">"))
    raw = image.to_bytes()
    assert raw[:4] == struct.pack(">i", 348)
    header = read_header(raw)
    assert header.findings == () and header.num_bytes == len(raw)


@pytest.mark.parametrize("qform", [True, False])
def test_one_form_is_enough(qform):
    raw = bytearray(content(qform=qform))
    if qform:
        struct.pack_into("<h", raw, QFORM_CODE + 2, 0)
        struct.pack_into("<12f", raw, SROW, *[0.0] * 12)  # of no account without its code
    header = read_header(bytes(raw))
    assert header.findings == ()
    np.testing.assert_allclose(header.affine, OBLIQUE, atol=1e-5)


@pytest.mark.parametrize("name", HEADER_DAMAGE)
def test_each_fault_is_told(name):
    spoil, expected = HEADER_DAMAGE[name]
    header = read_header(gzip.decompress(spoil(content()))[:HEADER_BYTES])
    assert [finding for finding in header.findings if expected in finding.found and not finding.is_note]
    assert all(finding.remedy for finding in header.findings)


def test_all_faults_are_told_at_once():
    raw = bytearray(content())
    struct.pack_into("<2h", raw, QFORM_CODE, 0, 0)
    struct.pack_into("<h", raw, DATATYPE, 9999)
    struct.pack_into("<f", raw, VOX_OFFSET, 3)
    struct.pack_into("<f", raw, SCL_SLOPE, np.nan)
    told = " ".join(finding.found for finding in read_header(bytes(raw)).findings)
    for part in ("datatype 9999", "vox_offset 3", "scl_slope nan", "qform_code and sform_code 0"):
        assert part in told


def test_both_orientations_are_shown():
    affine = np.diag([2.0, 2, 2, 1])
    raw = bytearray(content(affine=affine))
    struct.pack_into("<4f", raw, SROW, -2, 0, 0, 30)
    (finding,) = read_header(bytes(raw)).findings
    assert finding.found == (
        "expected one orientation, found two: qform [[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0]], "
        "sform [[-2, 0, 0, 30], [0, 2, 0, 0], [0, 0, 2, 0]]"
    )


@pytest.mark.parametrize(("shift_mm", "num_findings"), [(0.1, 0), (0.6, 1)])
def test_orientations_may_differ_by_a_fraction_of_a_voxel(shift_mm, num_findings):
    raw = bytearray(content(affine=np.diag([2.0, 2, 2, 1])))
    struct.pack_into("<f", raw, SROW + 12, shift_mm)
    assert len(read_header(bytes(raw)).findings) == num_findings


def test_float_voxels_without_a_scale_are_only_noted():
    raw = bytearray(content())
    struct.pack_into("<f", raw, SCL_SLOPE, 0)
    (finding,) = read_header(bytes(raw)).findings
    assert finding.is_note and "scl_slope 0" in finding.found


@pytest.mark.parametrize(
    ("extents", "dtype_code", "fits"),
    [((512, 512, 512), 64, True), ((513, 512, 512), 64, False), ((1024, 1024, 1024), 2, True)],
)
def test_the_size_limit_counts_bytes(extents, dtype_code, fits):
    raw = bytearray(content())
    struct.pack_into("<4h", raw, DIM, 3, *extents)
    struct.pack_into("<2h", raw, DATATYPE, dtype_code, {64: 64, 2: 8}[dtype_code])
    header = read_header(bytes(raw))
    assert (header.nifti is not None) == fits
    assert header.num_bytes == (352 + MAX_BYTES if fits else None)


def test_one_frame_is_a_volume():
    header = read_header(content(shape=(4, 5, 6, 1, 1)))
    assert header.findings == () and header.nifti is not None


def test_what_places_voxels():
    assert is_placing(OBLIQUE)
    assert is_placing(np.diag([1e-3, 1e-3, 1e-3, 1]))
    assert not is_placing(None)
    assert not is_placing(np.diag([1.0, 1, 0, 1]))
    assert not is_placing(np.full((4, 4), np.nan))


@settings(max_examples=300, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(0, 539), st.integers(0, 255)), max_size=6),
    image_class=st.sampled_from([nib.Nifti1Image, nib.Nifti2Image]),
    length=st.integers(0, HEADER_BYTES) | st.just(HEADER_BYTES),
)
def test_random_edits_never_raise(edits, image_class, length):
    raw = bytearray(content(image_class=image_class, shape=(4, 3, 5))[:HEADER_BYTES])
    for place, value in edits:
        raw[place] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        header = read_header(bytes(raw[:length]))
    if header.nifti is None:
        assert any(not finding.is_note for finding in header.findings)
    else:
        assert header.num_bytes is not None and header.num_bytes <= MAX_BYTES + 2**27


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=600))
def test_random_bytes_are_told_to_be_no_header(raw):
    header = read_header(raw)
    assert header.nifti is None and header.num_bytes is None and len(header.findings) == 1


@pytest.mark.parametrize(
    ("dtype", "slope", "offset", "is_told"),
    [
        (np.float32, 0.5, 0, True), (np.float64, 1, 7, True), (np.float32, 1, 0, False), (np.float32, 0, 3, False),
        (np.int16, 0.5, 3, False),
    ],
)  # fmt: skip
def test_a_scale_of_floating_point_voxels_is_noted(dtype, slope, offset, is_told):
    raw = bytearray(content(dtype))
    struct.pack_into("<2f", raw, SCL_SLOPE, slope, offset)
    found = [finding for finding in read_header(bytes(raw)).findings if "floating-point voxels" in finding.found]
    assert len(found) == is_told and all(finding.is_note for finding in found)
