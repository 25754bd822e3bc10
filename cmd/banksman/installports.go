package main

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	installation "banksman.dev/cmd/banksman/install"
)

// ports are those of the servers that banksman will ask.
func (s settled) ports(apiServer string) (ports []int32) {
	addresses := []string{apiServer}
	for _, source := range s.sources {
		addresses = append(addresses, source.Forge.URL, source.Forge.API)
	}
	for _, n := range s.config.Notifications {
		addresses = append(addresses, n.URL)
		if n.Webhook != nil {
			addresses = append(addresses, n.Webhook.URL)
		}
	}
	for _, address := range addresses {
		if n, ok := portOf(address); ok {
			ports = append(ports, n)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// portOf is the port that an address needs beside 443.
func portOf(address string) (int32, bool) {
	u, err := url.Parse(address)
	if err != nil {
		return 0, false
	}
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		return int32(n), true
	}
	switch u.Scheme {
	case "http":
		return 80, true
	case "smtp":
		return 25, true // shoutrrr's default
	}
	return 0, false
}

// portNote says which targets have an address that this command does not see,
// "" where there are none, or somebody has said which ports are needed.
func (s settled) portNote(more []int32) string {
	var names []string
	for _, n := range s.config.Notifications {
		if n.URLFile != "" {
			names = append(names, n.Name)
		}
	}
	if len(names) == 0 || len(more) > 0 {
		return ""
	}
	return fmt.Sprintf("the address of %s is in a Secret, so its port is not known; where it is not 443, let it out: --egress-ports 587",
		counted(len(names), "target", names))
}

// morePorts are those that --egress-ports says, else those of the last time.
func (f *installFlags) morePorts(there installed) ([]int32, error) {
	if f.egressPorts == nil {
		ports, err := installation.ParsePorts(there.egressPorts)
		if err != nil {
			return nil, failed(fmt.Errorf("annotation %s of the installed NetworkPolicy: %w", installation.EgressPortsAnnotation, err), "say them anew: --egress-ports")
		}
		return ports, nil
	}
	ports, err := installation.ParsePorts(*f.egressPorts)
	if err != nil {
		return nil, misused("--egress-ports 587,8883", "--egress-ports %s: %w", strings.TrimSpace(*f.egressPorts), err)
	}
	return ports, nil
}
