package report

import (
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/loader"
)

// Advised are findings with what to type in their hints.
func Advised(found []loader.Finding) []loader.Finding {
	var typed []loader.Finding
	for _, f := range found {
		f.Hint = term.Advice(f.Hint)
		typed = append(typed, f)
	}
	return typed
}

// Warn prints findings as warnings.
func Warn(ui *term.UI, found []loader.Finding) {
	for _, f := range Advised(found) {
		ui.Warn("%s", f)
	}
}
