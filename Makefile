# make check: everything that must hold. make test: the tests alone. make docs: the generated pages.
PYTHON ?= python

.PHONY: check lint test docs

check: lint test

lint:
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m pyright
	lint-imports

test:
	$(PYTHON) -m pytest -n 2

docs:
	$(PYTHON) tools/make_docs.py
