package loader

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/kexec-bls/kexec-bls/loader/reboot"
	"github.com/kexec-bls/kexec-bls/loader/state"
	"github.com/kexec-bls/kexec-bls/loader/trial"
)

// FollowOptions say how a trial is followed.
type FollowOptions struct {
	// Healthy is a command that succeeds once the system is healthy, with its
	// arguments; empty is boot-complete.target.
	Healthy []string
	// OnOutcome, if not nil, is called once the outcome is known, before the machine
	// reboots because of it.
	OnOutcome func(Trial)
	// OnWarning, if not nil, is called with what did not work.
	OnWarning func(error)
}

func (o FollowOptions) warn(err error) {
	if o.OnWarning != nil && err != nil {
		o.OnWarning(err)
	}
}

func (o FollowOptions) outcome(t Trial) {
	if o.OnOutcome != nil {
		o.OnOutcome(t)
	}
}

// Times of a trial.
const (
	trialTick   = time.Second
	settleLimit = 10 * time.Minute // for a boot that does not reach multi-user.target
	rebootLimit = 3 * time.Minute  // for a shutdown, before the machine is reset
)

// FollowTrial does what the running boot has to do about a trial: it watches the
// system that is tried, until it is healthy or its time is over and it reboots; in
// any other boot it finds out what became of the trial and restores the settings of
// the boot loader. Without a trial it does nothing.
func (m *Machine) FollowTrial(ctx context.Context, opt FollowOptions) error {
	t, err := m.history().Trial()
	if err != nil || t.BootID == "" || t.Settled || t.BootID == m.Host.BootID() {
		return err
	}
	tried := trial.Of(m.Host.Cmdline()) == t.BootID
	switch {
	case tried && t.Outcome == state.TrialPending:
		return m.watch(ctx, t, opt)
	case tried && t.Outcome != state.TrialSucceeded:
		return m.leave(ctx, opt)
	}
	return m.settle(ctx, t, opt)
}

// watch waits until the system is healthy. The watchdog is pinged until then, and
// for the time of a shutdown after the limit.
func (m *Machine) watch(ctx context.Context, t Trial, opt FollowOptions) error {
	limit := max(time.Duration(t.Limit)*time.Second-m.Host.Uptime(), trialTick)
	ping, stop := context.WithTimeout(ctx, limit+rebootLimit)
	defer stop()
	k := keeper{opened: make(chan bool), released: make(chan bool)}
	kept := make(chan error, 1)
	go func(t Trial) { kept <- m.keepWatchdog(ping, t, k) }(t)

	t.Seen = m.Host.BootID()
	_ = m.history().SaveTrial(t) // in emergency mode nothing can be written
	waiting, end := context.WithTimeout(ctx, limit)
	err := m.awaitHealthy(waiting, opt.Healthy)
	if err == nil {
		err = k.await(waiting, t)
	}
	end()
	if ctx.Err() != nil { // the unit is stopped: the watchdog runs on
		stop()
		return errors.Join(ctx.Err(), <-kept)
	}
	t.Ended = time.Now().UTC()
	if err != nil {
		t.Outcome, t.Reason = state.TrialUnhealthy, err.Error()
		opt.warn(m.history().SaveTrial(t))
		opt.outcome(t)
		err = m.leave(ctx, opt)
		stop()
		return errors.Join(err, <-kept)
	}
	t.Outcome = state.TrialSucceeded
	release := step{"release the watchdog", func() error {
		close(k.released)
		opt.warn(<-kept) // what remains to be done is more important
		return nil
	}}
	err = run(m.settleSteps(ctx, t, release))
	opt.outcome(t)
	return err
}

// leave reboots through the firmware. It returns only on failure, or when the
// process is ended.
func (m *Machine) leave(ctx context.Context, opt FollowOptions) error {
	opt.warn(m.RebootFirmware(ctx, RebootOptions{Init: reboot.Options{Message: "the system on trial is not healthy"}}))
	if err := sleep(ctx, rebootLimit); err != nil {
		return err
	}
	return m.Init.RebootNow(ctx)
}

// A keeper is what happens to the watchdog of a trial: opened is closed once it is
// open, released when it is no longer needed.
type keeper struct{ opened, released chan bool }

// await waits until a watchdog is open that the old system has left running: nothing
// else can stop it.
func (k keeper) await(ctx context.Context, t Trial) error {
	if t.Driver == "" {
		return nil
	}
	select {
	case <-k.opened:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s (%s) cannot be opened, and would reset the machine", t.Watchdog, t.Driver)
	}
}

// keepWatchdog opens the watchdog of a trial as soon as it is there, and pings it
// until ctx ends, which leaves it running, or it is released.
func (m *Machine) keepWatchdog(ctx context.Context, t Trial, k keeper) error {
	if t.Watchdog == "" {
		return nil
	}
	if t.Driver != "" {
		_ = m.Init.LoadModule(ctx, t.Driver) // without it there is no device, which is the error below
	}
	var dog *reboot.Watchdog
	var last error // of what was done last
	for {
		if dog == nil {
			opened, err := m.Init.OpenWatchdog(filepath.Join(m.Host.Dir, "dev", m.watchdogName(t)), t.Timeout)
			if last = err; err == nil {
				dog = &opened
				close(k.opened)
			}
		} else {
			last = dog.Ping()
		}
		select {
		case <-k.released:
			return m.releaseWatchdog(context.WithoutCancel(ctx), t, dog, last)
		case <-ctx.Done():
			if dog != nil {
				return dog.Abandon()
			}
			return last
		case <-time.After(trialTick):
		}
	}
}

// watchdogName is the device: it may have another number in another kernel.
func (m *Machine) watchdogName(t Trial) string {
	for _, w := range m.Host.Watchdogs() {
		if t.Driver != "" && w.Driver == t.Driver {
			return w.Name
		}
	}
	return t.Watchdog
}

// releaseWatchdog stops the watchdog and gives it to systemd, where that used it
// before the trial, and where it cannot be stopped.
func (m *Machine) releaseWatchdog(ctx context.Context, t Trial, dog *reboot.Watchdog, last error) error {
	if dog == nil {
		return last
	}
	err := dog.Release()
	runtime := t.RuntimeWatchdog
	for _, w := range m.Host.Watchdogs() {
		if w.Name == m.watchdogName(t) && w.NoWayOut && runtime == 0 {
			runtime = uint64(time.Minute / time.Microsecond)
		}
	}
	if runtime > 0 {
		err = errors.Join(err, m.Init.SetProperty(ctx, "RuntimeWatchdogUSec", runtime))
	}
	return err
}

// awaitHealthy waits for the default target, then for boot-complete.target or the
// command. The error is why the system is not healthy.
func (m *Machine) awaitHealthy(ctx context.Context, command []string) error {
	const target = "default.target"
	if err := m.awaitTarget(ctx, target); err != nil {
		return fmt.Errorf("%s was not reached in time", target)
	}
	if len(command) == 0 {
		return m.Init.StartUnit(ctx, "boot-complete.target")
	}
	for {
		err := m.Init.RunProgram(ctx, command)
		if err == nil || sleep(ctx, trialTick) != nil {
			return err
		}
	}
}

// awaitTarget waits until a unit has become active; the error is that of ctx.
func (m *Machine) awaitTarget(ctx context.Context, unit string) error {
	for {
		if reached, err := m.Init.Reached(ctx, unit); err == nil && !reached.IsZero() {
			return nil
		}
		if err := sleep(ctx, trialTick); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
