/* Calls the library as a device's firmware would: no Rust runtime, no std. */
#include <stdint.h>
#include <stdio.h>

uint64_t kicc_approve(void);

/* The precompiled `core` names it; with panic=abort nobody calls it. */
void rust_eh_personality(void) {}

int main(void) {
    uint64_t won = kicc_approve();
    printf("approved without std: %llu won\n", (unsigned long long)won);
    return won == 10000 ? 0 : 1;
}
