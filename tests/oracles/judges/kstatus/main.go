// SPDX-License-Identifier: Apache-2.0
// Command kstatus reads objects, one JSON document a line, and prints for each what Helm and Flux would wait for:
// {"status", "message"} by the rules of kstatus.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func main() {
	if err := judge(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "kstatus:", err)
		os.Exit(1)
	}
}

func judge(in io.Reader, out io.Writer) error {
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	for decoder.More() {
		var line json.RawMessage
		if err := decoder.Decode(&line); err != nil {
			return err
		}
		// The object's own decoder: it keeps whole numbers whole, as a client's cache does.
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(line); err != nil {
			return err
		}
		result, err := status.Compute(object)
		if err != nil {
			return err
		}
		answer := map[string]string{"status": result.Status.String(), "message": result.Message}
		if err := encoder.Encode(answer); err != nil {
			return err
		}
	}
	return nil
}
