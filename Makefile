# The project's commands. `make` alone lists them.
# Needs Python 3.10 or later and make; everything else goes into $(VENV), in this folder.

PYTHON ?= python3
VENV ?= .venv
# Passed on: make demo ARGS="--seconds 20", make test ARGS="-k fastapi". make mutants ARGS='tradmetrics.capture.sources.*' changes
# one module only, and ARGS=<a name that it listed> one place.
ARGS ?=
# How many tests run at a time: one more than there are processors, since some wait. Each process takes whole files: a
# file's tests share what is slow to start. make test JOBS=0 ARGS="--pdb -k fastapi" runs them in one process.
JOBS ?= $(shell $(PYTHON) -c 'import os; print(1 + (os.cpu_count() or 1))')
# make test COVERAGE=97 also measures the coverage of branches, and fails below that many percent.
COVERAGE ?=

BIN := $(VENV)/bin
PYTEST = $(BIN)/pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)
# Programs that the tests run for real, unpacked here by .ci/tools where the system has none.
export PATH := $(PATH):$(CURDIR)/.tools/usr/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Hundreds of programs that the tests start would each compile all that they import.
export UV_COMPILE_BYTECODE := 1
unexport PYTHONDONTWRITEBYTECODE

SOURCES := $(shell find tradmetrics -type f -not -name '*.pyc') _tradmetrics_pytest.py tradmetrics/py.typed setup.cfg pyproject.toml MANIFEST.in README.md

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-adapters adapters-newest adapters-oldest test-pyodide audit lint format pictures bench bench-board bench-check bench-accept mutants fuzz attack soak docs docs-serve stack dist tools clean
.DELETE_ON_ERROR:

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.demo ## Run a lively paper-trading session with a live page; ARGS="--no-board --speed 1"
	@$(BIN)/tradmetrics demo --speed 10 --board $(ARGS)

test: $(VENV)/.test tools ## Run the tests against the built wheel
ifneq ($(COVERAGE),)
	@rm -f .coverage .coverage.*
	@# Not by pytest-cov: the package's own pytest plugin is imported before that could begin to measure.
	$(BIN)/coverage run $(PYTEST)
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=$(COVERAGE)
else
	$(PYTEST)
endif

test-all: $(VENV)/.test tools ## Run every test, those of a nightly run too
	$(PYTEST) -m "nightly or not nightly"

test-pyodide: $(VENV)/.test ## Run the core tests on CPython 3.14, as WebAssembly
	@bash .ci/pyodide

audit: $(VENV)/.test ## Look for insecure code and vulnerable dependencies, and list the licences of the dependencies
	@$(BIN)/pip install --quiet bandit pip-audit pip-licenses
	$(BIN)/bandit --quiet --recursive tradmetrics --configfile pyproject.toml
	$(BIN)/pip-licenses --packages prometheus-client wrapt typing-extensions
	@mkdir -p .tools && printf 'prometheus-client\nwrapt\ntyping-extensions\n' > .tools/audited.txt
	$(BIN)/pip-audit --progress-spinner off --requirement .tools/audited.txt

test-adapters: ## Test the adapters of libraries that do not install together with the others, in .venv-adapters
	@$(PYTHON) tests/adapter_environments.py $(ARGS)

adapters-newest: ## Test each adapter on the newest release of its library, in .venv-adapters
	@$(PYTHON) tests/adapter_environments.py --newest $(ARGS)

adapters-oldest: ## Test each adapter on the oldest release of its library that is supported, in .venv-adapters
	@$(PYTHON) tests/adapter_environments.py --oldest $(ARGS)

lint: $(VENV)/.test ## Check style, types, and that nothing is newer than Python 3.10
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy tradmetrics tests/typing
	@# Also in the checker that editors use.
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright --pythonpath $(BIN)/python --pythonversion 3.10 tradmetrics tests/typing
	$(BIN)/vermin --target=3.10- --violations --eval-annotations --no-tips tradmetrics

format: $(VENV)/.test ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.test ## Measure the overhead against hand-written prometheus_client
	$(BIN)/python -m tests.bench $(ARGS)

bench-check: $(VENV)/.test ## Fail when a decorated call costs a quarter more than was accepted
	@$(BIN)/python -m tests.bench.regressions

bench-board: $(VENV)/.test ## Measure what the board costs: processor time and memory
	@$(BIN)/python -m tests.bench.board $(ARGS)

bench-accept: $(VENV)/.test ## Accept what decorated calls cost now
	@$(BIN)/python -m tests.bench.regressions --accept

mutants: $(VENV)/.test ## Change the code in one place at a time, and list the changes that no test notices
	@$(BIN)/pip install --quiet 'mutmut>=3.8,<4'
	$(BIN)/mutmut run $(ARGS)
	@$(BIN)/mutmut results

fuzz: $(VENV)/.test ## Look for inputs that break a promise; ARGS="--minutes 1 calls"
	@$(BIN)/python -m tests.fuzz $(ARGS)

attack: $(VENV)/.test ## Attack the endpoints, the workers' files and the push, and print what held
	@$(BIN)/python -m tests.attack $(ARGS)

soak: $(VENV)/.test ## Trade for 20 minutes, and fail when memory, files, threads or series grow
	@$(BIN)/python -m tests.bench.soak $(ARGS)

docs: $(VENV)/.docs ## Build the documentation into site/
	@$(BIN)/python -m docs.tools --check
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

pictures: $(VENV)/.test ## Take the pictures of the board for the docs, in about seven minutes
	@$(BIN)/pip install --quiet pillow
	@$(BIN)/python -m docs.tools.alert_graphs
	@$(BIN)/python -m docs.tools.pictures

docs-serve: $(VENV)/.docs ## Serve the documentation while editing it
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

stack: $(VENV)/.demo tools ## Run Prometheus, Alertmanager and node exporter on the project's rules, without Docker
	@$(BIN)/python -m alerts.stack $(ARGS)

dist: dist/.built ## Build and check the wheel and the source distribution

tools: ## Fetch Prometheus, Alertmanager and the other programs of the tests into .tools/
	@bash .ci/tools

clean: ## Remove everything that these commands made
	rm -rf $(VENV) .venv-adapters .bench .tools build dist site mutants *.egg-info .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	    { echo "Python 3.10 or later is needed, and '$(PYTHON)' is none; name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	    { rm -rf $(VENV); echo "'$(PYTHON)' cannot make environments; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@touch $@

$(VENV)/.demo: $(VENV)/.created $(SOURCES)
	@echo "Installing tradmetrics into $(VENV) ..."
	@rm -rf build
	@echo "It takes about half a minute: the board brings its charts along."
	@$(BIN)/pip install --progress-bar on '.[board]'
	@touch $@

# The suite tests what users install: the wheel, built from the source distribution.
dist/.built: $(VENV)/.created $(SOURCES)
	@rm -rf build dist
	@echo "Building the wheel ..."
	@$(BIN)/pip install --quiet build twine
	@$(BIN)/python -m build > $(VENV)/build.log 2>&1 || { cat $(VENV)/build.log; exit 1; }
	@$(BIN)/twine check --strict dist/*
	@touch $@

# uv takes a fifth of pip's time, but does not read pip's settings: where it finds nothing, pip installs. pip keeps an
# installed wheel of the same version, hence the last command.
$(VENV)/.test $(VENV)/.docs: $(VENV)/.%: dist/.built
	@echo "Installing it with what '$*' needs into $(VENV) ..."
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python "$$(echo dist/*.whl)[$*]" || \
	    $(BIN)/pip install --quiet "$$(echo dist/*.whl)[$*]"
	@$(BIN)/pip install --quiet --force-reinstall --no-deps dist/*.whl
	@touch $@
