# What a person types. Everything lands below this folder: .venv/ (Python), .tools/ (downloads), contracts/node_modules/ (Foundry), .dps/ (grids).
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

VENV := .venv
# The system's own Python comes first where it is new enough: it is built with profiles of real programs, which makes it
# a tenth faster for ours than one built with the defaults, and it is what most people have.
PYTHON := $(shell for p in /usr/bin/python3 python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
UV_VERSION := 0.13.8
GETH_VERSION := v1.16.7
UV := $(VENV)/bin/uv --system-certs
# What is downloaded stays here, too; name another folder to share it between trees.
export UV_CACHE_DIR ?= $(CURDIR)/.tools/cache/uv
export PIP_CACHE_DIR ?= $(CURDIR)/.tools/cache/pip
# Every process here would else compile hundreds of modules again, and pytest would rewrite each test each time.
export PYTHONDONTWRITEBYTECODE :=
WORKERS ?= auto

.PHONY: help demo test thorough check lint bench conformance contracts-check solidity contracts-prove lock changelog clean

help: ## Show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.runtime ## Install, start a whole grid on this machine, run a workflow through it, show the bill
	@$(VENV)/bin/dps demo

test: check solidity .tools/s3/.installed ## Run all tests: the fast ones, the contracts, those that start programs, and the systems with real Slurm and whole grids
	$(VENV)/bin/pytest -n $(WORKERS) -m "hypothesis and not system and not conformance" --hypothesis-profile long --timeout 900
	$(VENV)/bin/pytest -n $(WORKERS) -m "(programs or system) and not conformance" --timeout 600 --durations 30

thorough: $(VENV)/.dev ## Try every rule that holds for all inputs with as many as a night allows
	$(VENV)/bin/pytest -n $(WORKERS) -m "hypothesis and not system and not conformance" --hypothesis-profile thorough --timeout 14400

check: lint ## Run the linters, the type checker and the fast tests in less than a minute; show which of them took longest
	$(VENV)/bin/pytest -n $(WORKERS) -m "not programs and not system and not conformance" --durations 10

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

contracts-check: solidity ## Build, test, fuzz and measure the Solidity contracts, let Slither read them, compare the artifacts
	$(VENV)/bin/pytest tests/contracts

# Forge and Slither compile on one core each. The tests in Python are of the other suites, too.
solidity: $(VENV)/.dev .tools/proofs/.installed
	$(MAKE) -C contracts -j 2 --output-sync check

contracts-prove: $(VENV)/.dev .tools/proofs/.installed ## Prove them: long invariants, the rule book, symbolic execution, mutants (hours)
	$(MAKE) -C contracts prove
	$(VENV)/bin/pytest tests/contracts/test_rule_book.py --hypothesis-profile long --timeout 14400

conformance: $(VENV)/.dev .tools/geth ## Run the chain's tests on every kind of node, a real geth among them (slow)
	$(VENV)/bin/pytest -m conformance

bench: $(VENV)/.dev ## Measure: a table on the terminal, JSON in benchmarks/results/ (all of placement: BENCH="placement --seeds 30")
	$(VENV)/bin/python -m benchmarks $(BENCH)

lock: $(VENV)/bin/uv ## Pin the current releases of all dependencies
	$(UV) pip compile -q --upgrade --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	$(UV) pip compile -q --upgrade --universal --generate-hashes --no-emit-index-url --no-header -c requirements.lock --extra plot --extra postgresql --group dev pyproject.toml -o requirements-dev.lock
	$(UV) pip compile -q --upgrade --universal --generate-hashes --no-emit-index-url --no-header contracts/requirements-proofs.in -o contracts/requirements-proofs.lock
	$(UV) pip compile -q --upgrade --universal --generate-hashes --no-emit-index-url --no-header tests/support/requirements-s3.in -o tests/support/requirements-s3.lock

changelog: $(VENV)/.dev ## Turn the fragments in changelog.d/ into CHANGELOG.md
	$(VENV)/bin/towncrier build --yes

clean: ## Remove everything that was built or installed here
	rm -rf $(VENV) .tools .dps dist contracts/out contracts/cache contracts/node_modules .*_cache
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

.tools/proofs/.installed: contracts/requirements-proofs.lock $(VENV)/bin/uv
	@$(UV) venv -q --clear --python $(PYTHON) .tools/proofs
	@$(UV) pip install -q --python .tools/proofs --require-hashes -r contracts/requirements-proofs.lock
	@touch $@

.tools/s3/.installed: tests/support/requirements-s3.lock $(VENV)/bin/uv
	@$(UV) venv -q --clear --python $(PYTHON) .tools/s3
	@$(UV) pip install -q --python .tools/s3 --require-hashes -r $<
	@touch $@

.tools/geth:
	@command -v go >/dev/null || { echo "a geth is built with Go; install it with: apt install golang-go" >&2; exit 1; }
	GOBIN=$(CURDIR)/.tools go install github.com/ethereum/go-ethereum/cmd/geth@$(GETH_VERSION)

$(VENV)/bin/uv:
	@[ -n "$(PYTHON)" ] || { echo "DeepSquare needs Python 3.11 or newer; install it with: apt install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing; install it with: apt install python3-venv" >&2; exit 1; }
	@$(VENV)/bin/pip install -q --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.runtime: $(VENV)/bin/uv requirements.lock pyproject.toml
	@echo "Installing into $(VENV) ..." >&2
	@$(UV) pip install -q --python $(VENV) --require-hashes -r requirements.lock
	@$(UV) pip install -q --python $(VENV) --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@$(UV) pip install -q --python $(VENV) --require-hashes -r requirements-dev.lock
	@touch $@
