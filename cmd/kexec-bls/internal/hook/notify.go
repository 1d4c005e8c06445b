package hook

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kexec-bls/kexec-bls/loader"
)

// Varlink (https://varlink.org): what every service answers, and what
// systemd-sysupdate(8) calls on each socket in /run/systemd/sysupdate/notify since
// version 262, when it has installed an update.
const (
	service   = "org.varlink.service"
	sysupdate = "io.systemd.SysUpdate.Notify"
	updated   = sysupdate + ".OnCompletedUpdate"
)

// interfaces are their descriptions.
func interfaces() map[string]string {
	return map[string]string{
		service: `interface org.varlink.service

method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: []string)
method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
error InvalidParameter (parameter: string)
`,
		sysupdate: `interface io.systemd.SysUpdate.Notify

type Resource (transfer: string, path: ?string)

method OnCompletedUpdate(component: ?string, version: ?string, resources: ?[]Resource) -> ()
`,
	}
}

// messageLimit bounds a message; one with a thousand resources has a tenth of it.
const messageLimit = 1 << 20

// A Notified answers systemd-sysupdate.
type Notified struct {
	Version string // of this program
	// Updated is called after an update, whichever it was.
	Updated func() error
}

type call struct {
	Method     string `json:"method"`
	Parameters struct {
		Interface string `json:"interface"`
	} `json:"parameters"`
	Oneway bool `json:"oneway"`
}

type reply struct {
	Error      string         `json:"error,omitempty"`
	Parameters map[string]any `json:"parameters"`
}

// Serve answers the calls of one connection until its other end closes it. An
// update is answered when Updated has returned, whose error ends the connection.
func (n Notified) Serve(conn io.ReadWriter) error {
	calls := bufio.NewScanner(conn)
	calls.Buffer(nil, messageLimit)
	calls.Split(untilZero)
	for calls.Scan() {
		var c call
		if err := json.Unmarshal(calls.Bytes(), &c); err != nil {
			return fmt.Errorf("not a call of Varlink: %w", err)
		}
		r, err := n.answer(c)
		if err != nil {
			return err
		}
		if c.Oneway {
			continue
		}
		b, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if _, err := conn.Write(append(b, 0)); err != nil {
			return err
		}
	}
	return calls.Err()
}

func (n Notified) answer(c call) (reply, error) {
	known := interfaces()
	switch c.Method {
	case updated:
		return reply{Parameters: map[string]any{}}, n.Updated()
	case service + ".GetInfo":
		return reply{Parameters: map[string]any{
			"vendor": "kexec-bls", "product": "kexec-bls", "version": n.Version, "url": "https://github.com/kexec-bls/kexec-bls",
			"interfaces": []string{service, sysupdate},
		}}, nil
	case service + ".GetInterfaceDescription":
		if text, ok := known[c.Parameters.Interface]; ok {
			return reply{Parameters: map[string]any{"description": text}}, nil
		}
		return reply{service + ".InterfaceNotFound", map[string]any{"interface": c.Parameters.Interface}}, nil
	}
	return reply{service + ".MethodNotFound", map[string]any{"method": c.Method}}, nil
}

// untilZero splits at NUL bytes; what is after the last one is no message.
func untilZero(data []byte, _ bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return i + 1, data[:i], nil
	}
	return 0, nil, nil
}

// awaitBootctl waits until no bootctl(1) adds an image to the boot menu: systemd-sysupdate
// connects to all sockets before it sends the first call, so that systemd
// has started bootctl by the time we ask.
func awaitBootctl(ctx context.Context, m *loader.Machine) error {
	for {
		states, err := m.Init.UnitProperty(ctx, "systemd-sysupdate-notify-bootctl@*.service", "ActiveState")
		if err != nil || !slices.ContainsFunc(strings.Fields(states), runs) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func runs(state string) bool { return state != "inactive" && state != "failed" }
