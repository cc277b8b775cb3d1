# Two commands on a bare machine: `make demo` and `make test`. Each makes its own .venv and installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export HF_HUB_DISABLE_TELEMETRY := 1

.PHONY: help install demo test quick check docs format figures screenshot base-install bench sweep fuzz clean

help:
	@echo "make demo    train, export, verify, label and serve on the example corpus"
	@echo "make test    every test"
	@echo "make check   style, types, import contracts, documentation, figures"
	@echo "make docs    fill the figures of the documents and check the documents alone"
	@echo "make figures    fill the figures of the documents from benchmarks/results"
	@echo "make screenshot    take the picture in the README again (after make demo; Chromium)"
	@echo "make base-install    install the base alone and use the demo's bundle with it"
	@echo "make bench   measure this machine and write benchmarks/results"
	@echo "make sweep   kill labelling at every step, and meet it with faults (Linux, strace; 10 minutes)"
	@echo "make fuzz    ask every operation of the API what fits its description and what does not (3 minutes)"
	@echo "make quick   the tests that take no training"

install: $(STAMP)

# torch goes first and alone: left to other packages, pip may choose a CUDA build of several gigabytes.
$(STAMP): pyproject.toml constraints.txt scripts/install.sh scripts/check_torch.py
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh scripts/install.sh
	@touch $(STAMP)

demo: $(STAMP)
	@$(BIN)/glossator demo

test: $(STAMP)
	@$(BIN)/python -m pytest

quick: $(STAMP)
	@$(BIN)/python -m pytest -m "not slow"

check: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python scripts/check_docs.py
	@$(BIN)/python scripts/check_words.py
	@$(BIN)/python scripts/fill_figures.py --check

docs: figures
	@$(BIN)/python scripts/check_docs.py
	@$(BIN)/python scripts/check_words.py README.md CONTRIBUTING.md CHANGELOG.md docs

figures: $(STAMP)
	@$(BIN)/python scripts/fill_figures.py

screenshot: $(STAMP)
	@$(BIN)/python scripts/take_screenshot.py demo

format: $(STAMP)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

base-install: $(STAMP)
	@PYTHON="$(PYTHON)" sh scripts/check_base_install.sh demo/tickets

bench: $(STAMP)
	@$(BIN)/python benchmarks/startup.py

sweep: $(STAMP)
	@$(BIN)/python benchmarks/kill_sweep.py

fuzz: $(STAMP)
	@$(BIN)/python benchmarks/fuzz.py

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
