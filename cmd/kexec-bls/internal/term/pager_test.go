package term

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPagerChoice(t *testing.T) {
	const user, root = 1000, 0
	plain := []string{"LESS=FRSXMK"}
	secure := append(plain, "LESSSECURE=1")
	for name, tt := range map[string]struct {
		euid      int
		env       map[string]string
		argv, add []string
	}{
		"less":                {user, nil, []string{"less"}, plain},
		"PAGER":               {user, map[string]string{"PAGER": "most -s"}, []string{"most", "-s"}, plain},
		"systemd's":           {user, map[string]string{"PAGER": "most", "SYSTEMD_PAGER": "bat"}, []string{"bat"}, plain},
		"empty":               {user, map[string]string{"PAGER": ""}, nil, nil},
		"cat":                 {user, map[string]string{"SYSTEMD_PAGER": "cat"}, nil, nil},
		"systemd's empty":     {user, map[string]string{"PAGER": "less", "SYSTEMD_PAGER": " "}, nil, nil},
		"LESS":                {user, map[string]string{"LESS": "-R"}, []string{"less"}, []string{"LESS=-R"}},
		"SYSTEMD_LESS":        {user, map[string]string{"LESS": "-R", "SYSTEMD_LESS": "FX"}, []string{"less"}, []string{"LESS=FX"}},
		"root":                {root, nil, []string{"less"}, secure},
		"root, another":       {root, map[string]string{"PAGER": "sh"}, []string{"less"}, secure},
		"root, less with":     {root, map[string]string{"PAGER": "less -o/etc/x"}, []string{"less"}, secure},
		"root, allowed":       {root, map[string]string{"PAGER": "most", "SYSTEMD_PAGERSECURE": "no"}, []string{"most"}, plain},
		"root, decided":       {root, map[string]string{"PAGER": "most", "SYSTEMD_PAGERSECURE": "1"}, []string{"most"}, secure},
		"root, garbage":       {root, map[string]string{"SYSTEMD_PAGERSECURE": "maybe"}, []string{"less"}, secure},
		"root, empty":         {root, map[string]string{"SYSTEMD_PAGERSECURE": ""}, []string{"less"}, secure},
		"root, none":          {root, map[string]string{"PAGER": "cat"}, nil, nil},
		"sudo to a user":      {user, map[string]string{"SUDO_UID": "1001", "PAGER": "sh"}, []string{"less"}, secure},
		"pkexec":              {user, map[string]string{"PKEXEC_UID": "1001"}, []string{"less"}, secure},
		"doas":                {user, map[string]string{"DOAS_USER": "alice"}, []string{"less"}, secure},
		"user, decided to be": {user, map[string]string{"SYSTEMD_PAGERSECURE": "yes"}, []string{"less"}, secure},
	} {
		u := &UI{Env: env(tt.env)}
		argv, add := u.pager(ids{tt.euid, tt.euid})
		assert.Equal(t, tt.argv, argv, name)
		assert.Equal(t, tt.add, add, name)
	}
	_, add := (&UI{}).pager(ids{1000, 1001})
	assert.Equal(t, secure, add, "set-user-ID")
	argv, _ := (&UI{NoPager: true}).pager(ids{1000, 1000})
	assert.Nil(t, argv)
}

// TestPage runs a pager that prints how it was called.
func TestPage(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho paged $LESS secure=$LESSSECURE; head -n 1\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pager"), []byte(script), 0o755))
	long := []byte(strings.Repeat("line\n", 100000)) // more than a pipe takes
	pager := filepath.Join(dir, "pager")
	for name, tt := range map[string]struct {
		env  map[string]string
		text string
		want string
	}{
		"long":      {map[string]string{"SYSTEMD_PAGER": pager, "SYSTEMD_PAGERSECURE": "1"}, string(long), "paged FRSXMK secure=1\nline\n"},
		"short":     {map[string]string{"SYSTEMD_PAGER": pager, "SYSTEMD_PAGERSECURE": "1"}, "a\nb\n", "a\nb\n"},
		"no pager":  {map[string]string{"SYSTEMD_PAGER": ""}, "a\nb\nc\nd\ne\n", "a\nb\nc\nd\ne\n"},
		"not found": {map[string]string{"SYSTEMD_PAGER": dir + "/none", "SYSTEMD_PAGERSECURE": "0"}, "a\nb\nc\nd\ne\n", "a\nb\nc\nd\ne\n"},
	} {
		t.Run(name, func(t *testing.T) {
			screen, other := openTerminal(t, 80, 5)
			u := &UI{Out: screen, Err: screen, Env: env(tt.env)}
			require.NoError(t, u.Page(context.Background(), []byte(tt.text)))
			assert.Equal(t, tt.want, drawn(t, screen, other))
		})
	}
}
