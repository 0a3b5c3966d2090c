// SPDX-License-Identifier: Apache-2.0
// Command netcheck is the test pod of the node: it answers with its name on the ports it is given, and does what the
// control port (9999, reached through the API server's pod proxy) asks: dial, keep a connection, fill a volume.
//
//	netcheck NAME tcp:80 udp:53 ...
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

var (
	lock sync.Mutex
	held = map[string]net.Conn{}
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: netcheck NAME [tcp:PORT|udp:PORT ...]")
	}
	for _, port := range os.Args[2:] {
		network, number, _ := strings.Cut(port, ":")
		if network == "udp" {
			go answerDatagrams(os.Args[1], number)
		} else {
			go answerConnections(os.Args[1], number)
		}
	}
	for path, command := range map[string]http.HandlerFunc{
		"/dial": dial, "/open": open, "/exchange": exchange, "/fill": fill, "/stat": stat,
	} {
		http.HandleFunc(path, func(response http.ResponseWriter, request *http.Request) {
			// Tells this program's answers from those of the proxy before it.
			response.Header().Set("Netcheck", os.Args[1])
			command(response, request)
		})
	}
	log.Fatal(http.ListenAndServe(":9999", nil))
}

func answerConnections(name, port string) {
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		log.Fatal(err)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			defer connection.Close()
			fmt.Fprintln(connection, name)
			io.Copy(connection, connection)
		}()
	}
}

func answerDatagrams(name, port string) {
	socket, err := net.ListenPacket("udp", ":"+port)
	if err != nil {
		log.Fatal(err)
	}
	buffer := make([]byte, 64)
	for {
		_, from, err := socket.ReadFrom(buffer)
		if err != nil {
			log.Fatal(err)
		}
		socket.WriteTo([]byte(name+"\n"), from)
	}
}

// connect dials and, unless it is told that the server is silent, reads its name, all within the caller's timeout.
func connect(request *http.Request) (net.Conn, string, error) {
	query := request.URL.Query()
	timeout, err := time.ParseDuration(query.Get("timeout"))
	if err != nil {
		return nil, "", err
	}
	connection, err := net.DialTimeout(query.Get("network"), query.Get("address"), timeout)
	if err != nil {
		return nil, "", err
	}
	if query.Get("silent") != "" {
		return connection, "silent", nil
	}
	connection.SetDeadline(time.Now().Add(timeout))
	if query.Get("network") == "udp" {
		fmt.Fprintln(connection, "hello")
	}
	name, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		connection.Close()
		return nil, "", err
	}
	return connection, strings.TrimSpace(name), nil
}

// dial answers 200 with the name of what it reached, or 504.
func dial(response http.ResponseWriter, request *http.Request) {
	connection, name, err := connect(request)
	if err != nil {
		http.Error(response, err.Error(), http.StatusGatewayTimeout)
		return
	}
	connection.Close()
	fmt.Fprint(response, name)
}

// open keeps the connection under its address for later exchanges.
func open(response http.ResponseWriter, request *http.Request) {
	connection, name, err := connect(request)
	if err != nil {
		http.Error(response, err.Error(), http.StatusGatewayTimeout)
		return
	}
	lock.Lock()
	defer lock.Unlock()
	held[request.URL.Query().Get("address")] = connection
	fmt.Fprint(response, name)
}

// exchange sends a line over a kept connection and waits for its echo.
func exchange(response http.ResponseWriter, request *http.Request) {
	query := request.URL.Query()
	lock.Lock()
	connection := held[query.Get("address")]
	lock.Unlock()
	timeout, err := time.ParseDuration(query.Get("timeout"))
	if err != nil || connection == nil {
		http.Error(response, "no such connection", http.StatusBadRequest)
		return
	}
	connection.SetDeadline(time.Now().Add(timeout))
	fmt.Fprintln(connection, "again")
	if _, err := bufio.NewReader(connection).ReadString('\n'); err != nil {
		http.Error(response, err.Error(), http.StatusGatewayTimeout)
		return
	}
	fmt.Fprint(response, "echo")
}

// fill writes so many bytes and syncs them: 200 with the count, or 507 when the volume is full.
func fill(response http.ResponseWriter, request *http.Request) {
	query := request.URL.Query()
	size, err := strconv.ParseInt(query.Get("bytes"), 10, 64)
	if err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	file, err := os.Create(query.Get("path"))
	if err != nil {
		http.Error(response, err.Error(), http.StatusForbidden)
		return
	}
	defer file.Close()
	block, written := make([]byte, 1<<20), int64(0)
	for written < size && err == nil {
		var count int
		count, err = file.Write(block[:min(int64(len(block)), size-written)])
		written += int64(count)
	}
	if err == nil {
		err = file.Sync()
	}
	if errors.Is(err, syscall.ENOSPC) {
		http.Error(response, fmt.Sprint(written), http.StatusInsufficientStorage)
	} else if err != nil {
		http.Error(response, err.Error(), http.StatusInternalServerError)
	} else {
		fmt.Fprint(response, written)
	}
}

// stat answers "MODE UID GID", mode in octal.
func stat(response http.ResponseWriter, request *http.Request) {
	var found syscall.Stat_t
	if err := syscall.Stat(request.URL.Query().Get("path"), &found); err != nil {
		http.Error(response, err.Error(), http.StatusNotFound)
		return
	}
	fmt.Fprintf(response, "%o %d %d", found.Mode&0o7777, found.Uid, found.Gid)
}
