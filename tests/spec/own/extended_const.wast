(module
  (import "spectest" "global_i32" (global $i i32))
  (import "spectest" "global_i64" (global $l i64))
  (global $a (export "a") i32 (i32.add (i32.mul (global.get $i) (i32.const 3)) (i32.const -1)))
  (global $b (export "b") i64 (i64.sub (i64.const 0) (i64.mul (global.get $l) (global.get $l))))
  (global $wrap (export "wrap") i32 (i32.mul (i32.const 0x10001) (i32.const 0x10001)))
  (memory 1)
  (data (i32.sub (global.get $i) (i32.const 660)) "\2a")
  (table 10 funcref)
  (elem (i32.add (i32.const 2) (i32.const 3)) $f)
  (func $f (result i32) (i32.load8_u (i32.const 6)))
  (func (export "call") (result i32) (call_indirect (result i32) (i32.const 5))))
(assert_return (get "a") (i32.const 1997))
(assert_return (get "b") (i64.const -443556))
(assert_return (get "wrap") (i32.const 0x20001))
(assert_return (invoke "call") (i32.const 42))
(assert_invalid (module (global i32 (i32.add (i32.const 1) (i64.const 1)))) "type mismatch")
(assert_invalid (module (global i32 (i32.div_s (i32.const 1) (i32.const 1)))) "constant expression required")
;; (global i32 (i32.const 5)) (global (export "g") i32 (i32.add (global.get 0) (i32.const 1))): version 3.0
(module binary
  "\00asm" "\01\00\00\00"
  "\06\0e\02" "\7f\00\41\05\0b" "\7f\00\23\00\41\01\6a\0b"
  "\07\05\01\01g\03\01")
(assert_return (get "g") (i32.const 6))
