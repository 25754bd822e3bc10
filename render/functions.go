package render

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"gopkg.in/yaml.v3"
)

// pureFunctions are the sprig functions a template may call: those whose result depends on their arguments alone. The
// order of keys, values and pluck follows Go's random map order in sprig, so keys and values are our own, sorted.
var pureFunctions = strings.Fields(`
	abbrev abbrevboth trunc trim upper lower title untitle substr repeat trimall trimAll trimSuffix trimPrefix nospace
	initials swapcase snakecase camelcase kebabcase wrap wrapWith contains hasPrefix hasSuffix quote squote cat indent
	nindent replace plural sha1sum sha256sum sha512sum adler32sum toString atoi int64 int float64 toDecimal split
	splitList splitn toStrings add1 add sub div mod mul add1f addf subf divf mulf biggest max min maxf minf ceil floor
	round join sortAlpha default empty coalesce all any compact mustCompact fromJson toJson toPrettyJson toRawJson
	mustFromJson mustToJson mustToPrettyJson mustToRawJson ternary deepCopy mustDeepCopy typeOf typeIs typeIsLike kindOf
	kindIs deepEqual base dir clean ext isAbs b64enc b64dec b32enc b32dec tuple list dict get set unset hasKey pluck
	pick omit merge mergeOverwrite mustMerge mustMergeOverwrite append push mustAppend mustPush prepend mustPrepend first
	mustFirst rest mustRest last mustLast initial mustInitial reverse mustReverse uniq mustUniq without mustWithout has
	mustHas slice mustSlice concat dig chunk mustChunk semver semverCompare fail regexMatch mustRegexMatch regexFindAll
	mustRegexFindAll regexFind mustRegexFind regexReplaceAll mustRegexReplaceAll regexReplaceAllLiteral
	mustRegexReplaceAllLiteral regexSplit mustRegexSplit regexQuoteMeta urlParse urlJoin duration durationRound`)

// impureFunctions are refused with their reason; every other unknown word is merely unknown.
var impureFunctions = map[string]string{ //nolint:gosec // G101 takes the name of a function that handles keys for a key
	"env": "reads the controller's environment", "expandenv": "reads the controller's environment",
	"getHostByName": "asks the network",
	"now":           "reads the clock", "ago": "reads the clock", "unixEpoch": "depends on the clock",
	"date": "depends on the clock and time zone", "date_in_zone": "depends on the clock", "dateInZone": "depends on the clock",
	"date_modify": "depends on the clock", "dateModify": "depends on the clock",
	"must_date_modify": "depends on the clock", "mustDateModify": "depends on the clock",
	"htmlDate": "depends on the clock and time zone", "htmlDateInZone": "depends on the clock",
	"toDate": "depends on the time zone", "mustToDate": "depends on the time zone",
	"randAlphaNum": "is random", "randAlpha": "is random", "randAscii": "is random", "randNumeric": "is random",
	"randBytes": "is random", "randInt": "is random", "shuffle": "is random", "uuidv4": "is random",
	"bcrypt": "is random", "htpasswd": "is random", "derivePassword": "is slow by design",
	"genPrivateKey": "is random", "buildCustomCert": "handles keys", "genCA": "is random", "genCAWithKey": "is random",
	"genSelfSignedCert": "is random", "genSelfSignedCertWithKey": "is random", "genSignedCert": "is random",
	"genSignedCertWithKey": "is random", "encryptAES": "is random", "decryptAES": "handles keys",
	"tpl": "runs data as a template", "lookup": "asks the cluster",
}

// library holds every function that needs nothing of the render it is called in. It is never written to.
var library = newLibrary()

func newLibrary() template.FuncMap {
	all := sprig.TxtFuncMap()
	functions := template.FuncMap{
		"keys":     sortedKeys,
		"values":   sortedValues,
		"toYaml":   toYAML,
		"fromYaml": fromYAML,
		"required": required,
		"repeat":   repeat,
		"indent":   indent,
		"nindent":  func(spaces int, s string) (string, error) { s, err := indent(spaces, s); return "\n" + s, err },
		"until":    func(count int) ([]int, error) { return steps(0, count, 1) },
		"untilStep": func(start, stop, step int) ([]int, error) {
			return steps(start, stop, step)
		},
		"seq": sequence,
		// The builtins that make strings are here so that their output is metered too.
		"print": fmt.Sprint, "printf": fmt.Sprintf, "println": fmt.Sprintln,
		"html": template.HTMLEscaper, "js": template.JSEscaper, "urlquery": template.URLQueryEscaper,
	}
	for _, name := range pureFunctions {
		if _, own := functions[name]; !own {
			functions[name] = all[name]
		}
	}
	return functions
}

// builtins are text/template's own functions besides those in the library. call is not among them: no value of ours
// is a function.
var builtins = []string{"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice"}

// Functions are the names a template may call, sorted.
func Functions() []string {
	names := append(keysOf(library), builtins...)
	names = append(names, includeName)
	slices.Sort(names)
	return slices.Compact(names)
}

func sortedKeys(maps ...map[string]any) []string {
	var keys []string
	for _, m := range maps {
		keys = append(keys, keysOf(m)...)
	}
	return keys
}

func sortedValues(m map[string]any) []any {
	values := make([]any, 0, len(m))
	for _, key := range keysOf(m) {
		values = append(values, m[key])
	}
	return values
}

// toYAML gives YAML without a last line end, as charts expect it: {{ toYaml .values.resources | nindent 8 }}.
func toYAML(v any) (string, error) {
	var b strings.Builder
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(v); err != nil {
		return "", fmt.Errorf("toYaml: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func fromYAML(s string) (any, error) {
	documents, err := ScanYAML("", []byte(s))
	if err != nil {
		return nil, fmt.Errorf("fromYaml: %w", err)
	}
	if len(documents) != 1 {
		return nil, fmt.Errorf("fromYaml: %d documents instead of one", len(documents))
	}
	return value("", documents[0])
}

func required(message string, v any) (any, error) {
	if v == nil || v == "" {
		return nil, errors.New(message)
	}
	return v, nil
}

func repeat(count int, s string) (string, error) {
	if count < 0 || (len(s) > 0 && count > maxTemplateLength/len(s)) {
		return "", fmt.Errorf("repeat: %d times %d bytes is more than %d bytes", count, len(s), maxTemplateLength)
	}
	return strings.Repeat(s, count), nil
}

func indent(spaces int, s string) (string, error) {
	if spaces < 0 || spaces > 1000 {
		return "", fmt.Errorf("indent: %d is not between 0 and 1000", spaces)
	}
	if lines := 1 + strings.Count(s, "\n"); lines*spaces > maxTemplateLength {
		return "", fmt.Errorf("indent: %d lines by %d is more than %d bytes", lines, spaces, maxTemplateLength)
	}
	pad := strings.Repeat(" ", spaces)
	return pad + strings.ReplaceAll(s, "\n", "\n"+pad), nil
}

const maxCount = 10_000 // items of one until, untilStep or seq

func steps(start, stop, step int) ([]int, error) {
	var list []int
	if step == 0 || (stop > start) != (step > 0) {
		return list, nil
	}
	for i := start; (step > 0 && i < stop) || (step < 0 && i > stop); i += step {
		if len(list) == maxCount {
			return nil, fmt.Errorf("a list of more than %d numbers", maxCount)
		}
		list = append(list, i)
	}
	return list, nil
}

// sequence is the seq of Unix: last; first last; first step last. Both ends belong to it.
func sequence(numbers ...int) (string, error) {
	first, step := 1, 1
	var last int
	switch len(numbers) {
	case 1:
		last = numbers[0]
		if last < first {
			step = -1
		}
	case 2:
		first, last = numbers[0], numbers[1]
		if last < first {
			step = -1
		}
	case 3:
		first, step, last = numbers[0], numbers[1], numbers[2]
	default:
		return "", nil
	}
	end := last + 1
	if step < 0 {
		end = last - 1
	}
	list, err := steps(first, end, step)
	if err != nil {
		return "", err
	}
	return strings.Trim(fmt.Sprint(list), "[]"), nil
}
