package blockdev

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const udevRecord = `S:disk/by-partuuid/aaaaaaaa-0000-4000-8000-000000000001
S:disk/by-label/EFI
I:1234567
E:ID_FS_TYPE=vfat
E:ID_FS_LABEL_ENC=E\x20=\x20I
E:ID_PART_ENTRY_SCHEME=gpt
E:ID_PART_ENTRY_UUID=AAAAAAAA-0000-4000-8000-000000000001
E:ID_PART_ENTRY_TYPE=c12a7328-f81f-11d2-ba4b-00a0c93ec93b
E:ID_PART_ENTRY_NUMBER=1
G:systemd
Q:systemd
V:1
`

func TestParseUdev(t *testing.T) {
	properties := parseUdev(udevRecord)
	assert.Len(t, properties, 6)
	assert.Equal(t, `E\x20=\x20I`, properties["ID_FS_LABEL_ENC"])
	assert.Equal(t, Slot{"gpt", gptESP, "aaaaaaaa-0000-4000-8000-000000000001"}, udevSlot(properties))
	assert.Zero(t, udevSlot(parseUdev("S:disk/by-label/EFI\nE:ID_FS_TYPE=vfat\n")))
	assert.Equal(t, map[string]string{"A": "2", "B": ""}, parseUdev("E:A=1\nE:A=2\nE:B=\nE:C\nE:=d\n E:D=e\n"))
}

func FuzzParseUdev(f *testing.F) {
	f.Add(udevRecord)
	f.Add("E:A=\nE:=b\nE:")
	f.Fuzz(func(t *testing.T, record string) {
		properties := parseUdev(record)
		var again strings.Builder
		for key, value := range properties {
			require.NotEmpty(t, key)
			again.WriteString("E:" + key + "=" + value + "\n")
		}
		require.Equal(t, properties, parseUdev(again.String()))
	})
}
