# Every target does its own set-up: it makes .venv if there is none and installs what it needs,
# again only after pyproject.toml or constraints.txt changed. Nothing else has to be there but
# make and Python 3.11 to 3.13. Another interpreter: make PYTHON=python3.13 test

PYTHON ?= python3
PYTEST_ARGS ?=
DATA ?=
WHEEL_PIP_ARGS ?=

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
.PHONY: help demo test lint check docs docs-quick docs-check pages-check notebooks wheel-check bench check-data clean
# Two targets at once (make -j) would run pip twice in the same environment.
.NOTPARALLEL:

help:
	@echo 'make demo   cluster the digits of scikit-learn: a table against KMeans and a picture'
	@echo 'make test   the whole test suite, doctests included (PYTEST_ARGS="-k name" for a part)'
	@echo 'make lint   ruff check, ruff format --check, mypy'
	@echo 'make check  all that a release must pass: test, lint, docs-check and wheel-check (takes long)'
	@echo 'make docs   the pages as HTML in docs/_build/html, examples run (takes minutes)'
	@echo 'make docs-quick  the same, without running the examples'
	@echo 'make docs-check  make docs, and look at the pages in Chromium: pictures in docs/_build/screenshots'
	@echo 'make pages-check  the same on make docs-quick, in a minute'
	@echo 'make notebooks  the examples as notebooks, in examples/notebooks'
	@echo 'make wheel-check  build sdist and wheel, and try the wheel in an environment of its own'
	@echo 'make bench DATA=folder  every benchmark, on the feature sets in a folder (takes long)'
	@echo 'make clean  remove the environment and all caches'
	@echo
	@echo 'Each makes and fills .venv on its own; PYTHON=python3.13 picks another interpreter.'

demo: $(VENV)/.installed-plot
	$(BIN)/skcollision demo

# Two processes share the cores: with more threads each, they would wait for each other.
test: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

lint: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: test lint wheel-check docs-check

# What is generated is made anew, as a page of a name that has gone would stay.
docs docs-quick: $(VENV)/.installed-docs
	rm -rf docs/reference
	$(BIN)/sphinx-build -n -W --keep-going $(SPHINX_ARGS) docs docs/_build/html
	@! grep -rE '<(script|img|link)[^>]* (src|href)="(https?:)?//' --include='*.html' docs/_build/html \
	    || { echo 'error: these pages fetch from the network' >&2; exit 1; }
	@echo 'Open docs/_build/html/index.html'

# Without examples there are no pictures of theirs.
docs-quick: SPHINX_ARGS := -D plot_gallery=0 -D suppress_warnings=myst.header,image.not_readable

# Where there is no Chromium: .venv/bin/playwright install chromium
docs-check: $(VENV)/.installed-test docs
pages-check: $(VENV)/.installed-test docs-quick
docs-check pages-check:
	$(BIN)/python -m pytest -n 2 -rs tests/test_browser.py

notebooks: $(VENV)/.installed-docs
	$(BIN)/python docs/_notebooks.py

# As a user would: no editable installation, none of the pins of constraints.txt, not in this folder.
# The last packages are those that docstrings use. Where a CUDA build of torch is too large to fetch:
# make WHEEL_PIP_ARGS="--constraint $PWD/constraints.txt" wheel-check
wheel-check: $(VENV)/.created
	rm -rf dist
	$(BIN)/python -m pip install --quiet --disable-pip-version-check build
	$(BIN)/python -m build
	set -e; wheel=$$(echo "$$PWD"/dist/*.whl); fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	    $(PYTHON) -m venv "$$fresh"; cd "$$fresh"; \
	    bin/python -m pip install --quiet --disable-pip-version-check $(WHEEL_PIP_ARGS) \
	        "$$wheel[plot,tables,onnx,deep]" onnxruntime pandas pillow pytest skops; \
	    MPLBACKEND=Agg bin/skcollision demo; \
	    MPLBACKEND=Agg bin/python -m pytest -q --doctest-modules --pyargs skcollision \
	        -o doctest_optionflags='NORMALIZE_WHITESPACE ELLIPSIS'

bench: check-data $(VENV)/.installed-bench
	@set -e; for script in $(SOLVERS); do echo "== $$script"; $(BIN)/python $$script; done
	@set -e; for script in $(filter-out $(SOLVERS),$(BENCHMARKS)); do \
	    echo "== $$script"; $(BIN)/python $$script --data '$(DATA)'; done

# Before the minutes of an installation, not after.
check-data:
	@test -d '$(DATA)' || { \
	    echo 'error: name the folder of feature sets, as in: make bench DATA=folder' >&2; exit 1; }

clean:
	rm -rf docs/_build docs/auto_examples docs/reference
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
