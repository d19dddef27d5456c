"""The same voxels under the same ids, or an error that names them; whatever else a file is does not count."""

from pathlib import Path

import pytest

from pcsa_jax.data.contents import Key, Known, parse_known, read_known
from pcsa_jax.errors import UserError

A, B = (Key(f"sub-{name}", "", "mri") for name in "ab")
LATER = Key("sub-a", "ses-2", "mri")
KNOWN = Known(Path("run/inputs.tsv"), {A: "1" * 64, B: "2" * 64})
REMEDY = "Put the former files back, or start a new run in another --workdir."


@pytest.mark.parametrize(
    ("found", "everybody", "expected"),
    {
        "changed": ({A: "3" * 64}, False, "expected the voxels and grids that were read before, found others in 1 of 1 "
                    "volumes (sub-a MRI)"),
        "exchanged": ({A: "2" * 64, B: "1" * 64}, True, "expected the voxels and grids that were read before, found "
                      "others in 2 of 2 volumes (sub-a MRI: those of sub-b MRI, sub-b MRI: those of sub-a MRI)"),
        "another id": ({Key("sub-new", "ses-1", "mri"): "1" * 64}, False, "expected the voxels and grids that were "
                       "read before, found others in 1 of 1 volumes (sub-new ses-1 MRI: those of sub-a MRI)"),
        "a visit more": ({A: "", LATER: ""}, False,
                         "expected the volumes that it names, found a cohort that has besides 1 (sub-a ses-2 MRI)"),
        "somebody more": ({A: "", B: "", Key("sub-c", "", "mri"): ""}, True,
                          "expected the volumes that it names, found a cohort that has besides 1 (sub-c MRI)"),
        "somebody less": ({A: "1" * 64}, True,
                          "expected the volumes that it names, found a cohort that lacks 1 (sub-b MRI)"),
    }.values(),
)  # fmt: skip
def test_what_is_not_as_it_was_is_named(found, everybody, expected):
    with pytest.raises(UserError) as caught:
        KNOWN.check(found, everybody=everybody)
    assert str(caught.value) == f"run/inputs.tsv: {expected}. {REMEDY}"


@pytest.mark.parametrize(
    ("known", "found", "everybody"),
    [
        (KNOWN, {A: "1" * 64}, False),
        (KNOWN, {A: "", B: ""}, True),  # nothing read yet
        (KNOWN, {Key("sub-c", "", "mri"): "4" * 64}, False),  # somebody else
        (KNOWN._replace(contents={A: "1" * 64, LATER: "1" * 64}), {A: "1" * 64, LATER: "1" * 64}, True),  # one map
        (KNOWN._replace(contents={}), {A: "9" * 64}, True),  # an older run
    ],
)
def test_what_is_as_it_was_passes(known, found, everybody):
    known.check(found, everybody=everybody)


def test_a_table_of_an_earlier_version_knows_nothing(tmp_path):
    assert parse_known("participant_id\tsession_id\tmodality\nsub-a\tn/a\tmri\n", Path("x")).contents == {}
    assert read_known(tmp_path / "inputs.tsv").contents == {}


@pytest.mark.parametrize("digest", ["abc", "z" * 64, ""])
def test_a_damaged_table_is_told(digest, tmp_path):
    path = tmp_path / "inputs.tsv"
    path.write_text(f"participant_id\tsession_id\tmodality\tsha256\nsub-a\tn/a\tmri\t{digest}\n")
    with pytest.raises(UserError) as caught:
        read_known(path)
    assert str(caught.value) == f"{path} line 2: expected a volume and its SHA-256, found another text. Restore it."
