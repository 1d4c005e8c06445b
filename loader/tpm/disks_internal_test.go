package tpm

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

const uuidA, uuidB = "0a0a0a0a-1111-2222-3333-444444444444", "bbbbbbbb-1111-2222-3333-444444444444"

// TestParseDisks has one parameter of systemd-cryptsetup-generator(8) a row, as the
// initrd reads it.
func TestParseDisks(t *testing.T) {
	for line, want := range map[string]disks{
		"":                                     {},
		"luks=no":                              {off: true},
		"rd.luks=0":                            {off: true},
		"luks=yes":                             {},
		"luks":                                 {},
		"luks=maybe":                           {},
		"luks=no luks=yes":                     {},
		"luks.crypttab=no":                     {noTab: true},
		"rd.luks.crypttab=off":                 {noTab: true},
		"luks.crypttab=1":                      {},
		"luks.uuid=" + uuidA:                   {only: true, list: []disk{{uuid: uuidA, create: true}}},
		"rd.luks.uuid=luks-" + uuidA:           {only: true, list: []disk{{uuid: uuidA, create: true}}},
		"luks.uuid=BBBBBBBB-1":                 {only: true, list: []disk{{uuid: "bbbbbbbb-1", create: true}}},
		"luks.name=" + uuidA + "=data":         {only: true, list: []disk{{uuid: uuidA, name: "data", create: true}}},
		"luks.name=data":                       {},
		"luks.key=" + uuidA + "=/k:LABEL=x":    {list: []disk{{uuid: uuidA, key: "/k:LABEL=x"}}},
		"luks.key=/k":                          {key: "/k"},
		"luks.key=/k=1":                        {key: "/k=1"},
		"luks.options=discard,headless":        {options: "discard,headless"},
		"luks.options=tpm2-device=auto":        {options: "tpm2-device=auto"},
		"luks.options=a rd.luks.options=b":     {options: "b"},
		"luks.options=" + uuidA + "=a=1,b":     {list: []disk{{uuid: uuidA, options: "a=1,b"}}},
		"luks.options=luks-" + uuidA + "=a":    {list: []disk{{uuid: uuidA, options: "a"}}},
		"luks-uuid=" + uuidA:                   {},
		"xrd.luks.uuid=" + uuidA:               {},
		"luks.uuid=a luks.uuid=b luks.uuid=A":  {only: true, list: []disk{{uuid: "a", create: true}, {uuid: "b", create: true}}},
		"luks.uuid=a luks.key=a=k luks.name=a": {only: true, list: []disk{{uuid: "a", key: "k", create: true}}},
	} {
		assert.Equal(t, want, parseDisks(line, true), line)
	}
}

// TestParametersOfTheInitrdAlone: the system does not read "rd.", the initrd reads both.
func TestParametersOfTheInitrdAlone(t *testing.T) {
	for _, line := range []string{"rd.luks=no", "rd.luks.crypttab=no", "rd.luks.uuid=a", "rd.luks.name=a=b", "rd.luks.key=a=k", "rd.luks.options=x"} {
		assert.Equal(t, disks{}, parseDisks(line, false), line)
		assert.NotEqual(t, disks{}, parseDisks(line, true), line)
		system := line[len("rd."):]
		assert.Equal(t, parseDisks(line, true), parseDisks(system, false), line)
	}
}

func TestUUIDs(t *testing.T) {
	for text, want := range map[string]bool{
		uuidA: true, "luks-" + uuidA: true, "BBBBBBBB-1111-2222-3333-44444444444F": true, "": false, "tpm2-device": false,
		uuidA[1:]: false, uuidA + "0": false, "0a0a0a0a-1111-2222-3333-44444444444g": false, "0a0a0a0a11112222333344444444444444444": false,
		"0a0a0a0a-1111-2222-3333044444444444": false, "0a0a0a0a-1111-2222-3333-4444444-4444": false,
	} {
		assert.Equal(t, want, isUUID(text), text)
	}
}

// TestLinesOfCrypttab: fields by blanks; "none" and "-" are no key file.
func TestLinesOfCrypttab(t *testing.T) {
	for line, want := range map[string][]Volume{
		"":                                nil,
		"root":                            nil,
		"# root /dev/a":                   nil,
		"  #root /dev/a":                  nil,
		"root /dev/a":                     {{Name: "root", Source: "/dev/a"}},
		"\troot\t/dev/a  ":                {{Name: "root", Source: "/dev/a"}},
		"root /dev/a none":                {{Name: "root", Source: "/dev/a"}},
		"root /dev/a -":                   {{Name: "root", Source: "/dev/a"}},
		"root /dev/a /key":                {{Name: "root", Source: "/dev/a", Key: "/key"}},
		"root /dev/a none x,tpm2-pcrs=7,": {{Name: "root", Source: "/dev/a", Options: []string{"x", "tpm2-pcrs=7", ""}}},
		"root /dev/a - x y z":             {{Name: "root", Source: "/dev/a", Options: []string{"x"}}},
		"a /dev/a\n\nb /dev/b\r\n# c d\n": {{Name: "a", Source: "/dev/a"}, {Name: "b", Source: "/dev/b"}},
	} {
		assert.Equal(t, want, parseCrypttab(line), "%q", line)
	}
}

// TestDisksAndCrypttab: a parameter for a volume of crypttab changes that; one for
// another adds it, after those of crypttab and in the order of the command line.
func TestDisksAndCrypttab(t *testing.T) {
	const tab = "root UUID=" + uuidA + " /tab x-tab\ndata /dev/b\nluks-" + uuidB + " /dev/c - y\n"
	root := Volume{Name: "root", Source: "UUID=" + uuidA, Key: "/tab", Options: []string{"x-tab"}}
	data := Volume{Name: "data", Source: "/dev/b"}
	named := Volume{Name: "luks-" + uuidB, Source: "/dev/c", Options: []string{"y"}}
	changed := func(v Volume, key string, options ...string) Volume {
		v.Key, v.Options = key, options
		return v
	}
	for line, want := range map[string][]Volume{
		"":                                    {root, data, named},
		"luks=0":                              nil,
		"luks.crypttab=0":                     nil,
		"luks.crypttab=0 luks.name=a=n":       {{Name: "n", Source: "UUID=a"}},
		"luks.uuid=" + uuidA:                  {root},
		"luks.uuid=" + uuidB:                  {named},
		"luks.key=" + uuidA + "=/line":        {changed(root, "/line", "x-tab"), data, named},
		"luks.options=" + uuidA + "=a,b":      {changed(root, "/tab", "a", "b"), data, named},
		"luks.options=" + uuidB + "=a":        {root, data, changed(named, "", "a")},
		"luks.options=all":                    {root, data, named},
		"luks.options=all luks.uuid=" + uuidB: {named},
		"luks.options=all luks.uuid=c":        {{Name: "luks-c", Source: "UUID=c", Options: []string{"all"}}},
		"luks.uuid=c luks.key=c=/k luks.options=all luks.name=D=d": {
			{Name: "luks-c", Source: "UUID=c", Key: "/k", Options: []string{"all"}}, {Name: "d", Source: "UUID=d", Options: []string{"all"}}},
		"luks.name=" + uuidA + "=other":                       {root},
		"luks.uuid=c luks.uuid=" + uuidA:                      {root, {Name: "luks-c", Source: "UUID=c"}},
		"luks.key=/all luks.uuid=c luks.uuid=d luks.key=d=/k": {{Name: "luks-c", Source: "UUID=c", Key: "/all"}, {Name: "luks-d", Source: "UUID=d", Key: "/k"}},
		"luks.key=/all luks.uuid=" + uuidB:                    {named},
		"luks.key=c=/k":                                       {root, data, named},
		"luks.options=all luks.uuid=" + uuidB[:35] + "c luks.options=" + uuidB[:35] + "c=m": {{Name: "luks-" + uuidB[:35] + "c", Source: "UUID=" + uuidB[:35] + "c", Options: []string{"m"}}},
	} {
		assert.Equal(t, want, parseDisks(line, false).volumes(tab), line)
	}
}
