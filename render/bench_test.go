package render_test

import (
	"testing"

	fopgate "banksman.dev/fixtures/fop-gate"
	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

func BenchmarkRelease(b *testing.B) {
	catalog, err := render.ReadCatalog(fopgate.FS(), "")
	if err != nil {
		b.Fatal(err)
	}
	for _, service := range catalog.Names() {
		b.Run(string(service), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := (render.Renderer{Kustomize: kustomize.Build}).Release(fopgate.FS(), catalog, service, commit); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReadCatalog(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := render.ReadCatalog(fopgate.FS(), ""); err != nil {
			b.Fatal(err)
		}
	}
}
