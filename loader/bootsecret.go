package loader

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

// bootSecret finds the copy that the running system has of its boot secret. It is
// that of another image too where systemd-stub started it from the same partition,
// which has a part of the secret, and for the same system.
func bootSecret(sys *entries.System, e *entries.Entry) func(uki.OSRelease) (*os.File, error) {
	from, err := sys.EFI().Loader(bli.StubDevicePartUUID)
	if err != nil || from == "" || e.Volume == nil || !strings.EqualFold(from, e.Volume.PartUUID) {
		return nil
	}
	const dir = "run/systemd/stub/"
	h := sys.Host()
	return func(next uki.OSRelease) (*os.File, error) {
		text, err := h.ReadFile(dir+"os-release", uki.TextLimit)
		if err != nil {
			return nil, nil //nolint:nilerr // it was not started by systemd-stub
		}
		// The sort key is IMAGE_ID, else ID, as the stub has it.
		running, err := uki.ParseOSRelease(string(text))
		if err != nil || next.SortKey == "" || running.SortKey != next.SortKey {
			return nil, nil //nolint:nilerr // another system, as far as is known
		}
		f, err := esp.OpenFile(filepath.Join(h.Dir, dir, "boot-secret"))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil, nil // only root has it, and only root loads
		}
		return f, err
	}
}

func isSecret(m initrd.Member) bool { return m.Secret }

// withoutSecrets is a plan with the same files; only what it makes itself is closed.
func (p *Plan) withoutSecrets() (_ *Plan, closeFlat func() error) {
	other, files := *p, *p.files
	files.Initrd = slices.DeleteFunc(slices.Clone(files.Initrd), isSecret)
	other.files, other.flat, other.flatErr = &files, nil, nil
	return &other, func() error {
		if other.flat == nil {
			return nil
		}
		return other.flat.Close()
	}
}
