package entries

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/entries/esp"
)

// readConf reads loader.conf from the ESP; one on XBOOTLDR does not count. A
// file that does not exist is an empty one.
func readConf(volumes []*esp.Volume) (bls.LoaderConf, []error) {
	for _, v := range volumes {
		if v.Kind != esp.ESP {
			continue
		}
		r := reader{volume: v}
		data, err := r.readSmall(v, confPath)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return bls.LoaderConf{}, []error{fmt.Errorf("%s: %w", v.Where(confPath), err)}
		}
		conf, problems := bls.ParseLoaderConf(v.Where(confPath), data)
		var errs []error
		for _, p := range problems {
			errs = append(errs, p)
		}
		return conf, errs
	}
	return bls.LoaderConf{}, nil
}
