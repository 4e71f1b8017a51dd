/* Entering and leaving the guest's stack. See stack.h. The frame is described by x29 all the time, so debuggers
 * and unwinders walk from the guest's stack to the host's. */
    .text
    .globl mw_stack_run
    .hidden mw_stack_run
    .type mw_stack_run, %function
/* int mw_stack_run(void *stack_top, void (*function)(void *), void *arg, void **frame) */
mw_stack_run:
    .cfi_startproc
    hint #34 /* bti c */
    stp x29, x30, [sp, #-160]!
    mov x29, sp
    .cfi_def_cfa x29, 160
    .cfi_offset x29, -160
    .cfi_offset x30, -152
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    .cfi_offset x19, -144
    .cfi_offset x20, -136
    .cfi_offset x21, -128
    .cfi_offset x22, -120
    .cfi_offset x23, -112
    .cfi_offset x24, -104
    .cfi_offset x25, -96
    .cfi_offset x26, -88
    .cfi_offset x27, -80
    .cfi_offset x28, -72
    str x29, [x3]
    cbz x0, 1f
    mov sp, x0
1:  mov x0, x2
    blr x1
    mov w0, #0
.Lleave:
    mov sp, x29
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    ldp x29, x30, [sp], #160
    .cfi_def_cfa sp, 0
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size mw_stack_run, . - mw_stack_run

    .globl mw_stack_resume
    .hidden mw_stack_resume
    .type mw_stack_resume, %function
/* void mw_stack_resume(void *frame, int value) */
mw_stack_resume:
    hint #34
    mov x29, x0
    mov w0, w1
    b .Lleave
    .size mw_stack_resume, . - mw_stack_resume

    .section .note.GNU-stack, "", %progbits
