package plan_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/plan"
)

// tree is a flattened device tree: a root node with a model and compatible.
func tree(compatible string) string {
	be := binary.BigEndian
	word := func(v uint32) string { return string(be.AppendUint32(nil, v)) }
	prop := func(name uint32, value string) string {
		value += "\x00"
		return word(3) + word(uint32(len(value))) + word(name) + value + strings.Repeat("\x00", -len(value)&3)
	}
	body := word(1) + word(0) + word(4) + prop(0, "Some Board") + prop(6, compatible+"\x00second,one") + word(2) + word(9)
	const header = 40
	head := word(0xd00dfeed) + word(0) + word(header) + word(uint32(header+len(body)))
	return head + strings.Repeat("\x00", header-len(head)) + body + "model\x00compatible\x00"
}

func TestDeviceTrees(t *testing.T) {
	files := map[string]string{
		"v": kernel(), "a.dtb": tree("vendor,a"), "b.dtb": tree("vendor,b"), "junk.dtb": "junk",
		"dtb.efi":                       image(".linux", kernel(), ".dtb", tree("vendor,b")),
		"auto.efi":                      image(".linux", kernel(), ".dtbauto", tree("vendor,a"), ".dtb", tree("vendor,b")),
		"autob.efi":                     image(".linux", kernel(), ".dtbauto", tree("vendor,b")),
		"autoba.efi":                    image(".linux", kernel(), ".dtbauto", tree("vendor,b"), ".dtbauto", tree("vendor,a")),
		"other.efi":                     image(".linux", kernel(), ".dtb", tree("vendor,b"), ".profile", "", ".profile", "", ".dtbauto", tree("vendor,a")),
		"plain.efi":                     image(".linux", kernel()),
		"plain.efi.extra.d/o.addon.efi": image(".dtb", tree("vendor,b")),
	}
	a := plan.Firmware{Compatible: "vendor,a"}
	for entry, v := range map[string]struct {
		fw      plan.Firmware
		warning string // "" for none
		blocked bool
	}{
		"linux /v\n":                               {a, "", false},
		"linux /v\ndevicetree /a.dtb\n":            {a, "device tree /boot/a.dtb is not used", false},
		"linux /v\ndevicetree /b.dtb\n":            {a, "device tree /boot/b.dtb is not used", true},
		"linux /v\ndevicetree /b.dtb\noptions x\n": {plan.Firmware{}, "device tree /boot/b.dtb is not used", false},
		"linux /v\ndevicetree /b.dtb\noptions y\n": {plan.Firmware{Compatible: "vendor,a", SecureBoot: true}, "", false},
		"linux /v\ndevicetree /junk.dtb\n":         {a, "device tree /boot/junk.dtb is not used", false},
		"uki /dtb.efi\n":                           {a, "/boot/dtb.efi: .dtb is not used", true},
		"uki /dtb.efi\noptions x\n":                {plan.Firmware{Compatible: "vendor,b"}, "/boot/dtb.efi: .dtb is not used", false},
		"uki /auto.efi\n":                          {a, "/boot/auto.efi: .dtbauto is not used", false},
		"uki /auto.efi\noptions x\n":               {plan.Firmware{Compatible: "vendor,c"}, "/boot/auto.efi: .dtb is not used", true},
		"uki /autoba.efi\n":                        {a, "/boot/autoba.efi: .dtbauto is not used", false}, // the second
		"uki /autob.efi\n":                         {a, "", false},                                       // the stub would install none
		"uki /other.efi\n":                         {a, "/boot/other.efi: .dtb is not used", true},       // another profile's
		"uki /other.efi\nprofile 1\n":              {a, "/boot/other.efi: .dtbauto is not used", false},
		"uki /plain.efi\n":                         {a, "o.addon.efi is not used", false},
	} {
		p := make1(t, partition(t, files), entry, v.fw)
		if v.warning == "" {
			assert.Empty(t, p.Warnings, entry)
		} else {
			require.Len(t, p.Warnings, 1, entry)
			assert.Contains(t, p.Warnings[0], v.warning, entry)
		}
		_, err := p.Inspect("amd64")
		if v.blocked {
			require.ErrorIs(t, err, plan.ErrDeviceTree, entry)
			assert.Contains(t, err.Error(), `"vendor,b"`)
		} else {
			require.NoError(t, err, entry)
		}
	}
	_, err := plan.Make(type1(t, "linux /v\ndevicetree /none.dtb\n"), partition(t, files), a, plan.Options{})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "devicetree: /boot/none.dtb")
}

// FuzzDeviceTree: no panic, and an end.
func FuzzDeviceTree(f *testing.F) {
	f.Add([]byte(tree("vendor,a")))
	f.Add([]byte("\xd0\x0d\xfe\xed"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := make1(t, partition(t, map[string]string{"v": kernel(), "t": string(b)}), "linux /v\ndevicetree /t\n", plan.Firmware{Compatible: "x"})
		assert.Len(t, p.Warnings, 1)
		_, err := p.Inspect("amd64")
		if err != nil {
			require.ErrorIs(t, err, plan.ErrDeviceTree)
		}
	})
}
