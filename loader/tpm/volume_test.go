package tpm_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader/tpm"
	"github.com/kexec-bls/kexec-bls/loader/tpm/luks2"
)

const (
	one = "11111111-2222-3333-4444-555555555555"
	two = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
)

// describe is one line a volume.
func describe(volumes []tpm.Volume) string {
	var lines []string
	for _, v := range volumes {
		where := "system"
		if v.Initrd {
			where = "initrd"
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", where, v.Name, strings.ReplaceAll(strings.ReplaceAll(v.Source, one, "1"), two, "2"), v.Key, strings.Join(v.Options, ","))))
	}
	return strings.Join(lines, "\n")
}

func TestVolumes(t *testing.T) {
	const tab = "# name source key options\nroot UUID=" + one + " none tpm2-device=auto\n\nshort\n"
	auto := files{"usr/lib/systemd/system-generators/systemd-gpt-auto-generator": "x"}
	inside := files{"etc/crypttab": tab}
	for name, c := range map[string]struct {
		line, system string
		initrd       files
		want         string
	}{
		"initrd":            {"", "", inside, "initrd root UUID=1  tpm2-device=auto"},
		"both":              {"", tab + "data /dev/vdb /key\n", inside, "initrd root UUID=1  tpm2-device=auto\nsystem data /dev/vdb /key"},
		"same UUID":         {"", "other UUID=" + strings.ToUpper(one) + " -\n", inside, "initrd root UUID=1  tpm2-device=auto"},
		"system alone":      {"", tab, nil, "system root UUID=1  tpm2-device=auto"},
		"x-initrd.attach":   {"", "root /dev/vda2 - x-initrd.attach\n", nil, "initrd root /dev/vda2  x-initrd.attach"},
		"root=":             {"root=/dev/mapper/root", tab, nil, "initrd root UUID=1  tpm2-device=auto"},
		"noauto":            {"", "data /dev/vdb - noauto\n", nil, ""},
		"rd.luks.uuid":      {"rd.luks.uuid=luks-" + two, "", nil, "initrd luks-" + two + " UUID=2"},
		"name and options":  {"rd.luks.name=" + two + "=sys rd.luks.options=" + two + "=tpm2-device=auto,discard", "", nil, "initrd sys UUID=2  tpm2-device=auto,discard"},
		"options of all":    {"rd.luks.name=" + two + "=sys rd.luks.options=tpm2-device=auto", "", nil, "initrd sys UUID=2  tpm2-device=auto"},
		"key":               {"rd.luks.uuid=" + two + " rd.luks.key=" + two + "=/k", "", nil, "initrd luks-" + two + " UUID=2 /k"},
		"only those named":  {"rd.luks.uuid=" + two, "", inside, "initrd luks-" + two + " UUID=2"},
		"options of a line": {"rd.luks.options=" + one + "=headless", "", inside, "initrd root UUID=1  headless"},
		"luks.uuid":         {"luks.uuid=" + one, tab, nil, "initrd luks-" + one + " UUID=1"},
		"switched off":      {"rd.luks=no", tab, inside, "system root UUID=1  tpm2-device=auto"},
		"all switched off":  {"luks=0", tab, inside, ""},
		"no crypttab":       {"rd.luks.crypttab=no", "", inside, ""},
		"discovered":        {"quiet", "", auto, "initrd root /dev/gpt-auto-root-luks  tpm2-measure-pcr=yes"},
		"discovered, asked": {"root=gpt-auto", "", auto, "initrd root /dev/gpt-auto-root-luks  tpm2-measure-pcr=yes"},
		"discovered, known": {"", "root UUID=" + one + " none x-initrd.attach\n", auto, "initrd root UUID=1  x-initrd.attach"},
		"root= elsewhere":   {"root=/dev/vda1", "", auto, ""},
		"no discovery":      {"systemd.gpt_auto=no", "", auto, ""},
		"no generator":      {"", "", nil, ""},
	} {
		assert.Equal(t, c.want, describe(tpm.Volumes(c.line, c.initrd.initrd(), c.system)), name)
	}
}

func TestReadHeader(t *testing.T) {
	header := &fstest.MapFile{Data: headerOf(`{"tokens":{"4":{"type":"x"}}}`)}
	for source, file := range map[string]string{
		"UUID=ABC": "dev/disk/by-uuid/abc", "/dev/disk/by-uuid/abc": "dev/disk/by-uuid/abc", "PARTUUID=a": "dev/disk/by-partuuid/a", "PARTLABEL=a": "dev/disk/by-partlabel/a", "LABEL=a": "dev/disk/by-label/a",
		"/dev/vda2": "dev/vda2", "/dev/gpt-auto-root-luks": "dev/disk/by-designator/root-luks",
	} {
		v := tpm.Volume{Source: source}
		v.ReadHeader(fstest.MapFS{file: header})
		assert.NoError(t, v.Err, source)
		assert.Len(t, v.Header.Tokens, 1, source)
		v.ReadHeader(fstest.MapFS{file: {Data: make([]byte, 8192)}})
		assert.ErrorIs(t, v.Err, luks2.ErrNotLUKS2, source)
	}
	v := tpm.Volume{Source: "/dev/vda2", Options: []string{"header=/boot/h"}}
	v.ReadHeader(fstest.MapFS{"boot/h": header})
	assert.NoError(t, v.Err)
	v = tpm.Volume{Source: "../etc/shadow"}
	v.ReadHeader(fstest.MapFS{})
	assert.Error(t, v.Err)
}

func FuzzVolumes(f *testing.F) {
	f.Add("rd.luks.uuid="+one+" rd.luks.options=x", "root UUID="+two+" none discard\n")
	f.Add(`rd.luks.name="a=b" luks=`, "a b")
	f.Fuzz(func(t *testing.T, line, tab string) {
		for _, v := range tpm.Volumes(line, files{"etc/crypttab": tab}.initrd(), tab) {
			if v.Source == "" {
				t.Fatalf("a volume without a source: %+v", v)
			}
		}
	})
}

func FuzzUnit(f *testing.F) {
	f.Add(separator)
	f.Add("[Service]\nExecStart=systemd-pcrextend --pcr=99 x\\\n")
	f.Fuzz(func(t *testing.T, text string) {
		p := tpm.Predict(running(t), tpm.Boot{Initrd: unit(measuring(), "systemd-pcrosseparator.service", text).initrd()})
		for _, bank := range p.Banks {
			for n, pcr := range bank {
				if (pcr.Next == nil) != (pcr.Unknown != "") {
					t.Fatalf("PCR %d: %x and %q", n, pcr.Next, pcr.Unknown)
				}
			}
		}
	})
}

func FuzzPCRLock(f *testing.F) {
	f.Add([]byte(`{"pcrBank":"sha256","pcrValues":[{"pcr":7,"values":["00"]}],"nvPublic":"AA4BgABCAAsgDgAKAAAAIg=="}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, v := lock(t, false)
		m := running(t)
		m.PCRLock = b
		if r := tpm.Check(m, tpm.Boot{}, []tpm.Volume{v}); len(r.Findings) == 0 || r.Findings[0].Text == "" {
			t.Fatalf("%+v", r.Findings)
		}
	})
}
