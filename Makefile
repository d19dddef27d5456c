# make demo: the whole job on a fresh machine. make test: the whole suite. Both need Python 3.11 or later, nothing else.
PYTHON ?= python3
BIN := .venv/bin
DEMO ?= runs/demo
# Processes that share the tests; 0 runs them in one.
WORKERS ?= 2

# The preprocessing extra has an environment of its own: it wants older numpy and scipy, and PyTorch.
EXTRA := .venv-preprocess/bin

.PHONY: demo test test-preprocess lint clean

.venv: requirements.txt requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, found " + sys.version.split()[0] + "; make PYTHON=python3.12 names another")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch .venv

demo: .venv
	$(BIN)/python train.py --config=configs/demo.py --workdir=$(DEMO)
	$(BIN)/python evaluate.py --workdir=$(DEMO)

test: .venv
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=worksteal

.venv-preprocess: .venv requirements-preprocess.txt
	test -x $(EXTRA)/python || $(PYTHON) -m venv .venv-preprocess
	$(EXTRA)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -r requirements-preprocess.txt
	touch .venv-preprocess

test-preprocess: .venv-preprocess
	$(EXTRA)/python -m pytest tests/data/test_preprocessing_anatomy.py tests/data/test_preprocessing_pet.py \
	  tests/data/test_raw_scans.py tests/preprocessing/test_end_to_end.py

lint: .venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf .venv .venv-preprocess
