package approvals

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestADescriptionFitsOrIsCutBetweenWords(t *testing.T) {
	long := strings.Repeat("canary ", 30)
	for _, row := range []struct{ name, given, want string }{
		{"a sentence that fits stays whole", "approved by alice in #12", "approved by alice in #12"},
		{"exactly 140 characters stay whole", strings.Repeat("é", 140), strings.Repeat("é", 140)},
		{"lines become one", "first\nsecond\t third ", "first second third"},
		{"what is too long ends after a word", long, strings.TrimSpace(strings.Repeat("canary ", 20)) + "…"},
		{"a word that is too long is cut", strings.Repeat("é", 141), strings.Repeat("é", 139) + "…"},
		{"broken text is mended", "a\xffb", "a\ufffdb"},
		{"nothing stays nothing", " \n", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := NewStatus("banksman/full", Pending, row.given, "").Description; got != row.want {
				t.Errorf("got  %q\nwant %q", got, row.want)
			}
		})
	}
}

func TestEveryDescriptionIsAccepted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var words []string
		for range rapid.IntRange(0, 40).Draw(t, "words") {
			words = append(words, rapid.OneOf(rapid.StringN(1, 12, -1), rapid.StringN(100, 160, -1)).Draw(t, "word"))
		}
		given := strings.Join(words, rapid.SampledFrom([]string{" ", "  ", "\n", "\xff "}).Draw(t, "between"))
		s := NewStatus("c", Success, given, "u").Description
		if n := utf8.RuneCountInString(s); n > 140 {
			t.Fatalf("%d characters", n)
		}
		if !utf8.ValidString(s) {
			t.Fatalf("not UTF-8: %q", s)
		}
		if again := NewStatus("c", Success, s, "u").Description; again != s {
			t.Fatalf("cut again: %q became %q", s, again)
		}
		whole := fit(given, 1<<30)
		kept, cut := strings.CutSuffix(s, "…")
		if s == whole || !cut {
			if s != whole {
				t.Fatalf("changed without being cut: %q became %q", whole, s)
			}
			return
		}
		rest, ok := strings.CutPrefix(whole, kept)
		if !ok {
			t.Fatalf("%q is not the beginning of %q", kept, whole)
		}
		inside := strings.TrimLeft(rest, ",;:")
		if !strings.HasPrefix(inside, " ") && utf8.RuneCountInString(strings.Fields(whole)[0]) < 139 {
			t.Fatalf("cut inside a word: %q before %q", kept, rest)
		}
	})
}
