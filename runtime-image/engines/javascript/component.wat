;; SPDX-License-Identifier: Apache-2.0
;; The component around the JavaScript engine's core module: the world of wit/app.wit, as the canonical ABI has it.
;;
;; A function of the host that takes or gives texts needs the engine's memory, and the engine needs the function. So the
;; engine is given functions that jump through a table ($shim), and $fill puts the true ones there afterwards.
(component
  (import "genapps:app/host@0.1.0" (instance $host
    (export "log" (func (param "record" string)))
    (export "now-millis" (func (result u64)))
    (export "random" (func (param "bytes" u32) (result string)))
    (export "answer" (func (param "call" string) (result string)))))

  ;; The build puts the engine in the place of this module.
  (core module $engine
    (import "genapps:app/host@0.1.0" "log" (func (param i32 i32)))
    (import "genapps:app/host@0.1.0" "now-millis" (func (result i64)))
    (import "genapps:app/host@0.1.0" "random" (func (param i32 i32)))
    (memory (export "memory") 0)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "cabi_post") (param i32))
    (func (export "load") (param i32 i32) (result i32) unreachable)
    (func (export "start") (param i32 i32) (result i32) unreachable)
    (func (export "resume") (param i32 i32) (result i32) unreachable)
    (func (export "fallback") (param i32 i32) (result i32) unreachable))

  (core module $shim
    (type $two (func (param i32 i32)))
    (table (export "functions") 2 2 funcref)
    (func (export "log") (param i32 i32)
      (call_indirect (type $two) (local.get 0) (local.get 1) (i32.const 0)))
    (func (export "random") (param i32 i32)
      (call_indirect (type $two) (local.get 0) (local.get 1) (i32.const 1))))
  (core module $fill
    (import "" "functions" (table 2 2 funcref))
    (import "" "log" (func $log (param i32 i32)))
    (import "" "random" (func $random (param i32 i32)))
    (elem (i32.const 0) func $log $random))

  (core instance $shim (instantiate $shim))
  (core func $now-millis (canon lower (func $host "now-millis")))
  (core instance $of-host
    (export "log" (func $shim "log"))
    (export "now-millis" (func $now-millis))
    (export "random" (func $shim "random")))
  (core instance $engine (instantiate $engine (with "genapps:app/host@0.1.0" (instance $of-host))))

  (core func $log (canon lower (func $host "log") (memory (core memory $engine "memory")) (realloc (core func $engine "cabi_realloc"))))
  (core func $random
    (canon lower (func $host "random") (memory (core memory $engine "memory")) (realloc (core func $engine "cabi_realloc"))))
  (core instance $true-ones
    (export "functions" (table $shim "functions"))
    (export "log" (func $log))
    (export "random" (func $random)))
  (core instance (instantiate $fill (with "" (instance $true-ones))))

  (type $step (func (param "action" string) (result string)))
  (func (export "load") (param "bundle" string) (result (result string (error string)))
    (canon lift (core func $engine "load") (memory (core memory $engine "memory")) (realloc (core func $engine "cabi_realloc"))
      (post-return (core func $engine "cabi_post"))))
  (func (export "start") (param "action" string) (result string)
    (canon lift (core func $engine "start") (memory (core memory $engine "memory")) (realloc (core func $engine "cabi_realloc"))
      (post-return (core func $engine "cabi_post"))))
  (func (export "resume") (param "results" string) (result string)
    (canon lift (core func $engine "resume") (memory (core memory $engine "memory")) (realloc (core func $engine "cabi_realloc"))
      (post-return (core func $engine "cabi_post"))))
  (func (export "fallback") (param "action" string) (result string)
    (canon lift (core func $engine "fallback") (memory (core memory $engine "memory")) (realloc (core func $engine "cabi_realloc"))
      (post-return (core func $engine "cabi_post")))))
