# Writes a header with one hash over FILES. Run by the build.
set(all)
foreach(file IN LISTS FILES)
  file(SHA256 ${file} hash)
  string(APPEND all ${hash})
endforeach()
string(SHA256 all "${all}")
file(WRITE ${OUTPUT} "#define MW_CODE_HASH \"${all}\"\n")
