package approvals

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"

	"gopkg.in/yaml.v3"
)

func decode(t *testing.T, text string) (Policy, error) {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatalf("the test's own YAML: %v", err)
	}
	return DecodePolicy(&n)
}

func TestAPolicyIsReadAsItIsWritten(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       Policy
		said       string
	}{
		{"nothing asks for one", "", Policy{Any: 1}, "any 1"},
		{"null asks for one", "null", Policy{Any: 1}, "any 1"},
		{"an empty mapping asks for one", "{}", Policy{Any: 1}, "any 1"},
		{"a count", "any: 2", Policy{Any: 2}, "any 2"},
		{"all alone asks for nobody else", "all: [alice, Bob]", Policy{All: []string{"alice", "Bob"}}, "all of alice, bob"},
		{"all and any", "{all: [alice], any: 2}", Policy{All: []string{"alice"}, Any: 2}, "all of alice and any 2"},
		{"users alone ask for one of them", "users: [alice, bob]", Policy{Any: 1, Users: []string{"alice", "bob"}}, "any 1 of alice or bob"},
		{"the catalog's example", "{any: 1, teams: [dora-owners]}", Policy{Any: 1, Teams: []string{"dora-owners"}}, "any 1 of team dora-owners"},
		{"a managed user", "all: [alice_corp]", Policy{All: []string{"alice_corp"}}, "all of alice_corp"},
		{"a login of digits", "all: [007]", Policy{All: []string{"007"}}, "all of 007"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := decode(t, row.text)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(p, row.want) {
				t.Errorf("got %+v, want %+v", p, row.want)
			}
			if p.String() != row.said {
				t.Errorf("says %q, want %q", p, row.said)
			}
		})
	}
}

func TestAFaultInAPolicyNamesItsLine(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"an unknown key", "any: 1\nanny: 2", `line 2: unknown key "anny"; write any, all, users or teams`},
		{"a key said twice", "any: 1\nany: 2", "line 2: any is said twice; keep one of them"},
		{"a merge key", "base: &b {any: 1}\n<<: *b", `line 1: unknown key "base"; write any, all, users or teams`},
		{"no approval", "any: 0", "line 1: any: 0 asks for no approval; write any: 1, or leave the approval step out"},
		{"less than none", "any: -1", "line 1: any: -1 asks for no approval; write any: 1, or leave the approval step out"},
		{"a count in words", "any: one", "line 1: any is not a number; write any: 1"},
		{"a quoted count", "any: '1'", "line 1: any is not a number; write any: 1"},
		{"a fraction", "any: 1.5", "line 1: any is not a number; write any: 1"},
		{"a count without a value", "any:", "line 1: any is not a number; write any: 1"},
		{"a count without measure", "any: 101", "line 1: any: 101 is not a number from 1 to 100; write any: 1"},
		{"a count in hex", "any: 0x2", "line 1: any: 0x2 is not a number from 1 to 100; write any: 1"},
		{"a list", "[alice]", "line 1: a policy is a mapping; write {any: 1}"},
		{"a word", "yes please", "line 1: a policy is a mapping; write {any: 1}"},
		{"a name that is no list", "all: alice", "line 1: all is not a list with a login in it; write all: [name]"},
		{"an empty list", "users: []", "line 1: users is not a list with a login in it; write users: [name]"},
		{"a list in a list", "users:\n- [alice]", "line 2: users lists something that is not a login; write the name alone"},
		{"an at sign", "users:\n- alice\n- '@bob'", `line 3: "@bob" is not a login; write the name alone, without @ and organisation`},
		{"a path", "users: ['../../x']", `line 1: "../../x" is not a login; write the name alone, without @ and organisation`},
		{"a team with its organisation", "teams: [dora/owners]", `line 1: "dora/owners" is not a team; write the name alone, without @ and organisation`},
		{"a bot", "all: ['renovate[bot]']", "line 1: renovate[bot] is a bot, and bots never approve; list people"},
		{"a name twice", "all: [alice, Alice]", "line 1: all lists Alice twice; keep one of them"},
		{"more than there are users", "any: 3\nusers: [alice, bob]", "line 1: any: 3 can never be met by 2 users; list more users or lower any"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := decode(t, row.text)
			var fault *PolicyError
			if !errors.As(err, &fault) {
				t.Fatalf("read as %+v, error %v", p, err)
			}
			if err.Error() != row.want {
				t.Errorf("got  %s\nwant %s", err, row.want)
			}
			if fault.Line < 1 || fault.Column < 1 {
				t.Errorf("no place: %+v", fault)
			}
		})
	}
}

func TestTheStricterPolicyWins(t *testing.T) {
	for _, row := range []struct {
		name     string
		p, floor Policy
		want     string
	}{
		{"a greater count", Policy{Any: 1}, Policy{Any: 2}, "any 2"},
		{"the policy's greater count", Policy{Any: 3}, Policy{Any: 2}, "any 3"},
		{"nothing against nothing", Policy{}, Policy{}, "any 1"},
		{"the owners are some people, too", Policy{Any: 1, Teams: []string{"owners"}}, Policy{Any: 1}, "any 1 of team owners"},
		{"fewer users are stricter", Policy{Users: []string{"alice", "bob"}}, Policy{Users: []string{"Alice"}}, "any 1 of alice"},
		{"all of them are one of them", Policy{All: []string{"alice"}}, Policy{Any: 1}, "all of alice"},
		{"all of them are one of the users", Policy{All: []string{"alice"}}, Policy{Users: []string{"alice", "bob"}}, "all of alice"},
		{"one is not two", Policy{All: []string{"alice"}}, Policy{Any: 2}, "all of alice, and any 2"},
		{"neither contains the other", Policy{Any: 2}, Policy{Teams: []string{"owners"}}, "any 2, and any 1 of team owners"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := row.p.AtLeast(row.floor).String(); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestThePartsOfAPolicyNameTheirTeams(t *testing.T) {
	p := Policy{Teams: []string{"Owners", "sre"}}.AtLeast(Policy{Any: 2, Teams: []string{"sre", "all"}})
	if got, want := p.TeamNames(), []string{"all", "owners", "sre"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAPolicySurvivesBeingStored(t *testing.T) {
	p := Policy{Any: 2, All: []string{"alice"}}.AtLeast(Policy{Teams: []string{"owners"}})
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back Policy
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(p, back) {
		t.Errorf("%+v became %+v", p, back)
	}
}

func FuzzDecodePolicy(f *testing.F) {
	for _, seed := range []string{"", "{}", "any: 2", "all: [alice]", "{any: 1, teams: [dora-owners]}", "any: &a [*a]", "&a {any: *a}", "? [x]\n: 1", "any: 1\nany: 1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var n yaml.Node
		if yaml.Unmarshal([]byte(text), &n) != nil {
			return
		}
		p, err := DecodePolicy(&n)
		if err != nil {
			var fault *PolicyError
			if !errors.As(err, &fault) || fault.Line < 1 {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		if v := Judge(world(), p); v.State == Approved {
			t.Fatalf("%s is met by nobody", p)
		}
		written, err := yaml.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var again yaml.Node
		if err := yaml.Unmarshal(written, &again); err != nil {
			t.Fatal(err)
		}
		back, err := DecodePolicy(&again)
		if err != nil || !reflect.DeepEqual(p, back) {
			t.Fatalf("%+v was written as\n%s\nand read as %+v (%v)", p, written, back, err)
		}
	})
}
