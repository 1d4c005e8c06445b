package entries

import (
	"fmt"
	"os"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/entries/esp"
)

func (r *reader) type2() {
	for _, name := range r.names(type2Dir, ".efi") {
		p := type2Dir + "/" + name
		found, err := r.readUKI(p)
		if err != nil {
			r.problem(fmt.Errorf("%s: %w", r.volume.Where(p), err))
		}
		for _, e := range found {
			entry := r.add(e)
			entry.Addons = append(entry.Addons, r.globalAddons()...)
			entry.Addons = append(entry.Addons, r.localAddons(name)...)
			entry.ExtraFiles = r.ukiExtras(name)
		}
	}
}

func (r *reader) readUKI(p string) ([]*bls.Entry, error) {
	f, m, err := openPE(r.volume.Root, p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return bls.FromUKI(p, m, uki.MachineByArchName(r.arch))
}

// openPE opens a PE image below root. The caller closes the file once it has
// done with the image.
func openPE(root *os.Root, name string) (*os.File, *uki.Image, error) {
	f, err := esp.OpenRegular(root, name)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	m, err := uki.Open(f, info.Size())
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, m, nil
}
