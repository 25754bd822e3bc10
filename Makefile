# banksman: make help lists the targets.

SHELL      := /bin/bash
BIN        := $(CURDIR)/bin
TOOL       := go tool -modfile=$(CURDIR)/.tools/go.mod
# The race detector needs a C compiler; a machine without one still tests.
RACE       := $(shell command -v gcc >/dev/null 2>&1 && echo -race)
# What walks all inputs of pure functions runs without it.
EXHAUSTIVE := TestBothListsGive|TestNewContentGoes|TestDecideChangesNothing|TestNoInterleaving|TestTheModelOfPull|TestEveryMutantOfTheLists
VERSION    := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS    := -s -w -X main.version=$(VERSION) $(if $(IMAGE),-X main.image=$(IMAGE):$(subst +,-,$(VERSION)))

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: build
build: ## Build bin/banksman
	@mkdir -p $(BIN)
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/banksman ./cmd/banksman

# The time that stands in the image: that of the commit.
export SOURCE_DATE_EPOCH ?= $(or $(shell git log -1 --format=%ct 2>/dev/null),0)

.PHONY: image
image: ## Build the container image, with SBOMs, into bin/image for kind load or docker load; IMAGE=registry/name pushes it, too
	@mkdir -p $(BIN)
	@go -C .tools/image build -o $(BIN)/image-builder .
	@$(BIN)/image-builder -source $(CURDIR) -out $(BIN)/image -version '$(VERSION)' $(if $(IMAGE),-push '$(IMAGE)')

.PHONY: cluster-build
cluster-build: # Build the local cluster's programs, once for each version
	@mkdir -p $(BIN)
	@go -C fixtures/cluster build -o $(BIN)/cluster .
	@$(BIN)/cluster build

# With KUBECONFIG=<file> CONTEXT=<name> behind make demo it plays on that cluster, after it has asked; IMAGE_OLD, IMAGE_NEW and
# REPLICAS go with these. Only what stands on make's command line counts: an exported KUBECONFIG is not meant for the demo.
said       = $(if $(filter command,$(origin $(1))),--$(2)='$(subst ','\'',$($(1)))')
DEMO_ON    = $(strip $(call said,KUBECONFIG,kubeconfig) $(call said,CONTEXT,context) $(call said,IMAGE_OLD,image-old) \
	$(call said,IMAGE_NEW,image-new) $(if $(REPLICAS),$(call said,REPLICAS,replicas)))

.PHONY: demo
demo: build $(if $(DEMO_ON),,cluster-build) ## Watch the whole story on a local cluster, or on yours: KUBECONFIG= CONTEXT= (DEMO=auto plays it through)
	@go build -o $(BIN)/demo ./fixtures/demo/cmd/demo
	@$(BIN)/demo --cluster $(BIN)/cluster --banksman $(BIN)/banksman $(DEMO_ON)

.PHONY: browser
browser: ## Install the Chromium that the browser tests need (root on Debian, or CI with sudo)
	@found() { command -v chromium && command -v chromedriver; } >/dev/null; \
	get() { $$root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$$@" >/dev/null; }; \
	add() { get install --yes --no-install-recommends chromium chromium-driver; }; \
	found && exit; \
	root=; [ "$$(id -u)" = 0 ] || root="sudo -n"; \
	if command -v apt-get >/dev/null && { [ -z "$$root" ] || [ -n "$$CI" ]; } && $$root true 2>/dev/null; then \
		echo "browser: installing Debian's packages chromium and chromium-driver"; \
		add 2>/dev/null || { get update && add; }; \
	fi; \
	found || echo "browser: install chromium and chromedriver (on Debian: apt-get install chromium chromium-driver); without them the browser tests cannot run"

.PHONY: promtool
promtool: ## Install the promtool that the tests of metrics and alerts need (root on Debian, or CI with sudo)
	@found() { command -v promtool; } >/dev/null; \
	get() { $$root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$$@" >/dev/null; }; \
	add() { get install --yes --no-install-recommends prometheus; }; \
	found && exit; \
	root=; [ "$$(id -u)" = 0 ] || root="sudo -n"; \
	if command -v apt-get >/dev/null && { [ -z "$$root" ] || [ -n "$$CI" ]; } && $$root true 2>/dev/null; then \
		echo "promtool: installing Debian's package prometheus"; \
		add 2>/dev/null || { get update && add; }; \
	fi; \
	found || echo "promtool: install promtool (on Debian: apt-get install prometheus); without it the tests of metrics and alerts cannot run"

.PHONY: test
test: build cluster-build browser promtool ## Test everything, on a real control plane
	@$(BIN)/cluster down --dir $(BIN)/test-cluster >/dev/null 2>&1 || true
	@$(BIN)/cluster up --detach --dir $(BIN)/test-cluster --kubeconfig $(BIN)/test-cluster.yaml
	@echo "The slowest package plays the story on a control plane of its own and takes some minutes."
	@( while sleep 30; do echo "test: still running after $${SECONDS}s"; done ) & beat=$$!; \
	trap 'kill $$beat; $(BIN)/cluster down --dir $(BIN)/test-cluster' EXIT; \
	BANKSMAN_TEST_KUBECONFIG=$(BIN)/test-cluster.yaml BANKSMAN_CLUSTER=$(BIN)/cluster BANKSMAN_BIN=$(BIN)/banksman \
		$(TOOL) gotestsum --format pkgname -- $(RACE) -timeout 40m ./... $(TESTFLAGS)
	$(if $(RACE),go test ./reconcile -run '$(EXHAUSTIVE)')
	BANKSMAN_CLUSTER_TEST=1 go -C fixtures/cluster test ./...
	go -C .tools/image test -timeout 20m ./...

.PHONY: test-short
test-short: ## Test what needs no cluster
	go test ./... $(TESTFLAGS)

.PHONY: model
model: ## Walk the models of the decision as deep as a machine with 24 GiB can
	BANKSMAN_MODEL_EVENTS=5 go test ./reconcile -run TestNoInterleavingOfEvents -v -timeout 60m
	BANKSMAN_MODEL_EVENTS=6 go test ./reconcile -run TestNoInterleavingOfPull -v -timeout 60m
	BANKSMAN_MODEL_STEPS=100000 BANKSMAN_BAD_SOURCES=10000 go test ./reconcile -run 'TestWhateverHappens|TestNoBadSource' -v -timeout 60m

.PHONY: sweep
sweep: build cluster-build ## Kill banksman before and after every single write of five stories
	BANKSMAN_SWEEP=all BANKSMAN_CLUSTER=$(BIN)/cluster BANKSMAN_BIN=$(BIN)/banksman go test ./fixtures/crash -v -count=1 -timeout 60m

.PHONY: sequences
sequences: build cluster-build ## Play 200 generated sequences of whatever happens on a real control plane
	BANKSMAN_SEQUENCES=$(or $(SEQUENCES),200) BANKSMAN_CLUSTER=$(BIN)/cluster BANKSMAN_BIN=$(BIN)/banksman \
		go test ./fixtures/sequences -v -count=1 -timeout 90m

.PHONY: bench
bench: build cluster-build ## Measure banksman on a local control plane, beside a floor (BENCHFLAGS=--services=200 for less), and run the benchmarks
	@go build -o $(BIN)/bench ./fixtures/bench/cmd/bench
	@$(BIN)/bench --cluster $(BIN)/cluster --banksman $(BIN)/banksman $(BENCHFLAGS)
	go test -run '^$$' -bench . -benchmem ./gitsrc ./render/... ./reconcile

.PHONY: lint
lint: ## Vet and lint
	go vet ./...
	go -C fixtures/cluster vet ./...
	go -C .tools/image vet ./...
	$(TOOL) golangci-lint run ./...
	cd fixtures/cluster && $(TOOL) golangci-lint run --config $(CURDIR)/.golangci.yml ./...
	cd .tools/image && $(TOOL) golangci-lint run --config $(CURDIR)/.golangci.yml ./...
	$(TOOL) deadcode -test ./... | { ! grep .; }

.PHONY: vuln
vuln: ## Look for known vulnerabilities (needs vuln.go.dev)
	$(TOOL) govulncheck ./...

.PHONY: fmt
fmt: ## Format the code
	$(TOOL) golangci-lint fmt ./...

.PHONY: update
update: ## Write the golden files anew
	go test ./render/... ./cmd/... ./fixtures/fop-gate/... -update

.PHONY: cluster-up
cluster-up: cluster-build ## Start a local cluster; prints where its kubeconfig is
	@$(BIN)/cluster up --detach --dir $(BIN)/local-cluster --kubeconfig $(BIN)/kubeconfig.yaml
	@echo "export KUBECONFIG=$(BIN)/kubeconfig.yaml"

.PHONY: cluster-down
cluster-down: ## Stop the local cluster
	@$(BIN)/cluster down --dir $(BIN)/local-cluster
