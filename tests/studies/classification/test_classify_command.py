"""The command: from words to a table on the terminal, one line for a mistake."""

from pcsa_jax.commands import run_command


def test_the_command(small_words, generator, tmp_path, capsys):
    words = [*small_words(), f"--generator={generator}", f"--workdir={tmp_path / 'run'}"]
    assert run_command("classify", words, prog="classify") == 0
    said = capsys.readouterr().err
    assert "BACC" in said and "mri+synthetic_pet" in said and "test fold: 1 AD, 2 CN" in said
    assert f"Probabilities: {tmp_path / 'run' / 'probabilities.tsv'}" in said


def test_a_mistake_is_one_line(small_words, tmp_path, capsys):
    words = [*small_words(), f"--generator={tmp_path}", f"--workdir={tmp_path / 'run'}"]
    assert run_command("classify", words, prog="classify") == 1
    assert capsys.readouterr().err == (
        f"classify: error: {tmp_path}: expected a run with a config.json, found none. Train one with train.py first.\n"
    )
    assert not (tmp_path / "run").exists()
