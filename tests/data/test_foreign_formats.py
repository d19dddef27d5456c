"""Pointers and volumes of other formats are named, with the command that mends it, under any name."""

import gzip
import shlex

import nibabel as nib
import pytest

from pcsa_jax.data.foreign_formats import ANNEX, LFS, judge_foreign, judge_place, judge_pointer, pointer_in
from pcsa_jax.data.given_map import prepare_given
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.synthesis_inputs import find_inputs, prepare
from pcsa_jax.data.volumes import examine_volume
from pcsa_jax.errors import UserError
from tests.brains import GRID, grey_matter

KEY = b"MD5E-s1234567--0ccac146d107ecea40039e0fb1e1806c.nii.gz"
POINTERS = {
    "unlocked annex": (b"/annex/objects/" + KEY + b"\n", ANNEX),
    "unlocked annex, later lines": (b"/annex/objects/" + KEY + b"\nmore\n", ANNEX),
    "annex link as text": (b"../../.git/annex/objects/x1/Kq/" + KEY + b"/" + KEY, ANNEX),
    "LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:e63\nsize 626703\n", LFS),
}
NO_POINTERS = [b"", b"participant_id\tdiagnosis\n", b'{"SmoothingFWHM": 8}', b"see /annex/objects/x", b"version 1.0\n"]
DICOM = bytes(128) + b"DICM" + bytes(400)
MGH = nib.MGHImage(grey_matter(), GRID.affine).to_bytes()
NIFTI = nib.Nifti1Image(grey_matter(), GRID.affine).to_bytes()
PAIR_HEADER = NIFTI[:344] + b"ni1\0" + bytes(4)

FOREIGN = [
    ("a.mgz", gzip.compress(MGH), "a FreeSurfer volume", "Convert it: mri_convert a.mgz a.nii.gz"),
    ("a.mgh", MGH, "a FreeSurfer volume", "Convert it: mri_convert a.mgh a.nii.gz"),
    ("a.MGZ", gzip.compress(MGH), "a FreeSurfer volume", "Convert it: mri_convert a.MGZ a.nii.gz"),
    ("a.nii.gz", gzip.compress(MGH), "a FreeSurfer volume",
     "Rename it to a.mgz and convert it: mri_convert a.mgz a.nii.gz"),
    ("a.nii", MGH, "a FreeSurfer volume", "Rename it to a.mgz and convert it: mri_convert a.mgz a.nii.gz"),
    ("two words.mgz", gzip.compress(MGH), "a FreeSurfer volume", "mri_convert 'two words.mgz' 'two words.nii.gz'"),
    ("a.img", bytes(9000), "one file of a pair (.hdr and .img)", "Convert it: nib-convert a.img a.nii.gz"),
    ("a.hdr", PAIR_HEADER, "one file of a pair (.hdr and .img)", "Convert it: nib-convert a.hdr a.nii.gz"),
    ("a.nii", PAIR_HEADER, "a header whose voxels are in another file (.img)", "nib-convert X.img X.nii.gz"),
    ("a.nii.gz", gzip.compress(PAIR_HEADER), "a header whose voxels are in another file (.img)", "nib-convert X.img"),
    ("a.mnc", b"CDF\x01" + bytes(900), "a MINC volume", "Convert it: mri_convert a.mnc a.nii.gz"),
    ("a.nii", b"\x89HDF\r\n\x1a\n" + bytes(900), "a MINC volume", "Rename it to a.mnc and convert it: mri_convert"),
    ("a.nrrd", b"NRRD0004\ntype: float\n", "an NRRD volume", "Convert it: c3d a.nrrd -o a.nii.gz"),
    ("a.nii.gz", gzip.compress(b"NRRD0004\n" + bytes(900)), "an NRRD volume", "Rename it to a.nrrd and convert it"),
    ("a.mha", b"ObjectType = Image\n", "a MetaImage volume", "c3d a.mha -o a.nii.gz"),
    ("a+tlrc.HEAD", b"type = string-attribute\n", "an AFNI volume", "3dAFNItoNIFTI -prefix a+tlrc.nii.gz a+tlrc.HEAD"),
    ("a.dcm", DICOM, "a DICOM file", "Convert it: dcm2niix -z y FOLDER"),
    ("a.nii", DICOM, "a DICOM file", "Convert it: dcm2niix -z y FOLDER"),
    ("a.nii.gz", DICOM, "a DICOM file", "Convert it: dcm2niix -z y FOLDER"),
]  # fmt: skip


@pytest.mark.parametrize("name", POINTERS)
def test_pointers_are_recognised_in_any_file(name):
    raw, kind = POINTERS[name]
    assert pointer_in(raw) == kind
    found = judge_pointer("participants.tsv", raw, expected="expected participants.tsv")
    assert found.found == f"expected participants.tsv, found {kind}, not the content"
    command = "datalad get participants.tsv (or git annex get" if kind == ANNEX else "git lfs pull (or "
    assert found.remedy.startswith(f"Get the content: {command}") and "participants.tsv" in found.remedy


@pytest.mark.parametrize(
    "raw", [*NO_POINTERS, NIFTI[:540], MGH[:540], gzip.compress(NIFTI)[:540]],
    ids=[*(f"text {number}" for number, _ in enumerate(NO_POINTERS)), "NIfTI", "MGH", "NIfTI, compressed"],
)  # fmt: skip
def test_other_content_is_no_pointer(raw):
    assert pointer_in(raw) is None and judge_pointer("x", raw, expected="expected x") is None


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mgz", ".img"])
@pytest.mark.parametrize("name", POINTERS)
def test_a_pointer_in_the_place_of_a_volume(tmp_path, name, suffix):
    path = tmp_path / f"gm{suffix}"
    path.write_bytes(POINTERS[name][0])
    told = f"expected a readable NIfTI file, found {POINTERS[name][1]}, not the content"
    assert_told_everywhere(path, told, "Get the content: ")


@pytest.mark.parametrize(("name", "content", "what", "remedy"), FOREIGN, ids=[f"{f[0]}-{f[2]}" for f in FOREIGN])
def test_another_format(tmp_path, name, content, what, remedy):
    path = tmp_path / name
    path.write_bytes(content)
    assert_told_everywhere(path, f"found {what}", remedy)


def assert_told_everywhere(path, told, remedy):
    """The check (and with it training), the command that synthesises, and a loaded generator."""
    (finding,) = examine_volume(path).findings
    assert told in finding.found and remedy in finding.remedy and finding.found.startswith("expected a readable NIfTI")
    for read in (
        lambda: prepare(find_inputs([path], fwhm_mm=None)[0], Grid(16), "minmax"),
        lambda: prepare_given(path, Grid(16), "minmax"),
    ):
        with pytest.raises(UserError) as caught:
            read()
        assert finding.found in str(caught.value) and str(caught.value).endswith(f"{finding.remedy}.")
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.img", "a.txt", "a"])
@pytest.mark.parametrize("image", [nib.Nifti1Image, nib.Nifti2Image])
def test_a_nifti_file_is_none_of_them_whatever_its_name(name, image):
    raw = image(grey_matter(), GRID.affine).to_bytes()
    assert judge_foreign(name, raw[:540]) is None
    assert judge_foreign("a.nii.gz", gzip.compress(raw)[:540]) is None


def test_the_commands_convert(tmp_path):
    """What is printed for the formats that nibabel writes does what it says."""
    from nibabel.cmdline import convert

    nib.save(nib.MGHImage(grey_matter(), GRID.affine), tmp_path / "a b.mgz")
    nib.save(nib.Nifti1Pair(grey_matter(), GRID.affine), tmp_path / "c.img")
    for name in ("a b.mgz", "c.img"):
        remedy = judge_foreign(name, (tmp_path / name).read_bytes()[:540]).remedy
        source, out = shlex.split(remedy.partition("nib-convert ")[2].removesuffix(")"))
        convert.main([str(tmp_path / source), str(tmp_path / out)])
        assert [finding for finding in examine_volume(tmp_path / out).findings if not finding.is_note] == []


def test_a_folder_of_dicom_files(tmp_path):
    folder = tmp_path / "sub-1_pet.nii.gz"
    folder.mkdir()
    assert judge_place(folder) is None
    assert examine_volume(folder).findings[0].found == "expected a file, found a folder"
    (folder / "IM0001").write_bytes(DICOM)
    (finding,) = examine_volume(folder).findings
    assert finding.found == "expected a readable NIfTI file (.nii, .nii.gz), found a folder of DICOM files"
    assert finding.remedy == "Convert it: dcm2niix -z y sub-1_pet.nii.gz"
    with pytest.raises(UserError, match="found a folder of DICOM files"):
        prepare_given(folder, Grid(16), "minmax")
