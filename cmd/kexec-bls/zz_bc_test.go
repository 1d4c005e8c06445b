package main
import ("testing";"os";"os/exec";"path/filepath";"encoding/json";"strings";"fmt")
func TestZZBootctl(t *testing.T){
 for name := range layouts() {
  f, dir := layOut(t, name)
  args := []string{"list","--json=short","--esp-path="+filepath.Join(dir,"esp")}
  bargs := append([]string{"list","--json=short"})
  env := append(os.Environ(),"SYSTEMD_RELAX_ESP_CHECKS=1","SYSTEMD_RELAX_XBOOTLDR_CHECKS=1","SYSTEMD_ESP_PATH="+filepath.Join(dir,"esp"))
  if _,err:=os.Stat(filepath.Join(dir,"boot")); err==nil { args=append(args,"--boot-path="+filepath.Join(dir,"boot")); env=append(env,"SYSTEMD_XBOOTLDR_PATH="+filepath.Join(dir,"boot")) }
  ours := f.run(args...)
  c := exec.Command("/tmp/bootctl", bargs...); c.Env=env
  out, err := c.Output()
  if err != nil { t.Errorf("%s: %v", name, err); continue }
  want, got := objects(t, string(out)), objects(t, ours.stdout)
  var w,g []string
  for _,e := range want { w=append(w, e["path"].(string)) }
  for _,e := range got { if e["type"]=="type1"||e["type"]=="type2" { g=append(g, e["path"].(string)) } }
  same := strings.Join(w,"\n")==strings.Join(g,"\n")
  fmt.Println(name, "order same:", same)
  if !same { fmt.Println(strings.Join(w,"\n")); fmt.Println("--"); fmt.Println(strings.Join(g,"\n")) }
  have := map[string]object{}
  for _,e := range got { have[e["path"].(string)]=e }
  for _,e := range want { compareFields(t, name, e, have[e["path"].(string)], len(want)==len(got)) }
  _ = json.Marshal
 }
}
