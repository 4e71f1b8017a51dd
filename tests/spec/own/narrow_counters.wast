;; Some bits of a counter as an index, beside an index of all its bits: a table of 32 bytes, again and again.
(module
  (memory 1)
  (data (i32.const 32) "27638472638746283742712311207892")
  (func (export "fill") (param $to i32) (param $n i32)
    (local $i i32)
    (if (i32.gt_s (local.get $n) (i32.const 0))
      (then
        (loop $next
          (i32.store8 (i32.add (local.get $to) (local.get $i))
            (i32.load8_u offset=32 (i32.and (local.get $i) (i32.const 31))))
          (br_if $next (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))))))
  (func (export "fill_rem") (param $to i32) (param $n i32)
    (local $i i32)
    (if (i32.gt_s (local.get $n) (i32.const 0))
      (then
        (loop $next
          (i32.store8 (i32.add (local.get $to) (local.get $i))
            (i32.load8_u offset=32 (i32.rem_u (i32.add (local.get $i) (i32.const 64)) (i32.const 32))))
          (br_if $next (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))))))
  ;; How many of the n bytes at $at are not what the table has for them.
  (func (export "wrong") (param $at i32) (param $n i32) (result i32)
    (local $i i32) (local $wrong i32)
    (loop $next
      (local.set $wrong (i32.add (local.get $wrong)
        (i32.ne (i32.load8_u (i32.add (local.get $at) (local.get $i)))
                (i32.load8_u offset=32 (i32.and (local.get $i) (i32.const 31))))))
      (br_if $next (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $wrong))
  (func (export "byte") (param i32) (result i32) (i32.load8_u (local.get 0))))

(assert_return (invoke "fill" (i32.const 4096) (i32.const 1000)))
(assert_return (invoke "wrong" (i32.const 4096) (i32.const 1000)) (i32.const 0))
(assert_return (invoke "byte" (i32.const 4128)) (i32.const 50))
(assert_return (invoke "byte" (i32.const 5095)) (i32.const 50))
(assert_return (invoke "fill_rem" (i32.const 8192) (i32.const 1000)))
(assert_return (invoke "wrong" (i32.const 8192) (i32.const 1000)) (i32.const 0))
(assert_return (invoke "byte" (i32.const 8703)) (i32.const 50))
