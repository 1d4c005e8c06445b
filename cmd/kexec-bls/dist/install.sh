#!/bin/sh
# make install: copies the program and all that belongs to it below $DESTDIR.
# Packages are made of what this copies, so it is the one list of files.
#
# HOOKS are the package managers that get hooks: pacman, kernel-install, debian;
# by default those of this machine. PROGRAM is what is installed, COMPLETER a
# build that runs here. PREFIX is an absolute path that units, hooks and scripts
# can name without quotes; DESTDIR is any directory.
set -eu
umask 022
PREFIX=${PREFIX:-/usr/local}
DESTDIR=${DESTDIR:-}
case $DESTDIR in
'' | /*) ;;
*) DESTDIR=$PWD/$DESTDIR ;;
esac
case $PREFIX in
*[!A-Za-z0-9/._+-]* | */../* | */.. | */./* | */.)
	echo "install.sh: PREFIX=$PREFIX: units and scripts cannot name it; use letters, digits and / . _ + - only" >&2
	exit 2
	;;
/*) ;;
*)
	echo "install.sh: PREFIX=$PREFIX: not an absolute path" >&2
	exit 2
	;;
esac
while [ "$PREFIX" != "${PREFIX%/}" ]; do PREFIX=${PREFIX%/}; done
CDPATH='' cd -- "$(dirname -- "$0")"
PROGRAM=${PROGRAM:-../../../kexec-bls}
COMPLETER=${COMPLETER:-$PROGRAM}
SHARE=$PREFIX/share
ZSHDIR=${ZSHDIR:-$SHARE/zsh/site-functions}
LICENSEFILE=${LICENSEFILE:-$SHARE/licenses/kexec-bls/LICENSE}
if [ -z "${HOOKS+set}" ]; then
	HOOKS=kernel-install
	! command -v pacman >/dev/null || HOOKS="$HOOKS pacman"
	! command -v dpkg >/dev/null || HOOKS="$HOOKS debian"
fi

# What others look for in /usr alone is in /etc for any other prefix.
case $PREFIX in
/usr)
	pacman=/usr/share/libalpm/hooks kernel_install=/usr/lib/kernel/install.d
	fish=/usr/share/fish/vendor_completions.d
	;;
*)
	pacman=/etc/pacman.d/hooks kernel_install=/etc/kernel/install.d
	fish=/etc/fish/completions # the vendor's needs XDG_DATA_DIRS, which root has not
	;;
esac

# put FILE TARGET [MODE] installs a file.
put() {
	printf 'install %s\n' "$DESTDIR$2"
	install -Dm"${3:-644}" -- "$1" "$DESTDIR$2"
}

# text does that with a file that names the program.
text() {
	put "$@"
	sed -i "s|/usr/bin/kexec-bls|$PREFIX/bin/kexec-bls|g" -- "$DESTDIR$2"
}

# completion SHELL TARGET installs what the program prints.
completion() {
	printf 'install %s\n' "$DESTDIR$2"
	mkdir -p -- "$DESTDIR${2%/*}"
	"$COMPLETER" completion "$1" >"$DESTDIR$2"
	chmod 644 -- "$DESTDIR$2"
}

put "$PROGRAM" "$PREFIX/bin/kexec-bls" 755
for page in man/*.[1-9]; do
	put "$page" "$SHARE/man/man${page##*.}/${page##*/}"
done
completion bash "$SHARE/bash-completion/completions/kexec-bls"
completion zsh "$ZSHDIR/_kexec-bls"
completion fish "$fish/kexec-bls.fish"
for unit in systemd/*.service systemd/*.path; do
	text "$unit" "$PREFIX/lib/systemd/system/${unit##*/}"
done
for preset in systemd/*.preset; do
	put "$preset" "$PREFIX/lib/systemd/system-preset/${preset##*/}"
done
for manager in $HOOKS; do
	case $manager in
	pacman) text pacman/95-kexec-bls.hook "$pacman/95-kexec-bls.hook" ;;
	kernel-install) text kernel-install/95-kexec-bls.install "$kernel_install/95-kexec-bls.install" 755 ;;
	debian)
		for dir in kernel/postinst.d kernel/postrm.d initramfs/post-update.d; do
			text debian/zzz-kexec-bls "/etc/$dir/zzz-kexec-bls" 755
		done
		;;
	*)
		echo "install.sh: no hook is known for $manager" >&2
		exit 2
		;;
	esac
done
put ../../../LICENSE "$LICENSEFILE"
put ../../../README.md "$SHARE/doc/kexec-bls/README.md"
for file in $(find ansible kured -type f | sort); do # for those who run more than one
	put "$file" "$SHARE/doc/kexec-bls/$file"
done
