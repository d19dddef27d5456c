"""Which GM map goes with which PET where sessions differ, and what is said of it."""

import pytest

from pcsa_jax.data.cohort import Reading, read_cohort, survey, why_none_to_train_on
from pcsa_jax.data.files import write_json, write_text
from pcsa_jax.data.synthesis_inputs import find_inputs
from pcsa_jax.errors import UserError

SPACE = "space-MNI152NLin2009cAsym"


@pytest.fixture
def tree(tmp_path):
    """Empty files of one AD patient: ``"1:anat"``, ``":pet"`` are modalities at a session or at none."""

    def write(*places, description=None):
        write_json(tmp_path / "dataset_description.json", description or {"Name": "Mine"})
        write_text(tmp_path / "participants.tsv", "participant_id\tdiagnosis\nsub-01\tAD\n")
        for place in places:
            session, modality = place.split(":")
            parts = ["sub-01", f"ses-{session}"] if session else ["sub-01"]
            ending = "label-GM_probseg" if modality == "anat" else "desc-preproc_pet"
            tracer = "" if modality == "anat" else "trc-18FFDG_"
            path = tmp_path.joinpath(*parts, modality, f"{'_'.join(parts)}_{tracer}{SPACE}_{ending}.nii.gz")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return write


def pairs(root):
    """(session, session of the map) of every pair."""
    return [
        (subject.session_id, subject.session_id if subject.mri_session_id is None else subject.mri_session_id)
        for subject in read_cohort(root).pairs
    ]


@pytest.mark.parametrize(
    ("places", "expected", "note"),
    [
        ([":anat", "1:pet", "2:pet"], [("ses-1", ""), ("ses-2", "")],
         "2 PETs joined with the participant's GM map, which is of no session (sub-01 ses-1, sub-01 ses-2)"),
        (["1:anat", "1:pet", "2:pet"], [("ses-1", "ses-1"), ("ses-2", "ses-1")],
         "1 PET joined with the participant's only GM map, which is of another session (sub-01 ses-2: ses-1)"),
        (["1:anat", "2:pet"], [("ses-2", "ses-1")],
         "1 PET joined with the participant's only GM map, which is of another session (sub-01 ses-2: ses-1)"),
        (["1:anat", ":pet"], [("ses-1", "ses-1")],
         "1 PET joined with the participant's only GM map, which is of another session (sub-01: ses-1)"),
        ([":anat", "1:anat", "1:pet", "2:pet"], [("ses-1", "ses-1"), ("ses-2", "")],
         "1 PET joined with the participant's GM map, which is of no session (sub-01 ses-2)"),
        (["1:anat", "2:anat", "2:pet", "3:pet"], [("ses-2", "ses-2")],
         "Left out: 1 visit with an FDG-PET of a session that no GM map is of (sub-01 ses-3: maps of ses-1, ses-2)"),
        (["1:anat", "1:pet", ":pet"], [("ses-1", "ses-1")],
         "Left out: 1 visit with an FDG-PET of a session that no GM map is of (sub-01: maps of ses-1)"),
    ],
)  # fmt: skip
def test_a_pet_finds_the_map_of_its_session_or_the_only_one(tree, places, expected, note):
    root = tree(*places)
    assert pairs(root) == expected
    assert note in read_cohort(root).notes
    assert read_cohort(root).diagnoses == {"sub-01": "AD"}, "one person, so in one part of a split"


def test_a_shared_map_is_made_pet_of_once_under_its_own_session(tree):
    root = tree("1:anat", "1:pet", "2:pet", "3:pet")
    (found,) = find_inputs([root], fwhm_mm=None)
    assert (found.participant_id, found.session_id) == ("sub-01", "ses-1")


def test_names_keep_a_session_that_folders_lack(tmp_path, tree):
    root = tree(":anat", ":pet")
    for path in root.glob("sub-01/*/*"):
        path.rename(path.with_name(path.name.replace("sub-01_", "sub-01_ses-03_")))
    assert pairs(root) == [("ses-03", "ses-03")]
    assert read_cohort(root).notes[0] == (
        "2 files in folders without a session, of the sessions that their names say (sub-01_ses-03_space-"
        "MNI152NLin2009cAsym_label-GM_probseg.nii.gz, "
        "sub-01_ses-03_trc-18FFDG_space-MNI152NLin2009cAsym_desc-preproc_pet.nii.gz)"
    )


def test_a_name_that_contradicts_its_folder(tree):
    root = tree("1:anat")
    (path,) = root.rglob("*probseg.nii.gz")
    path.rename(path.with_name(path.name.replace("ses-1", "ses-2")))
    (problem,) = survey(root).problems
    assert (
        problem.found == "expected a name that begins with sub-01_ses-1_, as its folder says, found one of sub-01 ses-2"
    )


def rename(root, old, new):
    for path in root.rglob("*_pet.nii.gz"):
        path.rename(path.with_name(path.name.replace(old, new)))


def test_no_partial_volume_correction_comes_first(tree):
    root = tree("1:anat", "1:pet")
    (plain,) = root.rglob("*_pet.nii.gz")
    for method in ("agtm", "mg"):
        plain.with_name(plain.name.replace("_desc-", f"_pvc-{method}_desc-")).touch()
    found = read_cohort(root)
    assert found.pairs[0].pet == plain
    assert (
        f"also there: {SPACE} pvc-agtm desc-preproc (1 visit); {SPACE} pvc-mg desc-preproc (1 visit)" in found.notes[0]
    )


def test_what_is_not_taken_is_counted_by_reason(tree):
    root = tree("1:anat", "1:pet")
    (mri,), (pet,) = root.rglob("*probseg.nii.gz"), root.rglob("*_pet.nii.gz")
    for other in ("label-WM", "label-CSF"):
        mri.with_name(mri.name.replace("label-GM", other)).touch()
    for name in (f"sub-01_ses-1_{SPACE}_desc-brain_mask.nii.gz", "sub-01_ses-1_desc-preproc_T1w.nii.gz"):
        mri.with_name(name).touch()
    mri.with_name(mri.name.replace(SPACE, "space-T1w")).touch()
    for tracer in ("trc-11CPIB", "trc-18FAV45"):
        pet.with_name(pet.name.replace("trc-18FFDG", tracer)).touch()
    pet.with_name(pet.name.replace("desc-preproc", "desc-synthetic")).touch()
    pet.with_name("sub-01_ses-1_petref.nii.gz").touch()
    found = read_cohort(root)
    assert len(found.pairs) == 1
    assert sorted(note for note in found.notes if note.startswith("Not taken")) == [
        "Not taken for FDG-PETs, by desc: 1 file (1 desc-synthetic, not measured)",
        "Not taken for FDG-PETs, by suffix: 1 file (1 petref)",
        "Not taken for FDG-PETs, by tracer: 2 files (1 trc-11CPIB, 1 trc-18FAV45)",
        "Not taken for GM maps, by label: 2 files (1 CSF, 1 white matter)",
        "Not taken for GM maps, by space: 1 file (1 space-T1w)",
        "Not taken for GM maps, by suffix: 2 files (1 T1w, 1 mask)",
    ]


SAY = {"Sources": ["bids:raw:sub-01/ses-1/pet/sub-01_ses-1_pet.nii.gz"]}


@pytest.fixture
def petprep(tree, tmp_path):
    """PETPrep's names without a tracer, below the derivatives of a raw data set that says it."""
    raw = tmp_path / "raw"
    write_json(raw / "sub-01" / "ses-1" / "pet" / "sub-01_ses-1_pet.json", {"TracerName": "Fludeoxyglucose"})

    def write(links=None, sidecar=None):
        root = tree("1:anat", "1:pet", description={"Name": "PETPrep", "DatasetLinks": links or {}})
        rename(root, "trc-18FFDG_", "")
        (pet,) = root.rglob("*_pet.nii.gz")
        write_json(pet.with_name(pet.name.replace(".nii.gz", ".json")), SAY if sidecar is None else sidecar)
        return root

    return write


@pytest.mark.parametrize("link", ["{raw}", "file://{raw}", "raw"])
def test_the_raw_scan_says_the_tracer(petprep, tmp_path, link):
    root = petprep({"raw": link.format(raw=tmp_path / "raw")})
    assert len(read_cohort(root).pairs) == 1


def test_the_data_set_around_derivatives_is_looked_into(petprep, tmp_path):
    root = petprep({"raw": "/data/of/a/container"})
    place = tmp_path / "raw" / "derivatives" / "petprep"
    place.mkdir(parents=True)
    for name in ("dataset_description.json", "participants.tsv", "sub-01"):
        (root / name).rename(place / name)
    assert len(read_cohort(place).pairs) == 1


@pytest.mark.parametrize(
    "source",
    [
        "bids:raw:sub-01/ses-1/pet/sub-01_ses-1_pet.nii.gz",
        "raw/sub-01/ses-1/pet/sub-01_ses-1_pet.nii.gz",
        "bids::sub-01/../raw/sub-01/ses-1/pet/sub-01_ses-1_pet.nii.gz",
        "bids:raw:/sub-01/ses-1/pet/sub-01_ses-1_pet.nii.gz",
        "{raw}/sub-01/ses-1/pet/sub-01_ses-1_pet.nii.gz",
        "file://{raw}/sub-01/ses-1/pet/sub-01_ses-1_pet.nii.gz",
        "/elsewhere/sub-01_trc-18FFDG_pet.nii.gz",
    ],
)
@pytest.mark.parametrize("key", ["Sources", "RawSources"])
def test_a_source_is_followed_however_it_is_written(petprep, tmp_path, source, key):
    root = petprep({"raw": str(tmp_path / "raw")}, {key: source.format(raw=tmp_path / "raw")})
    assert len(read_cohort(root).pairs) == 1


def test_a_pet_that_is_made_of_a_pet(petprep, tmp_path):
    own = "sub-01/ses-1/pet/sub-01_ses-1_desc-native_pet"
    root = petprep({"raw": str(tmp_path / "raw")}, {"Sources": [f"bids::{own}.nii.gz"]})
    write_json(root / f"{own}.json", SAY)
    assert len(read_cohort(root).pairs) == 1


@pytest.mark.parametrize(
    "source", ["bids:raw:sub-02/ses-1/pet/sub-02_pet.nii.gz", "bids:other:sub-01_pet.nii", 7, None]
)
def test_a_source_that_leads_elsewhere_says_nothing(petprep, tmp_path, source):
    root = petprep({"raw": str(tmp_path / "raw")}, {"Sources": [source]})
    (problem,) = survey(root).problems
    assert problem.remedy == "Rename the file or write its sidecar, or say it of all such PET: --tracer=FDG"


def test_the_user_says_the_tracer(petprep):
    root = petprep(sidecar={})
    found = read_cohort(root, Reading(tracer="FDG"))
    assert len(found.pairs) == 1 and "FDG-PET: tracer FDG as given of 1 PET" in found.notes


def test_a_tracer_that_nobody_needs_is_an_error(tree):
    (problem,) = survey(tree("1:anat", "1:pet"), Reading(tracer="FDG")).problems
    assert problem.found == "--tracer=FDG: expected PET whose name and sidecars do not say the tracer, found none"


NOTHING = "expected visits with a GM map, an FDG-PET and the diagnosis AD or CN, found none: "


@pytest.mark.parametrize(
    ("places", "tracer", "diagnosis", "counts", "remedy"),
    [
        (["1:anat"], "18FFDG", "AD", "1 visit with a GM map; 0 of them with an FDG-PET; diagnoses AD (1)",
         "Put each visit's FDG-PET beside its GM map (README.md, 'Your own data')"),
        (["1:anat", "1:pet"], "11CPIB", "AD",
         "1 visit with a GM map; 0 of them with an FDG-PET; tracers of PET trc-11CPIB (1); diagnoses AD (1)",
         "Only FDG-PET is trained on"),
        (["1:anat", "1:pet"], "18FFDG", "LMCI",
         "1 visit with a GM map; 1 of them with an FDG-PET; tracers of PET trc-18FFDG (1); diagnoses LMCI (1)",
         "Write AD or CN for these visits to participants.tsv or a sessions table"),
        (["1:anat", "2:anat", "3:pet"], "18FFDG", "AD",
         "2 visits with a GM map; 0 of them with an FDG-PET; tracers of PET trc-18FFDG (1); sessions that did not "
         "meet: sub-01 ses-3: maps of ses-1, ses-2; diagnoses AD (2)",
         "Make a GM map of the session of each PET, or one of each participant"),
    ],
)  # fmt: skip
def test_a_cohort_with_nothing_to_train_on_says_what_led_to_it(tree, places, tracer, diagnosis, counts, remedy):
    root = tree(*places)
    rename(root, "trc-18FFDG", f"trc-{tracer}")
    write_text(root / "participants.tsv", f"participant_id\tdiagnosis\nsub-01\t{diagnosis}\n")
    problem = why_none_to_train_on(survey(root))
    assert (problem.found, problem.remedy) == (NOTHING + counts, remedy)
    assert find_inputs([root], fwhm_mm=None), "PET can be made of it all the same"


def test_a_cohort_with_a_pair_is_fine(tree):
    assert why_none_to_train_on(survey(tree("1:anat", "1:pet"))) is None


def test_smoothness_is_inherited_from_the_root(tree):
    root = tree("1:anat", "1:pet")
    write_json(root / f"{SPACE}_label-GM_probseg.json", {"SmoothingFWHM": 8})
    write_json(root / "sub-01" / "sub-01_pet.json", {"SmoothingFWHM": 6})
    write_json(root / "trc-11CPIB_pet.json", {"SmoothingFWHM": 4})
    write_json(root / "sub-02_pet.json", {"SmoothingFWHM": 3})
    (found,) = read_cohort(root).pairs
    assert (found.mri_fwhm_mm, found.pet_fwhm_mm) == (8, 6)
    write_json(found.pet.with_name(found.pet.name.replace(".nii.gz", ".json")), {"SmoothingFWHM": 5})
    assert read_cohort(root).pairs[0].pet_fwhm_mm == 5, "the nearest wins"


def test_a_wrong_smoothness_is_reported_where_it_stands(tree):
    root = tree("1:anat")
    write_json(root / "label-GM_probseg.json", {"SmoothingFWHM": "8 mm"})
    (problem,) = survey(root).problems
    assert problem.file == root / "label-GM_probseg.json"


def test_a_damaged_sidecar_of_all_is_reported_once(tree):
    root = tree("1:anat", "2:anat", "1:pet")
    (root / "label-GM_probseg.json").write_text("{half")
    (problem,) = survey(root).problems
    assert problem.found.startswith("expected a JSON object, found no JSON (")


def test_the_user_says_how_smooth_volumes_are_of_which_nobody_says(tree):
    root = tree("1:anat", "1:pet")
    write_json(root / "pet.json", {"SmoothingFWHM": 6})
    (found,) = read_cohort(root, Reading(fwhm_mm=8)).pairs
    assert (found.mri_fwhm_mm, found.pet_fwhm_mm) == (8, 6)
    write_json(root / "probseg.json", {"SmoothingFWHM": 0})
    (problem,) = survey(root, Reading(fwhm_mm=8)).problems
    assert str(problem) == (
        f"{root}: --fwhm=8: expected volumes of which nobody says what they were smoothed with, found none. Leave "
        "it out."
    )


@pytest.mark.parametrize(("maps", "scans"), [("M000", "M00"), ("M012", "m012"), ("1", "01")])
def test_spellings_of_one_session_meet(tree, maps, scans):
    root = tree(f"{maps}:anat", f"{maps}9:anat", f"{scans}:pet")
    assert pairs(root) == [(f"ses-{scans}", f"ses-{maps}")]
    assert "1 PET joined with the GM map of the same session in another spelling" in " ".join(read_cohort(root).notes)


def test_modulated_maps_are_not_mixed_with_others(tree):
    root = tree("1:anat", "2:anat")
    path = next(root.rglob("sub-01_ses-1_*probseg.nii.gz"))
    path.rename(path.with_name(path.name.replace("_label", "_desc-modulated_label")))
    (problem,) = survey(root).problems
    assert (
        problem.found == f"expected the GM map in the cohort's variant ({SPACE}), found only {SPACE} "
        "desc-modulated modulated"
    )


def test_synthesis_asks_for_maps_alone(tree):
    root = tree("1:anat", "1:pet", "2:anat")
    (root / "participants.tsv").write_text("participant_id\tdiagnosis\tdiagnosis\nsub-1\tx\ty\n")
    (root / "dataset_description.json").unlink()
    rename(root, "trc-18FFDG_", "")
    assert survey(root).problems
    assert [each.name for each in find_inputs([root], fwhm_mm=None)] == ["sub-01 ses-1", "sub-01 ses-2"]


@pytest.mark.parametrize("name", ["label-GM_probseg.json", "participants.tsv", "dataset_description.json"])
def test_what_was_not_fetched_is_told_wherever_it_lies(tree, name):
    root = tree("1:anat", "1:pet")
    (root / name).unlink(missing_ok=True)
    (root / name).symlink_to(root / ".git" / "annex" / "objects" / "x")
    found = [problem.found for problem in survey(root).problems if problem.file == root / name]
    assert found == ["expected a file, found a link to nothing (DataLad or git-annex: not fetched)"]


def test_a_raw_data_set_with_pet_above_its_derivatives(tmp_path):
    write_json(tmp_path / "dataset_description.json", {"Name": "Raw"})
    write_text(tmp_path / "participants.tsv", "participant_id\tdiagnosis\nsub-01\tAD\n")
    for name in ("sub-01/anat/sub-01_T1w", "sub-01/pet/sub-01_trc-18FFDG_pet", "derivatives/petprep/sub-01/anat/x"):
        (tmp_path / f"{name}.nii.gz").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.nii.gz").touch()
    (problem,) = survey(tmp_path).problems
    assert problem.remedy == f"Give the folder of the derivatives: {tmp_path / 'derivatives' / 'petprep'}"


def test_volumes_of_other_formats_are_counted(tree):
    root = tree("1:anat", "1:pet", "2:anat")
    for name in ("sub-01_ses-1_label-GM_probseg.mgz", "brain.mgz", "sub-01_ses-1_x.NII.GZ", "._x.mgz", "T1.nii"):
        (root / "sub-01" / "ses-1" / "anat" / name).touch()
    convert = "mri_convert FILE.mgz FILE.nii.gz (or nib-convert FILE.mgz FILE.nii.gz)"
    notes = read_cohort(root).notes
    assert (
        f"Not taken for GM maps, by format: 3 files (2 a FreeSurfer volume: {convert}, 1 NIfTI with its ending in "
        "capitals: rename it)" in notes
    )
    assert "Not taken for GM maps, by name: 1 file (1 without sub-)" in notes
    for path in root.rglob("*probseg.nii.gz"):
        path.unlink()
    problem = survey(root).problems[-1]
    assert problem.found.endswith(", found only volumes of other formats") and convert in problem.remedy


def test_a_folder_of_freesurfer_is_told_what_to_do(tree):
    root = tree()
    (root / "sub-01" / "mri").mkdir(parents=True)
    for name in ("T1.mgz", "aseg.mgz"):
        (root / "sub-01" / "mri" / name).touch()
    assert survey(root).problems[-1].remedy == (
        "Of these, 2 a FreeSurfer volume: mri_convert FILE.mgz FILE.nii.gz (or nib-convert FILE.mgz FILE.nii.gz)"
    )


@pytest.mark.parametrize(
    ("one", "other"), [("label-GM_probseg", f"{SPACE}_probseg"), ("probseg", f"{SPACE}_label-GM_probseg")]
)
@pytest.mark.parametrize("place", [".", "sub-01", "sub-01/ses-1/anat"])
def test_two_sidecars_of_one_folder_that_contradict_each_other(tree, one, other, place):
    root = tree("1:anat")
    write_json(root / place / f"{one}.json", {"SmoothingFWHM": 8})
    write_json(root / place / f"{other}.json", {"SmoothingFWHM": 0})
    (problem,) = survey(root).problems
    files = {f"{one}.json": "8", f"{other}.json": "0"}
    here = problem.file.name
    (beside,) = set(files) - {here}
    assert problem.file.parent == root / place
    assert problem.found == (
        f"expected one SmoothingFWHM, found {files[here]}, and {files[beside]} in {beside} beside it, which holds for "
        "the same volumes"
    )
    assert problem.remedy == "Keep one of the two, or write what holds beside each volume"
    write_json(root / place / f"{other}.json", {"SmoothingFWHM": 8})
    assert not survey(root).problems


def test_of_two_sidecars_the_nearer_wins_whatever_the_farther_say(tree):
    root = tree("1:anat", "2:anat")
    write_json(root / "label-GM_probseg.json", {"SmoothingFWHM": 8})
    write_json(root / "sub-01" / "ses-1" / "probseg.json", {"SmoothingFWHM": 6})
    assert [subject.mri_fwhm_mm for subject in read_cohort(root).subjects] == [6, 8]
    write_json(root / "sub-01" / "ses-2" / "sub-01_probseg.json", {"SmoothingFWHM": 4})
    write_json(root / f"{SPACE}_probseg.json", {"SmoothingFWHM": 0})
    assert [subject.mri_fwhm_mm for subject in read_cohort(root).subjects] == [6, 4], (
        "the two at the root decide nothing"
    )


def test_a_volume_s_own_sidecar_comes_before_those_beside_it(tree):
    root = tree("1:anat")
    (path,) = root.rglob("*probseg.nii.gz")
    write_json(path.parent / "probseg.json", {"SmoothingFWHM": 8})
    write_json(path.with_name(path.name.replace(".nii.gz", ".json")), {"SmoothingFWHM": 5})
    assert read_cohort(root).subjects[0].mri_fwhm_mm == 5


def test_two_tracers_in_sidecars_of_one_folder(tree):
    root = tree("1:anat", "1:pet")
    rename(root, "trc-18FFDG_", "")
    write_json(root / "pet.json", {"TracerName": "FDG"})
    write_json(root / f"{SPACE}_pet.json", {"TracerName": "PiB"})
    assert "expected one TracerName, found 'PiB', and 'FDG' in pet.json beside it" in survey(root).problems[0].found


def test_a_volume_is_no_cohort(tree):
    root = tree("1:anat")
    path = next(root.rglob("*.nii.gz"))
    with pytest.raises(UserError, match=r"expected a folder or a manifest \(.tsv\), found a volume. Give its folder\."):
        survey(path)


def test_a_tracer_that_name_and_sidecar_contradict(tree):
    root = tree("1:anat", "1:pet")
    write_json(root / "pet.json", {"TracerName": "[11C]PiB"})
    (problem,) = survey(root).problems
    assert problem.found == "expected one tracer, found trc-18FFDG in the name and [11C]PiB in the sidecar"


def test_synthesis_takes_people_whom_the_table_lacks(tree):
    root = tree("1:anat")
    write_text(root / "participants.tsv", "participant_id\tdiagnosis\nsub-99\tAD\n")
    assert [each.name for each in find_inputs([root], fwhm_mm=None)] == ["sub-01 ses-1"]
