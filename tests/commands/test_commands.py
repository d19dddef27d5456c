"""The command line: exit statuses, one line for a user's mistake, help without the start-up time of JAX."""

import errno
import subprocess
import sys

import pytest

import pcsa_jax
from pcsa_jax.commands import COMMANDS, main, run_command
from pcsa_jax.errors import UserError
from tests.conftest import ROOT

PCSA = f"--config={ROOT / 'configs' / 'pcsa.py'}"


def error_of(capsys, name, *words, status=1):
    assert run_command(name, words, prog=f"pcsa_jax {name}") == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err.strip()


def usage_error_of(capsys, call):
    with pytest.raises(SystemExit) as caught:
        call()
    assert caught.value.code == 2
    return capsys.readouterr().err


def run_python(*words):
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=ROOT, timeout=120)


@pytest.mark.parametrize("prog", ["pcsa_jax", "python -m pcsa_jax"])
@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_examples_and_loads_nothing_heavy(name, prog):
    script = (
        "import sys\n"
        "from pcsa_jax.commands import main\n"
        f"try:\n    main(sys.argv[1:], prog={prog!r})\n"
        "finally:\n    print(sorted({'jax', 'numpy', 'nibabel', 'flax', 'rich'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = run_python("-c", script, name, "--help")
    assert done.returncode == 0
    assert f"usage: {prog} {name}" in done.stdout
    assert f"examples:\n  {prog.split()[0]} " in done.stdout.lower()
    if prog == "pcsa_jax":  # installed, with neither train.py nor configs/ beside it
        assert f"\n  pcsa_jax {name} " in done.stdout
        assert "python " not in done.stdout and "--config=configs" not in done.stdout
    assert "--debug" in done.stdout
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("script", ["train.py", "evaluate.py"])
def test_the_scripts_are_the_commands(script):
    done = run_python(script, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: {script} ")


def test_the_package_lists_its_commands():
    done = run_python("-m", "pcsa_jax", "--help")
    assert done.returncode == 0
    for name, summary in COMMANDS.items():
        assert name in done.stdout and summary.split(" (")[0][:30] in " ".join(done.stdout.split())


def test_the_package_tells_its_version():
    done = run_python("-m", "pcsa_jax", "--version")
    assert (done.returncode, done.stdout) == (0, f"pcsa_jax {pcsa_jax.__version__}\n")


def test_the_package_calls_itself_as_it_was_called(capsys):
    for prog in ("pcsa_jax", "python -m pcsa_jax"):
        with pytest.raises(SystemExit):
            main(["--help"], prog=prog)
        shown = capsys.readouterr().out
        assert shown.startswith(f"usage: {prog} [-h]")
        assert f"{prog} COMMAND --help shows" in shown
        assert ("train.py" in shown) == (prog != "pcsa_jax")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["fly"], "argument COMMAND: invalid choice: 'fly'"),
        ([], "the following arguments are required: COMMAND"),
        (["train"], "the following arguments are required: --config, --workdir"),
        (["train", "--config=a", "--workdir=b", "--speed=3"], "--speed=3: unknown argument"),
        (["train", "--config=a", "--workdir=b", "--config.batch_size", "3"], "3: unknown argument"),
        (["evaluate", "--workdir=b", "--config.batch_size=3"], "--config.batch_size=3: unknown argument"),
        (["evaluate", "--workdir=b", "--split=train"], "argument --split: invalid choice: 'train'"),
        (["phantom", "--out=a", "--pairs=many"], "argument --pairs: invalid int value: 'many'"),
        (["train", "--conf=a", "--workdir=b"], "the following arguments are required: --config"),
    ],
)
def test_wrong_words_are_told_with_status_2(capsys, argv, message):
    assert message in usage_error_of(capsys, lambda: main(argv))


def test_a_mistake_is_one_line_and_status_1(capsys, tmp_path):
    assert error_of(capsys, "train", "--config=none.py", f"--workdir={tmp_path}") == (
        "pcsa_jax train: error: --config: expected a config file or one of classifier, demo, pcsa, found 'none.py'. "
        "Try --config=pcsa."
    )
    assert error_of(capsys, "evaluate", f"--workdir={tmp_path}") == (
        f"pcsa_jax evaluate: error: {tmp_path}: expected a run with a config.json, found none. Train one with train.py "
        "first."
    )
    assert error_of(capsys, "phantom", f"--out={tmp_path / 'x'}", "--size=20").startswith(
        "pcsa_jax phantom: error: phantom: size must be a multiple of 16; found 20."
    )
    assert error_of(capsys, "phantom", "--out=~no-such-user/x").startswith(
        "pcsa_jax phantom: error: ~no-such-user/x: expected the name of a user of this machine after ~, found "
    )
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_where_it_comes_from(tmp_path):
    with pytest.raises(UserError, match="expected a config file"):
        run_command("train", ["--config=none.py", f"--workdir={tmp_path}", "--debug"], prog="train.py")


def test_a_cohort_that_is_not_there(capsys, tmp_path):
    words = PCSA, f"--workdir={tmp_path / 'run'}", f"--config.data.root={tmp_path / 'none'}"
    error = error_of(capsys, "train", *words)
    assert f"error: cohort {tmp_path / 'none'}: expected a folder or a manifest (.tsv), found none." in error


def test_a_mistake_is_one_line_whatever_a_file_is_called(capsys, tmp_path):
    error = error_of(capsys, "check", str(tmp_path / "a\nError: all is lost\x1b[2J"))
    assert error.startswith(
        f"pcsa_jax check: error: cohort {tmp_path}/a\\nError: all is lost\\x1b[2J: expected a folder"
    )


def test_ctrl_c_is_status_130(capsys, monkeypatch, tmp_path):
    from pcsa_jax.commands import phantom

    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(phantom, "run", interrupted)
    assert error_of(capsys, "phantom", f"--out={tmp_path}", status=130) == "pcsa_jax phantom: stopped"


def test_a_full_disk_is_one_line_and_no_traceback(capsys, monkeypatch, tmp_path):
    from pcsa_jax.commands import phantom

    def full(arguments):
        raise OSError(errno.ENOSPC, "No space left on device", "some/file.tsv")

    monkeypatch.setattr(phantom, "run", full)
    assert run_command("phantom", [f"--out={tmp_path}"], prog="p") == 1
    assert capsys.readouterr().err == (
        "p: error: some/file.tsv: expected room on the disk, found none (No space left on device). Free some and start "
        "the same command again; what was written whole stays.\n"
    )
    with pytest.raises(OSError, match="No space left"):
        run_command("phantom", [f"--out={tmp_path}", "--debug"], prog="p")


def test_our_own_mistakes_keep_their_traceback(monkeypatch, tmp_path):
    from pcsa_jax.commands import phantom

    def broken(arguments):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(phantom, "run", broken)
    with pytest.raises(ZeroDivisionError, match="ours"):
        run_command("phantom", [f"--out={tmp_path}"], prog="phantom")


def test_describe_prints_both_networks(capsys):
    assert run_command("describe", [f"{PCSA}:sa16"], prog="describe") == 0
    printed = capsys.readouterr().out
    assert "sa16: generator at 64^3 (PCSA-GAN)" in printed and "sa16: discriminator at 64^3" in printed
    assert "3,481,206" in printed and "691,321" in printed
    assert "One training step of 16 volumes: about " in printed


def test_phantom_writes_a_cohort(capsys, tmp_path):
    words = [f"--out={tmp_path / 'cohort'}", "--pairs=1", "--mri-only=1", "--size=16", "--jobs=1"]
    assert run_command("phantom", words, prog="phantom") == 0
    assert f"Wrote 1 pairs and 1 MRI-only subjects to {tmp_path / 'cohort'}" in capsys.readouterr().err
    assert len(list((tmp_path / "cohort").glob("sub-*"))) == 2


def test_a_stopped_training_gives_the_signal_s_status(monkeypatch, tmp_path):
    from pcsa_jax.synthesis import calibration
    from pcsa_jax.training import train as training

    monkeypatch.setattr(training, "train", lambda config, workdir: training.Outcome(5, 15))
    assert run_command("train", [PCSA, f"--workdir={tmp_path}"], prog="train.py") == 143
    calibrated = []
    monkeypatch.setattr(calibration, "calibrate_finished", calibrated.append)
    monkeypatch.setattr(training, "train", lambda config, workdir: training.Outcome(5, None))
    assert run_command("train", [PCSA, f"--workdir={tmp_path}"], prog="train.py") == 0
    assert calibrated == [tmp_path]
