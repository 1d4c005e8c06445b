package grub

// FedoraScript is what the grub.cfg of Fedora and RHEL comes to where it
// cannot be read: next_entry, then saved_entry, the counting of failed boots,
// and the entries.
const FedoraScript = `
load_env
if [ "${next_entry}" ]; then
  set default="${next_entry}"
  set next_entry=
  save_env next_entry
else
  set default="${saved_entry}"
fi
if [ -n "${boot_counter}" -a "${boot_success}" = "0" ]; then
  if [ "${boot_counter}" = "0" -o "${boot_counter}" = "-1" ]; then
    set default=1
    set boot_counter=-1
  else
    decrement boot_counter
  fi
  save_env boot_counter
fi
blscfg
`

// SUSEScript is what the configuration in the image of openSUSE's grub2-bls
// comes to: the environment block beside the image sets default.
const SUSEScript = `
load_env
blscfg
`
