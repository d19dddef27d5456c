# make demo: the whole job on a fresh machine. make test: the whole suite. Both need Python 3.11 or later, nothing else.
PYTHON ?= python3
BIN := .venv/bin
DEMO ?= runs/demo

.PHONY: demo test lint clean

.venv: requirements.txt requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, found " + sys.version.split()[0] + "; make PYTHON=python3.12 names another")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch .venv

demo: .venv
	$(BIN)/python train.py --config=configs/demo.py --workdir=$(DEMO)
	$(BIN)/python evaluate.py --workdir=$(DEMO)

test: .venv
	$(BIN)/python -m pytest

lint: .venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf .venv
