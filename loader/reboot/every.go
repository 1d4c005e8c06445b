package reboot

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// ConsentFile is the file of the run directory, /run/kexec-bls, without which a
// reboot remains one through the firmware in spite of DropIn.
const ConsentFile = "reboot-by-kexec"

// DropIn makes a kexec of every reboot that has the consent of ConsentFile. All
// else, and a guard that failed, is FailureAction=: systemd's own reboot, which never
// jumps into a loaded kernel. The file is ours where it has these bytes.
const DropIn = `# Written by kexec-bls enable, removed by kexec-bls disable.
[Unit]
SuccessAction=kexec-force
FailureAction=reboot-force

# kexec-bls-guard.service makes the file where this reboot needs no firmware.
[Service]
Type=oneshot
ExecStart=/usr/bin/test -e /run/kexec-bls/` + ConsentFile + `
StandardOutput=null
StandardError=null
`

// dropInName is relative to a directory of units.
const dropInName = "systemd-reboot.service.d/50-kexec-bls.conf"

// WriteDropIn writes DropIn into a directory of units, /etc/systemd/system. The
// manager has to load its units again.
func WriteDropIn(units string) error {
	path := filepath.Join(units, dropInName)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(path, []byte(DropIn), 0o644, renameio.IgnoreUmask())
}

// RemoveDropIn removes what WriteDropIn wrote, and its directory where nothing else
// is in it. A file with other content is an error and remains; none is no error.
func RemoveDropIn(units string) error {
	path := filepath.Join(units, dropInName)
	switch has, err := HasDropIn(units); {
	case err != nil:
		return err
	case !has:
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s: not removed: its content is not that of kexec-bls", path)
		}
		return nil
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	_ = os.Remove(filepath.Dir(path)) // others may have drop-ins there
	return nil
}

// HasDropIn reports whether a directory of units has DropIn.
func HasDropIn(units string) (bool, error) {
	b, err := os.ReadFile(filepath.Join(units, dropInName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return bytes.Equal(b, []byte(DropIn)), err
}
