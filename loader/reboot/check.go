package reboot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// Valid refuses values that systemctl(1) would refuse by their text alone. Empty
// ones are valid.
func (o Options) Valid() error {
	if _, ok := tristate(o.CheckInhibitors); !ok {
		return fmt.Errorf("must be one of auto, yes, no; got %q", o.CheckInhibitors)
	}
	return nil
}

// tristate reads a value as systemd does: "auto" and "" are "auto", booleans of
// any spelling "yes" and "no".
func tristate(text string) (value string, ok bool) {
	if text == "" || strings.EqualFold(text, "auto") {
		return "auto", true
	}
	yes, ok := host.ParseBoolean(text)
	if yes {
		return "yes", ok
	}
	return "no", ok
}

// check returns the error of a reboot that systemctl would refuse: a value or a
// time that it cannot read, or an inhibitor that it would respect. What cannot
// be determined is no error, systemctl is asked again later.
func check(ctx context.Context, o Options) error {
	if err := o.Valid(); err != nil {
		return err
	}
	if err := checkTime(ctx, o.When); err != nil {
		return err
	}
	if !o.respectsInhibitors() {
		return nil
	}
	return checkInhibitors(ctx)
}

// checkTime lets systemd-analyze(1) read a time, with the parser of systemctl.
func checkTime(ctx context.Context, when string) error {
	if slices.Contains([]string{"", "auto", "cancel", "show"}, when) {
		return nil
	}
	err := Options{}.run(ctx, "systemd-analyze", "timestamp", "--", when)
	refused, ok := errors.AsType[*RefusedError](err)
	if !ok || !strings.Contains(refused.Output, "Failed to parse") {
		return nil // not installed, or too old to know the verb
	}
	return hint.Errorf(`use a time such as 22:00, +30min or "2026-12-01 03:00", see systemd.time(7)`, "cannot read the time %q", when)
}

// respectsInhibitors reports whether systemctl would look for inhibitors: never
// for a later time or with --force, and by default only at a terminal.
func (o Options) respectsInhibitors() bool {
	value, _ := tristate(o.CheckInhibitors)
	return !o.Force && o.When == "" && (value == "yes" || value == "auto" && o.Terminal)
}

// checkInhibitors asks logind, as systemctl does. Only the mode block is a
// refusal; others delay.
func checkInhibitors(ctx context.Context) error {
	var text strings.Builder
	err := Options{Stdout: &text}.run(ctx, "busctl", "--json=short", "call",
		"org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "ListInhibitors")
	if err != nil {
		return nil //nolint:nilerr // systemctl will look again
	}
	who := blocking([]byte(text.String()))
	if len(who) == 0 {
		return nil
	}
	return hint.Errorf("wait until that ends, or "+string(hint.InSpite), "%s", strings.Join(who, "; "))
}

// blocking are the inhibitors of a shutdown in what busctl prints of an
// a(ssssuu): what, who, why, mode, UID and PID of each.
func blocking(answer []byte) []string {
	var list struct {
		Data [][][]any `json:"data"`
	}
	if json.Unmarshal(answer, &list) != nil || len(list.Data) == 0 {
		return nil
	}
	var who []string
	for _, lock := range list.Data[0] {
		if len(lock) != 6 || lock[3] != "block" {
			continue
		}
		what, _ := lock[0].(string)
		if slices.Contains(strings.Split(what, ":"), "shutdown") {
			who = append(who, joined(fmt.Sprintf("\"%v\" (PID %.0f) inhibits the reboot: %v", lock[1], lock[5], lock[2])))
		}
	}
	return who
}
