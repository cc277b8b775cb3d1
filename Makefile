# Two commands on a bare machine: `make demo` and `make test`. Both create .venv if necessary. `make demo` installs the
# packages that train, export and serve; `make test` and the others also install the development tools.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := $(VENV)/.installed-demo
DEV := $(VENV)/.installed-dev
CLIENTS := .venv-clients
OPTIMUM := .venv-optimum
INSTALLER := pyproject.toml constraints.txt scripts/install.py scripts/pip_progress.py scripts/torch_build.py
export HF_HUB_DISABLE_TELEMETRY := 1

.NOTPARALLEL: # two installations at once would write into one environment
.PHONY: help install demo test quick check docs format figures screenshots studio-assets base-install bench bench-headline families sweep fuzz interop tutorials release-check image image-check systemd-check clean

help:
	@echo "make demo    train, evaluate, export, verify, label and serve on the example corpus"
	@echo "make test    every test"
	@echo "make check   style, types, import contracts, documentation, figures"
	@echo "make docs    fill in the figures, check the documents, build the site in build/docs"
	@echo "make figures    fill the figures of the documents from benchmarks/results"
	@echo "make screenshots    take the pictures of the Studio again (after make demo; Chromium)"
	@echo "make studio-assets    fetch and build the vendored scripts and styles of the Studio again (npm)"
	@echo "make base-install    install only the base and use the demo's bundle with it"
	@echo "make bench   measure this machine and write benchmarks/results"
	@echo "make bench-headline    measure all figures of the README again, and print those that changed (an hour)"
	@echo "make families    import a small model of each family and write benchmarks/results (10 minutes)"
	@echo "make sweep   kill labelling at every step and inject I/O faults (Linux, strace; 10 minutes)"
	@echo "make fuzz    property tests on new random examples, random requests to every operation of the API, damaged files"
	@echo "make interop    install other tools into $(CLIENTS) and $(OPTIMUM), run clients against a server, open bundles"
	@echo "make tutorials    run the documents whose commands are executed, and the notebooks, and compare (after make demo; minutes)"
	@echo "make release-check    build twice, compare, install the wheel, SBOM, licences, workflows (EXTRAS=all: every extra)"
	@echo "make image   build the container image without a daemon (buildah, mmdebstrap); make image-check runs it (runc)"
	@echo "make systemd-check   start the systemd unit under a real systemd (root, mmdebstrap; 3 minutes)"
	@echo "make quick   the tests without training"

install: $(DEV)

$(DEMO): $(INSTALLER)
	@$(PYTHON) scripts/install.py $(VENV) training export starter
	@touch $(DEMO)

$(DEV): $(INSTALLER)
	@$(PYTHON) scripts/install.py $(VENV) dev
	@touch $(DEMO) $(DEV)

demo: $(DEMO)
	@$(BIN)/glossator demo

# The processes and their tests: tests/support/file_scheduling.py. One thread per process: more would only wait for each
# other.
PARALLEL := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist=loadfile

test: $(DEV)
	@$(PARALLEL)

quick: $(DEV)
	@$(PARALLEL) -m "not slow"

check: $(DEV)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/python -m mypy benchmarks scripts
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python scripts/docs/check_docs.py
	@$(BIN)/python scripts/docs/check_words.py
	@$(BIN)/python scripts/docs/count_blocks.py
	@$(BIN)/python scripts/figures/fill_figures.py --check

docs: figures
	@$(BIN)/python scripts/docs/check_docs.py
	@$(BIN)/python scripts/docs/check_words.py README.md CONTRIBUTING.md CHANGELOG.md docs
	@$(BIN)/python scripts/docs/build_docs.py

figures: $(DEV)
	@$(BIN)/python scripts/figures/fill_figures.py

screenshots: $(DEV)
	@$(BIN)/glossator demo loop --no-serve
	@$(BIN)/python scripts/take_screenshots.py demo demo-loop

studio-assets:
	@cd scripts/studio_assets && npm ci --ignore-scripts && node build.mjs

format: $(DEV)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

base-install: $(DEMO)
	@PYTHON="$(PYTHON)" sh scripts/release/check_base_install.sh demo/tickets

bench: $(DEV)
	@$(BIN)/python -m benchmarks.speed.startup

bench-headline: $(DEV)
	@$(BIN)/python -m benchmarks.headline

families: $(DEV)
	@$(BIN)/python -m benchmarks.quality.model_families

sweep: $(DEV)
	@$(BIN)/python -m benchmarks.reliability.kill_sweep

fuzz: $(DEV)
	@$(BIN)/python -m pytest -m hypothesis --hypothesis-profile=fuzz --timeout=3600
	@$(BIN)/python -m benchmarks.reliability.fuzz
	@$(BIN)/python -m benchmarks.reliability.reader_fuzz

interop: $(DEV)
	@$(PYTHON) -m venv $(CLIENTS)
	@$(CLIENTS)/bin/pip install -q -r tests/interop/clients.txt
	@$(PYTHON) -m venv $(OPTIMUM)
	@$(OPTIMUM)/bin/pip install -q -r tests/interop/optimum.txt
	@GLOSSATOR_CLIENTS=$(CURDIR)/$(CLIENTS)/bin/python GLOSSATOR_OPTIMUM=$(CURDIR)/$(OPTIMUM)/bin/python \
		$(BIN)/python -m pytest tests/interop

tutorials: $(DEV)
	@$(BIN)/python scripts/docs/run_sessions.py
	@$(BIN)/python scripts/docs/run_notebooks.py

EXTRAS ?= base
release-check: $(DEV)
	@mkdir -p build
	@$(BIN)/python scripts/release/release_check.py --extras $(EXTRAS) --keep build/release --result build/release.json

image:
	@sh scripts/image/build_image.sh

image-check: $(DEV)
	@$(BIN)/python scripts/image/check_image.py demo/tickets

systemd-check: $(DEV)
	@sh scripts/image/check_systemd.sh demo/tickets

clean:
	rm -rf $(VENV) $(CLIENTS) $(OPTIMUM) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
