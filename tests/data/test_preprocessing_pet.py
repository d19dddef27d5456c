"""PET scans before any registration: frames, weights, windows, and what is refused. With ANTs: the registrations."""

import gzip

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.mni152 import coverage
from pcsa_jax.data.preprocessing.pet_frames import read_frames
from pcsa_jax.errors import UserError

AFFINE = np.array([[-2.0, 0.2, 0, 11], [0.2, 2.0, 0, -7], [0, 0, 3.3, 3], [0, 0, 0, 1]])
SHAPE = (7, 6, 5)


def save(path, data, *, affine=AFFINE, qform="scanner", sform="scanner", q_affine=None):
    image = nib.Nifti1Image(data, affine)
    image.set_qform(affine if q_affine is None else q_affine, code=qform)
    image.set_sform(affine, code=sform)
    nib.save(image, path)
    return path


@pytest.fixture
def dynamic(tmp_path):
    data = np.random.default_rng(0).uniform(1, 5, (*SHAPE, 4)).astype(np.float32)
    return save(tmp_path / "pet.nii.gz", data), data


def read(path, facts=None, window=None):
    return read_frames(path, facts or {}, window_min=window, subject="sub-01: PET")


FACTS = {"FrameTimesStart": [1800, 2100, 2400, 3000], "FrameDuration": [300, 300, 600, 600], "InjectionStart": 0}


def test_a_static_scan_is_one_frame(tmp_path):
    data = np.random.default_rng(0).uniform(1, 5, SHAPE).astype(np.float32)
    for shape in (SHAPE, (*SHAPE, 1)):
        frames = read(save(tmp_path / "pet.nii", data.reshape(shape)), {"FrameDuration": [600], "FrameTimesStart": [0]})
        assert frames.weights == (1.0,)
        assert frames.numbers == (0,)
        turned = nib.Nifti1Image(frames.volumes[0].data, frames.volumes[0].affine)
        assert nib.aff2axcodes(turned.affine) == ("R", "A", "S")
        assert np.array_equal(frames.volumes[0].data, data[::-1])


def test_durations_weigh_the_frames(dynamic):
    path, data = dynamic
    frames = read(path, FACTS)
    assert frames.weights == pytest.approx([1 / 6, 1 / 6, 1 / 3, 1 / 3])
    assert frames.weighting == "duration"
    for number, volume in enumerate(frames.volumes):
        assert np.array_equal(volume.data, data[::-1, :, :, number])
    frames = read(path)
    assert frames.weights == pytest.approx([0.25] * 4)
    assert frames.weighting == "equal"


@pytest.mark.parametrize(("window", "expected"), [((30, 60), (0, 1, 2, 3)), ((35, 50), (1, 2)), ((40, 55), (2,))])
def test_a_window_takes_the_frames_within_it(dynamic, window, expected):
    assert read(dynamic[0], FACTS, window).numbers == expected


def test_a_window_counts_from_the_injection(dynamic):
    facts = FACTS | {"InjectionStart": 600}
    assert read(dynamic[0], facts, (20, 30)).numbers == (0, 1)


def test_frames_right_after_the_injection_need_a_window(dynamic):
    facts = FACTS | {"FrameTimesStart": [0, 300, 600, 1200]}
    with pytest.raises(
        UserError, match="expected frames from 20 min .* found 3 of 4 earlier .* --pet-window=START:END"
    ):
        read(dynamic[0], facts)


@pytest.mark.parametrize(
    ("facts", "window", "message"),
    [
        (
            {"FrameDuration": [300, 300]},
            None,
            r"expected 4 numbers in FrameDuration \(one a frame\), found \[300, 300\]",
        ),
        ({"FrameDuration": [300, "x", 1, 1]}, None, "expected 4 numbers in FrameDuration"),
        ({"FrameDuration": [300, 0, 1, 1]}, None, "expected positive FrameDuration"),
        ({}, (30, 60), "--pet-window expects FrameTimesStart and FrameDuration"),
        (FACTS, (90, 120), "expected frames within 90 to 120 min, found 30 to 60 min in 4 frames"),
    ],
)
def test_sidecars_that_contradict_the_scan(dynamic, facts, window, message):
    with pytest.raises(UserError, match=message):
        read(dynamic[0], facts, window)


def bad(kind):
    data = np.random.default_rng(0).uniform(1, 5, SHAPE).astype(np.float32)
    if kind == "nan":
        data[1, 1, 1] = np.nan
    elif kind == "constant":
        data[:] = 3
    elif kind == "negative":
        data *= -1
    elif kind == "5-D":
        data = data[..., None, None].repeat(2, axis=3).repeat(2, axis=4)
    elif kind == "flat":
        data = data[..., 0]
    return data


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("nan", "expected finite voxels, found 1 NaN or infinite"),
        ("constant", "expected uptake"),
        ("negative", "expected uptake"),
        ("5-D", "expected 3-D frames, found shape"),
        ("flat", "expected 3-D frames, found shape"),
    ],
)
def test_voxels_that_are_no_scan(tmp_path, kind, message):
    with pytest.raises(UserError, match=f"sub-01: PET: {message}"):
        read(save(tmp_path / "pet.nii.gz", bad(kind)))


def test_headers_that_do_not_say_where_the_voxels_are(tmp_path):
    data = bad("none")
    with pytest.raises(UserError, match="expected an orientation"):
        read(save(tmp_path / "a.nii", data, qform=0, sform=0))
    moved = AFFINE.copy()
    moved[0, 3] += 4
    with pytest.raises(UserError, match="expected qform and sform to agree, found them up to 4.0 mm apart"):
        read(save(tmp_path / "b.nii", data, q_affine=moved))
    with pytest.raises(UserError, match="expected voxels of at most 8 mm, found 30 x 30 x 30 mm"):
        read(save(tmp_path / "c.nii", data, affine=np.diag([30.0, 30, 30, 1])))


def test_files_that_cannot_be_read(tmp_path):
    whole = save(tmp_path / "pet.nii.gz", np.random.default_rng(0).uniform(1, 5, (20, 20, 20)).astype(np.float32))
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(UserError, match="expected a readable NIfTI file, found .*broken.nii.gz"):
        read(broken)
    content = bytearray(gzip.decompress(whole.read_bytes()))
    damaged = bytearray(gzip.compress(bytes(content), mtime=0))
    damaged[-8] ^= 1
    (tmp_path / "crc.nii.gz").write_bytes(damaged)
    with pytest.raises(UserError, match="expected a readable NIfTI file, found .*crc.nii.gz .*CRC"):
        read(tmp_path / "crc.nii.gz")
    (tmp_path / "link.nii.gz").symlink_to("nowhere")
    with pytest.raises(UserError, match="found a link to a file that is not there"):
        read(tmp_path / "link.nii.gz")


def turned(uptake, affine, degrees, shift):
    """The uptake of a head that has moved, as a scanner of 3 mm voxels sees it; and the movement (4x4, mm, RAS)."""
    rotation = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    centre = nib.affines.apply_affine(affine, (np.array(uptake.shape) - 1) / 2)
    motion = nib.affines.from_matvec(rotation, centre - rotation @ centre + np.array(shift))
    shape, scanner = (80, 90, 80), nib.affines.from_matvec(np.diag([-3.0, 3, 3]), centre + np.array([118, -133, -118]))
    to_voxel = np.linalg.inv(affine) @ np.linalg.inv(motion) @ scanner
    return (
        ndimage.affine_transform(uptake, to_voxel[:3, :3], to_voxel[:3, 3], output_shape=shape, order=1),
        scanner,
        motion,
    )


@pytest.fixture(scope="module")
def head():
    """The MNI152 template as somebody's anatomy, already in place; its uptake and the affine of that."""
    pytest.importorskip("ants", reason="ANTsPy is not installed (requirements-preprocess.txt)")
    from pcsa_jax.data.mni152 import load_map
    from pcsa_jax.data.preprocessing.anatomy import Anatomy
    from pcsa_jax.data.preprocessing.ants_images import to_ants
    from pcsa_jax.data.volumes import Volume

    maps = {}
    for name in ("t1", "grey_matter", "white_matter"):
        data, affine = load_map(name)
        image = nib.as_closest_canonical(nib.Nifti1Image(data, affine))
        image = image.slicer[::2, ::2, ::2]
        maps[name] = image.get_fdata(dtype=np.float32)
    as_ants = {name: to_ants(Volume(data, image.affine)) for name, data in maps.items()}
    mask = to_ants(Volume((maps["t1"] > 0.2).astype(np.float32), image.affine))
    anatomy = Anatomy(as_ants["t1"], mask, as_ants["grey_matter"], as_ants["white_matter"], mask, (), (), (), ())
    return anatomy, 4 * maps["grey_matter"] + maps["white_matter"], image.affine


def prepare(path, anatomy, folder, **options):
    from pcsa_jax.data.preprocessing.pet import prepare_pet

    return prepare_pet(path, {}, anatomy, Grid(64), folder=folder, fwhm_mm=8.0, subject="sub-01: PET", **options)


def carried(uptake, affine):
    from pcsa_jax.data.preprocessing.ants_images import to_ants
    from pcsa_jax.data.preprocessing.registration import warp_to_grid
    from pcsa_jax.data.volumes import Volume

    return warp_to_grid(to_ants(Volume(uptake, affine)), (), Grid(64), fwhm_mm=8.0)


def test_a_turned_static_pet_comes_back_to_the_t1(tmp_path, head):
    import ants

    anatomy, uptake, affine = head
    data, scanner, motion = turned(uptake, affine, (6.0, -8.0, 12.0), (5.0, -7.0, 9.0))
    found = prepare(save(tmp_path / "pet.nii.gz", data, affine=scanner), anatomy, tmp_path)
    assert np.corrcoef(carried(uptake, affine).ravel(), found.data.ravel())[0, 1] > 0.995
    assert found.steps[0].name == "realignment: one frame, nothing to realign"
    # ITK's transform of a moving volume takes points of the fixed one to it, in LPS.
    itk = ants.read_transform(str(found.to_t1))
    flip = np.array([-1, -1, 1])
    points = np.array([[60.0, 0, 0], [-60, 0, 0], [0, 60, 0], [0, -90, 0], [0, 0, 60], [0, -20, -40]])
    reached = np.array([itk.apply_to_point(tuple(point * flip)) for point in points]) * flip
    apart = np.linalg.norm(reached - nib.affines.apply_affine(motion, points), axis=1)
    assert apart.max() < 1.0, apart


def test_what_a_pet_misses_of_the_brain_is_measured(tmp_path, head):
    anatomy, uptake, affine = head
    data, scanner, motion = turned(uptake, affine, (6.0, -8.0, 12.0), (5.0, -7.0, 9.0))
    data = data[:, :, : -data.shape[2] // 3]
    expected = coverage(data.shape, np.linalg.inv(motion) @ scanner)
    assert 0.6 < expected < 0.95
    found = prepare(save(tmp_path / "pet.nii.gz", data, affine=scanner), anatomy, tmp_path)
    assert found.coverage == pytest.approx(expected, abs=0.02)


@pytest.mark.slow
def test_moved_frames_are_brought_together_and_masked_on_request(tmp_path, head):
    anatomy, uptake, affine = head
    moves = [((0, 0, 0), (0, 0, 0)), ((0, 4, 5), (6, 0, 4)), ((4, 0, -6), (0, 6, -5))]
    frames = [turned(uptake, affine, degrees, shift) for degrees, shift in moves]
    data = np.stack([frame for frame, _, _ in frames], axis=-1)
    path = save(tmp_path / "pet.nii.gz", data, affine=frames[0][1])
    found = prepare(path, anatomy, tmp_path)
    truth = carried(uptake, affine)
    blurred = carried(data.mean(axis=-1).astype(np.float32), frames[0][1])
    apart = np.abs(found.data - truth).mean() / np.abs(blurred - truth).mean()
    assert apart < 0.25
    assert found.steps[0].parameters["last_change_mm"] < 0.5
    masked = prepare(path, anatomy, tmp_path, mask=True)
    assert np.corrcoef(masked.data.ravel(), truth.ravel())[0, 1] > 0.99
    assert masked.steps[2].parameters["masked_to_brain"] is True
