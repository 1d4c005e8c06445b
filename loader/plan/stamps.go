package plan

import (
	"slices"

	"github.com/kexec-bls/kexec-bls/loader/internal/stamp"
)

// Stamps are the plan's files as they were when they were opened, without
// hashes.
func (p *Plan) Stamps() []stamp.File { return slices.Clone(p.stamps) }

// Hash reads the plan's files once more and returns them with their hashes. One
// that changed since it was opened is an error: what of it was loaded is not
// known.
func (p *Plan) Hash() ([]stamp.File, error) {
	var sums []stamp.File
	for i, s := range p.stamps {
		sum, err := s.Finish(p.files[i])
		if err != nil {
			return nil, err
		}
		sums = append(sums, sum)
	}
	return sums, nil
}

// Folders are those from which a unified kernel image takes files, as they are
// now.
func (p *Plan) Folders() []stamp.Folder {
	var folders []stamp.Folder
	for _, dir := range p.dirs {
		folders = append(folders, stamp.FolderNow(dir))
	}
	return folders
}
