# make demo: the whole job on a fresh machine. make test: the whole suite. make docs: the pages as a site,
# docs/_build/html/index.html. All need Python 3.11 or later, nothing else.
# Another Python has an environment of its own: make test PYTHON=python3.13 VENV=.venv-3.13
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= runs/demo
PIP := -m pip install --quiet --disable-pip-version-check
# Processes that share the tests; 0 runs them in one.
WORKERS ?= 2

# The preprocessing extra has an environment of its own: it wants older numpy and scipy, and PyTorch.
EXTRA := .venv-preprocess

# So has the conversion to ONNX: jax2onnx wants an older Orbax.
ONNX := .venv-onnx

# What npm has for the page of python -m pcsa_jax browser, and for its test.
BROWSER := .venv-browser
PAGE := pcsa_jax/publishing/templates/browser

ifeq ($(origin PYTHON)$(wildcard $(BIN)/python),command line$(BIN)/python)
ifneq ($(shell $(PYTHON) --version 2>&1),$(shell $(BIN)/python --version 2>&1))
$(error $(VENV) has $(shell $(BIN)/python --version 2>&1), found PYTHON=$(PYTHON); name another folder with VENV=)
endif
endif

.PHONY: demo docs test test-preprocess lint clean .venv .venv-onnx .venv-browser

# A stamp is the last thing that an installation writes: one that was interrupted goes on at the next start.
.venv: $(VENV)/installed

$(VENV)/installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, found " + sys.version.split()[0] + "; make PYTHON=python3.12 names another")'
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) --editable .
	touch $@

$(VENV)/dev: $(VENV)/installed requirements-dev.txt requirements-docs.txt
	$(BIN)/python $(PIP) -r requirements-dev.txt
	touch $@

demo: $(VENV)/installed
	$(BIN)/python train.py --config=configs/demo.py:best --workdir=$(DEMO)
	$(BIN)/python evaluate.py --workdir=$(DEMO)

# Strict: a link or a reference that leads nowhere, and a cell of the tutorial that fails, fail the build.
docs: $(VENV)/dev
	$(BIN)/python -m sphinx -q -W --keep-going -n -b html -d docs/_build/doctrees -c docs . docs/_build/html
	@echo "docs/_build/html/index.html"

test: $(VENV)/dev
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=worksteal

$(EXTRA)/installed: requirements.txt requirements-dev.txt requirements-docs.txt requirements-preprocess.txt
	$(EXTRA)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(EXTRA)
	$(EXTRA)/bin/python $(PIP) -r requirements-dev.txt -r requirements-preprocess.txt
	touch $@

test-preprocess: $(EXTRA)/installed
	$(EXTRA)/bin/python -m pytest tests/data/test_preprocessing_anatomy.py tests/data/test_preprocessing_pet.py \
	  tests/data/test_preprocessing_field_of_view.py tests/data/test_preprocessing_deep_grey.py \
	  tests/data/test_raw_scans.py tests/preprocessing/test_end_to_end.py

.venv-onnx: $(ONNX)/installed

$(ONNX)/installed: requirements-onnx.txt
	$(ONNX)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(ONNX)
	$(ONNX)/bin/python $(PIP) -r requirements-onnx.txt
	touch $@

.venv-browser: $(BROWSER)/installed

$(BROWSER)/installed: $(PAGE)/package.json $(PAGE)/package-lock.json
	mkdir -p $(BROWSER)
	cp $^ $(BROWSER)
	npm ci --ignore-scripts --no-audit --no-fund --prefix $(BROWSER)
	touch $@

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf .venv .venv-*
