package report

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/kexec-bls/kexec-bls/loader"
)

// A metric is one gauge in the text format of Prometheus, version 0.0.4.
type metric struct {
	name, help string
	samples    []sample
}

type sample struct {
	labels [][2]string // name and value
	value  float64
}

// Metrics are what status and reboot-required report, for the textfile collector
// of node_exporter. What is not known is left out: no series is better than a
// wrong one.
func Metrics(version string, r *Status, required Requirement) []byte {
	var text bytes.Buffer
	for _, m := range metrics(version, r, required) {
		m.write(&text)
	}
	return text.Bytes()
}

func metrics(version string, r *Status, required Requirement) []metric {
	loadedRelease := ""
	if r.Loaded != nil {
		loadedRelease = string(r.Loaded.Release)
	}
	gauges := []metric{
		gauge("info", "The program, and the kernels that run, are loaded and would boot next.", sample{value: 1,
			labels: [][2]string{{"version", version}, {"running", r.Running}, {"loaded", loadedRelease}, {"next", required.Next}}}),
		gauge("loaded", "Whether a kernel is loaded.", yes(r.State != loader.None)),
		gauge("loaded_fresh", "Whether what is loaded is what a load would load now.", yes(r.State == loader.Fresh)),
		gauge("loaded_foreign", "Whether another program has loaded it.", yes(r.State == loader.Foreign)),
		gauge("kexeced", "Whether the running kernel was started by kexec.", yes(r.Kexeced)),
		gauge("last_kexec_missed", "Whether the last kexec did not come up, and firmware started the machine instead.", yes(r.Missed != nil)),
		gauge("reboot_required_known", "Whether the next boot can be compared with the running system.", yes(required.Required != nil)),
	}
	if required.Required != nil {
		gauges = append(gauges, gauge("reboot_required", "Whether the next boot would bring another kernel or command line.", yes(*required.Required)))
	}
	return append(append(gauges, lastReboot(r)...), lastTrial(r)...)
}

// lastReboot is how the running system was started, and how long the last
// reboots took; with a label for the way.
func lastReboot(r *Status) []metric {
	if r.Boot == nil {
		return nil
	}
	way := "firmware"
	if r.Kexeced {
		way = "kexec"
	}
	seconds := gauge("last_reboot_seconds", "How long the last reboot of each way took, from the request to multi-user.target.")
	asked := gauge("last_reboot_requested_timestamp_seconds", "When it was requested.")
	add := func(way string, took float64, requested float64) {
		if took > 0 {
			labels := [][2]string{{"way", way}}
			seconds.samples = append(seconds.samples, sample{labels, took})
			asked.samples = append(asked.samples, sample{labels, requested})
		}
	}
	add(way, r.Boot.Seconds, float64(r.Boot.Requested.Unix()))
	if f := r.Boot.Firmware; f != nil && way == "kexec" {
		add("firmware", f.Seconds, float64(f.Requested.Unix()))
	}
	if len(seconds.samples) == 0 {
		return nil
	}
	return []metric{seconds, asked}
}

// lastTrial is the last reboot on trial, with labels for what it was and became.
func lastTrial(r *Status) []metric {
	if r.Trial == nil {
		return nil
	}
	labels := [][2]string{{"entry", string(r.Trial.Entry.ID)}, {"outcome", r.Trial.Outcome}}
	return []metric{
		gauge("trial_started_timestamp_seconds", "When the last reboot on trial was requested, with its outcome.", sample{labels, float64(r.Trial.Started.Unix())}),
		gauge("trial_seconds", "How long it took.", sample{labels, r.Trial.Took}),
	}
}

func gauge(name, help string, samples ...sample) metric {
	return metric{"kexec_bls_" + name, help, samples}
}

func yes(b bool) sample {
	if b {
		return sample{value: 1}
	}
	return sample{}
}

func (m metric) write(out *bytes.Buffer) {
	fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", m.name, m.help, m.name)
	for _, s := range m.samples {
		var labels []string
		for _, l := range s.labels {
			labels = append(labels, fmt.Sprintf(`%s="%s"`, l[0], labelEscapes().Replace(strings.ToValidUTF8(l[1], "\ufffd"))))
		}
		if len(labels) > 0 {
			labels = []string{"{" + strings.Join(labels, ",") + "}"}
		}
		fmt.Fprintf(out, "%s%s %s\n", m.name, strings.Join(labels, ""), strconv.FormatFloat(s.value, 'f', -1, 64))
	}
}

// labelEscapes are those of a label's value in the text format.
func labelEscapes() *strings.Replacer { return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`) }
