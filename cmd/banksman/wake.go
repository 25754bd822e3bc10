package main

import (
	"context"
	"sync"

	"banksman.dev/render"
)

// wakeUp passes on the names of several sources until the context ends. wait
// returns when nothing is passed on any more.
func wakeUp(ctx context.Context, sources ...<-chan render.ServiceName) (names <-chan render.ServiceName, wait func()) {
	out := make(chan render.ServiceName)
	var tasks sync.WaitGroup
	for _, source := range sources {
		tasks.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case name, ok := <-source:
					if !ok {
						return
					}
					select {
					case <-ctx.Done():
						return
					case out <- name:
					}
				}
			}
		})
	}
	return out, tasks.Wait
}
