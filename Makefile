.DEFAULT_GOAL := help
PROTOS := $(shell find protos third_party -name '*.proto')
PY := .venv/bin/python
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: gen
gen: ## regenerate gen/ from protos/
	rm -rf gen && mkdir gen
	$(PY) -m grpc_tools.protoc -Iprotos -Ithird_party --python_out=gen --mypy_out=quiet:gen $(PROTOS)
	$(PY) -m grpc_tools.protoc -Iprotos -Ithird_party --grpc_python_out=gen --mypy_grpc_out=quiet:gen \
	  $(shell grep -l '^service ' $(PROTOS))
