.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help setup setup-dev demo check test nightly audit sbom lint bench mutants soak docs assets package lock clean

help: ## Show these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/.installed: requirements.txt pyproject.toml CHANGELOG.md
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

setup: $(VENV)/.installed ## Install .venv/bin/cobalt; quick if nothing changed

setup-dev: $(VENV)/.installed-dev

demo: setup ## Run everything with defaults: server, worker, sandbox EHR, example app
	@$(BIN)/cobalt demo

lint: setup-dev ## Check format, style, types, and the imports between rooms
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/pyrefly check --summary=none
	$(BIN)/lint-imports --no-cache

check: lint ## Lint, and run the quick tests of what changed
	PYTHONHASHSEED=0 $(BIN)/python -m tests.house.check

test: lint ## Lint, and run all tests, as CI does
	@sh tests/need-browsers.sh
	PYTHONHASHSEED=0 $(BIN)/pytest -n 2

# The audit comes last and counts whatever the tests said: it needs a service that not every machine reaches.
nightly: lint sbom ## Run all tests at their full size, and the audit; takes hours
	@sh tests/need-browsers.sh
	@failed=0; \
	COBALT_PROOF=nightly PYTHONHASHSEED=0 $(BIN)/pytest -n 2 --timeout 14400 || failed=1; \
	COBALT_TEST_POSTGRES_BIN=/usr/lib/postgresql/15/bin PYTHONHASHSEED=0 $(BIN)/pytest -n 2 || failed=1; \
	$(MAKE) --no-print-directory audit || failed=1; \
	exit $$failed

audit: setup-dev ## Look for known vulnerabilities in the locked packages
	$(BIN)/python -m tests.house.audit

sbom: setup-dev ## Write dist/cobalt-link.cdx.json, the bill of materials of a release
	$(BIN)/python -m tests.house.sbom dist/cobalt-link.cdx.json

bench: setup-dev ## Run every benchmark, each with its baseline in the same run
	$(BIN)/python -m benchmarks

mutants: setup-dev ## Change the code one spot at a time, and count what no test notices; takes hours
	$(BIN)/python -m tests.house.mutants

soak: setup-dev ## Link for two hours, and fail if the server's memory grows
	$(BIN)/python -m benchmarks soak

docs: setup-dev ## Generate the reference pages
	$(BIN)/python -m tests.docs.reference

clients/js/node_modules/.package-lock.json: clients/js/package-lock.json
	cd clients/js && npm ci --no-audit --no-fund
	@touch $@

assets: clients/js/node_modules/.package-lock.json ## Build the scripts that the server serves (needs Node)
	cd clients/js && npm run --silent build

package: clients/js/node_modules/.package-lock.json ## Build the npm package dist/cobalt-link.tgz (needs Node)
	cd clients/js && npm run --silent package

lock: setup-dev ## Update the requirement files with hashes
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links pyproject.toml --extra build -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links pyproject.toml --extra dev -c requirements.txt -o requirements-dev.txt

clean: ## Remove everything that make created
	rm -rf $(VENV) artefacts build dist
