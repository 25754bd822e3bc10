package cluster

import (
	"hash/maphash"
	"math"
)

// A printer takes fingerprints of rendered objects: equal for equal objects,
// whichever copy it is, and at no cost in memory. They are good for one process.
type printer struct{ seed maphash.Seed }

func newPrinter() printer { return printer{maphash.MakeSeed()} }

// Marks keep values of different types apart.
const (
	printNil = iota
	printTrue
	printFalse
	printInteger
	printFloat
	printString
	printList
	printMap
)

// of is false for a value that no rendered object has.
func (p printer) of(v any) (uint64, bool) {
	switch v := v.(type) {
	case nil:
		return p.mix(printNil, 0), true
	case bool:
		if v {
			return p.mix(printTrue, 0), true
		}
		return p.mix(printFalse, 0), true
	case int64:
		return p.mix(printInteger, uint64(v)), true //nolint:gosec // the bits, not the number
	case float64:
		return p.mix(printFloat, math.Float64bits(v)), true
	case string:
		return p.mix(printString, maphash.String(p.seed, v)), true
	case []any:
		return p.list(v)
	case map[string]any:
		return p.fields(v)
	}
	return 0, false
}

func (p printer) list(list []any) (uint64, bool) {
	sum := p.mix(printList, uint64(len(list)))
	for _, item := range list {
		one, ok := p.of(item)
		if !ok {
			return 0, false
		}
		sum = p.mix(sum, one)
	}
	return sum, true
}

// fields adds up what the fields are, because a map has no order.
func (p printer) fields(m map[string]any) (uint64, bool) {
	sum := p.mix(printMap, uint64(len(m)))
	for key, v := range m {
		one, ok := p.of(v)
		if !ok {
			return 0, false
		}
		sum += p.mix(maphash.String(p.seed, key), one)
	}
	return sum, true
}

func (p printer) mix(a, b uint64) uint64 { return maphash.Comparable(p.seed, [2]uint64{a, b}) }
