# Where threads start and end, which C cannot say.
	.globaltype	__stack_pointer, i32
	.globaltype	__tls_base, i32
	.functype	__wasm_init_tls (i32) -> ()
	.functype	__mw_thread_main (i32, i32) -> ()

	.tagtype	__mw_thread_end
	.globl	__mw_thread_end
__mw_thread_end:

# wasi_thread_start(id, start): runs __mw_thread_main on the stack and with the thread-local memory that the first words of
# `start` name, until it throws __mw_thread_end. Then the memory is needed no more, which the word at the third tells.
	.globl	wasi_thread_start
	.export_name	wasi_thread_start, wasi_thread_start
	.type	wasi_thread_start,@function
wasi_thread_start:
	.functype	wasi_thread_start (i32, i32) -> ()
	local.get	1
	i32.load	0
	global.set	__stack_pointer
	local.get	1
	i32.load	4
	global.set	__tls_base
	block
	try_table (catch __mw_thread_end 0)
	local.get	0
	local.get	1
	call	__mw_thread_main
	end_try_table
	end_block
	local.get	1
	i32.load	8
	local.tee	1
	i32.const	0
	i32.atomic.store	0
	local.get	1
	i32.const	1
	memory.atomic.notify	0
	drop
	end_function

	.globl	__mw_throw_thread_end
	.type	__mw_throw_thread_end,@function
__mw_throw_thread_end:
	.functype	__mw_throw_thread_end () -> ()
	throw	__mw_thread_end
	end_function

# __mw_init_tls(to): __wasm_init_tls for another thread.
	.globl	__mw_init_tls
	.type	__mw_init_tls,@function
__mw_init_tls:
	.functype	__mw_init_tls (i32) -> ()
	.local	i32
	global.get	__tls_base
	local.set	1
	local.get	0
	call	__wasm_init_tls
	local.get	1
	global.set	__tls_base
	end_function
