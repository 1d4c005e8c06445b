package bls_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/bls"
)

// The answers of systemd-analyze compare-versions 262.
var versionVectors = []struct {
	a     string
	order string
	b     string
}{
	{"1.2", "<", "1.10"}, {"1.0", "==", "1.0"}, {"1", "<", "1.0"}, {"1.0", "<", "1.0.0"},
	{"122.1", "<", "123~rc1-1"}, {"123~rc1-1", "<", "123"}, {"123", "<", "123-a"},
	{"123-a", "<", "123-a.1"}, {"123-a.1", "<", "123-1"}, {"123-1", "<", "123-1.1"},
	{"123-1.1", "<", "123^post1"}, {"123^post1", "<", "123.a-1"}, {"123.a-1", "<", "123.1-1"},
	{"123.1-1", "<", "123a-1"}, {"123a-1", "<", "124-1"}, {"6.1.0-9", "<", "6.1.0-10"},
	{"6.9", "<", "6.10-rc1"}, {"6.10-rc1", ">", "6.10"}, {"6.10~rc1", "<", "6.10"},
	{"5.4.0-rc1", "<", "5.4.0-1"}, {"99999999999999999999", "<", "100000000000000000000"},
	{"5.10.0-fc34.x86_64", "<", "5.10.0-200.fc34.x86_64"}, {"6.8.0-rc3.fc40", "<", "6.8.0-300.fc40"},
	{"foo-1.2.conf", "<", "foo-1.10.conf"}, {"foo.conf", ">", "foo-2.conf"},
	{"arch-linux.conf", "<", "arch-lts.conf"}, {"é1", "==", "1"}, {"1_2_3", ">", "1.3.3"},
	{"01", "==", "1"}, {"1.01", "==", "1.1"}, {"0", "==", "000"}, {"", "<", "0"}, {"", ">", "~"},
	{"~", "<", "^"}, {"a", "<", "1"}, {"a", "<", "0"}, {"A", "<", "a"}, {"B", "<", "a"},
	{"1_0", ">", "1.0"}, {"1.0_1", ">", "1.0.1"}, {"1+2", ">", "1.2"}, {"1_", "==", "1"},
	{"1-", ">", "1"}, {"1.", ">", "1"}, {"1^", ">", "1"}, {"1~", "<", "1"}, {"1..0", "<", "1.0"},
	{"1^1", ">", "1-1"}, {"1~1", "<", "1-1"}, {"1-1", "<", "1.1"}, {"1^1", "<", "1.1"},
	{"1a2", "<", "1a10"}, {"1ab", ">", "1a"}, {"1.2.3", ">", "1.2-3"}, {"x86_64", ">", "x86.64"},
	{"a1", "<", "aa"},
}

func TestCompareVersions(t *testing.T) {
	want := map[string]int{"<": -1, "==": 0, ">": 1}
	for _, v := range versionVectors {
		assert.Equal(t, want[v.order], bls.CompareVersions(v.a, v.b), "%q %s %q", v.a, v.order, v.b)
		assert.Equal(t, -want[v.order], bls.CompareVersions(v.b, v.a), "the other way round: %q, %q", v.b, v.a)
	}
}

// FuzzCompareVersions holds the axioms of an order over three strings.
func FuzzCompareVersions(f *testing.F) {
	for _, v := range versionVectors {
		f.Add(v.a, v.b, "1.0")
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		ab, bc, ac := bls.CompareVersions(a, b), bls.CompareVersions(b, c), bls.CompareVersions(a, c)
		if ab != -bls.CompareVersions(b, a) {
			t.Errorf("not antisymmetric: %q %q", a, b)
		}
		if bls.CompareVersions(a, a) != 0 {
			t.Errorf("not reflexive: %q", a)
		}
		if ab <= 0 && bc <= 0 && ac > 0 {
			t.Errorf("not transitive: %q <= %q <= %q", a, b, c)
		}
		if ab == 0 && bc != ac {
			t.Errorf("equal strings order differently: %q %q against %q", a, b, c)
		}
	})
}
