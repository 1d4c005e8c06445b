# make demo   the main job in a throw-away virtual machine
# make test   unit tests with -race, oracle corpora, fuzz seeds, a real kexec
# make vm-long  more real kernels, for minutes
# make lint   gofmt, vet, staticcheck, golangci-lint
# make fuzz   every fuzz target for FUZZTIME
# make bench  benchmarks, printed side by side with their peers
# make install  PREFIX=/usr/local DESTDIR= HOOKS="pacman kernel-install debian"

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
PREFIX   ?= /usr/local
FUZZTIME ?= 30s
UNITDIR  ?= $(PREFIX)/lib/systemd/system
UNITS     = $(wildcard cmd/kexec-bls/dist/systemd/*.service cmd/kexec-bls/dist/systemd/*.path)
LDFLAGS   = -s -w -X main.version=$(VERSION)

GOLANGCI    = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Package managers look for hooks in one place, whatever PREFIX is.
HOOKS            ?= pacman kernel-install debian
PACMANHOOKDIR    ?= /usr/share/libalpm/hooks
KERNELINSTALLDIR ?= /usr/lib/kernel/install.d
SYSCONFDIR       ?= /etc

.PHONY: all build test vm vm-long demo lint fuzz bench install clean

all: build

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o kexec-bls ./cmd/kexec-bls

test:
	fixtures/setup.sh test second
	$(GO) test -race ./...
	$(MAKE) vm

# A guest takes a processor, and there may be two.
vm:
	fixtures/setup.sh test second
	$(GO) test -tags vm -run 'Guest|VM|Disk|Kernel' -count=1 -timeout 60m -p 2 ./...

# What takes long, and is run before an issue is resolved.
vm-long:
	fixtures/setup.sh test second
	$(GO) test -tags vm -run '^TestLong' -count=1 -timeout 60m -p 2 ./...

demo:
	fixtures/setup.sh demo
	@$(GO) test -tags demo -c -o kexec-bls-demo.test ./cmd/kexec-bls
	@cd cmd/kexec-bls && ../../kexec-bls-demo.test -test.run '^TestDemo$$'; code=$$?; rm -f ../../kexec-bls-demo.test; exit $$code

lint:
	@test -z "$$(gofmt -s -l .)" || { gofmt -s -d .; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags vm,demo ./...
	$(STATICCHECK) -tags vm ./...
	$(GOLANGCI) run ./...
	$(GOLANGCI) run --build-tags vm,demo ./...

# One at a time: go test fuzzes a single target of a single package.
fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep ^Fuzz); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$pkg; \
	  done; done

bench:
	$(GO) test -run '^$$' -bench . -benchtime 1s ./...

install: build
	install -Dm755 kexec-bls $(DESTDIR)$(PREFIX)/bin/kexec-bls
	@set -e; for unit in $(UNITS); do \
	  to=$(DESTDIR)$(UNITDIR)/$${unit##*/}; echo "install $$to"; install -Dm644 $$unit "$$to"; \
	  sed -i 's|/usr/bin/kexec-bls|$(PREFIX)/bin/kexec-bls|' "$$to"; done
	install -Dm644 cmd/kexec-bls/dist/systemd/80-kexec-bls.preset $(DESTDIR)$(UNITDIR)-preset/80-kexec-bls.preset

install: $(HOOKS:%=install-%-hook)

# The hook $(1) of dist becomes $(2), with mode $(3).
define hook
	install -Dm$(3) cmd/kexec-bls/dist/$(1) $(DESTDIR)$(2)
	@sed -i 's|/usr/bin/kexec-bls|$(PREFIX)/bin/kexec-bls|' $(DESTDIR)$(2)
endef

install-pacman-hook:
	$(call hook,pacman/95-kexec-bls.hook,$(PACMANHOOKDIR)/95-kexec-bls.hook,644)

install-kernel-install-hook:
	$(call hook,kernel-install/95-kexec-bls.install,$(KERNELINSTALLDIR)/95-kexec-bls.install,755)

install-debian-hook:
	$(call hook,debian/zzz-kexec-bls,$(SYSCONFDIR)/kernel/postinst.d/zzz-kexec-bls,755)
	$(call hook,debian/zzz-kexec-bls,$(SYSCONFDIR)/kernel/postrm.d/zzz-kexec-bls,755)
	$(call hook,debian/zzz-kexec-bls,$(SYSCONFDIR)/initramfs/post-update.d/zzz-kexec-bls,755)

clean:
	rm -f kexec-bls *.test
