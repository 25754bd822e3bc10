package config

import (
	"strings"
	"time"
)

// A Duration is written as 15s, 12h or 1h30m.
type Duration time.Duration

// String leaves out the zeros that time.Duration writes: 12h, not 12h0m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText is how a configuration is written.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// or is the duration, or another one where there is none.
func (d *Duration) or(other time.Duration) time.Duration {
	if d == nil {
		return other
	}
	return time.Duration(*d)
}
