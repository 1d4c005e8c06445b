package entries

import (
	"fmt"
	"os"
	"slices"

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
		if len(found) == 0 {
			continue
		}
		dir := name + ".extra.d"
		companions := r.names(type2Dir+"/"+dir, "")
		addons := append(slices.Clone(r.globalAddons()), r.localAddons(dir, companions)...)
		extras := r.ukiExtras(dir, companions)
		for _, e := range found {
			entry := r.add(e)
			entry.Addons, entry.ExtraFiles = addons, extras
		}
	}
}

func (r *reader) readUKI(p string) ([]*bls.Entry, error) {
	f, m, err := openPE(r.volume, p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return bls.FromUKI(p, m, uki.MachineByArchName(r.arch))
}

// openPE opens a PE image of a volume. The caller closes the file once it has
// done with the image.
func openPE(v *esp.Volume, name string) (*os.File, *uki.Image, error) {
	f, err := v.Open(name)
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
