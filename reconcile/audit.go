package reconcile

import (
	"hash/fnv"
	"time"

	"banksman.dev/render"
)

// An audit asks the API server about each object of a service, whatever the
// watches say: it finds what no watch can show, such as an admission rule that
// has changed since.

func (l *Loop) isAuditDue(name render.ServiceName) bool {
	if l.Audit == 0 {
		return false
	}
	at, known := l.auditAt[name]
	if !known {
		l.auditAt[name] = l.Now().Add(l.auditInterval(name)) // a start looks at everything anyway
		return false
	}
	return !at.After(l.Now())
}

func (l *Loop) audited(name render.ServiceName) {
	l.auditAt[name] = l.Now().Add(l.auditInterval(name))
}

// auditInterval is a different one for each service, between three and five
// quarters of the setting, so that they do not all come at once.
func (l *Loop) auditInterval(name render.ServiceName) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // a hash never fails
	return l.Audit*3/4 + l.Audit/2*time.Duration(h.Sum32()%1024)/1024
}
