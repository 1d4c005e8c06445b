package loader

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

// What Inspect returns.
type (
	// An Inspection is all findings, the gravest first, and the same by area.
	Inspection = preflight.Report
	// An Area is a part of a machine or a plan, and what a look at it came to.
	Area = preflight.Area
	// Evidence is what was read, and what was in it.
	Evidence = preflight.Evidence
)

// Inspect is Check, and Try for a plan that is for a trial, with all that was
// looked at and what could not be seen.
func (m *Machine) Inspect(_ context.Context, p *Plan, opt CheckOptions) Inspection {
	r := preflight.Inspect(m.environment(opt.Timeout), m.about(p, opt))
	add := func(id preflight.AreaID, found ...Finding) {
		r.Findings = append(r.Findings, found...)
		r.Area(id).Findings = append(r.Area(id).Findings, found...)
	}
	for _, f := range p.Findings() {
		add(areaOf(f.ID), f)
	}
	_, trial, _ := m.Try(p)
	add(preflight.AreaShutdown, trial...)
	if !p.offline() {
		add(preflight.AreaHistory, m.missed(p.Name(), p.Release())...)
		add(preflight.AreaDisks, m.leftover()...)
		m.inspectHistory(r.Area(preflight.AreaHistory))
	}
	p.inspectEntry(r.Area(preflight.AreaEntry))
	p.inspectInitrd(r.Area(preflight.AreaInitrd))
	finding.Sort(r.Findings)
	for _, a := range r.Areas {
		finding.Sort(a.Findings)
	}
	return r
}

// areaOf is the area of a finding about the plan itself.
func areaOf(id FindingID) preflight.AreaID {
	switch id {
	case FindingPlan:
		return preflight.AreaEntry
	case FindingSecureBootImage:
		return preflight.AreaSecurity
	case FindingMeasuredOS:
		return preflight.AreaDisks
	}
	return preflight.AreaInitrd
}

func (p *Plan) inspectEntry(a *Area) {
	k := p.Kernel()
	facts := []string{fmt.Sprintf("kernel %s, %s", k.Name, FormatSize(k.Size))}
	if k.Release != "" {
		facts[0] = fmt.Sprintf("kernel %s (%s, %s)", k.Name, k.Release, FormatSize(k.Size))
	}
	a.Facts = append(facts, a.Facts...)
	if p.entry != nil && p.entry.Volume != nil {
		a.Evidence = append(a.Evidence, Evidence{Source: p.entry.Volume.Where(p.entry.Path), Value: "the entry"})
	}
	a.Evidence = append(a.Evidence, Evidence{Source: k.Name, Value: fmt.Sprintf("%d bytes, %s %s", k.Size, k.Format, k.Version)})
}

func (p *Plan) inspectInitrd(a *Area) {
	members := p.Initrd()
	if len(members) == 0 {
		a.Facts = append(a.Facts, "none")
		return
	}
	a.Facts = append(a.Facts, fmt.Sprintf("%s, %s", count(len(members), "image"), FormatSize(p.InitrdSize())))
	switch {
	case p.report.Decoded:
		a.Facts = append(a.Facts, "all files in it were read")
	case p.verified && p.verifiedBefore():
		a.Facts = append(a.Facts, "unchanged since a load that read it")
	default:
		a.Unseen = append(a.Unseen, string(hint.EndsUnread))
	}
	for _, release := range p.report.Releases {
		a.Facts = append(a.Facts, "has modules for "+release)
	}
	for _, member := range members {
		a.Evidence = append(a.Evidence, Evidence{Source: member.Name, Value: fmt.Sprintf("%d bytes at %d, %s", member.Size, member.Offset, member.Format)})
	}
}

func (m *Machine) inspectHistory(a *Area) {
	b, err := m.Boot()
	if errors.Is(err, fs.ErrPermission) {
		a.Unseen = append(a.Unseen, m.StateDir)
	}
	if m.Host.Kexeced() == host.Yes {
		a.Facts = append(a.Facts, "the running kernel was started by kexec")
	}
	switch {
	case b.Kexec != nil && b.Kexec.Seconds > 0:
		a.Facts = append(a.Facts, fmt.Sprintf("the last kexec took %.1f s (%s)", b.Kexec.Seconds, b.Kexec.Requested.Local().Format(time.DateOnly)))
	case b.Kexec == nil && !b.Kexeced:
		a.Facts = append(a.Facts, "no kexec of this machine is on record")
	}
	if b.Firmware != nil {
		a.Facts = append(a.Facts, fmt.Sprintf("the last reboot through firmware took %.1f s", b.Firmware.Seconds))
	}
}
