package main

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/printers"

	"banksman.dev/reconcile/api/v1alpha1"
)

// printObject prints a Delivery as kubectl would.
func (p *program) printObject(d *v1alpha1.Delivery, output string) error {
	printer, err := printerFor(output)
	if err != nil {
		return err
	}
	object, err := asObject(d)
	if err != nil {
		return err
	}
	return printer.PrintObj(object, p.streams.Out)
}

// printObjects prints Deliveries as kubectl prints a list.
func (p *program) printObjects(all []v1alpha1.Delivery, output string) error {
	printer, err := printerFor(output)
	if err != nil {
		return err
	}
	list := &unstructured.UnstructuredList{Object: map[string]any{
		"apiVersion": "v1", "kind": "List", "metadata": map[string]any{"resourceVersion": ""},
	}}
	for i := range all {
		object, err := asObject(&all[i])
		if err != nil {
			return err
		}
		list.Items = append(list.Items, *object)
	}
	return printer.PrintObj(list, p.streams.Out)
}

func printerFor(output string) (printers.ResourcePrinter, error) {
	switch output {
	case "json":
		return &printers.JSONPrinter{}, nil
	case "yaml":
		return &printers.YAMLPrinter{}, nil
	case "name":
		return &printers.NamePrinter{}, nil
	}
	return nil, fmt.Errorf("no output format %q", output)
}

func asObject(d *v1alpha1.Delivery) (*unstructured.Unstructured, error) {
	d.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.Version.String(), Kind: v1alpha1.Kind}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(d)
	if err != nil {
		return nil, fmt.Errorf("print delivery %s/%s: %w", d.Namespace, d.Name, err)
	}
	return &unstructured.Unstructured{Object: content}, nil
}
