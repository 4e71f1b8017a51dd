;; Shared memories between instances, and atomics where no other thread is: what the tests of the threads proposal
;; leave out.

(assert_invalid (module (memory 1 shared)) "shared memory must have maximum")

(module $owner
  (memory (export "shared") 1 3 shared)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "size") (result i32) (memory.size)))
(register "owner")
(module $private (memory (export "private") 1 3))
(register "private")

;; Both kinds of memory are types of their own.
(module (memory (import "owner" "shared") 1 3 shared))
(assert_unlinkable (module (memory (import "owner" "shared") 1 3)) "incompatible import type")
(assert_unlinkable (module (memory (import "private" "private") 1 3 shared)) "incompatible import type")
(assert_unlinkable (module (memory (import "owner" "shared") 1 2 shared)) "incompatible import type")
(assert_unlinkable (module (memory (import "owner" "shared") 2 3 shared)) "incompatible import type")

;; One memory: what one instance stores, grows and reads, the other sees.
(module $user
  (memory (import "owner" "shared") 1 3 shared)
  (data (i32.const 8) "\01\02\03\04")
  (func (export "size") (result i32) (memory.size))
  (func (export "load") (param i32) (result i32) (i32.atomic.load (local.get 0)))
  (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 7) (local.get 1)))
  (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2))))
(assert_return (invoke $user "load" (i32.const 8)) (i32.const 0x04030201))
(assert_trap (invoke $user "load" (i32.const 0x10000)) "out of bounds memory access")
(assert_trap (invoke $user "fill" (i32.const 0xffff) (i32.const 2)) "out of bounds memory access")
(assert_return (invoke $owner "grow" (i32.const 1)) (i32.const 1))
(assert_return (invoke $user "size") (i32.const 2))
(assert_return (invoke $user "load" (i32.const 0x10000)) (i32.const 0))
(assert_return (invoke $user "fill" (i32.const 0xffff) (i32.const 2)))
(assert_return (invoke $user "load" (i32.const 0xfffc)) (i32.const 0x07000000))
(assert_return (invoke $user "copy" (i32.const 0x1fffc) (i32.const 8) (i32.const 4)))
(assert_return (invoke $user "load" (i32.const 0x1fffc)) (i32.const 0x04030201))
(assert_trap (invoke $user "copy" (i32.const 0x1fffd) (i32.const 8) (i32.const 4)) "out of bounds memory access")
(assert_return (invoke $owner "grow" (i32.const 2)) (i32.const -1))
;; An import's minimum is compared with the size now.
(module (memory (import "owner" "shared") 2 3 shared))

;; A value that is loaded once, compared with a bound and then used: table, switch, lengths.
(module
  (memory 1 1 shared)
  (type $f (func (result i32)))
  (table 3 funcref)
  (elem (i32.const 0) $ten $eleven)
  (func $ten (result i32) (i32.const 10))
  (func $eleven (result i32) (i32.const 11))
  (func (export "set") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "call") (result i32) (call_indirect (type $f) (i32.load (i32.const 0))))
  (func (export "switch") (result i32)
    (block $other (block $two (block $one (block $zero
      (br_table $zero $one $two $other (i32.load (i32.const 0))))
      (return (i32.const 100))) (return (i32.const 101))) (return (i32.const 102)))
    (i32.const 103))
  (func (export "fill") (memory.fill (i32.load (i32.const 4)) (i32.const 1) (i32.load (i32.const 8)))))
(assert_return (invoke "call") (i32.const 10))
(assert_return (invoke "switch") (i32.const 100))
(assert_return (invoke "set" (i32.const 0) (i32.const 1)))
(assert_return (invoke "call") (i32.const 11))
(assert_return (invoke "switch") (i32.const 101))
(assert_return (invoke "set" (i32.const 0) (i32.const 2)))
(assert_trap (invoke "call") "uninitialized element")
(assert_return (invoke "switch") (i32.const 102))
(assert_return (invoke "set" (i32.const 0) (i32.const -1)))
(assert_trap (invoke "call") "undefined element")
(assert_return (invoke "switch") (i32.const 103))
(assert_return (invoke "set" (i32.const 4) (i32.const 65535)))
(assert_return (invoke "set" (i32.const 8) (i32.const 1)))
(assert_return (invoke "fill"))
(assert_return (invoke "set" (i32.const 8) (i32.const 2)))
(assert_trap (invoke "fill") "out of bounds memory access")

;; A narrow cmpxchg looks at as many bits of what it expects as are in memory.
(module
  (memory 1 1 shared)
  (func (export "cas8") (param i32 i32) (result i32)
    (i32.atomic.rmw8.cmpxchg_u (i32.const 0) (local.get 0) (local.get 1)))
  (func (export "drop")
    (drop (i32.atomic.load (i32.const 65536)))) ;; not dropped: it is ordered
  (func (export "unaligned") (result i32) (i32.atomic.load offset=3 (i32.const 0)))
  (func (export "unaligned-and-out") (result i32) (i32.atomic.load offset=0xffffffff (i32.const 0))))
(assert_return (invoke "cas8" (i32.const 0xab00) (i32.const 0x1ff)) (i32.const 0))
(assert_return (invoke "cas8" (i32.const 0) (i32.const 1)) (i32.const 0xff))
(assert_return (invoke "cas8" (i32.const 0xff) (i32.const 1)) (i32.const 0xff))
(assert_trap (invoke "drop") "out of bounds memory access")
(assert_trap (invoke "unaligned") "unaligned atomic")
(assert_trap (invoke "unaligned-and-out") "unaligned atomic")
