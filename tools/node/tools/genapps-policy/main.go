// SPDX-License-Identifier: Apache-2.0
// Command genapps-policy is the last CNI plugin of the node's chain. It records which pod got which address on which
// interface, and lets the pod start only once the enforcer has that pod's policies in the kernel. No enforcer, no pod.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const deadline = 20 * time.Second

type configuration struct {
	CNIVersion  string          `json:"cniVersion"`
	Attachments string          `json:"attachments"`
	Socket      string          `json:"socket"`
	PrevResult  json.RawMessage `json:"prevResult"`
}

type result struct {
	Interfaces []struct {
		Name    string `json:"name"`
		Sandbox string `json:"sandbox"`
	} `json:"interfaces"`
	IPs []struct {
		Address string `json:"address"`
	} `json:"ips"`
}

type attachment struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	UID       string `json:"uid"`
	Address   string `json:"address"`
	Interface string `json:"interface"`
}

func main() {
	if os.Getenv("CNI_COMMAND") == "VERSION" {
		fmt.Println(`{"cniVersion":"1.0.0","supportedVersions":["0.3.1","0.4.0","1.0.0"]}`)
		return
	}
	if err := run(os.Getenv("CNI_COMMAND")); err != nil {
		json.NewEncoder(os.Stdout).Encode(map[string]any{"cniVersion": "1.0.0", "code": 100, "msg": err.Error()})
		os.Exit(1)
	}
}

func run(command string) error {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var conf configuration
	if err := json.Unmarshal(input, &conf); err != nil {
		return err
	}
	id := os.Getenv("CNI_CONTAINERID")
	if id == "" || strings.ContainsAny(id, "/\n") {
		return errors.New("CNI_CONTAINERID is not a container id")
	}
	file := filepath.Join(conf.Attachments, id+".json")
	switch command {
	case "ADD":
		if err := attach(conf, file); err != nil {
			return err
		}
		if err := ask(conf.Socket, id); err != nil {
			os.Remove(file)
			return fmt.Errorf("the policy enforcer did not confirm this pod: %w", err)
		}
		_, err = os.Stdout.Write(conf.PrevResult)
		return err
	case "DEL":
		// The enforcer may be down: the kernel keeps what is not attached apart anyway, so nothing waits for it.
		if err := os.Remove(file); err == nil {
			ask(conf.Socket, "")
		}
	}
	return nil
}

func attach(conf configuration, file string) error {
	var previous result
	if err := json.Unmarshal(conf.PrevResult, &previous); err != nil {
		return fmt.Errorf("prevResult: %w", err)
	}
	if len(previous.IPs) == 0 {
		return errors.New("prevResult has no address")
	}
	address, _, err := net.ParseCIDR(previous.IPs[0].Address)
	if err != nil {
		return err
	}
	record := attachment{Address: address.String()}
	for _, candidate := range previous.Interfaces {
		if candidate.Sandbox == "" {
			record.Interface = candidate.Name
		}
	}
	for _, pair := range strings.Split(os.Getenv("CNI_ARGS"), ";") {
		key, value, _ := strings.Cut(pair, "=")
		switch key {
		case "K8S_POD_NAMESPACE":
			record.Namespace = value
		case "K8S_POD_NAME":
			record.Pod = value
		case "K8S_POD_UID":
			record.UID = value
		}
	}
	if record.Interface == "" || record.UID == "" {
		return errors.New("host interface or pod uid missing")
	}
	content, err := json.Marshal(record)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// ask tells the enforcer that attachments changed and, when it names one, waits until that one is enforced.
func ask(socket, id string) error {
	connection, err := net.DialTimeout("unix", socket, deadline)
	if err != nil {
		return err
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(deadline))
	if _, err := fmt.Fprintln(connection, id); err != nil || id == "" {
		return err
	}
	answer, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		return err
	}
	if answer = strings.TrimSpace(answer); answer != "enforced" {
		return errors.New(answer)
	}
	return nil
}
