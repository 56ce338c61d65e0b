# Thin targets: each says what it runs, the work is done by cargo and by hack/.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# One build folder for you, for the Makefile and for CI, outside the clone: builds are slow, and a second copy is 3 GB.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/shop-platform/target
CARGO := cargo
# `make run PROFILE=release` builds the optimised binary (several minutes; `make bench` uses it).
PROFILE ?= dev
PROFILE_DIR := $(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
ARGS ?=

.PHONY: help run run-backends demo test test-chart nemesis store-outage servers control-plane cluster cluster-down images e2e e2e-compose bench-cluster operator-dev operator-campaign bench-operator lint fmt doc deny generate bench bench-outage bench-gate

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "%-14s %s\n", $$1, $$2}' Makefile

run: ## Build and start the whole shop (ARGS="--demo" fills the catalog)
	@$(CARGO) build --locked --profile $(PROFILE) -p shop
	@exec $(CARGO_TARGET_DIR)/$(PROFILE_DIR)/shop $(ARGS)

run-backends: ## Start the shop as five processes on real MongoDB, PostgreSQL and RabbitMQ (installs them when root)
	@hack/ensure-servers.sh
	@$(CARGO) build --locked --profile $(PROFILE) $(addprefix -p ,gateway user product order notification shopctl)
	@$(CARGO) build --locked -p testkit --bin test-servers
	@BIN=$(CARGO_TARGET_DIR)/$(PROFILE_DIR) exec $(CARGO_TARGET_DIR)/debug/test-servers -- hack/run-backends.sh

demo: ## Drive the running shop like a customer and an administrator (curl and jq)
	@examples/journey.sh

test: ## Run all tests, on real servers too (installs what they need when root)
	@hack/ensure-tools.sh curl jq
	@hack/ensure-servers.sh
	@hack/control-plane/build.sh
	$(CARGO) test --locked --workspace --no-run
	$(CARGO_TARGET_DIR)/debug/test-servers -- $(CARGO) test --locked --workspace --no-fail-fast

test-chart: ## Install, upgrade and uninstall the chart in every way that its README tells, on a control plane with played nodes
	@hack/ensure-tools.sh curl jq
	@hack/control-plane/build.sh >/dev/null
	@$(CARGO) build --locked --quiet -p operator --bin operator
	@$(CARGO) build --locked --quiet -p testkit --bin control-plane
	@OPERATOR=$(CARGO_TARGET_DIR)/debug/operator exec $(CARGO_TARGET_DIR)/debug/control-plane -- hack/check-chart/install.sh

# How long the nemesis goes on, and what draws its faults (anew if empty).
SECONDS ?= 60
SEED ?=
nemesis: ## Break the shop on real servers at random while customers order (SECONDS=600 SEED=7)
	@hack/ensure-servers.sh
	$(CARGO) build --locked --workspace --bins
	NEMESIS_SECONDS=$(SECONDS) $(if $(SEED),SEED=$(SEED)) $(CARGO) test --locked -p shop --test backends -- --nocapture nemesis

# How long the broker or a store is away.
MINUTES ?= 10
store-outage: ## Try shops whose PostgreSQL or MongoDB is away for long: nothing may be parked (MINUTES=10)
	@hack/ensure-servers.sh
	$(CARGO) build --locked --workspace --bins
	AWAY_SECONDS=$$(($(MINUTES) * 60)) $(CARGO_TARGET_DIR)/debug/test-servers -- \
		$(CARGO) test --locked -p shop --test backends -- --nocapture h1_

servers: ## Keep the servers of the tests running, and print how to use them (until Ctrl-C)
	@hack/ensure-servers.sh
	@$(CARGO) build --locked --quiet -p testkit --bin test-servers
	@exec $(CARGO_TARGET_DIR)/debug/test-servers

control-plane: ## Keep a Kubernetes control plane running, and print how to use it (until Ctrl-C; built in 8 minutes, once)
	@hack/control-plane/build.sh
	@$(CARGO) build --locked --quiet -p testkit --bin control-plane
	@exec $(CARGO_TARGET_DIR)/debug/control-plane

# How many nodes.
NODES ?= 1
cluster: ## Start a real Kubernetes with pods on this machine (needs root, elsewhere use kind; NODES=2)
	@NODES=$(NODES) hack/cluster/up.sh

cluster-down: ## End it, and leave nothing of it behind
	@hack/cluster/down.sh

# Name and tag of the images; what platforms of this version of the operator ask for.
export IMAGES ?= ghcr.io/shop-platform
export VERSION ?= 0.1.0
# PREBUILT=1 packs what cargo builds on this machine instead of compiling in a container.
PREBUILT ?=
images: ## Build the images of the project, and print their sizes (PREBUILT=1 PROFILE=dev: of what cargo has built here)
	@PREBUILT=$(PREBUILT) PROFILE=$(if $(filter command line,$(origin PROFILE)),$(PROFILE),release) hack/images/build.sh

# Which cluster: `here` is that of `make cluster`, started if need be; see hack/e2e-cluster.sh.
ON ?= here
e2e: ## Test the shop in a real cluster, installed from its chart (ON=kind; FILTER=journey; KEEP=1; uses the images of `make images`)
	@CARGO=$(CARGO) ON=$(ON) hack/e2e-cluster.sh

bench-cluster: ## Measure a platform's pods in the cluster of hack/cluster: memory at rest, time to ready (uses the images of `make images`; NODES=2)
	@CARGO=$(CARGO) MEASURE=1 NODES=$(NODES) hack/e2e-cluster.sh

e2e-compose: ## Walk through the shop in Docker Compose, and see that its data stay (uses the images of `make images`)
	@hack/e2e-compose.sh

# Which platform the operator is shown at work with.
MANIFEST ?= examples/minimal.yaml
operator-dev: ## See the operator make a platform on a private control plane with played nodes (MANIFEST=examples/production.yaml)
	@hack/control-plane/build.sh >/dev/null
	@$(CARGO) build --locked --quiet -p testkit --bin control-plane
	@$(CARGO) build --locked --quiet -p operator
	@OPERATOR=$(CARGO_TARGET_DIR)/debug/operator MANIFEST=$(MANIFEST) \
		exec $(CARGO_TARGET_DIR)/debug/control-plane --apply crds -- hack/operator-dev.sh

# 0: every interruption of every write once, and changes of platforms for an hour.
operator-campaign: ## Interrupt the operator at every write, and change platforms at random (SECONDS=600 SEED=7)
	@hack/control-plane/build.sh
	CAMPAIGN_SECONDS=$(if $(filter command line,$(origin SECONDS)),$(SECONDS),0) $(if $(SEED),SEED=$(SEED)) \
		$(CARGO) test --locked -p operator --test world -- --nocapture campaign

# How many platforms, ascending.
PLATFORMS ?= 1 100 1000
bench-operator: ## Measure what the operator costs (PLATFORMS="1 100 1000"; an hour)
	@hack/control-plane/build.sh
	$(CARGO) build --locked --release -p operator --bin operator --example bench
	$(CARGO_TARGET_DIR)/release/examples/bench $(CARGO_TARGET_DIR)/release/operator $(PLATFORMS)

lint: ## Formatting, clippy, workflows, compose.yaml, what the operator makes of the examples, its chart
	hack/check-workflows.sh
	hack/check-compose.sh
	hack/check-children.sh
	hack/check-chart.sh
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets --keep-going -- -D warnings
	$(CARGO) clippy --locked -p operator --test cluster -- -D warnings

doc: ## Build the API documentation (a warning is an error), and hold the documents to the tree
	hack/check-docs.sh
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

deny: ## Licences, advisories, bans and sources of the dependencies
	hack/cargo-deny.sh

generate: ## Write the generated files that are committed
	$(CARGO) run --locked --quiet -p contracts --bin contract-schemas
	$(CARGO) run --locked --quiet -p operator -- crd > $(CARGO_TARGET_DIR)/shopplatforms.yaml
	mv $(CARGO_TARGET_DIR)/shopplatforms.yaml crds/
	$(CARGO) run --locked --quiet -p operator -- rbac > $(CARGO_TARGET_DIR)/rbac.yaml
	mv $(CARGO_TARGET_DIR)/rbac.yaml config/
	cp crds/shopplatforms.yaml config/rbac.yaml charts/shop-operator/files/

bench: ## Measure against the budgets of docs/performance.md
	bench/run.sh

# How many orders a second there are while the broker is away.
RATE ?= 50
bench-outage: ## Measure a shop whose broker is away for long (MINUTES=10 RATE=50)
	MINUTES=$(MINUTES) RATE=$(RATE) bench/run.sh outage

bench-gate: ## The CI gate: instructions per request at the gateway (installs valgrind when root)
	@hack/ensure-tools.sh valgrind
	bench/gateway-instructions.sh
