package uki

import (
	"cmp"
	"errors"
)

// ErrNoName means that an .osrel section names no system. systemd-boot and
// bootctl do not list such an image.
var ErrNoName = errors.New("os-release has no PRETTY_NAME, IMAGE_ID, NAME or ID")

// OSRelease is what an .osrel section gives to a boot entry, "" for what it
// does not say. The choice among the fields of os-release(5) is systemd's.
type OSRelease struct {
	Name    string // PRETTY_NAME, else IMAGE_ID, NAME, ID
	Version string // IMAGE_VERSION, else VERSION, VERSION_ID, BUILD_ID
	SortKey string // IMAGE_ID, else ID
	// ID and VersionID make the image's other name, "ID-VERSION_ID".
	ID, VersionID string
}

// ParseOSRelease reads os-release text. The error is ErrNoName.
func ParseOSRelease(text string) (OSRelease, error) {
	fields := make(map[string]string)
	for a := range assignments(text) {
		switch a.key {
		case "PRETTY_NAME", "IMAGE_ID", "NAME", "ID",
			"IMAGE_VERSION", "VERSION", "VERSION_ID", "BUILD_ID":
			fields[a.key] = a.value
		}
	}
	name := cmp.Or(fields["PRETTY_NAME"], fields["IMAGE_ID"], fields["NAME"], fields["ID"])
	if name == "" {
		return OSRelease{}, ErrNoName
	}
	return OSRelease{
		Name:      name,
		Version:   cmp.Or(fields["IMAGE_VERSION"], fields["VERSION"], fields["VERSION_ID"], fields["BUILD_ID"]),
		SortKey:   cmp.Or(fields["IMAGE_ID"], fields["ID"]),
		ID:        fields["ID"],
		VersionID: fields["VERSION_ID"],
	}, nil
}
