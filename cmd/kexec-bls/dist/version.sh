#!/bin/sh
# Prints the version of the sources, in the one form that the program and every
# package manager take, and that sorts: 1.2.3, after that tag 1.2.3.5.gabcdef0,
# without a tag 0.0.20261123.gabcdef0. Where the working tree differs from the commit
# .dirty follows, unless the argument is HEAD. A release has it in the file .version;
# without that and without git it is devel.
set -eu
cd "$(dirname "$0")/../../.."
if [ -e .version ]; then
	cat .version
elif ! top=$(git rev-parse --show-toplevel 2>/dev/null) || [ "$top" != "$(pwd -P)" ]; then
	echo devel # or a repository of something else around us
else
	dirty=
	[ "${1-}" = HEAD ] || git diff-index --quiet HEAD -- || dirty=.dirty
	if tag=$(git describe --tags 2>/dev/null); then
		echo "$(echo "${tag#v}" | tr - .)$dirty"
	else
		echo "0.0.$(TZ=UTC git log -1 --format=%cd --date=format-local:%Y%m%d).g$(git rev-parse --short=12 HEAD)$dirty"
	fi
fi
