"""Names of volumes: what the tools of the field write, taken apart."""

from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcsa_jax.data.names import is_fdg, parse_name, why_no_fdg_pet, why_no_grey_matter_map

MNI = "space-MNI152NLin2009cAsym"


def why_not(name):
    return why_no_grey_matter_map(parse_name(Path(name)))


@pytest.mark.parametrize(
    ("name", "fwhm_mm", "modulated"),
    [
        (f"sub-01_{MNI}_label-GM_probseg.nii.gz", None, None),
        (f"sub-01_{MNI}_res-2_label-GM_desc-smooth8mm_probseg.nii.gz", 8.0, None),
        (f"sub-01_{MNI}_label-GM_desc-s6_probseg.nii", 6.0, None),
        ("sub-01_ses-M000_T1w_segm-graymatter_space-Ixi549Space_modulated-off_probability.nii.gz", None, False),
        ("sub-01_ses-M000_T1w_segm-graymatter_space-Ixi549Space_modulated-on_fwhm-8mm_probability.nii.gz", 8.0, True),
        ("mwp1sub-01_T1w.nii", None, True),
        ("wp1sub-01_ses-1_T1w.nii", None, False),
        ("s6mwp1sub-01_T1w.nii", 6.0, True),
        ("smwc1T1.nii", 8.0, True),
        ("wc1subject7.nii.gz", None, False),
        ("s8wc1sub-01_T1w.nii.gz", 8.0, False),
        ("p1.nii.gz", None, None),
        ("control12.nii", None, None),
        ("gm.nii.gz", None, None),
        ("s12week4_gm.nii.gz", None, None),
        ("s2wilson.nii", None, None),
        (f"sub-01_{MNI}_label-GM_desc-Smooth8.5mm_probseg.nii", 8.5, None),
        (f"sub-01_{MNI}_label-GM_desc-modulated_probseg.nii", None, True),
        (f"sub-01_{MNI}_label-GM_desc-unmodulated_probseg.nii", None, False),
        ("mwmwp1rsub-01_ses-1_T1w.nii", None, True),
        ("s6mwmwp1rjohn.nii", 6.0, True),
        ("mwp1rsub-01_ses-1_T1w.nii", None, True),
        ("m0wp1john.nii", None, True),
        ("wm01_gm.nii", None, None),
        ("mary.nii", None, None),
    ],
)
def test_grey_matter_maps_of_every_tool_are_known(name, fwhm_mm, modulated):
    found = parse_name(Path(name))
    assert (why_not(name), found.fwhm_mm, found.is_modulated) == ("", fwhm_mm, modulated)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("sub-01_label-GM_probseg.nii.gz", "a map in the scan's own space, as no space- (or SPM's w) says otherwise"),
        ("sub-01_space-T1w_label-GM_probseg.nii.gz", "a map in space-T1w"),
        ("sub-01_space-MNI305_label-GM_probseg.nii.gz", "a map in space-MNI305"),
        (f"sub-01_{MNI}_label-WM_probseg.nii.gz", "a map of white matter"),
        (f"sub-01_{MNI}_label-CSF_probseg.nii.gz", "a map of CSF"),
        (f"sub-01_{MNI}_label-GMcortical_probseg.nii.gz", "label-GMcortical"),
        ("sub-01_T1w_segm-whitematter_space-Ixi549Space_modulated-off_probability.nii.gz", "a map of white matter"),
        ("sub-01_T1w_segm-csf_space-Ixi549Space_modulated-off_probability.nii.gz", "a map of CSF"),
        ("mwp2sub-01_T1w.nii", "a map of white matter"),
        ("wc3T1.nii", "a map of CSF"),
        ("c1sub-01_T1w.nii", "a map in the scan's own space, as no space- (or SPM's w) says otherwise"),
        ("rp1sub-01_T1w_affine.nii", "a map in the scan's own space (SPM's r: turned and moved only)"),
        (f"sub-01_{MNI}_desc-brain_mask.nii.gz", "a mask"),
        (f"sub-01_{MNI}_dseg.nii.gz", "a label map"),
        (f"sub-01_trc-18FFDG_{MNI}_pet.nii.gz", "a PET"),
        (f"sub-01_trc-18FFDG_{MNI}_desc-synthetic_pet.nii.gz", "a synthetic PET"),
        ("subject7_mask.nii.gz", "a mask"),
        ("sub-01_T1w.nii.gz", "a T1w scan"),
        ("c1john.nii", "a map in the scan's own space, as no space- (or SPM's w) says otherwise"),
        ("rc1john.nii", "a map in the scan's own space (SPM's r: turned and moved only)"),
        ("c2john.nii", "a map of white matter"),
        ("sub-01_T1w_brain_pve_1.nii.gz", "a map of grey matter in the scan's own space, as FSL's FAST writes it"),
        ("x_pve_0.nii.gz", "a map of CSF in the scan's own space, as FSL's FAST writes it"),
        ("BrainSegmentationPosteriors02.nii.gz", "a map of grey matter in the scan's own space, as ANTs writes it"),
        ("BrainSegmentationPosteriors03.nii.gz", "a map of white matter in the scan's own space, as ANTs writes it"),
        ("p0sub-01_T1w.nii", "a label map of tissues (CAT12's p0)"),
        ("wp0john.nii", "a label map of tissues (CAT12's p0)"),
        ("rp0rsub-01_T1w_affine.nii", "a label map of tissues (CAT12's p0)"),
        ("y_sub-01_T1w.nii", "a deformation field (SPM's y_)"),
        ("iy_john.nii", "a deformation field (SPM's y_)"),
        ("y_avg_sub-01_ses-1_T1w.nii", "a deformation field (SPM's y_)"),
        ("u_rc1john_Template.nii", "a flow field (SPM's u_)"),
        ("wj_sub-01_T1w.nii", "a map of Jacobian determinants (CAT12's wj_)"),
        ("wmsub-01_T1w.nii", "a T1w scan with SPM's or CAT12's prefix wm"),
        ("wmisub-01_ses-1_T1w.nii.gz", "a T1w scan with SPM's or CAT12's prefix wmi"),
        ("misub-01_T1w.nii", "a T1w scan with SPM's or CAT12's prefix mi"),
        ("wmjohn_T1w.nii", "a T1w scan in MNI152 space (CAT12's wm)"),
        ("wmiT1.nii", "a T1w scan in MNI152 space (CAT12's wm)"),
        ("mwp1avg_sub-01_ses-1_T1w.nii", "a map of the average of several visits (CAT12's avg_)"),
        ("mwmwp2rsub-01_T1w.nii", "a map of white matter"),
        ("mwp7sub-01_T1w.nii", "a map of white matter lesions"),
    ],
)
def test_everything_else_is_called_what_it_is(name, reason):
    assert why_not(name) == reason


@given(st.permutations(["ses-1", "trc-18FFDG", MNI, "res-2", "pvc-agtm", "desc-preproc", "run-01"]))
def test_the_order_of_entities_does_not_matter(words):
    found = parse_name(Path("_".join(["sub-01", *words, "pet.nii.gz"])))
    assert (found.participant_id, found.session_id, found.suffix, found.space) == ("sub-01", "ses-1", "pet", MNI[6:])
    assert {key: found.entities[key] for key in ("trc", "res", "pvc", "desc", "run")} == {
        "trc": "18FFDG", "res": "2", "pvc": "agtm", "desc": "preproc", "run": "01",
    }  # fmt: skip


def test_label_and_desc_in_any_order():
    for words in permutations([MNI, "label-GM", "desc-smooth8mm"]):
        name = "_".join(["sub-01", *words, "probseg.nii.gz"])
        assert not why_not(name) and parse_name(Path(name)).fwhm_mm == 8


@pytest.mark.parametrize(
    "tracer",
    [
        "18FFDG", "F18FDG", "FDG", "fdg", "FDG18F", "18F-FDG", "[18F]FDG", "F-18 FDG", "[18F]-FDG", "FDG PET",
        "Fludeoxyglucose", "Fludeoxyglucose F18", "fludeoxyglucose (18F)", "fluorodeoxyglucose", "Fluoro-deoxy-glucose",
        "2-[18F]fluoro-2-deoxy-D-glucose", "2-deoxy-2-[18F]fluoro-D-glucose", "F-18 fluorodeoxyglucose",
        "2-Fluoro-2-deoxy-D-glucose", "fluorodesoxyglucose", "Fluorodésoxyglucose", "fluorodesoxiglucosa",
        "Fluordesoxyglukose",
    ],
)  # fmt: skip
def test_fdg_in_its_usual_spellings(tracer):
    assert is_fdg(tracer)


@pytest.mark.parametrize(
    "tracer", ["18FAV45", "11CPIB", "Florbetapir", "flutemetamol", "[18F]FDGal", "fluorodeoxygalactose", "FDOPA", "",
               "n/a", "18FFMM", "AV1451", "2-deoxyglucose", "FET", "not FDG", "no FDG (AV45)",
               "FDG/Florbetapir", "FDG,PiB"],
)  # fmt: skip
def test_other_tracers_are_none(tracer):
    assert not is_fdg(tracer)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("sub-01_trc-18FFDG_pet.nii.gz", ""),
        ("s8wFDG_01.nii", ""),
        ("sub-01_trc-11CPIB_pet.nii.gz", "a PET of another tracer (trc-11CPIB)"),
        (f"sub-01_trc-18FFDG_{MNI}_desc-synthetic_pet.nii.gz", "desc-synthetic, which nobody measured"),
        (f"sub-01_{MNI}_label-GM_probseg.nii.gz", "a map of grey matter"),
        ("sub-01_T1w.nii.gz", "a T1w scan"),
        ("sub-01_trc-18FFDG_space-T1w_pet.nii.gz", "a PET in space-T1w"),
        ("sub-01_trc-18F-AV45_pet.nii.gz", "a PET of another tracer (trc-18F-AV45)"),
        ("y_sub-01_trc-18FFDG_pet.nii", "a deformation field (SPM's y_)"),
        ("mwmwp1rsub-01_T1w.nii", "a map of grey matter"),
    ],
)
def test_what_a_manifest_may_call_a_pet(name, reason):
    assert why_no_fdg_pet(parse_name(Path(name))) == reason


@pytest.mark.parametrize(
    "name", ["sub-.._T1w.nii", "sub-01-02_T1w.nii", "sub-01_ses-../x_T1w.nii", "sub-01_ses-.._pet.nii"]
)
def test_what_folders_are_named_by_is_letters_and_digits(name):
    found = parse_name(Path(name))
    assert found.participant_id in ("", "sub-01") and found.session_id == ""


@pytest.mark.parametrize(
    "prefix", ["wp1", "mwp1", "mwp1r", "mwmwp1r", "s8mwmwp1r", "mwp1avg_", "p0", "y_", "wmi", "swr"]
)
def test_the_visit_is_known_behind_every_prefix(prefix):
    found = parse_name(Path(f"{prefix}sub-01_ses-2_run-1_T1w.nii"))
    assert (found.participant_id, found.session_id, found.entities["run"]) == ("sub-01", "ses-2", "1")
    assert found.prefix == prefix


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("swsub-01_trc-18FFDG_pet.nii", "IXI549Space"),
        ("rsub-01_trc-18FFDG_pet.nii", ""),
        (f"wsub-01_trc-18FFDG_{MNI}_pet.nii", MNI[6:]),
        ("mwmwp1rsub-01_T1w.nii", "IXI549Space"),
        ("p1sub-01_T1w.nii", ""),
    ],
)
def test_what_spm_has_normalised_lies_in_its_space(name, space):
    assert parse_name(Path(name)).space == space
