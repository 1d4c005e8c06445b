package esp_test

import (
	"testing"

	"github.com/kexec-bls/kexec-bls/entries/esp"
)

// BenchmarkFindGiven is the cost of a path that is given: next to nothing.
func BenchmarkFindGiven(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		volumes, err := esp.Find(esp.Options{ESPPath: dir, BootPath: "/"})
		if err != nil {
			b.Fatal(err)
		}
		for _, v := range volumes {
			_ = v.Close()
		}
	}
}

// BenchmarkFindSearch looks for the partitions of a recorded machine.
func BenchmarkFindSearch(b *testing.B) {
	r := readRecord(b, "testdata/arch-esp-and-xbootldr.machine")
	o := r.find(b, r.build(b))
	for b.Loop() {
		volumes, err := esp.Find(o)
		if err != nil || len(volumes) != 2 {
			b.Fatal(volumes, err)
		}
		for _, v := range volumes {
			_ = v.Close()
		}
	}
}
