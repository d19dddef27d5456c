"""The record of what was read: a table, a sentence, and one grid a modality."""

from pathlib import Path

import numpy as np
import pytest

from pcsa_jax.data.contents import contents_of, parse_known
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.inputs import (
    COLUMNS,
    Input,
    check_one_grid,
    check_together,
    describe_clipping,
    describe_grids,
    describe_preparation,
    inputs_table,
)
from pcsa_jax.errors import UserError
from pcsa_jax.text import table_rows


def source(number=1, *, modality="mri", affine=None, shape=(16, 12, 20), steps=(), session=""):
    affine = Grid(16).affine if affine is None else affine
    return Input(f"sub-{number:02d}", session, modality, Path("a b.nii"), shape, affine, steps, 0.0, 1.5, 3)


def test_one_line_a_volume():
    second = source(2, session="ses-1", modality="pet", steps=("one", "two"))._replace(content_hash="ab" * 32)
    lines = inputs_table([source(), second]).splitlines()
    own = ("a b.nii", "16x12x20", "12x12x12", "RAS", "-90, -108, -84")
    assert [line.split("\t") for line in lines] == [
        list(COLUMNS),
        ["sub-01", "n/a", "mri", *own, "n/a", "0", "1.5", "3", "nan", "nan", "n/a", "n/a"],
        ["sub-02", "ses-1", "pet", *own, "one; two", "0", "1.5", "3", "nan", "nan", "ab" * 32, "n/a"],
    ]


def test_the_table_is_read_back_by_content():
    inputs = [source()._replace(content_hash="0" * 64), source(2, session="ses-1", modality="pet")]
    assert parse_known(inputs_table(inputs), Path("x")).contents == contents_of(inputs)


def test_the_sentence_counts():
    smoothed, resampled = "smoothed with 8 mm FWHM, from 0 to 8 mm", "resampled from x to 64^3 voxels of 3 mm"
    turned = "axes turned from LAS to RAS"
    inputs = [source(1), source(2, steps=(smoothed, resampled)), source(3, steps=(turned, resampled))]
    assert describe_preparation(inputs_table(inputs)) == (
        "Of 3 volumes, 2 were resampled, 1 were smoothed, 1 were turned to RAS axes."
    )
    assert describe_preparation(inputs_table(inputs[:1])) == "All 1 volumes were taken as they are on disk."


def test_one_grid_with_rounding_and_another_for_the_other_modality():
    affine = Grid(16).affine.copy()
    affine[:3, 3] += 5e-4
    check_one_grid([source(1), source(2, affine=affine), source(3, modality="pet", shape=(3, 4, 5))])
    check_one_grid([])


@pytest.mark.parametrize("changes", [{"shape": (16, 12, 21)}, {"affine": Grid(32).affine}])
def test_two_grids_are_told_by_group(changes):
    with pytest.raises(UserError) as caught:
        check_one_grid([source(1), source(2), source(3, **changes)])
    message = str(caught.value)
    assert message.startswith("MRI: expected one grid for the whole cohort, found 2: 2 of 16x12x20 voxels of 12x12x12")
    assert "(sub-01, sub-02); 1 of " in message and "(sub-03). Prepare" in message


def test_axes_in_another_order_are_another_grid():
    flipped = np.diag([-1.0, 1, 1, 1]) @ Grid(16).affine
    with pytest.raises(UserError, match="LAS"):
        check_one_grid([source(1), source(2, affine=flipped)])


def test_several_grids_are_said_in_one_line_a_modality():
    moved = Grid(16).affine.copy()
    moved[0, 3] += 1
    inputs = [source(1), source(2), source(3, affine=moved), source(1, modality="pet")]
    assert describe_grids(inputs_table(inputs)) == (
        "MRI: 2 grids, each volume brought to the cohort's by itself: 2 on 16x12x20 voxels of 12x12x12 mm, RAS, first "
        "at (-90, -108, -84) mm; 1 on 16x12x20 voxels of 12x12x12 mm, RAS, first at (-89, -108, -84) mm",
    )
    assert describe_grids(inputs_table(inputs[:2])) == ()
    many = [source(number, shape=(number, 2, 3)) for number in range(1, 8)]
    assert describe_grids(inputs_table(many))[0].endswith("; and 3 more")
    assert describe_grids("participant_id\tshape\nsub-1\t1x1x1\n") == ()  # written before the columns existed


def test_several_grids_are_refused_only_if_asked():
    inputs = [source(1), source(2, affine=Grid(32).affine)]
    check_together(inputs, one_grid=False)
    with pytest.raises(UserError, match="MRI: expected one grid for the whole cohort, found 2"):
        check_together(inputs, one_grid=True)


def test_copies_are_refused_with_both_names():
    inputs = [
        source(number, modality=modality, session=session)._replace(
            content_hash=digest, file=Path(f"{number}{modality}{session}.nii")
        )
        for number, modality, session, digest in (
            (1, "mri", "", "a"), (2, "mri", "ses-1", "b"), (2, "mri", "ses-2", "a"), (3, "pet", "", "c")
        )
    ]  # fmt: skip
    with pytest.raises(UserError) as caught:
        check_together(inputs, one_grid=False)
    assert str(caught.value) == (
        "sub-01: MRI: expected voxels of its own, found those of sub-02 ses-2: 2mrises-2.nii: 1mri.nii. Find out whose "
        "they are and put the right file in its place."
    )
    check_together(inputs[:2] * 2, one_grid=False)  # the same file twice is no copy


def test_a_file_may_be_called_anything():
    """The table's lines and columns stay what they are, and its steps and grids read back."""
    names = ["=a\tb\nc.nii", "\u2028\x85.nii", '"open', "-x\\t"]
    table = inputs_table([source()._replace(file=Path(name)) for name in names])
    columns, *rows = table_rows(table)
    assert [row[columns.index("file")] for row in rows] == names
    assert table.count("\n") == 1 + len(names) and "\t=" not in table and "\t-x" not in table
    assert describe_preparation(table) == f"All {len(names)} volumes were taken as they are on disk."
    assert describe_grids(table) == ()


def test_clipping_is_counted_or_said_to_be_none():
    some = [source()._replace(clipped_voxels=0), source(2)]
    assert describe_clipping(inputs_table(some)) == "clipped 3 voxels of 1 of 2 volumes to [0, 1]."
    assert describe_clipping(inputs_table(some[:1])) == "clipped nothing."
