# SPDX-License-Identifier: Apache-2.0
# workerd as a host of apps that it has never seen: Worker Loader for requests, a Durable Object facet for state.
# The port and the storage directory are given on the command line.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .host),
    (name = "state", disk = (path = "/nonexistent", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const host :Workerd.Worker = (
  compatibilityDate = "2026-03-01",
  compatibilityFlags = ["experimental"],
  modules = [(name = "host.mjs", esModule = embed "host.mjs")],
  bindings = [
    (name = "LOADER", workerLoader = (id = "apps")),
    (name = "STATEFUL", durableObjectNamespace = "Stateful"),
  ],
  durableObjectNamespaces = [(className = "Stateful", uniqueKey = "genapps-bench", enableSql = true)],
  durableObjectStorage = (localDisk = "state"),
);
