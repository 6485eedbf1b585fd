# Drawbridge is built and tested from here. `make` alone lists what there is.

GO      ?= go
TAGS    := migrated_fynedo
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

FUZZTIME ?= 10s
OUT      ?= $(CURDIR)/.ci/out
FIXTURES := app/testdata/npm
PEERS    := app/testdata/peers
SUITE    := app/testdata/conformance
SERVERS  := app/testdata/servers
CLIENTS  := app/testdata/clients

# The window needs cgo, and nothing else does: these build without it on every
# system that Drawbridge is for.
PLAIN_TARGETS := linux/amd64 linux/arm64 windows/amd64 darwin/amd64 darwin/arm64

.DEFAULT_GOAL := help
.PHONY: help run build test bench conformance servers clients peers fuzz soak gallery lint package \
        deps-build deps-test unit bounds e2e portable

help: ## list the targets (this is the default)
	@echo "Drawbridge. make run builds and opens it, make test tests all of it."
	@echo
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r name text; do printf '%-12s %s\n' "$$name" "$$text"; done

run: build ## install what building needs, build, and open the window
	./drawbridge

build: deps-build ## build ./drawbridge
	$(GO) build -tags '$(TAGS)' -o drawbridge ./app

test: deps-test lint portable unit gallery bounds conformance servers e2e ## install what the tests need, and run every one of them

lint: deps-build ## gofmt, vet and staticcheck, for each way that the program is built
	@unformatted=$$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 -r ls -d 2>/dev/null | xargs -r gofmt -l); \
		test -z "$$unformatted" || { echo "gofmt -w these: $$unformatted" >&2; exit 1; }
	$(GO) vet -tags '$(TAGS)' ./...
	$(GO) vet -tags '$(TAGS) e2e' ./app/e2e/... ./app/e2e/testdata/hello
	CGO_ENABLED=0 $(GO) vet -tags nowindow ./app
	$(GO) tool staticcheck -tags '$(TAGS)' ./...
	CGO_ENABLED=0 $(GO) tool staticcheck -tags nowindow ./app
	$(GO) tool staticcheck -tags '$(TAGS) e2e' ./app/e2e/... ./app/e2e/testdata/hello

portable: ## build bridge and store without cgo for Linux, Windows and macOS, and the program without a window
	@set -e; for target in $(PLAIN_TARGETS); do \
		echo "$$target: ./bridge/... ./store/..."; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build ./bridge/... ./store/...; \
	done
	CGO_ENABLED=0 $(GO) build -tags nowindow -o /dev/null ./app
	@set -e; for system in windows darwin; do \
		echo "$$system: the tests of ./bridge/mcphost/..."; \
		CGO_ENABLED=0 GOOS=$$system $(GO) vet ./bridge/mcphost/...; \
	done

unit: deps-build $(FIXTURES)/node_modules/.package-lock.json
	DRAWBRIDGE_FAILED='$(OUT)/failed' $(GO) test -race -shuffle=on -timeout 60m -tags '$(TAGS)' ./...

# The race detector multiplies time and memory, so unit leaves out what these
# hold against a bound (see internal/bounds).
bounds: deps-build ## the tests of how much time and memory things take, without the race detector
	$(GO) test -count=1 -timeout 15m -p 1 -tags '$(TAGS)' -run 'Bounds$$' \
		$$(grep -rlE --include='*_test.go' '^func Test[A-Za-z0-9]*Bounds\(' app assets bridge store | xargs -n1 dirname | sort -u | sed 's|^|./|')

e2e: deps-test build $(FIXTURES)/node_modules/.package-lock.json ## the end-to-end test alone, in a real window on a desktop of its own
	mkdir -p '$(OUT)/e2e'
	E2E_OUT='$(OUT)/e2e' E2E_APP='$(CURDIR)/drawbridge' \
		$(GO) test -tags '$(TAGS) e2e' -count=1 -timeout 30m \
		$$($(GO) list -tags '$(TAGS) e2e' ./app/e2e/... | grep -vE "/app/e2e/(servers|clients)$$")

servers: deps-build $(SERVERS)/node_modules/.package-lock.json $(SERVERS)/.venv/installed ## the MCP servers of others from npm and PyPI, started for real
	$(GO) test -tags '$(TAGS) e2e' -count=1 -timeout 10m ./app/e2e/servers

bench: deps-test build $(FIXTURES)/node_modules/.package-lock.json ## a table of Drawbridge beside its references; fails over a limit
	@$(GO) build -tags '$(TAGS)' -o '$(OUT)/bin/hello' ./app/e2e/testdata/hello
	@$(GO) build -tags '$(TAGS) e2e' -o '$(OUT)/bin/bench' ./app/e2e/bench
	@$(GO) build -tags '$(TAGS) e2e' -o '$(OUT)/bin/transcript' ./app/e2e/bench/transcript
	@'$(OUT)/bin/bench' -app '$(CURDIR)/drawbridge' -hello '$(OUT)/bin/hello' -transcript '$(OUT)/bin/transcript' -out '$(OUT)/bench'

conformance: deps-build $(SUITE)/node_modules/.package-lock.json ## the conformance suite of MCP against our host of servers and our gateway, beside the bare SDK
	@mkdir -p '$(OUT)/bin'
	@$(GO) build -o '$(OUT)/bin/conformance' ./app/e2e/conformance
	@$(GO) build -o '$(OUT)/bin/bare' ./app/e2e/conformance/bare
	@$(GO) build -o '$(OUT)/bin/sdk-client' github.com/modelcontextprotocol/go-sdk/conformance/everything-client
	@.ci/conformance '$(SUITE)' '$(OUT)/bin/conformance' '$(OUT)/bin/bare'
	@$(GO) build -o '$(OUT)/bin/conformance-gateway' ./app/e2e/conformance/gateway
	@$(GO) build -o '$(OUT)/bin/everything-server' github.com/modelcontextprotocol/go-sdk/conformance/everything-server
	@.ci/conformance-gateway '$(SUITE)' '$(OUT)/bin/conformance-gateway' '$(OUT)/bin/everything-server'

clients: deps-build $(CLIENTS)/node_modules/.package-lock.json $(SERVERS)/.venv/installed ## the MCP clients of others from npm and PyPI, used against the gateway
	$(GO) test -tags '$(TAGS) e2e' -count=1 -timeout 10m ./app/e2e/clients

peers: clients deps-test $(PEERS)/node_modules/.package-lock.json $(PEERS)/.venv/installed $(FIXTURES)/node_modules/.package-lock.json ## real gateways in the middle, and the loops of others beside ours
	@$(GO) build -tags '$(TAGS) e2e' -o '$(OUT)/bin/bench' ./app/e2e/bench
	@'$(OUT)/bin/bench' -peers '$(PEERS)' -fixtures '$(FIXTURES)' -python '$(PEERS)/.venv/bin/python' -out '$(OUT)/peers'

fuzz: deps-build ## every fuzz test for FUZZTIME each (10s)
	@set -e; for folder in $$(grep -rl --include='*_test.go' '^func Fuzz' app assets bridge store | xargs -r -n1 dirname | sort -u); do \
		for target in $$($(GO) test -tags '$(TAGS)' -list '^Fuzz' "./$$folder" | grep '^Fuzz'); do \
			echo "$$folder $$target"; \
			$(GO) test -tags '$(TAGS)' -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$folder"; \
		done; \
	done

soak: deps-test $(FIXTURES)/node_modules/.package-lock.json ## the long tests in their full length (hours)
	DRAWBRIDGE_SOAK=1 $(GO) test -tags '$(TAGS)' -run Soak -count=1 -timeout 300m -v ./...

# The pictures are compared with those in testdata/golden. What differs is in
# .ci/out/failed: as it is, as it was, and the difference.
gallery: deps-build ## pictures of every page and card, in .ci/out/gallery; ACCEPT=1 keeps them as those to compare with
	mkdir -p '$(OUT)/gallery'
	DRAWBRIDGE_GALLERY='$(OUT)/gallery' DRAWBRIDGE_FAILED='$(OUT)/failed' DRAWBRIDGE_ACCEPT='$(ACCEPT)' \
		$(GO) test -tags '$(TAGS)' -run '^TestGallery' -count=1 ./app/ui/...

package: deps-build ## a release archive and its checksum, in dist/
	VERSION='$(VERSION)' .ci/package

deps-build:
	@.ci/deps build

deps-test:
	@.ci/deps test

# The MCP servers and the stand-in model server that the tests run, as pinned
# in package-lock.json.
$(FIXTURES)/node_modules/.package-lock.json: $(FIXTURES)/package.json $(FIXTURES)/package-lock.json
	@.ci/deps node
	cd $(FIXTURES) && npm ci --loglevel=error </dev/null
	@touch $@

# The conformance suite, which needs a newer Node than the tests.
$(SUITE)/node_modules/.package-lock.json: $(SUITE)/package.json $(SUITE)/package-lock.json
	@.ci/deps node
	cd $(SUITE) && npm ci --loglevel=error </dev/null
	@touch $@

# The MCP servers of others, without the scripts that their packages would run to
# install: nothing is compiled or fetched from elsewhere.
$(SERVERS)/node_modules/.package-lock.json: $(SERVERS)/package.json $(SERVERS)/package-lock.json
	@.ci/deps node
	cd $(SERVERS) && npm ci --ignore-scripts --loglevel=error </dev/null
	@touch $@

$(CLIENTS)/node_modules/.package-lock.json: $(CLIENTS)/package.json $(CLIENTS)/package-lock.json
	@.ci/deps node
	cd $(CLIENTS) && npm ci --ignore-scripts --loglevel=error </dev/null
	@touch $@

# The packages are kept as well: uvx makes its environments of them.
$(SERVERS)/.venv/installed: $(SERVERS)/requirements.txt
	@.ci/deps python
	python3 -m venv $(SERVERS)/.venv
	$(SERVERS)/.venv/bin/pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
		--dest $(SERVERS)/.venv/wheels -r $(SERVERS)/requirements.txt </dev/null
	$(SERVERS)/.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-index \
		--find-links $(SERVERS)/.venv/wheels -r $(SERVERS)/requirements.txt </dev/null
	@touch $@

# Gateways and loops of others: npm packages as pinned in package-lock.json, and
# Python packages in a virtual environment of their own.
$(PEERS)/node_modules/.package-lock.json: $(PEERS)/package.json $(PEERS)/package-lock.json
	@.ci/deps node
	cd $(PEERS) && npm ci --loglevel=error </dev/null
	@touch $@

$(PEERS)/.venv/installed: $(PEERS)/requirements.txt
	@.ci/deps python
	python3 -m venv $(PEERS)/.venv
	$(PEERS)/.venv/bin/pip install --quiet --disable-pip-version-check --no-deps -r $(PEERS)/requirements.txt </dev/null
	@touch $@
