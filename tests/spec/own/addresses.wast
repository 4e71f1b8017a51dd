;; Addresses that the compiler derives from one another: counters that run up to zero, neighbours of later accesses.

(module
  (memory 1)
  (data (i32.const 64) "\01\00\00\00\02\00\00\00\03\00\00\00\04\00\00\00\05\00\00\00")

  ;; The counter is below 2^32, its sum with the array's address wraps around.
  (func (export "sum") (param $from i32) (param $n i32) (result i32) (local $i i32) (local $sum i32)
    (local.set $i (i32.const -20))
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (i32.load (i32.add (local.get $i) (i32.const 84)))))
      (br_if $next (local.tee $i (i32.add (local.get $i) (i32.const 4)))))
    (local.get $sum))

  ;; The same without a sum: as an unsigned number the counter is out of bounds.
  (func (export "wild") (local $i i32)
    (local.set $i (i32.const -20))
    (loop $next
      (i32.store (local.get $i) (i32.const 1))
      (br_if $next (local.tee $i (i32.add (local.get $i) (i32.const 4))))))

  ;; Steps over the end of 32 bits, not onto zero; ends by another counter.
  (func (export "over") (param $n i32) (result i32) (local $i i32)
    (local.set $i (i32.const -7))
    (loop $next
      (local.set $i (i32.add (local.get $i) (i32.const 3)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $i))

  ;; Two ways back into the loop, with different steps, and the counter used after it.
  (func (export "ways") (param $n i32) (result i32) (local $i i32)
    (local.set $i (i32.const -100))
    (loop $next
      (if (i32.and (local.get $n) (i32.const 1))
        (then
          (local.set $n (i32.shr_u (local.get $n) (i32.const 1)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next)))
      (local.set $i (i32.add (i32.const 10) (local.get $i)))
      (br_if $next (local.tee $n (i32.shr_u (local.get $n) (i32.const 1)))))
    (local.get $i))

  ;; p + 8 before p.
  (func (export "swap") (param $p i32) (local $high i32)
    (local.set $high (i32.load (i32.add (local.get $p) (i32.const 8))))
    (i32.store (i32.add (local.get $p) (i32.const 8)) (i32.load (local.get $p)))
    (i32.store (local.get $p) (local.get $high)))
  (func (export "high_then_low") (param $p i32)
    (i32.store (i32.add (local.get $p) (i32.const 8)) (i32.const 7))
    (i32.store (local.get $p) (i32.const 8)))

  ;; With something between that others see: only the second access traps.
  (global $seen (mut i32) (i32.const 0)) ;; in $see a loop: not inlined
  (func $see (loop) (global.set $seen (i32.add (global.get $seen) (i32.const 1))))
  (table 1 1 funcref)
  (elem (i32.const 0) $see)
  (func (export "high_call_low") (param $p i32) (local $i i32)
    (i32.store (i32.add (local.get $p) (i32.const 8)) (i32.const 9))
    (call_indirect (local.get $i))
    (i32.store (local.get $p) (i32.const 10)))
  (func (export "seen") (result i32) (global.get $seen))

  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1))))

(assert_return (invoke "sum" (i32.const 0) (i32.const 5)) (i32.const 15))
(assert_trap (invoke "wild") "out of bounds memory access")
(assert_return (invoke "over" (i32.const 2)) (i32.const -1))
(assert_return (invoke "over" (i32.const 3)) (i32.const 2))
(assert_return (invoke "over" (i32.const 100)) (i32.const 293))
(assert_return (invoke "ways" (i32.const 0)) (i32.const -90))
(assert_return (invoke "ways" (i32.const 0x15)) (i32.const -67))
(assert_return (invoke "swap" (i32.const 64)))
(assert_return (invoke "load" (i32.const 64)) (i32.const 3))
(assert_return (invoke "load" (i32.const 72)) (i32.const 1))
(assert_return (invoke "high_then_low" (i32.const 65524)))
(assert_return (invoke "load" (i32.const 65532)) (i32.const 7))
(assert_return (invoke "load" (i32.const 65524)) (i32.const 8))
(assert_trap (invoke "high_then_low" (i32.const 65525)) "out of bounds memory access")
(assert_trap (invoke "high_then_low" (i32.const 65528)) "out of bounds memory access")
(assert_trap (invoke "high_then_low" (i32.const -4)) "out of bounds memory access")
(assert_trap (invoke "high_then_low" (i32.const -8)) "out of bounds memory access")
(assert_trap (invoke "high_then_low" (i32.const -9)) "out of bounds memory access")
(assert_return (invoke "store" (i32.const 4) (i32.const 0)))
(assert_trap (invoke "high_call_low" (i32.const -4)) "out of bounds memory access")
(assert_return (invoke "seen") (i32.const 1))
(assert_return (invoke "load" (i32.const 4)) (i32.const 9))
