;; Encodings that tools write and text does not show.

;; call_indirect as linkers leave it: type and table index padded to five bytes.
(module binary
  "\00asm" "\01\00\00\00"
  "\01\05\01\60\00\01\7f"
  "\03\03\02\00\00"
  "\04\04\01\70\00\01"
  "\07\05\01\01f\00\01"
  "\09\07\01\00\41\00\0b\01\00"
  "\0a\16\02" "\04\00\41\2a\0b" "\0f\00\41\00\11\80\80\80\80\00\80\80\80\80\00\0b")
(assert_return (invoke "f") (i32.const 42))

;; Section, body and count sizes padded, custom sections before, between and after.
(module binary
  "\00asm" "\01\00\00\00"
  "\00\02\01a"
  "\01\85\80\80\80\00\01\60\00\01\7f"
  "\00\82\80\00\01b"
  "\03\86\80\00\81\80\80\80\00\00"
  "\07\05\01\01f\00\00"
  "\0a\8a\80\00\01\84\80\80\80\00\00\41\07\0b" "\00\05\04name")
(assert_return (invoke "f") (i32.const 7))

;; A body that ends before its size says.
(assert_malformed
  (module binary
    "\00asm" "\01\00\00\00"
    "\01\05\01\60\00\01\7f"
    "\03\02\01\00"
    "\0a\07\01\05\00\41\07\0b\0b")
  "section size mismatch")
