#!/bin/sh
# make dist: writes what is released into $OUT, by default the folder dist at
# the top:
#
#	kexec-bls-VERSION.tar.gz		the sources, with those of all modules
#	kexec-bls-VERSION-linux-ARCH.tar.gz	as make install PREFIX=/usr leaves it
#	*.deb *.rpm *.pkg.tar.zst		packages
#	PKGBUILD				for makepkg
#	kexec-bls-VERSION-linux-ARCH.cdx.json	what is in the program, as CycloneDX has it
#	SHA256SUMS				to be signed, see CONTRIBUTING.md
#
# It builds HEAD, not the files of the working tree, and the same commit gives
# the same bytes with the same Go. ARCHS are names of Go.
set -eu
umask 022
unset GOFLAGS GOOS GOARCH GOEXPERIMENT GOAMD64 GOARM64 GOPPC64 GORISCV64 CDPATH
export LC_ALL=C TZ=UTC GOWORK=off
GO=${GO:-go}
ARCHS=${ARCHS:-amd64 arm64 riscv64 ppc64le s390x loong64}
cyclonedx="$GO run -trimpath github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.9.0"
nfpm="$GO run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2"
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
OUT=${OUT:-$PWD/dist}
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

# progress prints what is done now: a release takes minutes.
progress() {
	echo "dist: $*" >&2
}

# sbom ARCH FILE lists the modules in a program. The tool writes the time of day.
sbom() {
	$cyclonedx bin -json -noserial -version "$version" -output "$2" "$work/kexec-bls-$1" >"$work/log" 2>&1 ||
		{ cat "$work/log" >&2 && exit 1; }
	sed -i "s/\"timestamp\": \"[^\"]*\"/\"timestamp\": \"$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)\"/" "$2"
}

# pack DIR FILE makes a tarball in which nothing depends on this machine.
pack() {
	tar -C "${1%/*}" --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
		-cf - "${1##*/}" | gzip -9n >"$2"
}

# tree ARCH DIR [NAME=VALUE...] installs a build of $source into a fresh DIR.
tree() {
	program=$work/kexec-bls-$1 dir=$2
	shift 2
	rm -rf "$dir"
	env PREFIX=/usr DESTDIR="$dir" PROGRAM="$program" COMPLETER="$work/kexec-bls-$host" "HOOKS=pacman kernel-install debian" \
		"$@" "$source/cmd/kexec-bls/dist/install.sh" >/dev/null
	find "$dir" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
}

# package ARCH KIND [NAME=VALUE...] packs a tree of its own.
package() {
	arch=$1 kind=$2
	shift 2
	tree "$arch" "$work/tree" "$@"
	gzip -9n "$work"/tree/usr/share/man/man*/*
	find "$work/tree" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
	(cd "$here/nfpm" && env VERSION="$version" ARCH="$arch" TREE="$work/tree" $nfpm package -f nfpm.yaml -p "$kind" -t "$OUT/") >"$work/log" 2>&1 ||
		{ cat "$work/log" >&2 && exit 1; }
}

version=$("$here/version.sh" HEAD)
name=kexec-bls-$version
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
work=$OUT/.work source=$OUT/.work/$name
rm -rf "$work" "$OUT"/kexec-bls*.tar.gz "$OUT"/*.deb "$OUT"/*.rpm "$OUT"/*.pkg.tar.zst "$OUT"/*.cdx.json "$OUT/PKGBUILD" "$OUT/SHA256SUMS"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

progress "version $version, for $ARCHS, into $OUT"
progress "sources, with those of all modules"
git archive --prefix="$name/" HEAD | tar -C "$work" -xf -
echo "$version" >"$source/.version"
(cd "$source" && $GO mod vendor)
chmod -R u+rwX,go+rX,go-w "$source"
pack "$source" "$OUT/$name.tar.gz"
host=$($GO env GOHOSTARCH)
for arch in $host $ARCHS; do
	[ ! -e "$work/kexec-bls-$arch" ] || continue
	progress "building for $arch"
	GOARCH=$arch make -s -C "$source" build PROGRAM="$work/kexec-bls-$arch" VERSION="$version" GO="$GO"
done
for arch in $ARCHS; do
	progress "packages for $arch"
	sbom "$arch" "$OUT/$name-linux-$arch.cdx.json"
	tree "$arch" "$work/$name-linux-$arch"
	pack "$work/$name-linux-$arch" "$OUT/$name-linux-$arch.tar.gz"
	package "$arch" deb "HOOKS=kernel-install debian" ZSHDIR=/usr/share/zsh/vendor-completions LICENSEFILE=/usr/share/doc/kexec-bls/copyright
	package "$arch" rpm HOOKS=kernel-install
	case $arch in
	amd64 | arm64 | riscv64 | loong64) package "$arch" archlinux "HOOKS=kernel-install pacman" ;;
	esac
done
sum=$(sha256sum "$OUT/$name.tar.gz")
sed -e "s/^pkgver=.*/pkgver=$version/" -e "s/^sha256sums=.*/sha256sums=('${sum%% *}')/" cmd/kexec-bls/dist/arch/PKGBUILD >"$OUT/PKGBUILD"
(cd "$OUT" && sha256sum -- kexec-bls* PKGBUILD >SHA256SUMS)
progress "done"
ls -1 "$OUT"
