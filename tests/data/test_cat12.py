"""CAT12's own trees: read where names and folders say whose maps they are, else refused with how to name them."""

import pytest

from pcsa_jax.data.cohort import Reading, read_cohort, survey
from pcsa_jax.data.files import write_text
from pcsa_jax.data.given_files import check_name
from pcsa_jax.data.synthesis_inputs import check_identities, find_inputs
from pcsa_jax.errors import UserError

BESIDE = ("p0", "p1", "mwp2", "wm", "m", "y_", "iy_", "wj_", "mwp1avg_")
"""What CAT12 writes of a scan beside its normalised grey matter."""


@pytest.fixture
def touch(tmp_path):
    def write(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return write


@pytest.fixture
def bids(touch):
    """Two patients: maps in ``place`` of their session with ``prefixes``, PET of SPM; diagnoses of the raw data."""

    def write(place, *prefixes, root="derivatives/CAT12.9_2550"):
        for person in ("sub-01", "sub-02"):
            visit, stem = f"{root}/{person}/ses-1", f"{person}_ses-1"
            touch(*(f"{visit}/{place}/{prefix}{stem}_T1w.nii" for prefix in (*prefixes, *BESIDE)))
            folder = touch(f"{visit}/{place}/cat_{stem}_T1w.xml", f"{visit}/pet/s8w{stem}_trc-18FFDG_pet.nii")
        write_text(folder / "participants.tsv", "participant_id\tdiagnosis\nsub-01\tAD\nsub-02\tCN\n")
        return folder / root, Reading(participants=folder)

    return write


@pytest.mark.parametrize("place", ["anat", "anat/mri", "mri"])
def test_its_bids_mode_and_its_folders_beside_the_scans_are_read(bids, place):
    root, reading = bids(place, "mwp1")
    found = read_cohort(root, reading)
    assert [(subject.name, subject.mri.name, subject.pet.name) for subject in found.pairs] == [
        (f"sub-0{n} ses-1", f"mwp1sub-0{n}_ses-1_T1w.nii", f"s8wsub-0{n}_ses-1_trc-18FFDG_pet.nii") for n in (1, 2)
    ]
    assert {(subject.mri_fwhm_mm, subject.pet_fwhm_mm) for subject in found.pairs} == {(None, 8.0)}
    assert [note for note in found.notes if note.startswith("Not taken")] == [
        "Not taken for GM maps, by prefix: 10 files (4 a deformation field (SPM's y_), 2 a label map of tissues "
        "(CAT12's p0), 2 a map of Jacobian determinants (CAT12's wj_), 2 a map of the average of several visits "
        "(CAT12's avg_))",
        "Not taken for GM maps, by suffix: 4 files (2 m*T1w, 2 wm*T1w)",
        "Not taken for GM maps, by label: 2 files (2 white matter)",
        "Not taken for GM maps, by space: 2 files (2 of the scan's own, without space-)",
    ]
    assert "GM map: the modulated one is read, whose values are volumes, not probabilities" in found.notes
    inputs = find_inputs([root], fwhm_mm=None)
    assert [(each.name, each.is_modulated, each.is_raw) for each in inputs] == [
        ("sub-01 ses-1", True, False), ("sub-02 ses-1", True, False),
    ]  # fmt: skip


def test_of_several_kinds_of_map_the_whole_cohort_is_read_in_one(bids):
    root, reading = bids("anat", "mwp1", "wp1", "s8wp1", "s8mwp1", "mwmwp1r")
    found = read_cohort(root, reading)
    assert {subject.mri.name[:5] for subject in found.pairs} == {"s8wp1"}
    assert found.notes[0] == (
        "GM map: s8wp1* is read (2 visits); also there: wp1* (2 visits); s8mwp1* modulated (2 visits); mwp1* modulated "
        "(2 visits); mwmwp1r* modulated (2 visits)"
    )
    for prefix in ("s8wp1", "wp1"):
        (root / f"sub-02/ses-1/anat/{prefix}sub-02_ses-1_T1w.nii").unlink()
    (problem,) = survey(root, reading).problems
    assert problem.found == (
        "expected the GM map in the cohort's variant (s8wp1*), found only mwmwp1r* modulated, mwp1* modulated, s8mwp1* "
        "modulated"
    )
    assert problem.remedy.endswith("or write a manifest of the visits to use")


def test_maps_in_the_scans_space_alone_are_told_what_to_write(bids):
    root, reading = bids("anat")
    problem = survey(root, reading).problems[0]
    assert "expected a GM map in MNI152 space" in problem.found and "SPM, CAT12: w" in problem.remedy


def test_a_tree_that_is_called_otherwise_wants_its_description(bids):
    root, reading = bids("anat", "mwp1", root="derivatives/vbm")
    (problem,) = survey(root, reading).problems
    assert problem.found == "expected dataset_description.json (BIDS derivatives), found none"


COLUMNS = "manifest.tsv (participant_id, session_id, diagnosis, mri, pet)"


@pytest.mark.parametrize(
    ("scans", "maps"),
    [
        (("john.nii", "mary.nii"), "mri/wp1john.nii"),
        (("sub-01_T1w.nii", "sub-02_T1w.nii"), "mri/wp1sub-01_T1w.nii"),
        (("a/T1.nii", "b/T1.nii"), "a/mri/wp1T1.nii"),
    ],
)
@pytest.mark.parametrize("with_table", [False, True])
def test_folders_that_do_not_say_whose_maps_they_hold_are_refused_with_the_columns(touch, scans, maps, with_table):
    for scan in scans:
        folder, _, name = scan.rpartition("/")
        place = f"{folder}/mri" if folder else "mri"
        root = touch(scan, *(f"{place}/{prefix}{name}" for prefix in ("mwp1", "wp1", *BESIDE)))
    if with_table:
        write_text(root / "participants.tsv", "participant_id\tdiagnosis\nsub-01\tAD\n")
    problem = survey(root).problems[-1]
    assert "grey-matter maps of SPM or CAT12 in " in problem.found
    folder = root / maps.rpartition("/")[0]
    assert (
        problem.remedy == f"Name them in {COLUMNS}, mri being {maps}, and so on; synthesize takes the folder {folder}"
    )


def test_the_manifest_that_the_refusal_asks_for_is_read(touch):
    root = touch("mri/wp1john.nii", "pet/john.nii")
    rows = ("participant_id\tsession_id\tdiagnosis\tmri\tpet", "sub-john\tn/a\tAD\tmri/wp1john.nii\tpet/john.nii")
    write_text(root / "manifest.tsv", "\n".join(rows) + "\n")
    assert [subject.name for subject in read_cohort(root).pairs] == ["sub-john"]
    write_text(root / "manifest.tsv", "\n".join(rows).replace("wp1john", "p0john") + "\n")
    touch("mri/p0john.nii")
    (problem,) = survey(root).problems
    assert problem.found == (
        "expected a grey-matter map in MNI152 space, found a label map of tissues (CAT12's p0), by its name"
    )


@pytest.mark.parametrize("scan", ["john.nii", "sub-01_T1w.nii"])
def test_synthesis_takes_one_map_of_a_scan_and_says_so(touch, scan):
    root = touch(*(f"mri/{prefix}{scan}" for prefix in ("mwp1", "wp1", "s8mwp1", "mwmwp1r", *BESIDE)))
    said = []
    (found,) = find_inputs([root / "mri"], fwhm_mm=None, note=said.append)
    check_identities([found])
    assert (found.path.name, found.is_modulated, found.is_raw) == (f"wp1{scan}", False, False)
    (line,) = said
    assert line.startswith(f"{root / 'mri'}: {len(BESIDE)} files left out by name (")
    assert "2 a deformation field (SPM's y_), " in line
    assert line.endswith(
        "; of several maps of one scan, wp1* is taken, not mwmwp1r*, mwp1*, s8mwp1* (3 files); name files to take "
        "others"
    )


@pytest.mark.parametrize("scan", ["john.nii", "sub-01_T1w.nii"])
def test_scans_beside_the_folder_of_maps_are_no_maps(touch, scan):
    root = touch(scan, f"mri/mwp1{scan}")
    with pytest.raises(UserError) as caught:
        find_inputs([root], fwhm_mm=None)
    assert f"Take the normalised maps (there are some in {root / 'mri'}), or give T1w scans one by one." in str(
        caught.value
    )


@pytest.mark.parametrize("prefix", ["p0", "wm", "wmi", "m", "y_", "iy_", "mwp1avg_"])
def test_no_file_of_cat12_is_a_raw_scan(touch, prefix):
    (found,) = find_inputs([touch(f"{prefix}sub-01_T1w.nii") / f"{prefix}sub-01_T1w.nii"], fwhm_mm=None)
    assert not found.is_raw
    with pytest.raises(UserError, match="expected a grey-matter map in MNI152 space, found a .*, by its name"):
        check_name(found, found.name)
