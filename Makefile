# Every target does its own set-up: it makes .venv if there is none and installs what it needs,
# again only after pyproject.toml or constraints.txt changed. Nothing else has to be there but
# make and Python 3.11 to 3.13. Another interpreter: make PYTHON=python3.13 test

PYTHON ?= python3
PYTEST_ARGS ?=
DATA ?=

VENV := .venv
BIN := $(VENV)/bin
# Those of benchmarks/paper that are not here are of images, and take a file of them.
BENCHMARKS := $(sort $(filter-out benchmarks/_%,$(wildcard benchmarks/*.py)) \
    benchmarks/paper/figure1.py benchmarks/paper/figure2.py \
    benchmarks/paper/table2.py benchmarks/paper/table5.py)
# These make their own problems.
SOLVERS := $(sort benchmarks/hard_suite.py $(wildcard benchmarks/pseudo_labels_*.py) \
    benchmarks/paper/figure1.py benchmarks/start_up.py)

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs bench check-data clean
# Two targets at once (make -j) would run pip twice in the same environment.
.NOTPARALLEL:

help:
	@echo 'make demo   cluster the digits of scikit-learn: a table against KMeans and a picture'
	@echo 'make test   the whole test suite, doctests included (PYTEST_ARGS="-k name" for a part)'
	@echo 'make lint   ruff check, ruff format --check, mypy'
	@echo 'make docs   the pages as HTML in docs/_build/html, examples run (takes minutes)'
	@echo 'make bench DATA=folder  every benchmark, on the feature sets in a folder (takes long)'
	@echo 'make clean  remove the environment and all caches'
	@echo
	@echo 'Each makes and fills .venv on its own; PYTHON=python3.13 picks another interpreter.'

demo: $(VENV)/.installed-plot
	$(BIN)/skcollision demo

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

lint: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What is generated is made anew, as a page of a name that has gone would stay.
docs: $(VENV)/.installed-docs
	rm -rf docs/reference
	$(BIN)/sphinx-build -n -W --keep-going docs docs/_build/html
	@echo 'Open docs/_build/html/index.html'

bench: check-data $(VENV)/.installed-bench
	@set -e; for script in $(SOLVERS); do echo "== $$script"; $(BIN)/python $$script; done
	@set -e; for script in $(filter-out $(SOLVERS),$(BENCHMARKS)); do \
	    echo "== $$script"; $(BIN)/python $$script --data '$(DATA)'; done

# Before the minutes of an installation, not after.
check-data:
	@test -d '$(DATA)' || { \
	    echo 'error: name the folder of feature sets, as in: make bench DATA=folder' >&2; exit 1; }

clean:
	rm -rf docs/_build docs/auto_examples docs/reference docs/sg_execution_times.rst
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each extra of pyproject.toml.
$(VENV)/.installed-%: $(VENV)/.created pyproject.toml constraints.txt
	@echo 'Installing skcollision[$*] into $(VENV) (the first time takes a few minutes) ...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --constraint constraints.txt --editable '.[$*]'
	@touch $@

# A stamp of its own, because an interrupted `python -m venv` leaves a .venv without pip.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
	    echo "error: skcollision needs Python 3.11 to 3.13 and '$(PYTHON)' is" \
	         "$$($(PYTHON) --version 2>/dev/null || echo 'not a working Python');" \
	         "name another one, as in: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo 'Creating $(VENV) ...'
	@$(PYTHON) -m venv $(VENV)
	@touch $@
