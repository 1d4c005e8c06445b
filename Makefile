# make check  gofmt, vet and unit tests, in less than a minute
# make demo   the main job in a throw-away virtual machine
# make test   unit tests with -race, oracle corpora, fuzz seeds, a real kexec;
#             plain go test leaves out those that need pacman, tmux and the like
# make vm-long  more real kernels, for minutes
# make e2e    Debian guests with systemd, systemd-boot and GRUB, for an hour
# make lint   gofmt, vet, staticcheck, golangci-lint
# make fuzz   every fuzz target for FUZZTIME
# make bench  benchmarks, printed side by side with their peers
# make install  PREFIX=/usr/local DESTDIR= HOOKS="pacman kernel-install debian"
# make uninstall  PREFIX=/usr/local DESTDIR=  removes what install brought
# make dist     ARCHS="amd64 arm64 ..."  release tarballs and packages, in dist/
# make packages-test  installs and removes them, in roots of their own

GO       ?= go
VERSION  ?= $(shell cmd/kexec-bls/dist/version.sh)
PREFIX   ?= /usr/local
FUZZTIME ?= 30s
# Those that have kexec_file_load(2); CI runs on amd64.
CROSS     = arm64 riscv64 ppc64le s390x loong64
# Those of a release; the names are Go's.
ARCHS    ?= amd64 $(CROSS)
PROGRAM  ?= kexec-bls
LDFLAGS   = -s -w -buildid= -X main.version=$(VERSION)

GOLANGCI    = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: all build check test vm vm-long e2e smoke demo lint fuzz bench install uninstall dist packages-test clean

all: build

build:
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o $(PROGRAM) ./cmd/kexec-bls

# What runs before each commit: needs Go and nothing else.
check:
	@test -z "$$(gofmt -s -l .)" || { gofmt -s -d .; exit 1; }
	$(GO) vet ./...
	$(GO) test ./...

test:
	fixtures/setup.sh test second
	$(GO) test -race -tags tools ./...
	$(MAKE) vm
	$(MAKE) smoke

# A guest takes a processor, and there may be two.
vm:
	fixtures/setup.sh test second
	$(GO) test -tags vm -run 'Guest|VM|Disk|Kernel' -skip '^TestLong' -count=1 -timeout 60m -p 2 ./...

# What takes long, and is run before an issue is resolved.
vm-long:
	fixtures/setup.sh e2e four initrds arm64
	$(GO) test -tags vm -run '^TestLong' -count=1 -timeout 60m -p 2 ./...
	TRY_ONLY=hang,panic $(GO) test -tags e2e -run '^TestE2ETry$$|^TestLongTPM$$' -count=1 -timeout 90m ./cmd/kexec-bls

# Debian guests with systemd, systemd-boot and GRUB, everything that a reboot touches.
e2e:
	fixtures/setup.sh e2e
	$(GO) test -tags e2e -run '^TestE2E' -count=1 -timeout 180m -v ./cmd/kexec-bls

# The first of them, with the stable release.
smoke:
	fixtures/setup.sh test
	$(GO) test -tags e2e -run '^TestE2EReboot$$' -count=1 -timeout 30m ./cmd/kexec-bls

demo:
	fixtures/setup.sh demo
	@$(GO) test -tags demo -c -o kexec-bls-demo.test ./cmd/kexec-bls
	@cd cmd/kexec-bls && ../../kexec-bls-demo.test -test.run '^TestDemo$$'; code=$$?; rm -f ../../kexec-bls-demo.test; exit $$code

lint:
	@test -z "$$(gofmt -s -l .)" || { gofmt -s -d .; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags vm,demo,packages,e2e,tools ./...
	@set -e; for arch in $(CROSS); do GOARCH=$$arch $(GO) vet ./...; done
	$(STATICCHECK) -tags vm,e2e,tools ./...
	$(GOLANGCI) run ./...
	$(GOLANGCI) run --build-tags vm,demo,packages,e2e,tools ./...

# One at a time: go test fuzzes a single target of a single package.
fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep ^Fuzz); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$pkg; \
	  done; done

bench:
	$(GO) test -run '^$$' -bench . -benchtime 1s ./...

# With sudo there may be no Go: then what make build left is taken.
# The variables go through the environment, where no quotes are needed.
install: export PREFIX := $(PREFIX)
install: export DESTDIR := $(DESTDIR)
install: $(if $(shell command -v $(GO)),build)
	@cmd/kexec-bls/dist/install.sh

uninstall: export PREFIX := $(PREFIX)
uninstall: export DESTDIR := $(DESTDIR)
uninstall:
	@cmd/kexec-bls/dist/install.sh uninstall

dist: export ARCHS := $(ARCHS)
dist:
	@GO='$(GO)' cmd/kexec-bls/dist/release.sh

packages-test:
	fixtures/setup.sh packages
	$(GO) test -tags packages -run '^TestPackage' -count=1 -timeout 60m ./cmd/kexec-bls

clean:
	rm -rf kexec-bls dist *.test
