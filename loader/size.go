package loader

import (
	"fmt"
	"time"
)

// FormatSize returns a number of bytes as a person reads it, in powers of 1024.
func FormatSize(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

// FormatSpan returns a time span in whole seconds as systemd.time(7) writes it, "3min"
// or "1h 30min".
func FormatSpan(d time.Duration) string {
	text := ""
	for _, unit := range []struct {
		name string
		of   time.Duration
	}{{"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}} {
		if n := d / unit.of; n > 0 {
			text += fmt.Sprintf(" %d%s", n, unit.name)
			d -= n * unit.of
		}
	}
	if text == "" {
		return "0"
	}
	return text[1:]
}
