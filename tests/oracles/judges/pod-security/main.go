// SPDX-License-Identifier: Apache-2.0
// Command pod-security reads Pods, one JSON document a line, and prints for each what the API server's own evaluator of
// Pod Security finds at level restricted, latest version: {"forbidden": [reason, ...]}.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

func main() {
	if err := judge(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pod-security:", err)
		os.Exit(1)
	}
}

func judge(in io.Reader, out io.Writer) error {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return err
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	// A field that a Pod does not have would be judged by nobody.
	decoder.DisallowUnknownFields()
	for decoder.More() {
		pod := corev1.Pod{}
		if err := decoder.Decode(&pod); err != nil {
			return err
		}
		forbidden := []string{}
		for _, result := range evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec) {
			if !result.Allowed {
				forbidden = append(forbidden, fmt.Sprintf("%s: %s", result.ForbiddenReason, result.ForbiddenDetail))
			}
		}
		if err := encoder.Encode(map[string][]string{"forbidden": forbidden}); err != nil {
			return err
		}
	}
	return nil
}
