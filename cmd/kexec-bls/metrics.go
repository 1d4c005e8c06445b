package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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

// writeMetrics writes what status and reboot-required tell, for the textfile
// collector of node_exporter. A file that was written is a success, whatever
// it says.
func (a *app) writeMetrics(path string, verify bool) error {
	r, err := a.statusReport(verify)
	if err != nil {
		return err
	}
	silent := *a
	silent.ui = &ui{out: io.Discard, err: io.Discard} // the warnings were said
	required, _ := silent.requirement()
	var text bytes.Buffer
	for _, m := range metrics(r, required) {
		m.write(&text)
	}
	if err := writeWhole(path, text.Bytes()); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// metrics leaves out what is not known: no series is better than a wrong one.
func metrics(r *statusReport, required requirement) []metric {
	loadedRelease := ""
	if r.Loaded != nil {
		loadedRelease = r.Loaded.Release
	}
	gauges := []metric{
		gauge("info", "The program, and the kernels that run, are loaded and would boot next.", sample{value: 1,
			labels: [][2]string{{"version", version}, {"running", r.Running}, {"loaded", loadedRelease}, {"next", required.Next}}}),
		gauge("loaded", "Whether a kernel waits to be kexec'ed.", yes(r.State != "none")),
		gauge("loaded_fresh", "Whether what is loaded is what a load would load now.", yes(r.State == "fresh")),
		gauge("loaded_foreign", "Whether somebody else has loaded it.", yes(r.State == "foreign")),
		gauge("kexeced", "Whether the running kernel was started by kexec.", yes(r.Kexeced)),
		gauge("reboot_required_known", "Whether the next boot can be told from the running one.", yes(required.Required != nil)),
	}
	if required.Required != nil {
		gauges = append(gauges, gauge("reboot_required", "Whether the next boot would bring another kernel or command line.", yes(*required.Required)))
	}
	return append(gauges, lastReboot(r)...)
}

// lastReboot is how the running system came about, and how long the last
// reboots took; with a label for the way.
func lastReboot(r *statusReport) []metric {
	if r.Boot == nil {
		return nil
	}
	way := "firmware"
	if r.Kexeced {
		way = "kexec"
	}
	seconds := gauge("last_reboot_seconds", "How long the last reboot of each way took, from the request to multi-user.target.")
	asked := gauge("last_reboot_requested_timestamp_seconds", "When it was asked for.")
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

// writeWhole writes a file, 0644, that readers see whole or not at all.
func writeWhole(path string, text []byte) error {
	// Beside it, for a rename does not leave the file system; node_exporter
	// reads *.prom only.
	f, err := os.CreateTemp(filepath.Dir(path), ".kexec-bls-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // it was ours
	}
	return err
}
