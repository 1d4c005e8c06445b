// Package secureboot verifies PE images as UEFI firmware and shim do before
// they start one: against db, dbx, MokListRT, MokListXRT and SbatLevelRT. It
// reads variables and files, and changes nothing.
//
// Firmware is EDK2's DxeImageVerificationLib, shim is version 15.8. Where both
// are more lenient than necessary (an unreadable dbx, time stamps), this
// package refuses.
//
// A UKI and an addon are verified as whole files. The kernel inside a UKI is
// not verified again: systemd-stub starts it as a part of itself.
package secureboot

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/kexec-bls/kexec-bls/entries/efivar"
)

// GUIDs of the vendors of the variables.
const (
	securityVendor = "d719b2cb-3d3a-4596-a3bc-dad00e67656f" // EFI_IMAGE_SECURITY_DATABASE_GUID
	shimVendor     = "605dab50-e046-4300-abb6-3dd810dd8b23" // SHIM_LOCK_GUID
)

// maxParts bounds the variables that shim divides a long list among:
// MokListRT, MokListRT1, MokListRT2 and so on.
const maxParts = 16

// Variables are the contents of the variables that decide, without their
// attributes. One that does not exist is nil; the zero value allows nothing.
type Variables struct {
	DB, DBX []byte
	// MokList and MokListX are MokListRT and MokListXRT with what continues
	// them (MokListRT1 and so on).
	MokList, MokListX []byte
	SBATLevel         []byte // SbatLevelRT
	// Shim reports whether shim started the boot loader: one of its variables
	// exists.
	Shim bool
	// NoValidation reports whether shim's validation is disabled
	// (MokSBStateRT, "mokutil --disable-validation").
	NoValidation bool
	// IgnoreDB reports whether shim leaves db out (MokIgnoreDB).
	IgnoreDB bool
}

// Databases are what images are verified against. The zero value refuses every
// image.
type Databases struct {
	db, dbx, mok, mokx database
	sbat               map[string]uint64 // the least generation of a component
	shim               bool
	noValidation       bool
	ignoreDB           bool
}

// ReadDatabases reads the variables and parses them. A variable that does not
// exist is empty. One that cannot be read or parsed is an error, with which no
// image can be verified: the caller refuses all of them.
func ReadDatabases(vars efivar.Vars) (Databases, error) {
	v, err := ReadVariables(vars)
	if err != nil {
		return Databases{}, err
	}
	return New(v)
}

// ReadVariables reads the variables. Errors are those of efivar.Vars.Read,
// except fs.ErrNotExist.
func ReadVariables(vars efivar.Vars) (Variables, error) {
	r := reader{vars: vars}
	v := Variables{
		DB:        r.read("db", securityVendor),
		DBX:       r.read("dbx", securityVendor),
		MokList:   r.readParts("MokListRT"),
		MokListX:  r.readParts("MokListXRT"),
		SBATLevel: r.read("SbatLevelRT", shimVendor),
	}
	state := r.read("MokSBStateRT", shimVendor)
	ignore := r.read("MokIgnoreDB", shimVendor)
	v.NoValidation, v.IgnoreDB = isOne(state), isOne(ignore)
	v.Shim = v.MokList != nil || v.MokListX != nil || v.SBATLevel != nil || state != nil || ignore != nil
	if r.err != nil {
		return Variables{}, r.err
	}
	return v, nil
}

func isOne(b []byte) bool { return len(b) == 1 && b[0] == 1 }

// New parses the variables. A dbx, MokListXRT or SbatLevelRT of which any part
// cannot be used is an error; in db and MokListRT such an entry allows nothing.
func New(v Variables) (Databases, error) {
	d := Databases{shim: v.Shim, noValidation: v.Shim && v.NoValidation, ignoreDB: v.IgnoreDB}
	var errs [5]error
	d.db, errs[0] = parseDatabase("db", v.DB, false)
	d.dbx, errs[1] = parseDatabase("dbx", v.DBX, true)
	if v.Shim {
		d.mok, errs[2] = parseDatabase("MokListRT", v.MokList, false)
		d.mokx, errs[3] = parseDatabase("MokListXRT", v.MokListX, true)
		d.sbat, errs[4] = parseSBATLevel(v.SBATLevel)
	}
	for _, err := range errs {
		if err != nil {
			return Databases{}, err
		}
	}
	return d, nil
}

// A reader reads variables up to the first error.
type reader struct {
	vars efivar.Vars
	err  error
}

// read returns the content of a variable, nil where it does not exist.
func (r *reader) read(name, vendor string) []byte {
	if r.err != nil {
		return nil
	}
	v, err := r.vars.Read(name, vendor)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			r.err = err
		}
		return nil
	}
	return append([]byte{}, v.Data...)
}

// readParts returns a list of shim's with what continues it in more variables.
func (r *reader) readParts(name string) []byte {
	list := r.read(name, shimVendor)
	for i := 1; list != nil; i++ {
		part := r.read(name+strconv.Itoa(i), shimVendor)
		if part == nil {
			break
		}
		if i > maxParts {
			r.err = fmt.Errorf("EFI variable %s: more than %d parts", name, maxParts)
			break
		}
		list = append(list, part...)
	}
	return list
}
