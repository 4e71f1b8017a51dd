/* Entering and leaving the guest's stack. See stack.h. The frame is described by rbp all the time, so debuggers
 * and unwinders walk from the guest's stack to the host's. */
    .text
    .globl mw_stack_run
    .hidden mw_stack_run
    .type mw_stack_run, @function
/* int mw_stack_run(void *stack_top, void (*function)(void *), void *arg, void **frame) */
mw_stack_run:
    .cfi_startproc
    endbr64
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    .cfi_offset %rbx, -24
    .cfi_offset %r12, -32
    .cfi_offset %r13, -40
    .cfi_offset %r14, -48
    .cfi_offset %r15, -56
    subq $8, %rsp
    movq %rbp, (%rcx)
    testq %rdi, %rdi
    jz 1f
    movq %rdi, %rsp
1:  movq %rdx, %rdi
    callq *%rsi
    xorl %eax, %eax
.Lleave:
    leaq -40(%rbp), %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    .cfi_def_cfa %rsp, 8
    retq
    .cfi_endproc
    .size mw_stack_run, . - mw_stack_run

    .globl mw_stack_resume
    .hidden mw_stack_resume
    .type mw_stack_resume, @function
/* void mw_stack_resume(void *frame, int value) */
mw_stack_resume:
    endbr64
    movq %rdi, %rbp
    movl %esi, %eax
    jmp .Lleave
    .size mw_stack_resume, . - mw_stack_resume

    .section .note.GNU-stack, "", @progbits
