#!/bin/sh
# dpkg: remove or upgrade; rpm: 0 for the last package; pacman: the version, and
# only when it is removed.
case ${1:-} in
upgrade | deconfigure | failed-upgrade | 1 | 2) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl stop 'kexec-bls-*' || :
fi
# Unload what kexec-bls has loaded, so that no reboot starts it. The exit code of
# status is 0 for fresh and 11 for stale; others are not ours.
kexec-bls -q status >/dev/null 2>&1
case $? in
0 | 11) kexec-bls -q unload || : ;;
esac
exit 0
