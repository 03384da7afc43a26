// Kernels that VOLK lacks are plain loops which the compiler vectorises once per instruction set; the best
// one is picked at load time. Sanitizers cannot run the resolvers, other compilers lack the attribute: one
// version there.
#pragma once

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define NGDSP_MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define NGDSP_MULTIVERSION
#endif
