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
  ;; With the condition first, and two ways back.
  (func (export "fill_while") (param $to i32) (param $n i32)
    (local $i i32)
    (block $end
      (loop $next
        (br_if $end (i32.ge_s (local.get $i) (local.get $n)))
        (i32.store8 (i32.add (local.get $to) (local.get $i))
          (i32.load8_u offset=32 (i32.and (local.get $i) (i32.const 31))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.ne (local.get $n) (i32.const 7)))
        (br $next))))
  (func (export "fill_rem_s") (param $to i32) (param $n i32)
    (local $i i32)
    (if (i32.gt_s (local.get $n) (i32.const 0))
      (then
        (loop $next
          (i32.store8 (i32.add (local.get $to) (local.get $i))
            (i32.load8_u offset=32 (i32.rem_s (local.get $i) (i32.const 32))))
          (br_if $next (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))))))
  (func (export "fill_shift") (param $to i32) (param $n i32)
    (local $i i32)
    (if (i32.gt_s (local.get $n) (i32.const 0))
      (then
        (loop $next
          (i32.store8 (i32.add (local.get $to) (local.get $i))
            (i32.load8_u offset=32 (i32.shr_u (i32.shl (local.get $i) (i32.const 27)) (i32.const 27))))
          (br_if $next (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))))))
  ;; Signed: 128 bytes before and after the middle.
  (func (export "copy_signed") (param $to i32) (param $n i32)
    (local $i i32)
    (if (i32.gt_s (local.get $n) (i32.const 0))
      (then
        (loop $next
          (i32.store8 (i32.add (local.get $to) (local.get $i))
            (i32.load8_u offset=20000 (i32.add (i32.extend8_s (local.get $i)) (i32.const 128))))
          (br_if $next (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))))))
  (func (export "number") (local $i i32)
    (loop $next
      (i32.store8 offset=20000 (local.get $i) (local.get $i))
      (br_if $next (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 256)))))
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
(assert_return (invoke "fill_while" (i32.const 12288) (i32.const 1000)))
(assert_return (invoke "wrong" (i32.const 12288) (i32.const 1000)) (i32.const 0))
(assert_return (invoke "fill_rem_s" (i32.const 24576) (i32.const 1000)))
(assert_return (invoke "wrong" (i32.const 24576) (i32.const 1000)) (i32.const 0))
(assert_return (invoke "fill_shift" (i32.const 28672) (i32.const 1000)))
(assert_return (invoke "wrong" (i32.const 28672) (i32.const 1000)) (i32.const 0))
(assert_return (invoke "number"))
(assert_return (invoke "copy_signed" (i32.const 32768) (i32.const 1000)))
(assert_return (invoke "byte" (i32.const 32768)) (i32.const 128))
(assert_return (invoke "byte" (i32.const 32895)) (i32.const 255))
(assert_return (invoke "byte" (i32.const 32896)) (i32.const 0))
(assert_return (invoke "byte" (i32.const 33023)) (i32.const 127))
(assert_return (invoke "byte" (i32.const 33767)) (i32.const 103))
