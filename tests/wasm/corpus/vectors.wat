;; Vector instructions with each kind of immediate.
(module $vectors
  (memory 1)
  (global $ones v128 (v128.const i8x16 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1))
  (func $mix (export "mix") (param $p i32) (param $v v128) (result v128)
    (local $w v128)
    (local.set $w (v128.load offset=16 align=8 (local.get $p)))
    (local.set $w (v128.load8_lane 15 (local.get $p) (local.get $w)))
    (v128.store64_lane 1 (local.get $p) (local.get $w))
    (local.set $w (i8x16.shuffle 0 31 1 30 2 29 3 28 4 27 5 26 6 25 7 24 (local.get $v) (local.get $w)))
    (local.set $w (f64x2.replace_lane 1 (local.get $w) (f64.const 2.5)))
    (local.set $w (i16x8.extmul_high_i8x16_u (local.get $w) (global.get $ones)))
    (local.set $w (i32x4.shl (local.get $w) (i16x8.extract_lane_s 7 (local.get $v))))
    (v128.bitselect (local.get $w) (i32x4.trunc_sat_f64x2_u_zero (local.get $v)) (i64x2.splat (i64.const 3)))))
