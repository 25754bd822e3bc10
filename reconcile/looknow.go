package reconcile

import "banksman.dev/render"

// An operator may order a look at once: a fetch that begins after the order, and
// then a pass. The order counts as followed when that pass is saved; a fetch that
// failed leaves it open for the next poll, or for another order.

// lookOrders are the orders that no fetch has followed yet.
func (l *Loop) lookOrders() map[render.ServiceName]string {
	open := map[render.ServiceName]string{}
	for _, name := range l.Services() {
		if record, orders, ok := l.peek(name); ok && orders.Look != "" && orders.Look != record.Looked && orders.Look != l.looked[name] {
			open[name] = orders.Look
		}
	}
	return open
}

// followed takes the orders that a fetch was there for, and names the services to
// look at.
func (l *Loop) followed(f fetched) []render.ServiceName {
	if f.err != nil {
		return nil
	}
	var due []render.ServiceName
	for name, order := range f.orders {
		l.looked[name] = order
		due = append(due, name)
	}
	return due
}

// settleLook notes that the branch was fetched since the order to look now.
func (d *draft) settleLook() {
	if d.o.Looked != "" && d.o.Looked == d.o.Orders.Look {
		d.record.Looked = d.o.Looked
	}
}

// hurryFetch fetches at once if a service that something happened to is ordered to be
// looked at: again, where a fetch that is under way began before the order. One that
// began after it is not repeated: where fetching fails, each event would be a fetch.
func (r *run) hurryFetch(names []render.ServiceName) {
	for _, name := range names {
		record, orders, _ := r.peek(name)
		if orders.Look == "" || orders.Look == record.Looked || orders.Look == r.looked[name] || orders.Look == r.tried[name] {
			continue
		}
		r.fetchAgain = r.fetching.out
		r.fetch()
		return
	}
}
