"""The table of probabilities: the file's format, its way back, and the terminal's summary."""

import pandas as pd
from rich.console import Console

from pcsa_jax.studies.classification.probabilities import (
    COLUMNS,
    read_probabilities,
    summary_table,
    write_probabilities,
)

ROWS = [
    ("mri", "none", "pairs", "sub-0001", "ses-M00", "AD", 0.875, 1 / 3),
    ("mri", "none", "pairs", "sub-0002", "", "CN", 1e-12, 1 / 3),
    ("mri", "none", "pairs", "sub-0003", "", "AD", 0.25, 1 / 3),
    ("mri", "none", "mri_only", "sub-0009", "", "CN", 0.4, 1 / 3),
]


def table():
    return pd.DataFrame(ROWS, columns=list(COLUMNS))


def test_the_file(tmp_path):
    path = tmp_path / "probabilities.tsv"
    write_probabilities(path, table())
    assert path.read_text().splitlines()[:3] == [
        "arm\tpet\tpart\tparticipant_id\tsession_id\tdiagnosis\tprobability\tthreshold",
        "mri\tnone\tpairs\tsub-0001\tses-M00\tAD\t0.875\t0.333333333",
        "mri\tnone\tpairs\tsub-0002\tn/a\tCN\t1e-12\t0.333333333",
    ]
    found = read_probabilities(path)
    assert found.drop(columns="threshold").equals(table().drop(columns="threshold"))
    assert [path.name for path in tmp_path.iterdir()] == ["probabilities.tsv"]


def test_the_summary():
    console = Console(width=120, record=True)
    console.print(summary_table(table()))
    text = console.export_text()
    assert "test fold: 2 AD, 1 CN; MRI-only subjects: 0 AD, 1 CN" in text
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if "│" in line]
    assert lines == [
        ["mri", "", "test fold", "0.750", "1.000"],
        ["mri", "", "MRI-only subjects", "n/a", "n/a"],
    ]
