# DisRoom's tasks; `make help` lists them. Everything runs on the Node.js of node_modules.

cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/disroom
# What hack/setup.sh has built or linked, after what the machine has itself.
export PATH := $(PATH):$(cache)/bin:/usr/sbin:/sbin

node := node_modules/.bin/node
results := node_modules/.cache/test-results.json
vitest := npm exec -- vitest run --reporter=default --reporter=json --outputFile.json=$(results)

.DEFAULT_GOAL := help
.PHONY: help setup up image manifests kube-setup kube-up kube-down kube-node-off kube-node-on test e2e chaos chaos-mutants \
  power-failure bench bench-operator simulate check format build clean

##@ Run

up: setup dist/.built ## Run a whole chat cluster on this machine; flags: make up ARGS="--port 9000 --workers 2"
	@exec $(node) dist/main.js up $(ARGS)

##@ Run it on Kubernetes

image: setup ## Build the container image; into an OCI image layout, too: make image ARGS="--oci FOLDER"
	@hack/setup.sh image
	@hack/image/build.sh $(ARGS)

kube-setup: setup
	@hack/setup.sh kube
	@hack/image/build.sh --oci "$(cache)/images"

kube-up: kube-setup ## Start a Kubernetes on this machine (Linux, root), three nodes or make kube-up NODES=1
	@exec $(node) kube/main.ts up $(NODES)

kube-down: setup ## Stop it; nothing of it stays but its logs
	@exec $(node) kube/main.ts down

kube-node-off: setup ## Take a node its power: make kube-node-off NODE=node-2
	@exec $(node) kube/main.ts off $(NODE)

kube-node-on: setup ## And give it back: make kube-node-on NODE=node-2
	@exec $(node) kube/main.ts on $(NODE)

##@ Work on it

setup: ## Install what is missing
	@hack/setup.sh

build: setup dist/.built ## Compile src/ to dist/

# What was compiled last may have been renamed since, so that dist/ begins empty.
dist/.built: package-lock.json tsconfig.json tsconfig.build.json $(shell find src) | setup
	@rm -rf dist
	@npm run --silent build
	@touch $@

chaos: setup dist/.built ## Let faults happen to a cluster under load: make chaos ARGS="--seed 7 --faults 50"
	@exec $(node) test/chaos/run.ts --role-command "$(node) dist/main.js" $(ARGS)

chaos-mutants: setup ## See that chaos finds what is wrong, with the fence taken out for example
	@exec $(node) test/chaos/run-mutants.ts $(ARGS)

power-failure: setup dist/.built ## Take the power off NATS and its disks, and count what is lost: make power-failure ARGS="--nats 3 --no-sync"
	@exec $(node) test/power/run.ts --role-command "$(node) dist/main.js" $(ARGS)

bench: setup dist/.built ## Measure DisRoom beside ngIRCd, about 35 minutes; a part of it: make bench ARGS="--workloads A,B --rounds 3"
	@hack/setup.sh bench
	@exec $(node) bench/main.ts $(ARGS)

bench-operator: setup dist/.built ## Measure the operator with 1,000 ChatClusters on a real API server, Linux, 20 minutes or make bench-operator ARGS="--clusters 200"
	@hack/setup.sh test
	@exec $(node) bench/operator/main.ts $(ARGS)

simulate: setup ## Compare worker scaling policies by simulation: make simulate SEED=7; all rows: make simulate ARGS=--json
	@exec $(node) bench/simulate/main.ts $(if $(SEED),--seed $(SEED)) $(ARGS)

check: setup ## Check format, lint and types
	@npm run --silent check

manifests: setup ## Make deploy/ from the operator's chart
	@hack/setup.sh charts
	@$(node) hack/charts/manifests.ts

format: setup ## Format the files
	@npm run --silent format

test: ## Check, build and run all tests on this machine
	@hack/setup.sh test
	@npm run --silent check
	@$(MAKE) --no-print-directory dist/.built
	@rm -f $(results)
	@command -v helm >/dev/null || echo "helm is not there: the charts are left to make e2e"
	@$(vitest) --project unit --project integration --project api $$(command -v helm >/dev/null && echo --project charts); \
	  status=$$?; $(node) hack/test-summary.js $(results); exit $$status

e2e: kube-setup ## Run the tests that need a whole Kubernetes, on one of this machine
	@hack/setup.sh test
	@rm -f $(results)
	@hack/e2e.sh $(vitest) --project charts --project kube --project e2e; \
	  status=$$?; $(node) hack/test-summary.js $(results); exit $$status

clean: ## Remove dist/; messages in .disroom/ and installed packages stay
	rm -rf dist

help: ## Show this
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
