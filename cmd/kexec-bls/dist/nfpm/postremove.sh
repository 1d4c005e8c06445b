#!/bin/sh
# dpkg: remove, purge, upgrade and others; rpm: 0 for the last package; pacman:
# the version, and only when it is removed.
case ${1:-} in
upgrade | failed-upgrade | abort-* | disappear | 1 | 2) exit 0 ;;
remove) ;;
*) rm -rf /var/lib/kexec-bls ;;
esac
# Links that enabled our units, as systemctl disable would remove them: those to
# a unit of the package, and no other.
find /etc/systemd/system -type l -printf '%l\0%p\0' 2>/dev/null | xargs -0 -r -n 2 sh -c '
	unit=${0#/usr/local} unit=${unit#/usr}
	unit=${unit#/lib/systemd/system/kexec-bls-}
	[ "$unit" != "$0" ] || exit 0
	case $unit in
	*/*) ;;
	boot.service | gpu.service | guard.service | kexec.service | load.service | load@.service | load@?*.service | reload.service | reload.path | metrics.path | metrics.timer | sysupdate.socket | try.service | unlock.service) rm -f -- "$1" ;;
	esac'
# Without the guard no reboot may become a kexec.
rm -f /etc/systemd/system/systemd-reboot.service.d/50-kexec-bls.conf
rm -rf /run/kexec-bls
[ ! -d /run/systemd/system ] || systemctl daemon-reload || :
exit 0
