package metrics

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// promtool runs it, or says why not.
func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatalf("needs promtool: make promtool (%v)", err)
	case err != nil:
		t.Skipf("needs promtool: make promtool, or Debian's package prometheus (%v)", err)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil || bytes.Contains(out, []byte("FAILED")) {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPromtoolHasNothingToSayAboutAScrape(t *testing.T) {
	m, _, _ := lived(t)
	scrape(t, m) // the first one is counted, too
	promtool(t, scrape(t, m), "check", "metrics")
}

func TestPromtoolTakesTheRules(t *testing.T) { promtool(t, "", "check", "rules", "rules.yaml") }

func TestEachAlertFiresAndNoneWhenAllIsWell(t *testing.T) {
	promtool(t, "", "test", "rules", filepath.Join("testdata", "alerts_test.yaml"))
}

// A rule as it stands in rules.yaml.
type rule struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

func rulesOf(t *testing.T) []rule {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal([]byte(Rules()), &file); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there are no rules")
	}
	return all
}

func TestEachAlertIsInTheTest(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "alerts_test.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	type alertTest struct {
		Alertname string
		Fires     []any `yaml:"exp_alerts"`
	}
	var file struct {
		Tests []struct {
			Name   string
			Alerts []alertTest `yaml:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, r := range rulesOf(t) {
		fires, silent := false, false
		for _, c := range file.Tests {
			for _, a := range c.Alerts {
				fires = fires || a.Alertname == r.Alert && len(a.Fires) > 0
				silent = silent || a.Alertname == r.Alert && len(a.Fires) == 0 && c.Name == "all is well"
			}
		}
		if !fires || !silent {
			t.Errorf("%s: fires in a test: %v, is silent where all is well: %v", r.Alert, fires, silent)
		}
	}
}

func TestAnAlertSaysWhatItIsAndWhatToDo(t *testing.T) {
	for _, r := range rulesOf(t) {
		if !strings.HasPrefix(r.Alert, "Banksman") || !slices.Contains([]string{"info", "warning", "critical"}, r.Labels["severity"]) {
			t.Errorf("%s %s", r.Alert, r.Labels)
		}
		if r.Annotations["summary"] == "" || len(r.Annotations["description"]) < 40 || r.Annotations["runbook"] != "banksman guide troubleshooting" {
			t.Errorf("%s: %q", r.Alert, r.Annotations)
		}
	}
}

func TestThePrometheusRuleHasTheSameRules(t *testing.T) {
	var object struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   struct{ Name, Namespace string }
		Spec       yaml.Node
	}
	if err := yaml.Unmarshal([]byte(PrometheusRule("ops")), &object); err != nil {
		t.Fatal(err)
	}
	if object.Kind != "PrometheusRule" || object.APIVersion != "monitoring.coreos.com/v1" || object.Metadata.Namespace != "ops" {
		t.Errorf("%+v", object)
	}
	var inObject, inFile any
	if err := object.Spec.Decode(&inObject); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(Rules()), &inFile); err != nil {
		t.Fatal(err)
	}
	a, err := json.Marshal(inObject)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(inFile)
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("%s\nis not\n%s", a, b)
	}
	if monitor := PodMonitor("ops"); !strings.Contains(monitor, "namespace: ops\n") || yaml.Unmarshal([]byte(monitor), &object) != nil || object.Kind != "PodMonitor" {
		t.Error(monitor)
	}
}

// A board is what the test reads of the dashboard.
type board struct {
	UID, Title string
	Panels     []panel
	Templating struct {
		List []struct {
			Name  string
			Query any
		}
	}
	Annotations struct {
		List []struct{ Name, Expr string }
	}
}

type panel struct {
	ID          int
	Type, Title string
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct{ RefID, Expr string }
	FieldConfig struct {
		Defaults struct{ Unit string }
	}
	Datasource struct{ UID string }
}

func boardOf(t *testing.T) board {
	t.Helper()
	var b board
	if err := json.Unmarshal([]byte(Dashboard()), &b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEachPanelOfTheDashboardShowsSomething(t *testing.T) {
	b := boardOf(t)
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range b.Panels {
		if ids[p.ID] || p.ID == 0 || p.Title == "" {
			t.Errorf("%q has the number %d", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other := taken[at]; other != "" || at[0] >= 24 {
					t.Fatalf("%q lies over %q or beside the screen at %v", p.Title, other, at)
				}
				taken[at] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 || p.FieldConfig.Defaults.Unit == "" || p.Datasource.UID != "${datasource}" {
			t.Errorf("%q lacks a query, a unit or its data source", p.Title)
		}
		for _, q := range p.Targets {
			if q.Expr == "" || q.RefID == "" {
				t.Errorf("%q has an empty query", p.Title)
			}
		}
	}
	if len(ids) < 20 || b.UID != "banksman" || len(b.Templating.List) != 2 {
		t.Errorf("%d panels, %s, %v", len(ids), b.UID, b.Templating.List)
	}
}

// expressions are all queries of the dashboard, as Grafana would send them.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	b := boardOf(t)
	send := strings.NewReplacer("$source", ".*", "$__rate_interval", "5m", "$__interval", "1m")
	all := map[string]string{}
	for _, p := range b.Panels {
		for _, q := range p.Targets {
			all[p.Title+" "+q.RefID] = send.Replace(q.Expr)
		}
	}
	for _, a := range b.Annotations.List {
		all[a.Name] = send.Replace(a.Expr)
	}
	return all
}

func TestPromtoolTakesTheQueriesOfTheDashboard(t *testing.T) {
	type record struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var records []record
	for _, expr := range expressions(t) {
		records = append(records, record{"a:panel", expr})
	}
	slices.SortFunc(records, func(a, b record) int { return strings.Compare(a.Expr, b.Expr) })
	records = slices.Compact(records)
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": records}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "check", "rules", "--lint=none", file)
}

var (
	metricName = regexp.MustCompile(`\b(banksman|go|process)_[a-z0-9_]+\b`)
	labelsOf   = regexp.MustCompile(`\b((?:banksman|go|process)_[a-z0-9_]+)\{([^}]*)\}`)
	labelName  = regexp.MustCompile(`([a-z_]+)(?:=~|!~|!=|=)"`)
)

// What a dashboard or an alert names and nobody counts is never seen to be wrong.
func TestWhatTheDashboardAndTheRulesNameIsCounted(t *testing.T) {
	m, _, _ := lived(t)
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]map[string]bool{}
	for _, f := range families {
		labels := map[string]bool{"instance": true, "le": true}
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels[l.GetName()] = true
		}
		for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
			if suffix == "" || f.GetType().String() == "HISTOGRAM" {
				counted[f.GetName()+suffix] = labels
			}
		}
	}
	all := expressions(t)
	for _, r := range rulesOf(t) {
		all[r.Alert] = r.Expr
	}
	named := map[string]bool{}
	for title, expr := range all {
		names := metricName.FindAllString(expr, -1)
		if len(names) == 0 {
			t.Errorf("%s names nothing: %s", title, expr)
		}
		for _, name := range names {
			if named[name] = true; counted[name] == nil {
				t.Errorf("%s: nobody counts %s", title, name)
			}
		}
		for _, found := range labelsOf.FindAllStringSubmatch(expr, -1) {
			for _, label := range labelName.FindAllStringSubmatch(found[2], -1) {
				if !counted[found[1]][label[1]] {
					t.Errorf("%s: %s has no label %s", title, found[1], label[1])
				}
			}
		}
	}
	for _, f := range families { // and what is counted is seen
		name := f.GetName()
		if strings.HasPrefix(name, namespace) && !named[name] && !named[name+"_bucket"] {
			t.Errorf("neither the dashboard nor a rule shows %s", name)
		}
	}
}
