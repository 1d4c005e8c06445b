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

// BenchmarkFindSearch looks for the partitions of the machine that it runs on.
func BenchmarkFindSearch(b *testing.B) {
	for b.Loop() {
		volumes, _ := esp.Find(esp.Options{})
		for _, v := range volumes {
			_ = v.Close()
		}
	}
}
