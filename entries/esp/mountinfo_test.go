package esp

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseMount(t *testing.T) {
	for name, tt := range map[string]struct {
		line string
		want mount
		fail bool
	}{
		"no optional field":        {line: "36 35 98:0 /mnt1 /mnt2 rw - ext3 /dev/root rw", want: mount{"98:0", "/mnt1", "/mnt2", "ext3", "/dev/root"}},
		"three optional fields":    {line: "36 35 98:0 / /b rw shared:1 master:2 unbindable - vfat /dev/sda1 rw,x=y", want: mount{"98:0", "/", "/b", "vfat", "/dev/sda1"}},
		"escapes":                  {line: `36 35 0:1 /a\134b /c\040d\011e\012f\043 rw - vfat /dev/a\040b rw`, want: mount{"0:1", `/a\b`, "/c d\te\nf#", "vfat", "/dev/a b"}},
		"no escapes":               {line: `36 35 0:1 /\8 /\400\04 rw - vfat \ rw`, want: mount{"0:1", `/\8`, `/\400\04`, "vfat", `\`}},
		"empty source":             {line: "36 35 0:1 / /b rw - tmpfs  rw", want: mount{"0:1", "/", "/b", "tmpfs", ""}},
		"dash in a path":           {line: "36 35 0:1 /-/- /- rw - tmpfs - rw", want: mount{"0:1", "/-/-", "/-", "tmpfs", "-"}},
		"no separator":             {line: "36 35 98:0 /mnt1 /mnt2 rw ext3 /dev/root rw", fail: true},
		"too few before":           {line: "36 35 98:0 /mnt1 /mnt2 - ext3 /dev/root rw", fail: true},
		"too few after":            {line: "36 35 98:0 /mnt1 /mnt2 rw - ext3", fail: true},
		"relative mount point":     {line: "36 35 98:0 /mnt1 mnt2 rw - ext3 /dev/root rw", fail: true},
		"device that is a path":    {line: "36 35 ../../x:0 / /m rw - ext3 /dev/root rw", fail: true},
		"device without minor":     {line: "36 35 98: / /m rw - ext3 /dev/root rw", fail: true},
		"empty":                    {line: "", fail: true},
		"the separator all by one": {line: " - ", fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseMount(tt.line)
			assert.Equal(t, tt.want, got)
			assert.Equal(t, tt.fail, err != nil)
		})
	}
}

func TestParseMountinfoLongLines(t *testing.T) {
	overlay := "1 2 0:5 / / rw - overlay overlay rw,lowerdir=" + strings.Repeat("/layer:", 40_000) + "\n"
	require.Greater(t, len(overlay), 64<<10, "bufio.Scanner's own limit")
	after := "3 1 8:1 / /boot rw - vfat /dev/sda1 rw\n"
	mounts, err := parseMountinfo("m", strings.NewReader(overlay+after))
	require.NoError(t, err)
	require.Len(t, mounts, 2)
	assert.Equal(t, "/boot", mounts[1].point)

	mounts, err = parseMountinfo("m", strings.NewReader(after+strings.Repeat("x", maxLine)))
	assert.EqualError(t, err, "m:2: bufio.Scanner: token too long")
	assert.Nil(t, mounts)
}

func FuzzParseMountinfo(f *testing.F) {
	f.Add("36 35 98:0 /mnt1 /mnt2 rw master:1 - ext3 /dev/root rw,errors=continue\n")
	f.Add(`22 1 0:40 / /a\040b rw - tmpfs tmp\134fs rw` + "\n\n")
	f.Add("1 2 3:4 / / rw - a b")
	escape := strings.NewReplacer(" ", `\040`, "\n", `\012`, "\r", `\015`, `\`, `\134`)
	f.Fuzz(func(t *testing.T, text string) {
		mounts, err := parseMountinfo("m", strings.NewReader(text))
		if err != nil {
			require.Nil(t, mounts)
			require.ErrorContains(t, err, "m:")
			return
		}
		var again strings.Builder
		for _, m := range mounts {
			again.WriteString("1 2 " + m.dev + " " + escape.Replace(m.root) + " " + escape.Replace(m.point) +
				" rw - " + escape.Replace(m.fstype) + " " + escape.Replace(m.source) + " rw\n")
		}
		reparsed, err := parseMountinfo("m", strings.NewReader(again.String()))
		require.NoError(t, err)
		require.Equal(t, mounts, reparsed)
	})
}
