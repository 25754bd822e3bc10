package render

// Caps on hostile or broken input. They are far above what a service needs and far below what hurts the controller.
const (
	maxFileBytes      = 1 << 20   // one template, values file or catalog file
	maxRenderedBytes  = 4 << 20   // the output of one template
	maxDocuments      = 1000      // YAML documents in one rendered template
	maxObjects        = 5500      // objects of one variant of one service
	maxDepth          = 100       // nesting of YAML collections
	maxValues         = 500_000   // YAML values of one document after its aliases are expanded
	maxAliasValues    = 10_000    // of these, the ones that aliases added
	maxTemplateSteps  = 200_000   // loop turns and template calls of one variant
	maxTemplateMemory = 64 << 20  // bytes that template functions produced for one variant
	maxTemplateLength = 1 << 20   // bytes of one string, or 16 × the items of one list, that a function returns
	maxIncludeDepth   = 100       // nesting of include and template calls
	maxActions        = 20_000    // {{…}} actions in one template file
	maxTemplates      = 500       // template files of one variant
	maxObjectBytes    = 1_500_000 // one object as JSON; etcd refuses more than 1.5 MiB
	maxAnnotations    = 256 << 10 // bytes of an object's annotations; the API server's own limit
	maxCatalogFiles   = 1000      // files that include may name
)
