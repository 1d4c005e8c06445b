#!/bin/sh
# dpkg: remove, purge, upgrade and others; rpm: 0 for the last package; pacman:
# the version, and only when it is removed.
case ${1:-} in
upgrade | failed-upgrade | abort-* | disappear | 1 | 2) exit 0 ;;
remove) ;;
*) rm -rf /var/lib/kexec-bls ;;
esac
# Links that enabled our units, as systemctl disable would remove them.
find /etc/systemd/system -type l -lname '*/kexec-bls-*' -delete 2>/dev/null
rm -rf /run/kexec-bls
[ ! -d /run/systemd/system ] || systemctl daemon-reload || :
exit 0
