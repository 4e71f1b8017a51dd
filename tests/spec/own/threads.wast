;; Scripts of several threads that share a memory.
(module $Mem (memory (export "shared") 1 1 shared))
(register "mem" $Mem)

;; Each thread adds to a counter; none of the sums is lost.
(thread $T1 (shared (module $Mem))
  (register "mem" $Mem)
  (module
    (memory (import "mem" "shared") 1 1 shared)
    (func (export "add") (param i32)
      (loop
        (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
        (drop (i64.atomic.rmw8.add_u (i32.const 9) (i64.const 1)))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
  (assert_return (invoke "add" (i32.const 100000))))
(thread $T2 (shared (module $Mem))
  (register "mem" $Mem)
  (module
    (memory (import "mem" "shared") 1 1 shared)
    ;; The same with compare and exchange.
    (func (export "add") (param i32) (local $old i32)
      (loop $next
        (loop $retry
          (local.set $old (i32.atomic.load (i32.const 0)))
          (br_if $retry (i32.ne (local.get $old)
            (i32.atomic.rmw.cmpxchg (i32.const 0) (local.get $old) (i32.add (local.get $old) (i32.const 1))))))
        (drop (i32.atomic.rmw8.sub_u (i32.const 9) (i32.const 1)))
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
  (assert_return (invoke "add" (i32.const 50000))))
(wait $T1)
(wait $T2)
(module
  (memory (import "mem" "shared") 1 1 shared)
  (func (export "load") (param i32) (result i32) (i32.atomic.load (local.get 0)))
  (func (export "load8") (param i32) (result i32) (i32.atomic.load8_u (local.get 0))))
(assert_return (invoke "load" (i32.const 0)) (i32.const 150000))
(assert_return (invoke "load8" (i32.const 9)) (i32.const 80))  ;; 50000 modulo 256
(assert_return (invoke "load" (i32.const 4)) (i32.const 0))

;; One waits until the other has stored and notified, and sees all that was stored before.
(thread $Waiter (shared (module $Mem))
  (register "mem" $Mem)
  (module
    (memory (import "mem" "shared") 1 1 shared)
    (func (export "wait") (result i32)
      (loop $l
        (drop (memory.atomic.wait32 (i32.const 64) (i32.const 0) (i64.const -1)))
        (br_if $l (i32.eqz (i32.atomic.load (i32.const 64)))))
      (i32.load (i32.const 128))))
  (assert_return (invoke "wait") (i32.const 77)))
(thread $Notifier (shared (module $Mem))
  (register "mem" $Mem)
  (module
    (memory (import "mem" "shared") 1 1 shared)
    (func (export "notify")
      (i32.store (i32.const 128) (i32.const 77))
      (i32.atomic.store (i32.const 64) (i32.const 1))
      (drop (memory.atomic.notify (i32.const 64) (i32.const -1)))))
  (assert_return (invoke "notify")))
(wait $Waiter)
(wait $Notifier)

;; A 64-bit cell; a waiter that nobody notifies comes back when its time is over.
(module
  (memory (import "mem" "shared") 1 1 shared)
  (func (export "wait64") (param i64 i64) (result i32)
    (memory.atomic.wait64 (i32.const 200) (local.get 0) (local.get 1)))
  (func (export "notify") (param i32) (result i32) (memory.atomic.notify (local.get 0) (i32.const 1))))
(assert_return (invoke "wait64" (i64.const 1) (i64.const -1)) (i32.const 1))
(assert_return (invoke "wait64" (i64.const 0) (i64.const 0)) (i32.const 2))
(assert_return (invoke "wait64" (i64.const 0) (i64.const 1000000)) (i32.const 2))
(assert_return (invoke "notify" (i32.const 200)) (i32.const 0))
(assert_trap (invoke "notify" (i32.const 201)) "unaligned atomic")
(assert_trap (invoke "notify" (i32.const 65536)) "out of bounds memory access")

;; A thread within a thread; names of the outer one are not seen unless they are shared.
(thread $Outer (shared (module $Mem))
  (register "memory" $Mem)
  (assert_unlinkable (module (memory (import "mem" "shared") 1 1 shared)) "unknown import")
  (module $M
    (memory (import "memory" "shared") 1 1 shared)
    (func (export "get") (result i32) (i32.atomic.load (i32.const 64))))
  (thread $Inner (shared (module $M))
    (assert_return (invoke $M "get") (i32.const 1)))
  (wait $Inner)
  (assert_return (invoke "get") (i32.const 1)))
(wait $Outer)

;; The stack of a thread is its own: one exhausts it, another does not notice.
(thread $Deep
  (module (func $f (param i32) (result i32) (i32.add (call $f (local.get 0)) (i32.const 1))) (export "f" (func $f)))
  (assert_exhaustion (invoke "f" (i32.const 1)) "call stack exhausted")
  (assert_exhaustion (invoke "f" (i32.const 1)) "call stack exhausted"))
(module (func (export "fine") (result i32) (i32.const 3)))
(assert_return (invoke "fine") (i32.const 3))
(wait $Deep)
