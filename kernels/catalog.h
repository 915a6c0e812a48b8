/*
 * The catalogue: one line per kernel, expanded wherever KERNEL is defined.
 *
 * KERNEL(symbol, name, contract, safe, role, needs, summary)
 *   symbol    identifier in kernels/x86_64/<name>.S
 *   contract  what the return value promises: plain, uncopied, status, flagged, zero
 *   safe      1: a bad source byte is touched once only, as real poison demands
 *   role      copy: a kernel to compare; floor: the harness alone;
 *             recovery: compared in the recovery benchmark only;
 *             store: stores alone, no copy; image: one outcome of a dispatch
 *   needs     space-separated CPU features, "" for none
 */
KERNEL(null, "null", "plain", 0, "floor", "", "returns at once: the cost of a call")
LIBC_KERNEL(memcpy, "memcpy", "plain", 0, "copy", "", "the C library's memcpy")
KERNEL(fast_string, "fast_string", "uncopied", 1, "copy", "", "rep movsb with fixup: Linux' default with ERMS")
KERNEL(fragile, "fragile", "uncopied", 1, "copy", "", "aligned 8-byte loop: Linux' quirk")
KERNEL(mcsafe_unrolled, "mcsafe_unrolled", "uncopied", 1, "copy", "", "cache-line loop of 8-byte moves: the 4.6 design")
KERNEL(movsq, "movsq", "uncopied", 0, "copy", "", "rep movsq, then rep movsb")
KERNEL(memcpy_orig, "memcpy_orig", "plain", 0, "copy", "", "32-byte loop: the kernel's memcpy without FSRM")
KERNEL(copy_user, "copy_user", "uncopied", 0, "copy", "erms", "loops below 64 bytes, rep movsb above: copy_user since 6.4")
KERNEL(dispatch_fragile, "dispatch:fragile", "uncopied", 1, "image", "", "copy_mc_to_kernel with the quirk")
KERNEL(dispatch_fast_string, "dispatch:fast_string", "uncopied", 1, "image", "", "copy_mc_to_kernel with ERMS")
KERNEL(dispatch_memcpy, "dispatch:memcpy", "zero", 0, "image", "", "copy_mc_to_kernel without either")
LIBC_KERNEL(copymc_flagged, "flagged", "flagged", 0, "recovery", "", "memcpy; a bad page is replaced by zeroes and a flag set")
LIBC_KERNEL(copymc_signal_then_read, "signal_then_read", "uncopied", 0, "recovery", "", "memcpy; after SIGBUS reads the file in pieces")
KERNEL(store_string, "store_string", "plain", 0, "store", "", "rep stosb")
KERNEL(store_xmm, "store_xmm", "plain", 0, "store", "", "16-byte stores")
KERNEL(store_ymm, "store_ymm", "plain", 0, "store", "avx", "32-byte stores")
KERNEL(store_zmm, "store_zmm", "plain", 0, "store", "avx512f", "64-byte stores")
