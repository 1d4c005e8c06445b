package uki_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// FuzzOpen holds: an image or an error; a section that passes Check has
// exactly its size of content; all profiles can be used; what is whole stays
// the same when it is built anew from what was read.
func FuzzOpen(f *testing.F) {
	f.Add(sampleUKI().Bytes())
	f.Add(sampleUKI().Bytes()[:3000])
	f.Add(fixtures.PE{}.Bytes())
	f.Add(fixtures.ZBoot{Compression: "gzip", Payload: []byte("x")}.Bytes())
	for _, pe := range hostile() {
		pe.Sections = pe.Sections[:min(len(pe.Sections), 20)]
		f.Add(pe.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := uki.Open(bytes.NewReader(b), int64(len(b)))
		if (err != nil) != (m == nil) {
			t.Fatalf("%v with error %v", m, err)
		}
		if err != nil {
			return
		}
		use(m)
		if len(m.Sections) > 64 {
			return // the rest would take too long
		}
		rebuilt := fixtures.PE{Machine: m.Machine, Subsystem: m.Subsystem}
		for _, s := range m.Sections {
			rebuilt.Sections = append(rebuilt.Sections, rebuild(t, s))
		}
		if m.Check() == nil && m.Machine != 0 && m.Subsystem != 0 {
			same(t, m, rebuilt.Bytes())
		}
	})
}

// rebuild describes a section by its content.
func rebuild(t *testing.T, s uki.Section) fixtures.Section {
	size := uint32(s.Size)
	r, err := s.Reader()
	if err != nil || s.Size > 1<<13 {
		return fixtures.Section{Name: s.Name, VirtualSize: &size}
	}
	content, err := io.ReadAll(r)
	if err != nil || int64(len(content)) != s.Size {
		t.Fatalf("%d bytes of %d: %v", len(content), s.Size, err)
	}
	return fixtures.Section{Name: s.Name, Data: content}
}

// same holds the images against each other, profile by profile.
func same(t *testing.T, m *uki.Image, b []byte) {
	again, err := uki.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if m.Profiles() != again.Profiles() || m.IsUKI(m.Machine) != again.IsUKI(m.Machine) || m.IsAddon(m.Machine) != again.IsAddon(m.Machine) {
		t.Fatalf("%+v rebuilt as %+v", m, again)
	}
	for n := range m.Profiles() {
		p, err := m.Profile(n)
		q, err2 := again.Profile(n)
		if err == nil && err2 == nil && (p.ID != q.ID || p.Title != q.Title) {
			t.Fatalf("profile %d: %q %q rebuilt as %q %q", n, p.ID, p.Title, q.ID, q.Title)
		}
	}
}

// FuzzKernel holds: a header or an error; whatever is taken for whole is no
// longer so when its payload is cut.
func FuzzKernel(f *testing.F) {
	f.Add(fixtures.BzImage{Size: 4096, Version: "6.1.0"}.Bytes())
	f.Add(fixtures.ZBoot{Compression: "zstd22", Payload: []byte("\x28\xb5\x2f\xfd")}.Bytes())
	f.Add(fixtures.FlatImage{Magic: "ARM\x64", MemorySize: 4096}.Bytes())
	f.Add(flatWithStub("RSC\x05"))
	f.Add(elf(binary.LittleEndian, 62, 0x100, 0x20))
	f.Add(elf(binary.BigEndian, 22, 0x100, 0x20))
	f.Add([]byte("\xfd7zXZ\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := uki.OpenKernel(bytes.NewReader(b), int64(len(b)))
		if (err != nil) != (k == uki.Kernel{}) {
			t.Fatalf("%+v with error %v", k, err)
		}
		if err != nil {
			return
		}
		_ = k.Kexecable(uki.MachineX64)
		if end := k.Payload + k.PayloadSize; end > int64(len(b)) || k.Payload < 0 || k.MemorySize < 0 {
			t.Fatalf("%+v of %d bytes", k, len(b))
		}
		if k.Format == uki.FormatZBoot && k.PayloadSize > 0 {
			cut := b[:k.Payload+k.PayloadSize-1]
			if _, err := uki.OpenKernel(bytes.NewReader(cut), int64(len(cut))); err == nil {
				t.Fatalf("%+v cut to %d bytes", k, len(cut))
			}
		}
	})
}
