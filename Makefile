# The first time, each of these sets up all it needs; after that setting up takes no time.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup packages jars demo up test lint lint-python lint-protos lint-typescript gen gen-check lock chaos bench

BIN := .venv/bin
PY := $(BIN)/python
BUF = $(wildcard node_modules/@bufbuild/buf-linux-*/bin/buf)
PROTOS := $(shell find protos third_party -name '*.proto' | sort)
SOURCES := services client tests examples $(wildcard bench)
PYTEST_ARGS ?=

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: packages .venv/.installed jars ## install what is missing: Debian packages, .venv, Apache Kafka

packages:
	@deploy/dev/packages

.venv/.installed: requirements.lock pyproject.toml | packages
	test -x $(PY) || "$$(deploy/dev/packages --python)" -m venv .venv
	$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(PY) -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

jars: .venv/.installed
	@$(PY) -c 'from vahana_client.mesh.kafka_cache import KafkaJars; KafkaJars().ensure()'

demo: setup ## run a real experiment through the whole mesh, and take the mesh down
	@PATH="$(CURDIR)/$(BIN):$$PATH" examples/bowtie2/demo

up: setup ## bring a mesh up in ~/.vahana and leave it running; `.venv/bin/vahana down` ends it
	@$(BIN)/vahana up --detach
	@$(BIN)/vahana status

test: setup ## run all tests; PYTEST_ARGS="…" goes to pytest
	$(BIN)/pytest -n 2 --dist loadgroup $(PYTEST_ARGS)

lint: setup lint-python gen-check lint-protos lint-typescript ## check style, types, import rules, generated code and contracts

lint-python: .venv/.installed
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	@find $(SOURCES) -name '*.py' -exec awk 'FNR == 401 { print FILENAME ": more than 400 lines"; bad = 1 } END { exit bad }' {} +

lint-protos: node_modules/.installed
	$(BUF) lint
	@if git rev-parse -q --verify main >/dev/null; then set -x; $(BUF) breaking --against '.git#branch=main'; \
	else echo "skipped: buf breaking; there is no branch main to compare with"; fi

# Whoever writes another language gets a client by buf and its plugin alone.
lint-typescript: node_modules/.installed
	PATH="$(CURDIR)/node_modules/.bin:$$PATH" $(BUF) generate
	node_modules/.bin/tsc --noEmit --strict --target es2022 --module nodenext --skipLibCheck \
	  $$(find .run/typescript -name '*.ts')

node_modules/.installed: package.json package-lock.json
	deploy/dev/packages --lint
	npm ci --silent --no-audit --no-fund
	@touch $@

gen: .venv/.installed ## generate gen/ anew from protos/
	@rm -rf .run/gen
	$(call generate,.run/gen)
	rm -rf gen && mv .run/gen gen

gen-check: .venv/.installed
	@rm -rf .run/gen
	$(call generate,.run/gen)
	@diff -rq -x __pycache__ gen .run/gen || { echo "gen/ is not what protos/ make: run 'make gen'"; exit 1; }

# Only files with a service get a second, gRPC half.
define generate
mkdir -p $(1)
PATH="$(CURDIR)/$(BIN):$$PATH" $(PY) -m grpc_tools.protoc -Iprotos -Ithird_party --python_out=$(1) --mypy_out=quiet:$(1) $(PROTOS)
PATH="$(CURDIR)/$(BIN):$$PATH" $(PY) -m grpc_tools.protoc -Iprotos -Ithird_party --grpc_python_out=$(1) \
  --mypy_grpc_out=quiet:$(1) $(shell grep -l '^service ' $(PROTOS))
endef

lock: ## pin dependencies anew in requirements.lock: hashes, no addresses
	python3 -m venv .run/lock && .run/lock/bin/pip install -q uv==0.13.9
	.run/lock/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --all-extras --no-emit-package vahana pyproject.toml -o requirements.lock

chaos: setup ## 5,000 simulated seeds, every fail point, all end-to-end tests on PostgreSQL, the long storm
	VAHANA_SEEDS=5000 $(BIN)/pytest -n 2 -q tests/simulation/test_seeds.py
	$(BIN)/pytest -q tests/chaos/test_failpoints.py
	VAHANA_TEST_DATABASE=postgresql $(BIN)/pytest -q tests/e2e tests/chaos/test_failpoints.py
	$(PY) -m tests.chaos

bench: setup ## measure what is promised, against its goals
	$(PY) -m bench
