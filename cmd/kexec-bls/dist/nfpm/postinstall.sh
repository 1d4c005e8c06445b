#!/bin/sh
# dpkg: configure [VERSION]; rpm: the number of packages; pacman: versions.
if [ -e /usr/local/bin/kexec-bls ]; then
	echo "kexec-bls: /usr/local/bin/kexec-bls of make install precedes this package in PATH: make uninstall removes it" >&2
fi
[ ! -d /run/systemd/system ] || systemctl daemon-reload || :
