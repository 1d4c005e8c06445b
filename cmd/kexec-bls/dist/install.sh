#!/bin/sh
# make install: copies the program and all that belongs to it below $DESTDIR.
# Packages are made of what this copies, so it is the one list of files.
# make uninstall: with the argument uninstall it removes them again.
#
# HOOKS are the package managers that get hooks: pacman, kernel-install, debian;
# by default those of this machine. PROGRAM is what is installed, COMPLETER a
# build that runs here. PREFIX is an absolute path that units, hooks and scripts
# can name without quotes; DESTDIR is any directory. A package and make install
# exclude each other; FORCE=1 installs all the same.
set -eu
case ${1-} in
'' | uninstall) action=${1:-install} ;;
*)
	echo "usage: install.sh [uninstall]" >&2
	exit 2
	;;
esac
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
if [ "$action" = uninstall ]; then
	HOOKS='kernel-install pacman debian' # whichever were installed
elif [ -z "${HOOKS+set}" ]; then
	HOOKS=kernel-install
	! command -v pacman >/dev/null || HOOKS="$HOOKS pacman"
	! command -v dpkg >/dev/null || HOOKS="$HOOKS debian"
fi

# What others look for in /usr alone is in /etc for any other prefix; fish, unless
# XDG_DATA_DIRS is set.
case $PREFIX in
/usr) pacman=/usr/share/libalpm/hooks kernel_install=/usr/lib/kernel/install.d fish=/usr/share/fish/vendor_completions.d ;;
*) pacman=/etc/pacman.d/hooks kernel_install=/etc/kernel/install.d fish=/etc/fish/completions ;;
esac

# packaged prints the package manager that has installed kexec-bls on this machine.
packaged() {
	if [ "$(dpkg-query -W -f '${db:Status-Status}' kexec-bls 2>/dev/null)" = installed ]; then
		echo dpkg
	elif rpm -q kexec-bls >/dev/null 2>&1; then
		echo rpm
	elif pacman -Q kexec-bls >/dev/null 2>&1; then
		echo pacman
	fi
}

# unmake removes an installed file, and the directory that only we use.
unmake() {
	[ -e "$DESTDIR$1" ] || return 0
	printf 'remove %s\n' "$DESTDIR$1"
	rm -f -- "$DESTDIR$1"
	dir=${1%/*}
	while case $dir in */kexec-bls | */kexec-bls/*) true ;; *) false ;; esac do
		rmdir -- "$DESTDIR$dir" 2>/dev/null || break
		dir=${dir%/*}
	done
}

# put FILE TARGET [MODE] installs a file.
put() {
	[ "$action" = install ] || {
		unmake "$2"
		return
	}
	printf 'install %s\n' "$DESTDIR$2"
	install -Dm"${3:-644}" -- "$1" "$DESTDIR$2"
}

# text does that with a file that names the program.
text() {
	put "$@"
	[ "$action" = install ] || return 0
	sed -i "s|/usr/bin/kexec-bls|$PREFIX/bin/kexec-bls|g" -- "$DESTDIR$2"
}

# completion SHELL TARGET installs what the program prints.
completion() {
	[ "$action" = install ] || {
		unmake "$2"
		return
	}
	printf 'install %s\n' "$DESTDIR$2"
	mkdir -p -- "$DESTDIR${2%/*}"
	"$COMPLETER" completion "$1" >"$DESTDIR$2"
	chmod 644 -- "$DESTDIR$2"
}

if [ -z "$DESTDIR" ] && [ "${FORCE-}" != 1 ]; then
	manager=$(packaged)
	if [ -n "$manager" ]; then
		echo "install.sh: kexec-bls is installed as a package of $manager: remove the package first, or set FORCE=1" >&2
		exit 1
	fi
fi
# On this machine, what runs stops and what is loaded is unloaded, as a package does it.
if [ "$action" = uninstall ] && [ -z "$DESTDIR" ]; then
	PATH=$PREFIX/bin:$PATH sh nfpm/preremove.sh remove
fi
put "$PROGRAM" "$PREFIX/bin/kexec-bls" 755
for page in man/*.[1-9]; do
	put "$page" "$SHARE/man/man${page##*.}/${page##*/}"
done
completion bash "$SHARE/bash-completion/completions/kexec-bls"
completion zsh "$ZSHDIR/_kexec-bls"
completion fish "$fish/kexec-bls.fish"
for unit in systemd/*.service systemd/*.path systemd/*.timer systemd/*.socket; do
	text "$unit" "$PREFIX/lib/systemd/system/${unit##*/}"
done
for preset in systemd/*.preset; do
	put "$preset" "$PREFIX/lib/systemd/system-preset/${preset##*/}"
done
for file in schema/*.json prometheus/*.yml; do
	put "$file" "$SHARE/kexec-bls/$file"
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
for file in $(find -L ansible kured -type f | sort); do # for those who run more than one
	put "$file" "$SHARE/doc/kexec-bls/$file"
done
if [ "$action" = uninstall ] && [ -z "$DESTDIR" ]; then
	sh nfpm/postremove.sh remove
fi
