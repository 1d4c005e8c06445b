package esp

import (
	"fmt"
	"os"
	"path/filepath"
)

// given is the path of a partition that the user names, by option or by
// environment; "" when he names none.
func (o Options) given(option, variable string) (string, error) {
	if option != "" {
		path, err := filepath.Abs(option)
		if err != nil {
			return "", fmt.Errorf("%s: %w", option, err)
		}
		return path, nil
	}
	path := o.Getenv(variable)
	if path != "" && !filepath.IsAbs(path) {
		return "", fmt.Errorf("%s=%s: not an absolute path", variable, path)
	}
	return path, nil
}

// take opens a directory that the user names.
func take(kind Kind, dir string) (*Volume, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Volume{Kind: kind, Dir: filepath.Clean(dir), Root: root, Plain: true}, nil
}
