// SPDX-License-Identifier: Apache-2.0
// Command selectors reads label selectors with labels, one JSON document a line, and prints for each whether Kubernetes'
// own code matches them: true or false.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

type question struct {
	Selector *metav1.LabelSelector `json:"selector"`
	Labels   labels.Set            `json:"labels"`
}

func main() {
	if err := judge(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "selectors:", err)
		os.Exit(1)
	}
}

func judge(in io.Reader, out io.Writer) error {
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	decoder.DisallowUnknownFields()
	for decoder.More() {
		asked := question{}
		if err := decoder.Decode(&asked); err != nil {
			return err
		}
		selector, err := metav1.LabelSelectorAsSelector(asked.Selector)
		if err != nil {
			return err
		}
		if err := encoder.Encode(selector.Matches(asked.Labels)); err != nil {
			return err
		}
	}
	return nil
}
