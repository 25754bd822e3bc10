package reconcile_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain gives the generators of the property tests one seed, so that whoever
// changes nothing sees nothing new. BANKSMAN_SEED=random looks further each time;
// a number looks at that one again.
func TestMain(m *testing.M) {
	flag.Parse()
	seed := os.Getenv("BANKSMAN_SEED")
	if seed == "" {
		seed = "1"
	}
	if f := flag.Lookup("rapid.seed"); f != nil && f.Value.String() == f.DefValue && seed != "random" {
		if err := f.Value.Set(seed); err != nil {
			panic("BANKSMAN_SEED: " + err.Error())
		}
	}
	os.Exit(m.Run())
}
