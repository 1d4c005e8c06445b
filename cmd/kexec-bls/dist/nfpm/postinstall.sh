#!/bin/sh
# dpkg: configure [VERSION]; rpm: the number of packages; pacman: versions.
[ ! -d /run/systemd/system ] || systemctl daemon-reload || :
