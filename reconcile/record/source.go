package record

import (
	"fmt"

	"banksman.dev/reconcile/api/v1alpha1"
)

// labelSource is on what belongs to a repository that has a name.
const labelSource = "banksman.dev/source"

// labels are on everything that is kept.
func (s *Store) labels() map[string]string {
	labels := map[string]string{managedBy: owner}
	if s.source != "" {
		labels[labelSource] = s.source
	}
	return labels
}

// selector selects the Deliveries of this repository.
func (s *Store) selector() string {
	if s.source == "" {
		return "!" + labelSource
	}
	return labelSource + "=" + s.source
}

// checkSource refuses a Delivery that belongs to another repository.
func (s *Store) checkSource(d *v1alpha1.Delivery) error {
	other := d.Labels[labelSource]
	if other == s.source {
		return nil
	}
	whose, label := "the repository "+other, labelSource+"="+s.source+" --overwrite"
	if other == "" {
		whose = "the repository without a name"
	}
	if s.source == "" {
		label = labelSource + "-"
	}
	return fmt.Errorf("the Delivery %s/%s belongs to %s: name the service differently in one of the two, or put it into another namespace; if it is no longer in the catalog of the other one: kubectl -n %s label delivery %s %s",
		d.Namespace, d.Name, whose, d.Namespace, d.Name, label)
}
